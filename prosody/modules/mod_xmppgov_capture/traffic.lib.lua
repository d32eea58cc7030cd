-- Captures on VirtualHosts and components, at the last safe moment before delivery. Priorities that
-- these fit between: blocklist 100, firewall 0.1, MAM 0, carbons -0.5, mod_message, mod_component and
-- s2s -1. A message is one event table from its sender to its recipient on this server.

local jid_bare = require "util.jid".bare;
local jid_host = require "util.jid".host;
local address = module:require "address";
local classify = module:require "classify";
local entered = module:require "entered";
local recorders = module:require "recorder";

local hosts = prosody.hosts;
local path_of, stanza_id, hook_each = recorders.path_of, recorders.stanza_id, recorders.hook_each;

local SENDING = { "pre-message/bare", "pre-message/full", "pre-message/host" };
local ARRIVING = { "message/bare", "message/full", "message/host" };

-- What an event's table keeps from one hook to the next.
local SEQ, ORIGINAL, SENDER_SID = "xmppgov_capture_seq", "xmppgov_capture_original", "xmppgov_capture_sid";

local traffic = {};
local traffic_mt = { __index = traffic };

local function new(recorder)
	-- A message that leaves the server comes in a new event table, but it is the same object.
	local sender_ids = setmetatable({}, { __mode = "k" });
	return setmetatable({ recorder = recorder, sender_ids = sender_ids }, traffic_mt);
end

-- Counts a message when it is first seen, before anybody can refuse it.
function traffic:see(event)
	if event[ORIGINAL] == nil then
		event[ORIGINAL] = event.stanza;
		local counters = self.recorder.counters;
		counters.seen = counters.seen + 1;
	end
end

function traffic:gate(event)
	return self.recorder:gate(event);
end

-- The sender's own archive has numbered the message: remembered for where no recipient's does.
function traffic:learn_sender_id(event)
	local original = event[ORIGINAL];
	if not original or event.stanza == original then return; end -- MAM would have replaced it
	local id = stanza_id(event.stanza, jid_bare(original.attr.from));
	if id then
		event[SENDER_SID] = id;
		self.sender_ids[original] = id;
	end
end

function traffic:learn_recipient_id(event)
	local seq, stanza = event[SEQ], event.stanza;
	if not seq or stanza == event[ORIGINAL] then return; end
	local id = stanza_id(stanza, jid_bare(stanza.attr.to or stanza.attr.from));
	if id then self.recorder:amend(seq, id); end
end

local function from_local_room(stanza)
	local session = hosts[jid_host(stanza.attr.from or "")];
	return session and session.modules.muc;
end

-- Whether a sender may be a room, which names who invites through it: not a device, nor a person here.
local function may_be_room(path, from, bare)
	local host = hosts[jid_host(bare)];
	return path ~= "c2s" and from == bare and not (host and host.type == "local");
end

-- Returns who sent a message: for a mediated invitation, who invites through the room, unless another
-- server says it of one of our people.
local function sender_of(stanza, facts, path)
	local invite, from = facts.invite, stanza.attr.from;
	local bare = jid_bare(from) or jid_host(stanza.attr.to) or "";
	if invite and invite.attr.xmlns == classify.MUC_USER and may_be_room(path, from, bare) then
		local inviter = classify.inviter(invite);
		if inviter and address.is_bare(inviter) and not (path == "s2s-in" and hosts[jid_host(inviter)]) then
			return inviter;
		end
	end
	return bare;
end

-- Returns kind, recipient and room of a message to or from a room that is not this server's own, else
-- the kind and recipient as they are. What is said in a room always has the room, and nobody else.
local function with_remote_room(kind, path, origin, stanza, facts, from, to)
	local inwards = path == "s2s-in" or path == "component";
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
local function is_envelope(path, stanza, facts)
	local host = facts.privilege and path == "component" and hosts[stanza.attr.to];
	return host and host.type == "local";
end

function traffic:capture(event, path, from_room)
	local origin, stanza, recorder = event.origin, event.stanza, self.recorder;
	if event[SEQ] then return; end
	local facts, kind = recorder:examine(origin, stanza);
	if not kind or is_envelope(path, stanza, facts) or from_room and not (kind == "invite" and facts.muc_user) then
		return recorder:skip();
	end
	local attr = stanza.attr;
	local from = sender_of(stanza, facts, path);
	if (path == "s2s-in" or path == "component") and entered.is_replay(stanza, facts, from) then
		return recorder:skip();
	end
	local to, room = not attr.to and from or jid_bare(attr.to) or "/";
	kind, to, room = with_remote_room(kind, path, origin, stanza, facts, from, to);
	local oid = facts.oid or kind == "bounce" and attr.id or nil;
	local seq, refused = recorder:record(stanza, facts, kind, path, from, to, room, "", oid,
		event[SENDER_SID] or self.sender_ids[stanza]);
	if refused then return recorders.refuse(origin, stanza, refused); end
	event[SEQ] = seq;
end

function traffic:deliver(event)
	local path = path_of(event.origin);
	return self:capture(event, path, path == "local" and from_local_room(event.stanza));
end

function traffic:route(event)
	if event.stanza.name ~= "message" then return; end
	self:see(event);
	local closed = self:gate(event);
	return closed or self:capture(event, "s2s-out", from_local_room(event.stanza));
end

-- Counts and gates what a host sends and gets.
function traffic:watch(api)
	for _, events in ipairs { SENDING, ARRIVING } do
		hook_each(api, events, 1000, self, "see");
		hook_each(api, events, 50, self, "gate");
	end
	hook_each(api, SENDING, -0.5, self, "learn_sender_id");
	hook_each(api, { "route/remote" }, 0.05, self, "route");
	for _, event in ipairs { "pre-presence/full", "pre-presence/bare" } do
		api:hook(event, entered.learn, -10); -- behind whoever refuses it
	end
end

-- Captures what arrives at a host; in rooms, the library `rooms` does it.
function traffic:watch_arrivals(api)
	hook_each(api, ARRIVING, 0.05, self, "deliver");
	hook_each(api, ARRIVING, -0.9, self, "learn_recipient_id");
end

return { new = new };
