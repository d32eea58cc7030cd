-- Tells the organisation's bots which of their messages never reached their recipients' archives (XEP-0313).
-- A sender's own archive is written first: where the server was killed in between, it has what nobody else got.
-- docs/protocol/delivery.md

local datetime_parse = require "util.datetime".parse;
local jid_bare, jid_prepped_split = require "util.jid".bare, require "util.jid".prepped_split;
local st = require "util.stanza";
local user_exists = require "core.usermanager".user_exists;

local NAMESPACE = "urn:xmppgov:delivery:0";
local MOST = 100; -- messages of one question

local contacts = module:get_option("xmppgov_contacts", {});
local senders = module:get_option_set("xmppgov_delivery_senders", {});
local keeps_all = module:get_option_boolean("default_archive_policy", true);
local store = module:get_option_string("archive_store", "archive");
local archive, preferences = module:open_store(store, "archive"), module:open_store(store.."_prefs");

local function may_ask(jid)
	return senders:contains(jid) or contacts[jid] ~= nil;
end

-- Whether everything that a person gets is in their archive.
local function keeps_everything(user)
	return keeps_all and user_exists(user, module.host) and not preferences:get(user);
end

-- Returns the ids among `ids` that the archive of `user` has from `sender` since a time, or nil where it cannot
-- be read.
local function held(user, sender, since, ids)
	local messages = archive:find(user, { with = sender, start = since });
	if not messages then return nil; end
	local found = {};
	for _, message in messages do
		local attr = message.attr;
		if ids[attr.id] and jid_bare(attr.from) == sender then found[attr.id] = true; end
	end
	return found;
end

-- Returns the messages that are asked for as user -> set of ids, or nil if the question is malformed.
local function asked(query)
	local by_user, count = {}, 0;
	for message in query:childtags("message") do
		local user, host = jid_prepped_split(message.attr.to);
		local id = message.attr.id;
		count = count + 1;
		if not host or not id or count > MOST then return nil; end
		if user and host == module.host then
			by_user[user] = by_user[user] or {};
			by_user[user][id] = true;
		end
	end
	return count > 0 and by_user or nil;
end

-- Adds what `user` surely did not get.
local function add_missing(reply, user, sender, since, ids)
	local found = keeps_everything(user) and held(user, sender, since, ids);
	if not found then return; end
	for id in pairs(ids) do
		if not found[id] then reply:tag("missing", { to = user.."@"..module.host, id = id }):up(); end
	end
end

module:hook("iq-get/host/"..NAMESPACE..":delivery", function (event)
	local origin, stanza = event.origin, event.stanza;
	local sender, query = jid_bare(stanza.attr.from), stanza.tags[1];
	if origin.type ~= "c2s" or not may_ask(sender) then
		return origin.send(st.error_reply(stanza, "auth", "forbidden"));
	end
	local since, by_user = datetime_parse(query.attr.since or ""), asked(query);
	if not since or not by_user then
		return origin.send(st.error_reply(stanza, "modify", "bad-request"));
	end
	local reply = st.reply(stanza):tag("delivery", { xmlns = NAMESPACE });
	for user, ids in pairs(by_user) do add_missing(reply, user, sender, since, ids); end
	origin.send(reply);
	return true;
end);

module:add_feature(NAMESPACE);
