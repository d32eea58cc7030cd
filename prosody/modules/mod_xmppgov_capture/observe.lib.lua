-- Where a message is captured: the last safe moment before its delivery, once for each message.
-- Priorities that these fit between: blocklist 100, MUC role check 50, MUC subject 20, firewall 0.1,
-- MAM 0, carbons -0.5, mod_message, mod_component and s2s -1, MUC history -1, MUC dispatch -2.

local st = require "util.stanza";
local jid_bare = require "util.jid".bare;
local jid_host = require "util.jid".host;
local time_now = require "util.time".now;
local classify = module:require "classify";
local uuid7 = module:require "uuid7";

local hosts = prosody.hosts;
local floor = math.floor;
local read, kind_of, encryption, size_of, identifier =
	classify.read, classify.kind, classify.encryption, classify.size, classify.identifier;

local REFUSAL = "This message cannot be recorded now, so it was not delivered. Please try again later.";

-- What a hook keeps about a message, in its event's table, from one hook to the next.
local SEQ, ORIGINAL, SENDER_SID = "xmppgov_capture_seq", "xmppgov_capture_original", "xmppgov_capture_sid";

-- `options`: journal, extra (set of optional kinds), closed (refuse what cannot be recorded),
-- counters, on_append (function, called after each record).
local function new(options)
	local journal, extra, closed = options.journal, options.extra, options.closed;
	local counters, on_append = options.counters, options.on_append;
	local sender_sids = setmetatable({}, { __mode = "k" }); -- original stanza -> stanza-id of the sender
	local speaking; -- the event of the groupchat message that a room is handling
	local spoken, spoken_seq; -- the message that was captured last in a room, and its number

	local function path_of(origin)
		local kind = origin and origin.type;
		if kind == "s2sin" or kind == "s2sout" then
			return "s2s-in";
		elseif kind == "component" and origin.stream then
			return "component";
		end
		return kind == "c2s" and origin.send and "c2s" or "local";
	end

	-- Answers a message that cannot be recorded; an error is dropped, as errors get no answer.
	local function refuse(origin, stanza)
		if stanza.attr.type ~= "error" then
			local reply = st.error_reply(stanza, "wait", "resource-constraint", REFUSAL);
			if origin and origin.send then
				origin.send(reply);
			elseif hosts[jid_host(reply.attr.to or "")] then
				module:send(reply);
			end
		end
		return true;
	end

	-- Writes one record. Returns its number, or nil where none could be written, and then whether the
	-- message has to be refused.
	local function record(stanza, facts, kind, path, from, to, room, occupants, oid, sid)
		local now = floor(time_now() * 1000);
		local seq, err = journal:append(uuid7.generate(now).."\t"..now.."\t"..kind.."\t"..path.."\t"..from.."\t"..to.."\t"..room
			.."\t"..occupants.."\t"..size_of(stanza).."\t"..encryption(facts).."\t"..identifier(oid).."\t"..identifier(sid));
		if seq then
			counters.records = counters.records + 1;
			on_append();
			return seq;
		end
		if closed then return nil, true; end
		journal.missed = journal.missed + 1;
		counters.missed = counters.missed + 1;
		module:log("warn", "A message passed without a record: %s", err);
		return nil, false;
	end

	local function skip()
		counters.skipped = counters.skipped + 1;
	end

	-- Counts a message when it is first seen, and remembers the object that later events may carry.
	local function seen(event)
		if event[ORIGINAL] == nil and event.stanza.name == "message" then
			event[ORIGINAL] = event.stanza;
			counters.seen = counters.seen + 1;
		end
	end

	-- Refuses what could not be recorded before the archive, carbons and push see it.
	local function gate(event)
		if journal.healthy or not closed then return; end
		local stanza = event.stanza;
		if kind_of(read(stanza, false), stanza, extra) then
			return refuse(event.origin, stanza);
		end
	end

	local function from_local_room(stanza)
		local session = hosts[jid_host(stanza.attr.from or "")];
		return session and session.modules.muc;
	end

	-- Who spoke, if a room passes on somebody's invitation or refusal of one.
	local function sender(stanza, facts)
		local bare = jid_bare(stanza.attr.from) or "";
		if facts.invite and facts.invite.attr.xmlns == classify.MUC_USER then
			return classify.inviter(facts.invite) or bare;
		end
		return bare;
	end

	local function capture(event, path, is_room_host)
		local origin, stanza = event.origin, event.stanza;
		if event[SEQ] then return; end
		local from_client = origin and origin.type == "c2s";
		local facts = read(stanza, from_client);
		local kind = kind_of(facts, stanza, extra);
		local from_room = is_room_host or not from_client and from_local_room(stanza);
		if not kind or facts.privilege or from_room and (kind ~= "invite" or not facts.muc_user) then
			return skip();
		end
		local attr = stanza.attr;
		local from, to, room = sender(stanza, facts), jid_bare(attr.to), "";
		if to == nil then to = from; end
		if attr.type == "groupchat" then
			if path == "s2s-out" or from_client then
				to, room = "", to;
			elseif facts.delay and facts.delay == from then
				return skip(); -- a remote room's history
			end
		elseif kind ~= "bounce" and kind ~= "invite" and facts.muc_user and not facts.enc_only then
			kind = "muc-pm"; -- of a remote room
		end
		local oid = facts.oid or kind == "bounce" and attr.id or nil;
		local seq, refused = record(stanza, facts, kind, path, from, to, room, "", oid,
			event[SENDER_SID] or sender_sids[stanza]);
		if refused then return refuse(origin, stanza); end
		event[SEQ] = seq;
	end

	local function stanza_id(stanza, by)
		local tags = stanza.tags;
		for i = #tags, 1, -1 do
			local attr = tags[i].attr;
			if attr.xmlns == "urn:xmpp:sid:0" and tags[i].name == "stanza-id" and attr.by == by then
				return attr.id;
			end
		end
	end

	-- The sender's own archive has numbered the message: remembered for where no recipient's does.
	local function learn_sender_id(event)
		local original = event[ORIGINAL];
		if event.stanza == original or not original then return; end
		local id = stanza_id(event.stanza, jid_bare(original.attr.from));
		if id then
			event[SENDER_SID] = id;
			sender_sids[original] = id;
		end
	end

	local function learn_recipient_id(event)
		local seq = event[SEQ];
		if not seq or event.stanza == event[ORIGINAL] then return; end
		local to = event.stanza.attr.to or event.stanza.attr.from;
		local id = stanza_id(event.stanza, jid_bare(to));
		if id then journal:amend(seq, identifier(id)); end
	end

	local function deliver(event)
		return capture(event, path_of(event.origin));
	end

	local function route(event)
		if event.stanza.name == "message" then
			seen(event);
			return capture(event, "s2s-out");
		end
	end

	local function route_from_room(event)
		if event.stanza.name == "message" then
			return capture(event, "s2s-out", true);
		end
	end

	local function count_occupants(room)
		local count = 0;
		for _ in room:each_occupant() do count = count + 1; end
		return count;
	end

	local function begin_speaking(event)
		speaking = event;
	end

	local function speak(event, stanza, from, origin)
		local facts = read(stanza, origin and origin.type == "c2s");
		local kind = kind_of(facts, stanza, extra);
		if not kind then
			skip();
			return true;
		end
		local room = event.room;
		local seq, refused = record(stanza, facts, kind, path_of(origin), from, "", room.jid, count_occupants(room), facts.oid, nil);
		spoken, spoken_seq = stanza, seq;
		return not refused;
	end

	local function groupchat(event)
		if not speak(event, event.stanza, jid_bare(event.from), event.origin) then
			return refuse(event.origin, event.stanza);
		end
		spoken = event.stanza;
	end

	local function real_address(room, nick)
		local occupant = room:get_occupant_by_nick(nick);
		return occupant and occupant.bare_jid;
	end

	-- A subject, or what a module says in a room, has not passed `groupchat`.
	local function broadcast(event)
		local stanza, room = event.stanza, event.room;
		if spoken ~= stanza then
			local from = real_address(room, stanza.attr.from);
			local origin = speaking and from and speaking.room == room and speaking.origin or nil;
			if not speak(event, stanza, from or room.jid, origin) then
				return true;
			end
		end
		local id = spoken == stanza and spoken_seq and stanza_id(stanza, room.jid);
		if id then journal:amend(spoken_seq, identifier(id)); end
		spoken, spoken_seq, speaking = nil, nil, nil;
	end

	local function private_message(event)
		local origin, stanza, room = event.origin, event.stanza, event.room;
		local facts = read(stanza, origin and origin.type == "c2s");
		local kind = kind_of(facts, stanza, extra);
		if not kind then
			skip();
			return;
		end
		if kind == "chat" or kind == "normal" then kind = "muc-pm"; end
		local from = real_address(room, stanza.attr.from) or room.jid;
		local to = real_address(room, stanza.attr.to) or room.jid;
		local _, refused = record(stanza, facts, kind, path_of(origin), from, to, room.jid, "", facts.oid, nil);
		if refused then
			refuse(origin, st.clone(event.stanza));
			return false;
		end
	end

	-- What a room handles by itself: requests to invite, to speak.
	local function room_request(event)
		if event.stanza.attr.type ~= "groupchat" then skip(); end
	end

	local function hook_each(api, events, handler, priority)
		for _, event in ipairs(events) do api:hook(event, handler, priority); end
	end

	local SENDING = { "pre-message/bare", "pre-message/full", "pre-message/host" };
	local ARRIVING = { "message/bare", "message/full", "message/host" };

	local function watch_room_host(api)
		hook_each(api, { "message/bare", "message/host" }, room_request, -1.9);
		api:hook("route/remote", route_from_room, 0.05);
		api:hook("muc-occupant-groupchat", begin_speaking, 1000);
		api:hook("muc-occupant-groupchat", groupchat, -1000);
		api:hook("muc-private-message", private_message, -10);
		api:hook("muc-broadcast-message", broadcast, -10);
	end

	-- Hooks one host, by the API object of the module there.
	local function watch(api)
		hook_each(api, SENDING, seen, 1000);
		hook_each(api, ARRIVING, seen, 1000);
		hook_each(api, SENDING, gate, 50);
		hook_each(api, ARRIVING, gate, 50);
		hook_each(api, SENDING, learn_sender_id, -0.5);
		if hosts[api.host].modules.muc then
			return watch_room_host(api);
		end
		hook_each(api, ARRIVING, deliver, 0.05);
		hook_each(api, ARRIVING, learn_recipient_id, -0.9);
		api:hook("route/remote", route, 0.05);
	end

	return { watch = watch };
end

return { new = new };
