-- Tells a service of this server what holds for what it does: in a room, or between two domains. The rooms' and the
-- directory's own records follow the same policy as messages then.

local st = require "util.stanza";
local errors = require "util.error";
local jid_host, jid_prep = require "util.jid".host, require "util.jid".prep;

local QUESTION = "iq-get/host/urn:xmppgov:archive:0:policy";
local hosts = prosody.hosts;

local function refuse(condition)
	return errors.new({ type = condition == "forbidden" and "auth" or "cancel", condition = condition });
end

-- Returns what holds in a room, or nil if it is none.
local function of_room(policies, address)
	local host = hosts[jid_host(address) or ""];
	local muc = host and host.modules and host.modules.muc;
	local room = muc and jid_prep(address) == address and muc.get_room_from_jid(address);
	return room and policies:of_room(room);
end

-- Returns what holds for what the service at `host` does with people of two domains: with the less of all three.
local function of_domains(policies, host, from, to)
	return policies:both(policies:between(from, to), policies:of_host(host));
end

local function answer(policies, host, stanza)
	local asked = stanza.tags[1].attr;
	if not hosts[jid_host(stanza.attr.from or host)] then return nil, refuse "forbidden"; end
	if asked.room then
		local policy = of_room(policies, asked.room);
		return policy, not policy and refuse "item-not-found";
	elseif asked.from and asked.to then
		return of_domains(policies, host, asked.from, asked.to);
	end
	return nil, refuse "bad-request";
end

-- Answers in the name of a host.
local function watch(policies, api)
	api:hook(QUESTION, function (event)
		local stanza = event.stanza;
		local policy, refused = answer(policies, api.host, stanza);
		local reply = policy and st.reply(stanza):tag("policy",
			{ xmlns = "urn:xmppgov:archive:0", level = policy.level, archive = policy.archive });
		event.origin.send(reply or st.error_reply(stanza, refused));
		return true;
	end);
end

return { watch = watch };
