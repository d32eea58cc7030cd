-- Captures in rooms (XEP-0045), where a message is one event before its copies go out. Priorities that
-- these fit between: role check 50, subject 20, history and MAM -1, dispatch of what arrives -2.

local st = require "util.stanza";
local bare_of = module:require "address".bare;
local recorders = module:require "recorder";

local running = coroutine.running;
local path_of, stanza_id, hook_each = recorders.path_of, recorders.stanza_id, recorders.hook_each;

local rooms = {};
local rooms_mt = { __index = rooms };

-- `speaking` holds, by the thread that handles it, the event of a message that a room is handling; `spoken`, by
-- the stanza, the number of its record, or false. A message that waits for its record lets others go on.
local function new(recorder)
	local by_thread, by_stanza = setmetatable({}, { __mode = "k" }), setmetatable({}, { __mode = "k" });
	return setmetatable({ recorder = recorder, speaking = by_thread, spoken = by_stanza }, rooms_mt);
end

local function count_occupants(room)
	local count = 0;
	for _ in room:each_occupant() do count = count + 1; end
	return ("%d"):format(count);
end

local function real_address(room, nick)
	local occupant = room:get_occupant_by_nick(nick);
	return occupant and (bare_of[occupant.bare_jid] or "/");
end

-- Returns who moderates with what the room itself says (XEP-0425, both forms), if that is somebody who is in it.
local function moderator(room, stanza)
	if stanza.attr.from ~= room.jid then return nil; end
	local outer = stanza:get_child("retract", "urn:xmpp:message-retract:1") or stanza:get_child("apply-to", "urn:xmpp:fasten:0");
	local moderated = outer and (outer:get_child("moderated", "urn:xmpp:message-moderate:1")
		or outer:get_child("moderated", "urn:xmpp:message-moderate:0"));
	return moderated and moderated.attr.by and real_address(room, moderated.attr.by);
end

function rooms:begin(event)
	self.speaking[running()] = event;
end

-- Records what is said in a room. Returns the condition with which it has to be refused, if it has to.
function rooms:_speak(room, stanza, from, origin)
	local recorder = self.recorder;
	local kind, enc, oid, size = recorder:examine(origin, stanza);
	self.spoken[stanza] = false;
	if not kind then
		recorder:skip();
		return;
	end
	local seq, refused = recorder:record(recorder.policies:of_room(room), origin, stanza, kind, path_of(origin),
		from, "", room.jid, count_occupants(room), size, enc, oid);
	self.spoken[stanza] = seq or false;
	return refused;
end

function rooms:groupchat(event)
	local refused = self:_speak(event.room, event.stanza, bare_of[event.from] or "/", event.origin);
	if refused then
		return recorders.refuse(event.origin, event.stanza, refused);
	end
end

-- A change of subject, and what a module says in a room, come here without having been recorded.
function rooms:broadcast(event)
	local room, stanza, recorder = event.room, event.stanza, self.recorder;
	if self.spoken[stanza] == nil then
		local from = real_address(room, stanza.attr.from);
		local speaking = from and self.speaking[running()];
		local origin = speaking and speaking.room == room and speaking.origin or nil;
		if not origin then recorder.counters.seen = recorder.counters.seen + 1; end
		if self:_speak(room, stanza, from or moderator(room, stanza) or room.jid, origin) then return true; end
	end
	local seq = self.spoken[stanza];
	local id = seq and stanza_id(stanza, room.jid);
	if id then recorders.amend(recorder.policies:of_room(room), seq, id); end
	self.speaking[running()], self.spoken[stanza] = nil, nil;
end

function rooms:private_message(event)
	local origin, stanza, room, recorder = event.origin, event.stanza, event.room, self.recorder;
	local kind, enc, oid, size = recorder:examine(origin, stanza);
	if not kind then
		recorder:skip();
		return;
	elseif kind == "chat" or kind == "normal" then
		kind = "muc-pm";
	end
	local from = real_address(room, stanza.attr.from) or room.jid;
	local to = real_address(room, stanza.attr.to) or room.jid;
	local _, refused = recorder:record(recorder.policies:of_room(room), origin, stanza, kind, path_of(origin),
		from, to, room.jid, "", size, enc, oid);
	if refused then
		local answerable = st.clone(stanza);
		answerable.attr.from = from ~= room.jid and from ~= "/" and from or nil;
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
	local function calling(method)
		return function (event) return self[method](self, event); end
	end
	hook_each(api, { "message/bare", "message/host" }, -1.9, calling "request");
	hook_each(api, { "muc-occupant-groupchat" }, 1000, calling "begin");
	hook_each(api, { "muc-occupant-groupchat" }, -1000, calling "groupchat");
	hook_each(api, { "muc-private-message" }, -10, calling "private_message");
	hook_each(api, { "muc-broadcast-message" }, -10, calling "broadcast");
end

return { new = new };
