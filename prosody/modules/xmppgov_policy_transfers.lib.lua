-- Files and streams between two clients by IQ: in clear, through the server, and without a record. That is
-- XEP-0047, 0065, 0066, 0095 and 0096, and Jingle (XEP-0166) for all that is not a call (XEP-0167).

local transfers = { -- namespaces of what opens, carries or offers a file or a stream
	["http://jabber.org/protocol/ibb"] = true;
	["http://jabber.org/protocol/si"] = true;
	["http://jabber.org/protocol/bytestreams"] = true;
	["jabber:iq:oob"] = true;
};

local xmlns_jingle = "urn:xmpp:jingle:1";

local function is_call(description)
	return description.attr.xmlns:find("^urn:xmpp:jingle:apps:rtp:%d+$") ~= nil;
end

local function is_bytes(transport)
	local xmlns = transport.attr.xmlns;
	return xmlns:find("^urn:xmpp:jingle:transports:ibb:") ~= nil
		or xmlns:find("^urn:xmpp:jingle:transports:s5b:") ~= nil;
end

local function is_of_call(content)
	for _, part in ipairs(content.tags) do
		if part.name == "description" and not is_call(part) then return false; end
		if part.name == "transport" and is_bytes(part) then return false; end
	end
	return true;
end

-- Calls may add and change contents; what belongs to files (received, checksum) is theirs alone.
local function is_jingle_transfer(jingle)
	for _, part in ipairs(jingle.tags) do
		if part.name == "content" and not is_of_call(part) then return true; end
		if part.attr.xmlns:find("^urn:xmpp:jingle:apps:file%-transfer:") then return true; end
	end
	return false;
end

-- Whether a request (never an answer) would carry a file, or agree on how to.
return function (stanza)
	if stanza.attr.type ~= "set" and stanza.attr.type ~= "get" then return false; end
	for _, child in ipairs(stanza.tags) do
		if transfers[child.attr.xmlns] then return true; end
		if child.name == "jingle" and child.attr.xmlns == xmlns_jingle and is_jingle_transfer(child) then
			return true;
		end
	end
	return false;
end
