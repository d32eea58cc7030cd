-- The organisation's bots are everybody's contacts (RFC 6121), subscribed both ways, by the server.
-- Nothing is stored. A person's roster gets the few bots; a bot's roster knows every account when
-- it is asked about one, but lists none, so that a bot among 10,000 accounts logs in like anybody.

local jid_bare = require "util.jid".bare;
local jid_prep = require "util.jid".prep;
local jid_split = require "util.jid".split;
local st = require "util.stanza";
local user_exists = require "core.usermanager".user_exists;
local roster_push = require "core.rostermanager".roster_push;

local organisation = module:require "xmppgov_organisation";
local language = module:require "xmppgov_language";
local presence = module:depends("presence");

local contacts = module:get_option("xmppgov_contacts", {});
local group = module:get_option_string("xmppgov_contacts_group", "Services");
local batch_size = module:get_option_number("xmppgov_contacts_batch", 200);

local hosts, bare_sessions = prosody.hosts, prosody.bare_sessions;
local send_presence_of = presence.send_presence_of_available_resources;

local refusal = {
	fr = "Ce contact est celui de votre administration ; il reste dans votre liste.";
	en = "This contact is your administration's; it stays in your list.";
};

local function is_person(jid)
	return not contacts[jid] and organisation.is_person(jid);
end

-- Of these two one is a bot and the other a person: their subscription is the server's matter.
local function is_ours(one, other)
	return (contacts[one] and is_person(other)) or (contacts[other] and is_person(one)) or false;
end

-- Rosters

local everybody = {};
function everybody.__index(_, jid)
	if type(jid) ~= "string" or not is_person(jid) then return nil; end
	if bare_sessions[jid] or user_exists(jid_split(jid)) then
		return { subscription = "both", groups = {}, persist = false };
	end
end

local function complete_person(roster)
	for jid, name in pairs(contacts) do
		roster[jid] = { subscription = "both", name = name, groups = { [group] = true }, persist = false };
		roster[false].pending[jid] = nil;
	end
end

local function complete_bot(roster)
	for jid in pairs(roster) do
		if jid and is_person(jid) then roster[jid] = nil; end
	end
	for jid in pairs(roster[false].pending) do
		if is_person(jid) then roster[false].pending[jid] = nil; end
	end
	setmetatable(roster, everybody);
end

local function complete(jid, roster)
	if contacts[jid] then
		complete_bot(roster);
	elseif is_person(jid) then
		complete_person(roster);
	end
end

module:hook("roster-load", function (event)
	complete(event.username .. "@" .. event.host, event.roster);
end, -10);

-- The list that a client kept may be older than the options: it is sent whole each time.
local function on_roster_request(event)
	local origin, stanza = event.origin, event.stanza;
	local query = stanza.tags[1];
	if stanza.attr.type == "get" then
		query.attr.ver = nil;
		return;
	end
	local item = query:get_child("item");
	local jid = item and jid_prep(item.attr.jid);
	if not jid or not is_ours(jid_bare(stanza.attr.from), jid) then return; end
	origin.send(language.error_reply(origin, stanza, "cancel", "not-allowed", refusal));
	roster_push(origin.username, origin.host, jid);
	return true;
end
module:hook("iq/self/jabber:iq:roster:query", on_roster_request, 10);

-- Subscriptions between a bot and a person are not asked for, given or taken back.

local subscription_types = { subscribe = true, subscribed = true, unsubscribe = true, unsubscribed = true };

local function is_subscription_of_ours(stanza)
	return subscription_types[stanza.attr.type] and stanza.attr.to
		and is_ours(jid_bare(stanza.attr.from), jid_bare(stanza.attr.to));
end

local function on_outgoing(event)
	local origin, stanza = event.origin, event.stanza;
	if not is_subscription_of_ours(stanza) then return; end
	local to = jid_bare(stanza.attr.to);
	if stanza.attr.type == "subscribe" and origin.send then
		origin.send(st.presence({ type = "subscribed", from = to, to = jid_bare(stanza.attr.from) }));
	end
	roster_push(origin.username, origin.host, to);
	return true;
end
module:hook("pre-presence/bare", on_outgoing, 20);
module:hook("pre-presence/full", on_outgoing, 20);

local function on_incoming(event)
	if is_subscription_of_ours(event.stanza) then return true; end
end
module:hook("presence/bare", on_incoming, 20);
module:hook("presence/full", on_incoming, 20);

-- Presence. A person's reaches the bots by the person's roster. A bot's is sent to the people who are
-- online, some at a time; and to whoever comes online, in answer to the probe, to the bare address,
-- where PEP learns from it what the bot wants to be notified of.

local function send_to_bare(session, jid)
	local stanza = st.clone(session.presence);
	stanza.attr.to = jid;
	module:send(stanza, session);
end

module:hook("presence/bare", function (event)
	local stanza = event.stanza;
	if stanza.attr.type ~= "probe" or not contacts[stanza.attr.to] then return; end
	local person = jid_bare(stanza.attr.from);
	local bot = bare_sessions[stanza.attr.to];
	if not bot or not is_person(person) then return; end
	local answered;
	for _, session in pairs(bot.sessions) do
		if session.presence then
			send_to_bare(session, person);
			answered = true;
		end
	end
	return answered;
end, 15);

local function people_online()
	local people = {};
	for _, host in ipairs(organisation.people_hosts()) do
		for username in pairs(hosts[host].sessions) do
			local jid = username .. "@" .. host;
			if not contacts[jid] then people[#people + 1] = jid; end
		end
	end
	return people;
end

local broadcasts = {}; -- a bot's full JID -> what is being sent: the newest only

local function introduce(session, person)
	local username, host = jid_split(person);
	send_presence_of(username, host, session.full_jid, session);
end

local function broadcast(session, stanza, is_first)
	local people, position = people_online(), 0;
	local current = {};
	broadcasts[stanza.attr.from] = current;
	module:add_timer(0, function ()
		if broadcasts[stanza.attr.from] ~= current then return; end
		for _ = 1, batch_size do
			position = position + 1;
			local person = people[position];
			if not person then
				broadcasts[stanza.attr.from] = nil;
				return;
			end
			local copy = st.clone(stanza);
			copy.attr.to = person;
			module:send(copy);
			if is_first and session.presence then introduce(session, person); end
		end
		return 0.01;
	end);
end

module:hook("presence/bare", function (event)
	local origin, stanza = event.origin, event.stanza;
	local kind = stanza.attr.type;
	if stanza.attr.to or not origin.full_jid or not contacts[jid_bare(origin.full_jid)] then return; end
	if kind == nil or kind == "unavailable" then
		broadcast(origin, st.clone(stanza), kind == nil and not origin.presence);
	end
end, 5);

-- Loaded into a running server: rosters that were read before are completed too.
function module.load()
	hosts[module.host].roster_cache = nil;
	for username, user in pairs(hosts[module.host].sessions) do
		if user.roster then complete(username .. "@" .. module.host, user.roster); end
	end
end
