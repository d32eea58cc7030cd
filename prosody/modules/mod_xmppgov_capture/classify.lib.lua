-- What a message stanza is (its kind, its encryption, its size), read off its elements' names only.

local sha256 = require "util.hashes".sha256;
local jid_bare, jid_prep = require "util.jid".bare, require "util.jid".prep;
local is_plain = module:require "plain";

local find = string.find;

local OMEMO = "eu.siacs.conversations.axolotl";
local IDS = "urn:xmpp:sid:0";
local MUC_USER = "http://jabber.org/protocol/muc#user";
local PUBSUB_EVENT = "http://jabber.org/protocol/pubsub#event";
local PRIVILEGE = "urn:xmpp:privilege:2";

-- Elements that make no message of a stanza by themselves: they go with one. With something inside,
-- somebody could speak through them, so from a client or from elsewhere they count then.
local COMPANIONS = {
	["urn:xmpp:hints"] = true;
	[IDS] = true;
	["urn:xmpp:eme:0"] = true;
	["urn:xmpp:carbons:2"] = true;
	["urn:xmpp:delay"] = true;
	["jabber:x:delay"] = true;
	["urn:xmpp:occupant-id:0"] = true;
	[MUC_USER] = true;
};

-- Elements that are a record only where the operator wants them.
local OPTIONAL = {
	["http://jabber.org/protocol/chatstates"] = "chatstates";
	["urn:xmpp:chat-markers:0"] = "markers";
	["urn:xmpp:receipts"] = "receipts";
};

-- The kinds of messages without any of those elements that make another one; every other is "normal".
local KINDS = { chat = "chat", groupchat = "groupchat", error = "bounce" };

local ENCRYPTIONS = {
	[OMEMO.." encrypted"] = "omemo:siacs"; -- among its elements are lists of devices, too
	["urn:xmpp:omemo:2 encrypted"] = "omemo:2";
	["urn:xmpp:openpgp:0 openpgp"] = "openpgp:0";
	["jabber:x:encrypted x"] = "x:encrypted";
};

local function is_invitation(x)
	return x:get_child("invite") or x:get_child("decline");
end

-- Returns an identifier that a client chose: as it is where it can carry little, else its digest.
local function identifier(id)
	if not id or id == "" then
		return "";
	elseif #id <= 64 and find(id, "^[%w%-_.:]+$") then
		return id;
	end
	return "sha256:"..sha256(id, true);
end

local function is_short(element)
	local text = element[1];
	return text == nil or #element == 1 and type(text) == "string" and identifier(text) == text;
end

-- Whether an element of a room's (XEP-0045) says more than a room does: it only gives status codes.
local function speaks(x, source)
	for i = 1, #x do
		local child = x[i];
		if source == "client" or type(child) == "string" or child.name ~= "status" or child[1] then return true; end
		if child.attr.xmlns and child.attr.xmlns ~= MUC_USER then return true; end
	end
	return false;
end

local function has_child(element, name)
	local tags, xmlns = element.tags, element.attr.xmlns;
	for i = #tags, 1, -1 do
		if tags[i].name == name and tags[i].attr.xmlns == xmlns then return true; end
	end
	return false;
end

-- Returns the encryption of the first ciphertext anywhere in an element, or nil.
local function wrapped(element)
	local tags = element.tags;
	for i = 1, #tags do
		local child = tags[i];
		local found = ENCRYPTIONS[(child.attr.xmlns or "").." "..child.name] or wrapped(child);
		if found then return found; end
	end
end

-- Whether an event or an archive's result is a true one: an event comes from an account or a service, never
-- from a device (XEP-0163 §4.3.1), and our people's archive is here.
local function is_machinery(xmlns, source, stanza)
	if xmlns ~= PUBSUB_EVENT then return not source; end
	return not source or source == "elsewhere" and not (stanza.attr.from or "/"):find("/", 1, true);
end

-- Each of these adds what one child says about its stanza to `facts`; body, OMEMO and what usually goes with them
-- are `read`'s.

local function read_plain(facts, child, source)
	local name = child.name;
	if name == "subject" then
		facts.subject, facts.message = child, true;
	elseif name == "thread" then
		facts.thread = true;
		if source and not is_short(child) then facts.message = true; end
	else
		facts.message = true;
	end
end

-- With something inside, somebody could speak through what only goes with a message.
local function read_companion(facts, child, source)
	if source and child[1] then
		facts.message, facts.enc = true, facts.enc or wrapped(child);
	end
end

local function read_id(facts, child, source)
	if child.name == "origin-id" then facts.oid = child.attr.id; end
	if source and child[1] then facts.message = true; end
end

local function read_delay(facts, child, source)
	facts.delay = child.attr.from or true;
	read_companion(facts, child, source);
end

local function read_optional(facts, child, source)
	if source and child[1] then
		facts.message, facts.enc = true, facts.enc or wrapped(child);
	else
		facts.optional = OPTIONAL[child.attr.xmlns];
	end
end

local function read_muc_user(facts, child, source)
	if is_invitation(child) then
		facts.invite, facts.message = child, true;
	elseif source and speaks(child, source) then
		facts.message = true;
	end
	facts.muc_user = true;
end

local function read_invitation(facts, child)
	facts.invite, facts.message = facts.invite or child, true;
end

local function read_call(facts)
	facts.call, facts.message = true, true;
end

local function read_wrapper(facts, child, source, stanza)
	local hidden = wrapped(child);
	facts.enc = facts.enc or hidden;
	if hidden or not is_machinery(child.attr.xmlns, source, stanza) then facts.message = true; else facts.machinery = true; end
end

local function read_privilege(facts, _, source)
	facts.message = true;
	if source ~= "client" then facts.privilege = true; end
end

local function read_other(facts, child)
	facts.enc = facts.enc or ENCRYPTIONS[child.attr.xmlns.." "..child.name];
	facts.message = true;
end

-- By namespace; any other element is a message.
local READERS = {
	[""] = read_plain;
	[IDS] = read_id;
	["urn:xmpp:delay"] = read_delay;
	[MUC_USER] = read_muc_user;
	["jabber:x:conference"] = read_invitation;
	["urn:xmpp:jingle-message:0"] = read_call;
	["urn:xmpp:jingle-message:1"] = read_call;
	[PUBSUB_EVENT] = read_wrapper;
	["urn:xmpp:mam:2"] = read_wrapper;
	[PRIVILEGE] = read_privilege;
};
for xmlns in pairs(OPTIONAL) do READERS[xmlns] = read_optional; end
for xmlns in pairs(COMPANIONS) do READERS[xmlns] = READERS[xmlns] or read_companion; end

-- Companions that say nothing as long as they are empty, but for an origin-id.
local QUIET = {};
for xmlns in pairs(COMPANIONS) do QUIET[xmlns] = READERS[xmlns] == read_companion or READERS[xmlns] == read_id; end

local function text_size(element)
	local total = 0;
	for i = 1, #element do
		if type(element[i]) == "string" then total = total + #element[i]; end
	end
	return total;
end

-- Returns the bytes of an element's texts with the elements around them as XML, without attributes and empty
-- elements, which would cost more to look at than all the rest. An escape counts as the one character that it
-- stands for.
local function size_of(element)
	local tags, total = element.tags, 2 * #element.name + 5;
	local elements = #tags;
	for i = 1, elements do
		local child = tags[i];
		local text = child[1];
		if text and (child[2] or child.tags[1]) then
			total = total + size_of(child);
		elseif text then -- and nothing else, as most have
			total = total + 2 * #child.name + 5 + #text;
		end
	end
	return #element == elements and total or total + text_size(element);
end

local function has_text(stanza)
	for i = 1, #stanza do
		if type(stanza[i]) == "string" and stanza[i]:find("%S") then return true; end
	end
	return false;
end

-- Returns the kind of a message that has an element of its own, or nil for what gives no record.
local function kind_of(facts, message_type, extra)
	local quiet = facts.optional and not extra[facts.optional];
	if facts.machinery and not (facts.body or facts.enc or facts.subject or facts.invite or facts.call) then
		return nil;
	elseif not facts.message and (quiet or not (facts.optional or facts.thread)) then
		return nil;
	elseif facts.invite then
		return "invite";
	elseif facts.call then
		return "call";
	elseif facts.keytransport and not facts.body then
		return "keytransport";
	elseif message_type == "groupchat" and facts.subject and not facts.body and not facts.thread then
		return "subject";
	end
	return KINDS[message_type] or "normal";
end

local function is_otr(body)
	local text = body and body[1];
	return type(text) == "string" and text:sub(1, 4) == "?OTR";
end

-- What is said of a message that has nothing but a body, OMEMO and what goes with them.
local USUAL = {};

-- Returns the kind of a message (or nil for what gives no record), its encryption as on the wire, its origin-id or
-- false, its size, and what else its elements say. `source` is "client", "elsewhere" (another server, a component)
-- or nil: this server itself. What only servers and services send counts as a message from anybody else, since a
-- person could speak through it. `extra` holds the optional kinds that the operator wants.
local function read(stanza, source, extra)
	local tags, facts, size = stanza.tags, USUAL, 2 * #stanza.name + 5;
	local elements, message_type, message, body, enc, oid, keytransport = #tags, stanza.attr.type, false, false, false, false, false;
	for i = 1, elements do
		local child = tags[i];
		local xmlns, content = child.attr.xmlns, child[1];
		if xmlns == OMEMO then
			message, enc, keytransport = true, "omemo:siacs", child.name == "encrypted" and not has_child(child, "payload");
		elseif not xmlns and child.name == "body" then
			message, body = true, child;
		elseif not content and QUIET[xmlns] then
			if xmlns == IDS and child.name == "origin-id" then oid = child.attr.id; end
		else
			if facts == USUAL then facts = {}; end
			(READERS[xmlns or ""] or read_other)(facts, child, source, stanza);
		end
		if content then size = size + size_of(child); end
	end
	if #stanza ~= elements then
		message, size = message or has_text(stanza), size + text_size(stanza);
	end
	local kind;
	if facts ~= USUAL then
		facts.message, facts.body, facts.keytransport = message or facts.message, body, keytransport;
		enc, oid = enc or facts.enc, oid or facts.oid;
		facts.enc = enc;
		kind = message_type == "error" and "bounce" or kind_of(facts, message_type, extra);
	elseif message then
		kind = keytransport and not body and message_type ~= "error" and "keytransport" or KINDS[message_type] or "normal";
	elseif message_type == "error" then
		kind = "bounce";
	end
	if not kind and source and not is_plain(stanza) then kind = KINDS[message_type] or "normal"; end
	return kind, enc or is_otr(body) and "otr" or "none", oid or false, size, facts;
end

-- Returns who is said to invite by a mediated invitation (XEP-0045 §7.8.2) that a room passes on: a bare
-- address, prepared, or nil. It is for the caller to believe it or not.
local function inviter(invite)
	local from = is_invitation(invite).attr.from;
	return from and jid_bare(jid_prep(from));
end

return {
	read = read;
	identifier = identifier;
	inviter = inviter;
	MUC_USER = MUC_USER;
};
