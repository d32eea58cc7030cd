-- OMEMO keys (XEP-0384, in PEP, XEP-0163) can be read by whoever has a reason to, and by nobody else.
-- Every right is decided in one place, the `may` of the account's pubsub service; the nodes'
-- configuration stays as the client wrote it. Changes are told to `xmppgov_keys_listeners`.

local jid_bare = require "util.jid".bare;
local jid_host = require "util.jid".host;
local jid_split = require "util.jid".split;
local errors = require "util.error";
local new_id = require "util.id".medium;
local is_contact_subscribed = require "core.rostermanager".is_contact_subscribed;
local st = require "util.stanza";

local organisation = module:require "xmppgov_organisation";
local share_a_room = module:require "xmppgov_rooms_shared";
local pep = module:depends("pep");

local listeners = module:get_option_set("xmppgov_keys_listeners", {});
local most_nodes = module:get_option_number("xmppgov_keys_max_nodes", 100);
local most_bundles = module:get_option_number("xmppgov_keys_max_bundles", 50);
local longest_name = 255; -- bytes

local xmlns_keys = "urn:xmppgov:keys:0";
local xmlns_pubsub = "http://jabber.org/protocol/pubsub";
local legacy_devices = "eu.siacs.conversations.axolotl.devicelist";
local exact_nodes = {
	[legacy_devices] = true;
	["urn:xmpp:omemo:2:devices"] = true;
	["urn:xmpp:omemo:2:bundles"] = true;
};
local reading = { get_items = true, subscribe = true, be_subscribed = true };

local function is_bundle(node)
	return node:find("^eu%.siacs%.conversations%.axolotl%.bundles:%d+$") ~= nil;
end

local function is_omemo(node)
	return node ~= nil and (exact_nodes[node] or is_bundle(node));
end

local function may_read(owner, reader)
	reader = jid_bare(reader);
	if reader == owner or organisation.is_organisation(jid_host(reader)) then return true; end
	local username, host = jid_split(owner);
	return is_contact_subscribed(username, host, reader) == true or share_a_room(owner, reader);
end

-- Each new node has the whole list of an account's nodes written again, which holds up the server: there
-- is a limit to them, but not for what an account needs to be reached, nor for what is there already.

local always = {
	["urn:xmpp:bookmarks:1"] = true;
	["storage:bookmarks"] = true;
	["urn:xmpp:vcard4"] = true;
	["urn:xmpp:avatar:metadata"] = true;
};

local function is_always(node)
	return always[node] or exact_nodes[node];
end

local full = errors.init("xmppgov_keys", {
	nodes = {
		type = "wait"; condition = "resource-constraint";
		text = "Votre compte a trop de nœuds PEP ou d'appareils : supprimez-en, puis réessayez. "
			.. "/ Your account has too many PEP nodes or devices: delete some, then try again.";
	};
	name = {
		type = "modify"; condition = "not-acceptable";
		text = "Le nom de ce nœud PEP est trop long. / The name of this PEP node is too long.";
	};
});

local function count(nodes, are_bundles)
	local found = 0;
	for node in pairs(nodes) do
		if is_bundle(node) == are_bundles and not is_always(node) then found = found + 1; end
	end
	return found;
end

local function why_not_new(nodes, node)
	if nodes[node] or is_always(node) then return nil; end
	if #node > longest_name then return full.new("name"); end
	local are_bundles = is_bundle(node);
	if count(nodes, are_bundles) >= (are_bundles and most_bundles or most_nodes) then return full.new("nodes"); end
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

	function service:create(node, ...)
		local problem = why_not_new(self.nodes, node);
		if problem then return false, problem; end
		return class.create(self, node, ...);
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
		service.may, service.create, service.set_node_config = nil, nil, nil;
		config.subscriber_filter = filter;
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
