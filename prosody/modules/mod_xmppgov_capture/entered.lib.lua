-- Which rooms elsewhere each session has entered (XEP-0045 §7.2): only such a room can replay to it what
-- was said before, and only messages to and from it are private messages of a room.

local jid_bare, jid_host = require "util.jid".bare, require "util.jid".host;

local hosts, sessions = prosody.hosts, prosody.full_sessions;

local MUC = "http://jabber.org/protocol/muc";
local MOST_ROOMS = 200; -- of one session; a room beyond them replays into records
local MOST_REPLAYED = 250; -- messages at one entering; what comes beyond them is recorded
local ROOMS = "xmppgov_capture_rooms"; -- a session's: bare address -> how many messages it may still replay

-- Whether an address is of a person here or of a room here, which need no remembering.
local function is_ours(address)
	local host = hosts[jid_host(address) or ""];
	return host and (host.type == "local" or host.modules.muc);
end

local function remember(session, room)
	local rooms = session[ROOMS] or { count = 0, left = {} };
	session[ROOMS] = rooms;
	if not rooms.left[room] then
		if rooms.count >= MOST_ROOMS then return; end
		rooms.count = rooms.count + 1;
	end
	rooms.left[room] = MOST_REPLAYED;
end

local function forget(session, room)
	local rooms = session[ROOMS];
	if rooms and rooms.left[room] then
		rooms.left[room], rooms.count = nil, rooms.count - 1;
	end
end

-- Learns from a presence that leaves one of our people for somebody.
local function learn(event)
	local session, stanza = event.origin, event.stanza;
	local room = jid_bare(stanza.attr.to);
	if not session or session.type ~= "c2s" or not room or is_ours(room) then return; end
	if stanza.attr.type == "unavailable" then
		forget(session, room);
	elseif not stanza.attr.type and stanza:get_child("x", MUC) then
		remember(session, room);
	end
end

-- Whether a session is in a room, or was when it was last there.
local function is_in(session, room)
	local rooms = session and session[ROOMS];
	return rooms ~= nil and rooms.left[room] ~= nil;
end

-- Whether the session to which a message goes is in the room.
local function holder_is_in(stanza, room)
	return is_in(sessions[stanza.attr.to], room);
end

-- Whether a message is what a room tells somebody who enters: what was said before, then its subject,
-- which ends it (XEP-0045 §7.2.15). An empty one says nothing; neither is a new message.
local function is_replay(stanza, facts, room)
	local session = stanza.attr.type == "groupchat" and sessions[stanza.attr.to];
	local left = session and session[ROOMS] and session[ROOMS].left;
	if not left or not left[room] or left[room] == 0 then return false; end
	if facts.delay == room then
		left[room] = left[room] - 1;
		return true;
	elseif facts.subject and not facts.body then
		left[room] = 0;
		return #facts.subject == 0 and not facts.enc;
	end
	return false;
end

return {
	learn = learn;
	is_in = is_in;
	holder_is_in = holder_is_in;
	is_replay = is_replay;
};
