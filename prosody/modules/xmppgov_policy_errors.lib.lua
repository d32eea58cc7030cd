-- What a person's client may say in an error: one of the known conditions (RFC 6120 §8.3.3), and one of those that
-- apps add to it. The name of an element and its namespace are texts, too.

local jid_bare, jid_host = require "util.jid".bare, require "util.jid".host;
local st = require "util.stanza";

local content = module:require "xmppgov_policy_content";

local function names(text)
	local set = {};
	for name in text:gmatch("%S+") do set[name] = true; end
	return set;
end

local conditions = { -- namespace -> element names
	["urn:ietf:params:xml:ns:xmpp-stanzas"] = names [[
		bad-request conflict feature-not-implemented forbidden gone internal-server-error item-not-found jid-malformed
		not-acceptable not-allowed not-authorized payment-required policy-violation recipient-unavailable redirect
		registration-required remote-server-not-found remote-server-timeout resource-constraint service-unavailable
		subscription-required undefined-condition unexpected-request ]];
	["urn:xmpp:jingle:errors:1"] = names "out-of-order security-required tie-break unknown-session unsupported-info";
	["urn:xmpp:jingle:apps:rtp:errors:1"] = names "crypto-required invalid-crypto";
	["urn:xmpp:blocking:errors"] = names "blocked";
};

local types = names "auth cancel continue modify wait";

-- Attribute -> whether it may have a value in a stanza's error.
local attributes = {};

function attributes.type(value) return types[value]; end

function attributes.code(value) return value:find("^%d%d%d$"); end

function attributes.by(value, stanza)
	local from, to = stanza.attr.from, stanza.attr.to;
	return value == jid_bare(from) or value == jid_host(from) or value == jid_host(to);
end

-- Takes all else out of an element of a stanza. Returns the element, or nil unless it is the stanza's only error or
-- the first.
return function (stanza, element)
	if element ~= stanza:get_child("error") then return nil; end
	local seen = {};
	content.clear_text(element);
	for name, value in pairs(element.attr) do
		local may_be = attributes[name];
		if not (may_be and may_be(value, stanza)) then element.attr[name] = nil; end
	end
	element:maptags(function (child)
		local xmlns = child.attr.xmlns;
		local known = conditions[xmlns or ""];
		if not known or not known[child.name] or seen[xmlns] then return nil; end
		seen[xmlns] = true;
		return st.stanza(child.name, { xmlns = xmlns });
	end);
	return element;
end
