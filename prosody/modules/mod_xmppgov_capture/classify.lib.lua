-- What a message stanza is (its kind, its encryption, its size), read off its elements' names only.

local sha256 = require "util.hashes".sha256;
local jid_bare = require "util.jid".bare;

local OMEMO = "eu.siacs.conversations.axolotl";
local MUC_USER = "http://jabber.org/protocol/muc#user";
local PUBSUB_EVENT = "http://jabber.org/protocol/pubsub#event";
local PRIVILEGE = "urn:xmpp:privilege:2";

-- Elements that make no message of a stanza by themselves: they go with one. With something inside, a
-- person could speak through them, so from a client they count then.
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
	["urn:xmpp:omemo:2 encrypted"] = "omemo:2";
	["urn:xmpp:openpgp:0 openpgp"] = "openpgp:0";
	["jabber:x:encrypted x"] = "x:encrypted";
};

local function is_invitation(x)
	return x:get_child("invite") or x:get_child("decline");
end

-- Adds what one child says about its stanza to `facts`.
local function read_child(facts, child, from_client)
	local name, xmlns = child.name, child.attr.xmlns;
	if xmlns == nil then
		if name == "body" then
			facts.body, facts.message = child, true;
		elseif name == "subject" then
			facts.subject, facts.message = child, true;
		elseif name == "thread" then
			facts.thread = true;
		elseif name ~= "error" then
			facts.message = true;
		end
	elseif xmlns == OMEMO then
		facts.enc, facts.message = "omemo:siacs", true;
		facts.keytransport = name == "encrypted" and not child:get_child("payload");
	elseif xmlns == "urn:xmpp:sid:0" then
		if name == "origin-id" then facts.oid = child.attr.id; end
	elseif from_client and child[1] and (OPTIONAL[xmlns] or COMPANIONS[xmlns] and xmlns ~= MUC_USER) then
		facts.message = true;
	elseif OPTIONAL[xmlns] then
		facts.optional = OPTIONAL[xmlns];
	elseif xmlns == MUC_USER then
		if is_invitation(child) then facts.invite, facts.message = child, true; end
		facts.muc_user = true;
	elseif xmlns == "jabber:x:conference" then
		facts.invite, facts.message = facts.invite or child, true;
	elseif xmlns == "urn:xmpp:jingle-message:0" or xmlns == "urn:xmpp:jingle-message:1" then
		facts.call, facts.message = true, true;
	elseif xmlns == PUBSUB_EVENT and not from_client then
		facts.machinery = true;
	elseif xmlns == "urn:xmpp:mam:2" and name == "result" and not from_client then
		facts.machinery = true;
	elseif xmlns == PRIVILEGE and not from_client then
		facts.privilege, facts.message = true, true;
	elseif xmlns == "urn:xmpp:delay" then
		facts.delay = child.attr.from or true;
	elseif not COMPANIONS[xmlns] then
		facts.enc = facts.enc or ENCRYPTIONS[xmlns.." "..name];
		facts.message = true;
	end
end

-- Returns what the children of `stanza` say. A client's own pubsub events and archive results count
-- as messages: only servers and services send true ones, and a person could speak through false ones.
local function read(stanza, from_client)
	-- Room for what most messages have: a table that grows costs more than the reading.
	local facts, tags = { message = false, body = false, enc = false, oid = false, keytransport = false }, stanza.tags;
	for i = 1, #tags do
		read_child(facts, tags[i], from_client);
	end
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
	elseif facts.machinery and not facts.body then
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

-- Returns an identifier that a client chose: as it is where it can carry little, else its digest.
local function identifier(id)
	if not id or id == "" then
		return "";
	elseif #id <= 64 and not id:find("[^%w%-_.:]") then
		return id;
	end
	return "sha256:"..sha256(id, true);
end

-- Returns who invites whom by a mediated invitation (XEP-0045 §7.8.2) that a room passes on.
local function inviter(invite)
	local child = invite:get_child("invite") or invite:get_child("decline");
	local from = child and child.attr.from;
	return from and jid_bare(from);
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
