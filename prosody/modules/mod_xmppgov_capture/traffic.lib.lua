-- Captures on VirtualHosts and components, at the last safe moment before delivery. Priorities that
-- these fit between: blocklist 100, firewall 0.1, MAM 0, carbons -0.5, mod_message, mod_component and
-- s2s -1. A message is one event table from its sender to its recipient on this server.

local jid_bare = require "util.jid".bare;
local jid_host = require "util.jid".host;
local bare_of = module:require "address".bare;
local classify = module:require "classify";
local entered = module:require "entered";
local recorders = module:require "recorder";

local hosts = prosody.hosts;
local path_of, stanza_id, hook_each = recorders.path_of, recorders.stanza_id, recorders.hook_each;

local SENDING = { "pre-message/bare", "pre-message/full", "pre-message/host" };
local ARRIVING = { "message/bare", "message/full", "message/host" };

-- What an event's table keeps from one hook to the next.
local CAPTURED, POLICY = "xmppgov_capture", "xmppgov_capture_policy";
local ORIGINAL, SENDER_SID = "xmppgov_capture_original", "xmppgov_capture_sid";

local traffic = {};
local traffic_mt = { __index = traffic };

local function new(recorder)
	-- A message that leaves the server comes in a new event table, but it is the same object.
	local sender_ids = setmetatable({}, { __mode = "k" });
	return setmetatable({ recorder = recorder, sender_ids = sender_ids }, traffic_mt);
end

-- Each of these returns a handler of events; a method for each would cost another call.

-- Counts a message when it is first seen, before anybody can refuse it.
function traffic:counting()
	local counters = self.recorder.counters;
	return function (event)
		if event[ORIGINAL] == nil then
			event[ORIGINAL], counters.seen = event.stanza, counters.seen + 1;
		end
	end
end

-- The sender's own archive has numbered the message: remembered for where no recipient's does.
function traffic:learning_sender_id()
	local sender_ids = self.sender_ids;
	return function (event)
		local original = event[ORIGINAL];
		if event.stanza == original or not original then return; end -- MAM would have replaced it
		local id = stanza_id(event.stanza, jid_bare(original.attr.from));
		event[SENDER_SID], sender_ids[original] = id, id;
	end
end

function traffic:learning_recipient_id()
	local policies = self.recorder.policies;
	return function (event)
		local stanza = event.stanza;
		local seq = stanza ~= event[ORIGINAL] and event[CAPTURED];
		local id = seq and stanza_id(stanza, jid_bare(stanza.attr.to or stanza.attr.from));
		if id then recorders.amend(event[POLICY] or policies.default, seq, id); end
	end
end

local function from_local_room(stanza)
	local session = hosts[jid_host(stanza.attr.from or "")];
	return session and session.modules.muc;
end

-- Returns a message's address as it is in a record; "/", which nobody has, for one that no record may hold.
local function sender(stanza)
	local from = stanza.attr.from or jid_host(stanza.attr.to) or "/";
	return bare_of[from] or "/";
end

-- Whether a sender may be a room, which names who invites through it: not a device, nor a person here.
local function may_be_room(path, from, bare)
	local host = hosts[jid_host(bare)];
	return path ~= "c2s" and from == bare and not (host and host.type == "local");
end

-- Returns who invites: for a mediated invitation, who does so through the room, unless another server says it
-- of one of our people.
local function host_of(stanza, facts, path, bare)
	if facts.invite.attr.xmlns == classify.MUC_USER and may_be_room(path, stanza.attr.from, bare) then
		local inviter = classify.inviter(facts.invite);
		if inviter and bare_of[inviter] == inviter and not (path == "s2s-in" and hosts[jid_host(inviter)]) then
			return inviter;
		end
	end
	return bare;
end

local function is_from_elsewhere(path)
	return path == "s2s-in" or path == "component";
end

-- Returns kind, recipient and room of a message to or from a room that is not this server's own, else
-- the kind and recipient as they are. What is said in a room always has the room, and nobody else.
local function with_remote_room(kind, path, origin, stanza, facts, from, to)
	local inwards = is_from_elsewhere(path);
	if kind ~= "bounce" and kind ~= "invite" and stanza.attr.type == "groupchat" then
		return kind, "", inwards and from or to;
	elseif facts.muc_user and (kind == "chat" or kind == "normal") then
		if inwards and entered.holder_is_in(stanza, from) then return "muc-pm", to, from; end
		if not inwards and entered.is_in(origin, to) then return "muc-pm", to, to; end
	end
	return kind, to, "";
end

-- The envelope of a message by privilege (XEP-0356) goes from a component to a host of people, which
-- sends what is in it.
local function is_envelope(path, stanza)
	local host = path == "component" and hosts[stanza.attr.to];
	return host and host.type == "local";
end

function traffic:capture(event, path, from_room)
	local origin, stanza, recorder = event.origin, event.stanza, self.recorder;
	if event[CAPTURED] ~= nil then return; end
	local kind, enc, oid, size, facts = recorder:examine(origin, stanza);
	if not kind or facts.privilege and is_envelope(path, stanza) or from_room and not (kind == "invite" and facts.muc_user) then
		return recorder:skip();
	end
	local attr, from, room = stanza.attr, sender(stanza), "";
	if facts.invite then from = host_of(stanza, facts, path, from); end
	if path ~= "c2s" and is_from_elsewhere(path) and entered.is_replay(stanza, facts, from) then
		return recorder:skip();
	end
	local to = not attr.to and from or bare_of[attr.to] or "/";
	if facts.muc_user or attr.type == "groupchat" then
		kind, to, room = with_remote_room(kind, path, origin, stanza, facts, from, to);
	end
	local policies = recorder.policies;
	local policy = policies:between(from, room == "" and to or room);
	local seq, refused = recorder:record(policy, origin, stanza, kind, path, from, to, room, "", size, enc,
		oid or kind == "bounce" and attr.id, event[SENDER_SID] or path == "s2s-out" and self.sender_ids[stanza]);
	if refused then return recorders.refuse(origin, stanza, refused); end
	event[CAPTURED] = seq or false;
	if policy ~= policies.default then event[POLICY] = policy; end
end

function traffic:delivering()
	return function (event)
		local path = path_of(event.origin);
		return self:capture(event, path, path == "local" and from_local_room(event.stanza));
	end
end

function traffic:routing()
	local count, recorder = self:counting(), self.recorder;
	return function (event)
		if event.stanza.name ~= "message" then return; end
		count(event);
		return recorder:gate(event) or self:capture(event, "s2s-out", from_local_room(event.stanza));
	end
end

-- Counts and gates what a host sends and gets.
function traffic:watch(api)
	for _, events in ipairs { SENDING, ARRIVING } do
		hook_each(api, events, 1000, self:counting());
		self.recorder:guard(api, events);
	end
	hook_each(api, SENDING, -0.5, self:learning_sender_id());
	hook_each(api, { "route/remote" }, 0.05, self:routing());
	entered.watch(api);
end

-- Captures what arrives at a host; in rooms, the library `rooms` does it.
function traffic:watch_arrivals(api)
	hook_each(api, ARRIVING, 0.05, self:delivering());
	hook_each(api, ARRIVING, -0.9, self:learning_recipient_id());
end

return { new = new };
