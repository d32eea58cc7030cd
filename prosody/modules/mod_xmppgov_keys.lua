-- OMEMO keys (XEP-0384, in PEP, XEP-0163) can be read by whoever has a reason to, and by nobody else.
-- Every right is decided in one place, the `may` of the account's pubsub service; the nodes'
-- configuration stays as the client wrote it. Changes are told to `xmppgov_keys_listeners`.

local jid_bare = require "util.jid".bare;
local jid_host = require "util.jid".host;
local jid_split = require "util.jid".split;
local new_id = require "util.id".medium;
local is_contact_subscribed = require "core.rostermanager".is_contact_subscribed;
local st = require "util.stanza";

local organisation = module:require "xmppgov_organisation";
local share_a_room = module:require "xmppgov_rooms_shared";
local pep = module:depends("pep");

local listeners = module:get_option_set("xmppgov_keys_listeners", {});

local xmlns_keys = "urn:xmppgov:keys:0";
local xmlns_pubsub = "http://jabber.org/protocol/pubsub";
local legacy_devices = "eu.siacs.conversations.axolotl.devicelist";
local exact_nodes = {
	[legacy_devices] = true;
	["urn:xmpp:omemo:2:devices"] = true;
	["urn:xmpp:omemo:2:bundles"] = true;
};
local reading = { get_items = true, subscribe = true, be_subscribed = true };

local function is_omemo(node)
	return node ~= nil
		and (exact_nodes[node] or node:find("^eu%.siacs%.conversations%.axolotl%.bundles:%d+$") ~= nil);
end

local function may_read(owner, reader)
	reader = jid_bare(reader);
	if reader == owner or organisation.is_organisation(jid_host(reader)) then return true; end
	local username, host = jid_split(owner);
	return is_contact_subscribed(username, host, reader) == true or share_a_room(owner, reader);
end

-- What changed is told after the change: several changes in one turn are one notice.

local changed = {};

local function tell()
	for jid in pairs(changed) do
		changed[jid] = nil;
		for listener in listeners do
			module:send(st.iq({ type = "set", from = module.host, to = listener, id = new_id() })
				:tag("changed", { xmlns = xmlns_keys, jid = jid }));
		end
	end
end

local function note_change(jid)
	if next(changed) == nil then module:add_timer(0, tell); end
	changed[jid] = true;
end

-- An account's service is made when it is first needed, and may be forgotten and made again.

local events = { "item-published", "item-retracted", "node-purged", "node-deleted" };
local guarded = setmetatable({}, { __mode = "k" }); -- service -> what undoes the guard

local function guard(service, owner)
	local class, config = getmetatable(service).__index, service.config;
	local filter = config.subscriber_filter;

	function service:may(node, actor, action)
		if actor ~= true and reading[action] and is_omemo(node) then
			return may_read(owner, actor);
		end
		return class.may(self, node, actor, action);
	end

	function service:set_node_config(node, ...)
		local ok, err = class.set_node_config(self, node, ...);
		if ok and is_omemo(node) then note_change(owner); end
		return ok, err;
	end

	function config.subscriber_filter(jids, node, ...)
		local chosen = filter(jids, node, ...);
		if not is_omemo(node) then return chosen; end
		local allowed = {};
		for jid, options in pairs(chosen) do
			if may_read(owner, jid) then allowed[jid] = options; end
		end
		return allowed;
	end

	local function on_change(event)
		if is_omemo(event.node) then note_change(owner); end
	end
	for _, name in ipairs(events) do service.events.add_handler(name, on_change); end

	guarded[service] = function ()
		service.may, service.set_node_config, config.subscriber_filter = nil, nil, filter;
		for _, name in ipairs(events) do service.events.remove_handler(name, on_change); end
	end
end

local function forget(service)
	local undo = guarded[service];
	guarded[service] = nil;
	if undo then undo(); end
end

module:handle_items("pep-service", function (event)
	guard(event.item.service, event.item.jid);
end, function (event)
	forget(event.item.service);
end);

function module.unload()
	for service in pairs(guarded) do forget(service); end
end

module:hook_global("user-deleted", function (event)
	if event.host == module.host then note_change(event.username .. "@" .. event.host); end
end);

-- Profanity publishes its first device list only if asking for its own does not fail.

local function is_request_for_own_devices(stanza)
	if stanza.attr.to ~= nil or stanza.attr.type ~= "get" then return false; end
	local items = stanza:get_child("pubsub", xmlns_pubsub):get_child("items");
	return items ~= nil and items.attr.node == legacy_devices;
end

module:hook("iq/bare/" .. xmlns_pubsub .. ":pubsub", function (event)
	local origin, stanza = event.origin, event.stanza;
	if not is_request_for_own_devices(stanza) then return; end
	if pep.get_pep_service(origin.username).nodes[legacy_devices] then return; end
	origin.send(st.reply(stanza):tag("pubsub", { xmlns = xmlns_pubsub })
		:tag("items", { node = legacy_devices }));
	return true;
end, 20);
