-- What a message may carry: ciphertext (XEP-0384) and a short list of signs without words of their own.
-- Everything on the list has a cleaner, which takes out what could carry text; what is not on the list
-- goes. A stanza is changed in place, before anybody else has seen it.

local st = require "util.stanza";
local jid_resource = require "util.jid".resource;
local utf8 = require "utf8";

local longest_attribute = 128; -- bytes: enough for an id
local longest_address, longest_name = 256, 64; -- bytes; in a room, an address ends in a name
local longest_language = 35; -- bytes, of a language's name
local longest_reaction = 40; -- bytes: enough for an emoji of several code points
local most_reactions = 20;

local fallback = "Message chiffré avec OMEMO : votre application ne l'a pas déchiffré. "
	.. "/ Message encrypted with OMEMO: your app has not decrypted it.";

local function set(...)
	local names = {};
	for _, name in ipairs { ... } do names[name] = true; end
	return names;
end

-- Attributes that an element on the list may have; those of `addresses` hold one.
local addresses = set("to", "from", "by", "jid", "sender", "room");
local attributes = set("xmlns", "xml:lang", "id", "stamp", "namespace", "for", "start", "end", "sid", "rid", "prekey", "kex",
	"media", "video", "uri", "thread", "continue", "password", "code", "affiliation", "role", "type", "node", "seconds");

-- Elements inside those that keep what is in them.
local parts = set("retract", "retracted", "moderate", "moderated", "description", "device", "reason", "success", "busy",
	"cancel", "decline", "timeout", "gone", "expired", "alternative-session", "connectivity-error", "general-error",
	"failed-application", "failed-transport", "incompatible-parameters", "media-error", "security-error",
	"unsupported-applications", "unsupported-transports", "tie-break", "migrated", "jingle", "external", "muji",
	"body", "subject", "invite", "status", "item", "actor");

-- The namespaces that they may have if it is not the one of what they are in.
local namespaces = set("urn:xmpp:message-retract:0", "urn:xmpp:message-retract:1", "urn:xmpp:message-moderate:0",
	"urn:xmpp:message-moderate:1", "urn:xmpp:jingle:1", "urn:xmpp:jingle:apps:rtp:1", "urn:xmpp:jingle:errors:1",
	"urn:xmpp:jingle:muji:0", "http://telepathy.freedesktop.org/muji", "http://gultsch.de/xmpp/drafts/omemo/dlj-srtp");

local function each(cleaner, ...)
	local names = {};
	for _, name in ipairs { ... } do names[name] = cleaner; end
	return names;
end

local call = each("known", "propose", "retract", "accept", "proceed", "reject", "finish", "ringing");

local signs = { -- namespace -> element name -> cleaner
	["http://jabber.org/protocol/chatstates"] = each("empty", "active", "composing", "paused", "inactive", "gone");
	["urn:xmpp:receipts"] = each("empty", "request", "received");
	["urn:xmpp:chat-markers:0"] = each("empty", "markable", "received", "displayed", "acknowledged");
	["urn:xmpp:hints"] = each("empty", "store", "no-store", "no-copy", "no-permanent-store");
	["urn:xmpp:sid:0"] = each("empty", "origin-id", "stanza-id");
	["urn:xmpp:message-correct:0"] = { replace = "empty" };
	["urn:xmpp:reply:0"] = { reply = "empty" };
	["urn:xmpp:eme:0"] = { encryption = "empty" };
	["urn:xmpp:occupant-id:0"] = { ["occupant-id"] = "empty" };
	["urn:xmpp:attention:0"] = { attention = "empty" };
	["urn:xmpp:carbons:2"] = { private = "empty" };
	["urn:xmpp:delay"] = { delay = "empty" };
	["urn:xmpp:fallback:0"] = { fallback = "known" };
	["urn:xmpp:feature-fallback:0"] = { fallback = "known" };
	["urn:xmpp:fasten:0"] = { ["apply-to"] = "known" };
	["urn:xmpp:message-retract:0"] = each("empty", "retract", "retracted");
	["urn:xmpp:message-retract:1"] = each("empty", "retract", "retracted");
	["urn:xmpp:message-moderate:0"] = each("empty", "moderate", "moderated");
	["urn:xmpp:message-moderate:1"] = each("empty", "moderate", "moderated");
	["urn:xmpp:reactions:0"] = { reactions = "reactions" };
	["urn:xmpp:jingle-message:0"] = call;
	["urn:xmpp:jingle-message:1"] = call;
	["urn:xmpp:call-invites:0"] = each("known", "invite", "retract", "accept", "reject", "left");
	["jabber:x:conference"] = { x = "empty" };
	["http://jabber.org/protocol/muc#user"] = { x = "known" };
	["eu.siacs.conversations.axolotl"] = { encrypted = "legacy_ciphertext" };
	["urn:xmpp:omemo:2"] = { encrypted = "ciphertext" };
};

-- What is said by being sent; the rest of the list only accompanies.
local acts = {
	["http://jabber.org/protocol/chatstates"] = { composing = true, paused = true, inactive = true, gone = true };
	["urn:xmpp:receipts"] = { received = true };
	["urn:xmpp:chat-markers:0"] = { received = true, displayed = true, acknowledged = true };
	["urn:xmpp:message-retract:1"] = { retract = true };
	["urn:xmpp:fasten:0"] = { ["apply-to"] = true };
	["urn:xmpp:reactions:0"] = { reactions = true };
	["urn:xmpp:jingle-message:0"] = true;
	["urn:xmpp:jingle-message:1"] = true;
	["urn:xmpp:call-invites:0"] = true;
	["urn:xmpp:attention:0"] = true;
	["jabber:x:conference"] = true;
	["http://jabber.org/protocol/muc#user"] = true;
};

local words = { -- what is certainly somebody's text: namespace -> element names
	["jabber:client"] = { body = true, subject = true };
	["jabber:x:oob"] = { x = true };
	["http://jabber.org/protocol/xhtml-im"] = { html = true };
};

local stanza_attributes = { to = true, from = true, id = true, type = true, xmlns = true, ["xml:lang"] = true };

-- Cleaners return the element, or nil if it may not stay.

local cleaners = {};

local function without_text(element)
	for i = #element, 1, -1 do
		if type(element[i]) == "string" then table.remove(element, i); end
	end
end

local function is_short(name, value)
	if addresses[name] then
		return #value <= longest_address and #(jid_resource(value) or "") <= longest_name;
	end
	return attributes[name] and #value <= longest_attribute and not value:find("%s");
end

local function with_known_attributes(element)
	for name, value in pairs(element.attr) do
		if not is_short(name, value) then element.attr[name] = nil; end
	end
	return element;
end
cleaners.attributes = with_known_attributes;

function cleaners.empty(element)
	element:maptags(function () return nil; end);
	without_text(element);
	return with_known_attributes(element);
end

local function is_part(child, element)
	local xmlns = child.attr.xmlns;
	return parts[child.name] and (xmlns == nil or xmlns == element.attr.xmlns or namespaces[xmlns]);
end

-- The name of an element is a text, too, and so is its namespace.
function cleaners.known(element)
	without_text(element);
	element:maptags(function (child) return is_part(child, element) and cleaners.known(child) or nil; end);
	return with_known_attributes(element);
end

local emoji = { -- first and last code points of what reactions are made of: signs, never letters
	{ 0xA9, 0xA9 }, { 0xAE, 0xAE }, { 0x200D, 0x200D }, { 0x203C, 0x203C }, { 0x2049, 0x2049 },
	{ 0x20E3, 0x20E3 }, { 0x2100, 0x2BFF }, { 0x3030, 0x3030 }, { 0x303D, 0x303D }, { 0x3297, 0x3299 },
	{ 0xFE0E, 0xFE0F }, { 0x1F000, 0x1FAFF }, { 0xE0061, 0xE007F },
};

local function is_sign(code)
	for _, range in ipairs(emoji) do
		if range[1] <= code and code <= range[2] then return true; end
	end
	return false;
end

local function is_emoji(text)
	text = text:gsub("^[0-9#*]", "", 1); -- of a keycap: the sign behind it is left
	if text == "" or #text > longest_reaction then return false; end
	for _, code in utf8.codes(text) do
		if not is_sign(code) then return false; end
	end
	return true;
end

function cleaners.reactions(element)
	local count = 0;
	without_text(element);
	element:maptags(function (reaction)
		count = count + 1;
		if reaction.name ~= "reaction" or count > most_reactions or not is_emoji(reaction:get_text() or "") then
			return nil;
		end
		reaction:maptags(function () return nil; end);
		return with_known_attributes(reaction);
	end);
	return with_known_attributes(element);
end

local function is_base64(element)
	local text = element:get_text() or "";
	return #element.tags == 0 and text:find("^[%w+/=\r\n]*$") ~= nil;
end

-- Keeps the children that `keep` names, with base64 in them and nothing else.
local function keep_base64(element, keep)
	without_text(element);
	element:maptags(function (child)
		return keep[child.name] and is_base64(child) and with_known_attributes(child) or nil;
	end);
	return with_known_attributes(element);
end

local function with_header(element, clean_header)
	without_text(element);
	element:maptags(function (child)
		if child.name == "header" then return clean_header(child); end
		return child.name == "payload" and is_base64(child) and child or nil;
	end);
	return element:get_child("header") and with_known_attributes(element);
end

function cleaners.legacy_ciphertext(element)
	return with_header(element, function (header)
		keep_base64(header, { key = true, iv = true });
		return header:get_child("key") and header;
	end);
end

function cleaners.ciphertext(element)
	return with_header(element, function (header)
		without_text(header);
		header:maptags(function (keys)
			if keys.name ~= "keys" then return nil; end
			keep_base64(keys, { key = true });
			return keys:get_child("key") and keys;
		end);
		return header:get_child("keys") and with_known_attributes(header);
	end);
end

-- Reading a message

local function entry_of(list, element)
	local entry = list[element.attr.xmlns or "jabber:client"];
	if type(entry) == "table" then entry = entry[element.name]; end
	return entry;
end

local function is_thread_id(element)
	local text = element:get_text() or "";
	return #element.tags == 0 and #text <= 64 and text:find("^[%w%-_.:]+$") ~= nil;
end

local function is_encrypted(stanza)
	return stanza:get_child("encrypted", "eu.siacs.conversations.axolotl") ~= nil
		or stanza:get_child("encrypted", "urn:xmpp:omemo:2") ~= nil;
end

local function is_retraction(stanza)
	local fastened = stanza:get_child("apply-to", "urn:xmpp:fasten:0");
	return stanza:get_child("retract", "urn:xmpp:message-retract:1") ~= nil
		or (fastened and fastened:get_child("retract", "urn:xmpp:message-retract:0")) ~= nil;
end

local function clean_attributes(stanza)
	for name, value in pairs(stanza.attr) do
		local is_language = name ~= "xml:lang" or #value <= longest_language and value:find("^[%w%-]+$");
		if not stanza_attributes[name] or not is_language then stanza.attr[name] = nil; end
	end
end

local function clean_id(stanza)
	if not is_short("id", stanza.attr.id or "") then stanza.attr.id = nil; end
end

-- Takes out of a message all that is not on the list; `extra` (optional) may keep more elements.
-- Returns what went: words (somebody's text) and strange (not known); and whether an act stayed.
local function clean(stanza, extra)
	local words_gone, strange_gone, acts_kept = false, false, false;
	clean_attributes(stanza);
	clean_id(stanza);
	for _, part in ipairs(stanza) do
		if type(part) == "string" and part:find("%S") then words_gone = true; end
	end
	without_text(stanza);
	stanza:maptags(function (child)
		if entry_of(words, child) then
			words_gone = words_gone or #child > 0;
			return nil;
		end
		local entry = entry_of(signs, child);
		local cleaned = entry and cleaners[entry](child) or (extra and extra(child));
		if not cleaned and child.name == "thread" and not child.attr.xmlns and is_thread_id(child) then
			cleaned = child;
		end
		if cleaned then
			acts_kept = acts_kept or entry_of(acts, child) ~= nil;
		else
			strange_gone = true;
		end
		return cleaned or nil;
	end);
	return words_gone, strange_gone, acts_kept;
end

local function add_fallback(stanza)
	stanza:add_direct_child(st.stanza("body"):text(fallback));
end

return {
	clean = clean;
	clean_attributes = clean_attributes;
	clean_id = clean_id;
	clear_text = without_text;
	cleaners = cleaners;
	add_fallback = add_fallback;
	is_encrypted = is_encrypted;
	is_retraction = is_retraction;
};
