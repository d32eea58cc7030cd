-- Whether a message that would give no record says nothing indeed. Each element and attribute that it has is known
-- here, comes once, and holds a value in which there is no room for more than an id.

local jid_bare, jid_host, jid_resource = require "util.jid".bare, require "util.jid".host, require "util.jid".resource;

local find = string.find;

local LONGEST_ID, LONGEST_NAME = 64, 64; -- bytes of an id, of a resource or a nickname
local MOST_ELEMENTS = 8;

local function is_id(value)
	return #value <= LONGEST_ID and find(value, "^[!-~]+$") ~= nil;
end

local function is_stamp(value)
	return #value <= 40 and find(value, "^[%d%-:.TZ+]+$") ~= nil;
end

local function is_code(value)
	return find(value, "^%d%d%d$") ~= nil;
end

local function is_language(value)
	return #value <= 35 and find(value, "^[%w%-]+$") ~= nil;
end

local function is_short_address(value)
	return #(jid_resource(value) or "") <= LONGEST_NAME;
end

-- Whether an address is of the two that speak, or of their servers.
local function is_near(value, attr)
	local bare, from, to = jid_bare(value), attr.from or "", attr.to or attr.from or "";
	return is_short_address(value)
		and (bare == jid_bare(from) or bare == jid_host(from) or bare == jid_bare(to) or bare == jid_host(to));
end

local TYPES = { chat = true, groupchat = true, normal = true, headline = true, error = true };
local function is_type(value)
	return TYPES[value] == true;
end

local ON_STANZA = { id = is_id, type = is_type, to = is_short_address, from = is_short_address, ["xml:lang"] = is_language };
local NOTHING, ID = {}, { id = is_id };
local DELAY, MARKER = { stamp = is_stamp, from = is_near }, { id = is_id, sender = is_near };

local function has_only(element, known, attr)
	for name, value in next, element.attr do
		local check = known[name];
		if name ~= "xmlns" and not (check and check(value, attr)) then return false; end
	end
	return true;
end

-- Whether a child is in its parent's namespace: another one's name is a text of its own.
local function is_of(child, element)
	local xmlns = child.attr.xmlns;
	return xmlns == nil or xmlns == element.attr.xmlns;
end

-- Returns what tells whether an element holds only elements `name` with the attributes `known` and, with
-- `takes_id`, an id as their text.
local function only(name, known, takes_id)
	return function (element, attr)
		if #element.tags ~= #element or #element > MOST_ELEMENTS then return false; end
		for _, child in ipairs(element.tags) do
			local text = child[1];
			local silent = text == nil or takes_id and #child == 1 and type(text) == "string" and is_id(text);
			if child.name ~= name or not silent or not is_of(child, element) then return false; end
			if not has_only(child, known, attr) then return false; end
		end
		return true;
	end
end

local function is_thread(element)
	return #element == 1 and type(element[1]) == "string" and is_id(element[1]);
end

-- What is published is its publisher's; docs/threat-model.md says so.
local function anything() return true; end

-- Namespace -> name -> attributes, and what may be inside if it is not nothing.
local ELEMENTS = {
	[""] = { thread = { { parent = is_id }, is_thread } };
	["urn:xmpp:hints"] = {
		store = { NOTHING }, ["no-store"] = { NOTHING }, ["no-copy"] = { NOTHING }, ["no-permanent-store"] = { NOTHING },
	};
	["urn:xmpp:sid:0"] = { ["origin-id"] = { ID }, ["stanza-id"] = { { id = is_id, by = is_near } } };
	["urn:xmpp:eme:0"] = { encryption = { { namespace = is_id } } };
	["urn:xmpp:carbons:2"] = { private = { NOTHING } };
	["urn:xmpp:delay"] = { delay = { DELAY } };
	["jabber:x:delay"] = { x = { DELAY } };
	["urn:xmpp:occupant-id:0"] = { ["occupant-id"] = { ID } };
	["http://jabber.org/protocol/muc#user"] = { x = { NOTHING, only("status", { code = is_code }) } };
	["http://jabber.org/protocol/chatstates"] = {
		active = { NOTHING }, composing = { NOTHING }, paused = { NOTHING }, inactive = { NOTHING }, gone = { NOTHING },
	};
	["urn:xmpp:chat-markers:0"] = {
		markable = { NOTHING }, received = { MARKER }, displayed = { MARKER }, acknowledged = { MARKER },
	};
	["urn:xmpp:receipts"] = { request = { NOTHING }, received = { ID } };
	["http://jabber.org/protocol/pubsub#event"] = { event = { NOTHING, anything } };
	["http://jabber.org/protocol/address"] = { addresses = { NOTHING, only("address", { type = is_id, jid = is_near }) } };
	["http://jabber.org/protocol/shim"] = { headers = { NOTHING, only("header", { name = is_id }, true) } };
};

local function is_known(child, attr)
	local names = ELEMENTS[child.attr.xmlns or ""];
	local known = names and names[child.name];
	if not known or not has_only(child, known[1], attr) then return false; end
	local inside = known[2];
	return child[1] == nil or inside ~= nil and inside(child, attr);
end

local function has_text(stanza)
	for i = 1, #stanza do
		local part = stanza[i];
		if type(part) == "string" and (#part > LONGEST_ID or find(part, "%S")) then return true; end
	end
	return false;
end

-- Whether a message has nothing in which somebody could write.
return function (stanza)
	local tags, attr, seen = stanza.tags, stanza.attr, {};
	if #tags > MOST_ELEMENTS or has_text(stanza) or not has_only(stanza, ON_STANZA, attr) then return false; end
	for i = 1, #tags do
		local child = tags[i];
		local name = child.name.." "..(child.attr.xmlns or "").." "..(child.attr.by or "");
		if seen[name] or not is_known(child, attr) then return false; end
		seen[name] = true;
	end
	return true;
end
