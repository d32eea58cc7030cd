-- Which rooms elsewhere each session has entered (XEP-0045 §7.2): only such a room can replay to it what
-- was said before, and only messages to and from it are private messages of a room. Its server says that it is a
-- room (XEP-0030; no client can answer for a bare address), and it shows the session that it is inside.

local st = require "util.stanza";
local jid_bare, jid_host = require "util.jid".bare, require "util.jid".host;
local time_now = require "util.time".monotonic;
local cache = require "util.cache";
local new_id = require "util.id".medium;

local hosts, sessions = prosody.hosts, prosody.full_sessions;

local MUC, MUC_USER = "http://jabber.org/protocol/muc", "http://jabber.org/protocol/muc#user";
local DISCO = "http://jabber.org/protocol/disco#info";
local MOST_KNOWN = 5000; -- addresses of rooms that are remembered
local MOST_ASKED = 1000; -- questions that wait for an answer
local MOST_ROOMS = 200; -- of one session; a room beyond them replays into records
local MOST_REPLAYED = 250; -- messages at one entering; what comes beyond them is recorded
local REPLAY_TIME = 10; -- seconds from being inside
local ROOMS = "xmppgov_capture_rooms"; -- a session's: how many, and what is known of each by its bare address

-- Whether an address is of a person here or of a room here, which need no remembering.
local function is_ours(address)
	local host = hosts[jid_host(address) or ""];
	return host and (host.type == "local" or host.modules.muc);
end

local known = cache.new(MOST_KNOWN); -- bare addresses that their servers have said to be rooms
local asked = cache.new(MOST_ASKED); -- what address is asked by the question of an id

local function is_conference(answer)
	local query = answer:get_child("query", DISCO);
	for identity in (query or answer):childtags("identity", DISCO) do
		if identity.attr.category == "conference" then return true; end
	end
	return false;
end

-- Learns what an address is from an answer that it was asked for: nobody else knows the id of the question.
local function learn_answer(event)
	local answer = event.stanza;
	local kind, id, address = answer.attr.type, answer.attr.id, answer.attr.from;
	if kind ~= "result" and kind ~= "error" or not address or asked:get(id) ~= address then return; end
	asked:set(id, nil);
	if kind == "result" and is_conference(answer) then known:set(address, true); end
	return true;
end

-- Asks the server of an address what it is. The question leaves before the presence that enters, which `send_iq`
-- would not do, so that the answer is here before what the room replays.
local function ask(api, address)
	local id = new_id();
	asked:set(id, address);
	api:send(st.iq({ type = "get", from = api.host, to = address, id = id }):tag("query", { xmlns = DISCO }));
end

-- Notes that a session wants to enter an address. Returns false if it has entered too many.
local function remember(session, address)
	local rooms = session[ROOMS] or { count = 0, by = {} };
	session[ROOMS] = rooms;
	local entry = rooms.by[address];
	if not entry then
		if rooms.count >= MOST_ROOMS then return false; end
		entry = { inside = false };
		rooms.by[address], rooms.count = entry, rooms.count + 1;
	end
	entry.left, entry.stop = MOST_REPLAYED, nil;
	return true;
end

local function forget(session, address)
	local rooms = session[ROOMS];
	if rooms and rooms.by[address] then
		rooms.by[address], rooms.count = nil, rooms.count - 1;
	end
end

local function learning(api)
	return function (event)
		local session, stanza = event.origin, event.stanza;
		local address = jid_bare(stanza.attr.to);
		if not session or session.type ~= "c2s" or not address or is_ours(address) then return; end
		if stanza.attr.type == "unavailable" then
			forget(session, address);
		elseif not stanza.attr.type and stanza:get_child("x", MUC) then
			if remember(session, address) and not known:get(address) then ask(api, address); end
		end
	end
end

local function entry_of(session, address)
	local rooms = session and session[ROOMS];
	return rooms and rooms.by[address];
end

local function is_ones_own(stanza)
	local x = stanza:get_child("x", MUC_USER);
	if not x or stanza.attr.type then return false; end
	for status in x:childtags("status") do
		if status.attr.code == "110" then return true; end
	end
	return false;
end

-- Learns from a presence that a room sends to one of our people that they are inside (XEP-0045 §7.2.3).
local function learn_inside(event)
	local stanza = event.stanza;
	local session = sessions[stanza.attr.to];
	local entry = session and session[ROOMS] and entry_of(session, jid_bare(stanza.attr.from));
	if entry and not entry.stop and is_ones_own(stanza) then
		entry.inside, entry.stop = true, time_now() + REPLAY_TIME;
	end
end

-- Learns from presences of a host's people, behind whoever refuses them, and from rooms.
local function watch(api)
	local learn = learning(api);
	api:hook("pre-presence/full", learn, -10);
	api:hook("pre-presence/bare", learn, -10);
	api:hook("presence/full", learn_inside, 1000);
	api:hook("iq/host", learn_answer, 10); -- before it is answered as one that nobody waits for
end

-- Whether a session is in a room, or was when it was last there.
local function is_in(session, address)
	local entry = entry_of(session, address);
	return entry ~= nil and entry.inside and known:get(address) == true;
end

-- Whether the session to which a message goes is in the room.
local function holder_is_in(stanza, room)
	return is_in(sessions[stanza.attr.to], room);
end

-- Whether a message is what a room tells somebody who enters: what was said before, then its subject,
-- which ends it (XEP-0045 §7.2.15). An empty one says nothing; neither is a new message.
local function is_replay(stanza, facts, room)
	local session = stanza.attr.type == "groupchat" and sessions[stanza.attr.to];
	local entry = session and entry_of(session, room);
	if not entry or not entry.stop or entry.left == 0 or time_now() > entry.stop or not known:get(room) then return false; end
	if facts.delay == room then
		entry.left = entry.left - 1;
		return true;
	elseif facts.subject and not facts.body then
		entry.left = 0;
		return #facts.subject == 0 and not facts.enc;
	end
	return false;
end

return {
	watch = watch;
	is_in = is_in;
	holder_is_in = holder_is_in;
	is_replay = is_replay;
};
