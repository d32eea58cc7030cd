-- What a message stanza is (its kind, its encryption, its size), read off its elements' names only.

local sha256 = require "util.hashes".sha256;
local jid_bare, jid_prep = require "util.jid".bare, require "util.jid".prep;

local OMEMO = "eu.siacs.conversations.axolotl";
local MUC_USER = "http://jabber.org/protocol/muc#user";
local PUBSUB_EVENT = "http://jabber.org/protocol/pubsub#event";
local PRIVILEGE = "urn:xmpp:privilege:2";

-- Elements that make no message of a stanza by themselves: they go with one. With something inside,
-- somebody could speak through them, so from a client or from elsewhere they count then.
local COMPANIONS = {
	["urn:xmpp:hints"] = true;
	["urn:xmpp:sid:0"] = true;
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
	elseif #id <= 64 and not id:find("[^%w%-_.:]") then
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

-- Adds what one child says about its stanza to `facts`.
local function read_child(facts, child, source, stanza)
	local name, xmlns = child.name, child.attr.xmlns;
	if xmlns == nil then
		if name == "body" then
			facts.body, facts.message = child, true;
		elseif name == "subject" then
			facts.subject, facts.message = child, true;
		elseif name == "thread" then
			facts.thread = true;
			if source and not is_short(child) then facts.message = true; end
		else
			facts.message = true;
		end
	elseif xmlns == OMEMO then
		facts.enc, facts.message = "omemo:siacs", true;
		facts.keytransport = name == "encrypted" and not child:get_child("payload");
	elseif xmlns == "urn:xmpp:sid:0" then
		if name == "origin-id" then facts.oid = child.attr.id; end
		if source and child[1] then facts.message = true; end
	elseif source and child[1] and (OPTIONAL[xmlns] or COMPANIONS[xmlns] and xmlns ~= MUC_USER) then
		facts.message, facts.enc = true, facts.enc or wrapped(child);
		if xmlns == "urn:xmpp:delay" then facts.delay = child.attr.from or true; end
	elseif OPTIONAL[xmlns] then
		facts.optional = OPTIONAL[xmlns];
	elseif xmlns == MUC_USER then
		if is_invitation(child) then
			facts.invite, facts.message = child, true;
		elseif source and speaks(child, source) then
			facts.message = true;
		end
		facts.muc_user = true;
	elseif xmlns == "jabber:x:conference" then
		facts.invite, facts.message = facts.invite or child, true;
	elseif xmlns == "urn:xmpp:jingle-message:0" or xmlns == "urn:xmpp:jingle-message:1" then
		facts.call, facts.message = true, true;
	elseif xmlns == PUBSUB_EVENT or xmlns == "urn:xmpp:mam:2" then
		local hidden = wrapped(child);
		facts.enc = facts.enc or hidden;
		if hidden or not is_machinery(xmlns, source, stanza) then facts.message = true; else facts.machinery = true; end
	elseif xmlns == PRIVILEGE and source ~= "client" then
		facts.privilege, facts.message = true, true;
	elseif xmlns == "urn:xmpp:delay" then
		facts.delay = child.attr.from or true;
	elseif not COMPANIONS[xmlns] then
		facts.enc = facts.enc or ENCRYPTIONS[xmlns.." "..name];
		facts.message = true;
	end
end

local function has_text(stanza)
	for i = 1, #stanza do
		if type(stanza[i]) == "string" and stanza[i]:find("%S") then return true; end
	end
	return false;
end

-- Returns what the children of `stanza` say. `source` is "client", "elsewhere" (another server, a
-- component) or nil: this server itself. What only servers and services send counts as a message from
-- anybody else, since a person could speak through it.
local function read(stanza, source)
	-- Room for what most messages have: a table that grows costs more than the reading.
	local facts, tags = { message = false, body = false, enc = false, oid = false, keytransport = false }, stanza.tags;
	for i = 1, #tags do
		read_child(facts, tags[i], source, stanza);
	end
	if #stanza ~= #tags and has_text(stanza) then facts.message = true; end
	return facts;
end

local function plain_kind(facts, message_type)
	if facts.invite then
		return "invite";
	elseif facts.call then
		return "call";
	elseif facts.keytransport and not facts.body then
		return "keytransport";
	elseif message_type == "groupchat" then
		return facts.subject and not facts.body and not facts.thread and "subject" or "groupchat";
	end
	return message_type == "chat" and "chat" or "normal";
end

-- Returns the kind of a message, or nil for what gives no record. `extra` holds the names of the
-- optional kinds that the operator wants: chatstates, markers, receipts.
local function kind(facts, stanza, extra)
	local message_type = stanza.attr.type;
	if message_type == "error" then
		return "bounce";
	elseif facts.machinery and not (facts.body or facts.enc or facts.subject or facts.invite or facts.call) then
		return nil;
	elseif facts.message or facts.optional and extra[facts.optional] then
		return plain_kind(facts, message_type);
	elseif not facts.optional and facts.thread then
		return plain_kind(facts, message_type);
	end
end

-- Returns the encryption of a message as on the wire.
local function encryption(facts)
	local body = facts.body and facts.body[1];
	if facts.enc then
		return facts.enc;
	elseif type(body) == "string" and body:sub(1, 4) == "?OTR" then
		return "otr";
	end
	return "none";
end

-- Returns the bytes of an element's names, attributes and texts with the XML around them. Escapes
-- count as the one character that they stand for, so this needs no serialisation.
local function size(element)
	local total = 2 * #element.name + 5;
	for name, value in next, element.attr do
		total = total + #name + #value + 4;
	end
	for i = 1, #element do
		local child = element[i];
		total = total + (type(child) == "string" and #child or size(child));
	end
	return total;
end

-- Returns who is said to invite by a mediated invitation (XEP-0045 §7.8.2) that a room passes on: a bare
-- address, prepared, or nil. It is for the caller to believe it or not.
local function inviter(invite)
	local from = is_invitation(invite).attr.from;
	return from and jid_bare(jid_prep(from));
end

return {
	read = read;
	kind = kind;
	encryption = encryption;
	size = size;
	identifier = identifier;
	inviter = inviter;
	MUC_USER = MUC_USER;
};
