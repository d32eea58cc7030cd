-- Captures in rooms (XEP-0045), where a message is one event before its copies go out. Priorities that
-- these fit between: role check 50, subject 20, history and MAM -1, dispatch of what arrives -2.

local st = require "util.stanza";
local jid_bare = require "util.jid".bare;
local recorders = module:require "recorder";

local path_of, stanza_id, hook_each = recorders.path_of, recorders.stanza_id, recorders.hook_each;

local rooms = {};
local rooms_mt = { __index = rooms };

-- `speaking` is the event of the message that a room is handling, `spoken` the stanza that was recorded
-- last and `seq` its number: all within one delivery, which nothing interrupts.
local function new(recorder)
	return setmetatable({ recorder = recorder, speaking = nil, spoken = nil, seq = nil }, rooms_mt);
end

local function count_occupants(room)
	local count = 0;
	for _ in room:each_occupant() do count = count + 1; end
	return ("%d"):format(count);
end

local function real_address(room, nick)
	local occupant = room:get_occupant_by_nick(nick);
	return occupant and occupant.bare_jid;
end

function rooms:begin(event)
	self.speaking = event;
end

-- Records what is said in a room. Returns the condition with which it has to be refused, if it has to.
function rooms:_speak(room, stanza, from, origin)
	local recorder = self.recorder;
	local facts, kind = recorder:examine(origin, stanza);
	self.spoken, self.seq = stanza, nil;
	if not kind then
		recorder:skip();
		return;
	end
	local refused;
	self.seq, refused = recorder:record(stanza, facts, kind, path_of(origin), from, "", room.jid,
		count_occupants(room), facts.oid);
	return refused;
end

function rooms:groupchat(event)
	local refused = self:_speak(event.room, event.stanza, jid_bare(event.from), event.origin);
	if refused then
		return recorders.refuse(event.origin, event.stanza, refused);
	end
end

-- A change of subject, and what a module says in a room, come here without having been recorded.
function rooms:broadcast(event)
	local room, stanza = event.room, event.stanza;
	if self.spoken ~= stanza then
		local from = real_address(room, stanza.attr.from);
		local speaking = from and self.speaking;
		local origin = speaking and speaking.room == room and speaking.origin or nil;
		if not origin then self.recorder.counters.seen = self.recorder.counters.seen + 1; end
		if self:_speak(room, stanza, from or room.jid, origin) then return true; end
	end
	local id = self.seq and stanza_id(stanza, room.jid);
	if id then self.recorder:amend(self.seq, id); end
	self.speaking, self.spoken, self.seq = nil, nil, nil;
end

function rooms:private_message(event)
	local origin, stanza, room, recorder = event.origin, event.stanza, event.room, self.recorder;
	local facts, kind = recorder:examine(origin, stanza);
	if not kind then
		recorder:skip();
		return;
	elseif kind == "chat" or kind == "normal" then
		kind = "muc-pm";
	end
	local from = real_address(room, stanza.attr.from) or room.jid;
	local to = real_address(room, stanza.attr.to) or room.jid;
	local _, refused = recorder:record(stanza, facts, kind, path_of(origin), from, to, room.jid, "", facts.oid);
	if refused then
		local answerable = st.clone(stanza);
		answerable.attr.from = real_address(room, stanza.attr.from);
		recorders.refuse(origin, answerable, refused);
		return false;
	end
end

-- What a room handles by itself: requests to invite or to speak. An invitation is recorded on its way
-- out of the room.
function rooms:request(event)
	if event.stanza.attr.type ~= "groupchat" then self.recorder:skip(); end
end

-- Hooks a host of rooms, by the API object of the module there.
function rooms:watch(api)
	hook_each(api, { "message/bare", "message/host" }, -1.9, self, "request");
	hook_each(api, { "muc-occupant-groupchat" }, 1000, self, "begin");
	hook_each(api, { "muc-occupant-groupchat" }, -1000, self, "groupchat");
	hook_each(api, { "muc-private-message" }, -10, self, "private_message");
	hook_each(api, { "muc-broadcast-message" }, -10, self, "broadcast");
end

return { new = new };
