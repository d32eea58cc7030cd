-- What one person's client may ask another's by IQ, and what it may answer: what apps need to find out about each
-- other and to call, and nothing that somebody could write with. An IQ leaves no record.

local jid_bare, jid_resource = require "util.jid".bare, require "util.jid".resource;

local content = module:require "xmppgov_policy_content";
local clean_error = module:require "xmppgov_policy_errors";
local open_questions = module:require "xmppgov_policy_questions";

local xmlns_jingle = "urn:xmpp:jingle:1";
local longest_id = 256; -- bytes
local longest_text = 64; -- bytes, of a version or a time
local longest_code = 512; -- bytes, of a key or a fingerprint in a call

-- What is asked for without words, with what is let through of the answer.
local questions = {
	["urn:xmpp:ping"] = "empty";
	["http://jabber.org/protocol/disco#info"] = "whole";
	["http://jabber.org/protocol/disco#items"] = "whole";
	["jabber:iq:version"] = "short";
	["jabber:iq:last"] = "empty";
	["urn:xmpp:time"] = "short";
	["vcard-temp"] = "whole"; -- by way of a room, from the occupant's server
};

local function is_hex(text) return text:find("^%x%x[%x:]*$") ~= nil; end
local function is_base64(text) return text:find("^[%w+/]+=?=?$") ~= nil; end

local negotiated = { fingerprint = is_hex, key = is_base64, iv = is_base64, payload = is_base64 }; -- texts of a call

local function is_encoded(element)
	local is_code, text = negotiated[element.name], element[1];
	return is_code ~= nil and #element == 1 and type(text) == "string" and #text <= longest_code and is_code(text);
end

-- Takes the words out of a call; what is encoded in attributes is a session's description, and stays.
local function without_words(jingle)
	if not is_encoded(jingle) then content.clear_text(jingle); end
	for _, part in ipairs(jingle.tags) do without_words(part); end
	return jingle;
end

local answers = { empty = content.cleaners.empty };

function answers.whole(element) return element; end

function answers.short(element)
	content.clear_text(element);
	element:maptags(function (part)
		return #part.tags == 0 and #part:get_text() <= longest_text and content.cleaners.attributes(part) or nil;
	end);
	return content.cleaners.attributes(element);
end

local function is_call(element)
	return element.name == "jingle" and element.attr.xmlns == xmlns_jingle;
end

local function is_between_clients(stanza)
	local from, to = stanza.attr.from, stanza.attr.to;
	return from ~= nil and to ~= nil and jid_resource(from) ~= nil and jid_resource(to) ~= nil
		and jid_bare(from) ~= jid_bare(to);
end

-- Takes everything out of an answer that answers no question that may be asked.
local function clean_answer(stanza)
	content.clear_text(stanza);
	stanza:maptags(function (child)
		if child.name == "error" and not child.attr.xmlns then return clean_error(stanza, child); end
		local answer = questions[child.attr.xmlns];
		return answer and stanza.attr.type == "result" and answers[answer](child) or nil;
	end);
end

-- Takes the words out of a request. Returns whether it may be made.
local function clean_request(stanza)
	content.clear_text(stanza);
	local child, is_get = stanza.tags[1], stanza.attr.type == "get";
	if #stanza.tags ~= 1 or #(stanza.attr.id or "") > longest_id then return false; end
	if is_get and questions[child.attr.xmlns] then return content.cleaners.empty(child) ~= nil; end
	return not is_get and is_call(child) and without_words(child) ~= nil;
end

-- Returns whether an IQ may go on; what goes on has lost its words. To be called once for each.
return function (stanza)
	if not is_between_clients(stanza) then return true; end
	content.clean_attributes(stanza);
	if stanza.attr.type ~= "get" and stanza.attr.type ~= "set" then
		clean_answer(stanza);
		return open_questions.take(stanza) and #(stanza.attr.id or "") <= longest_id;
	end
	local is_fine = clean_request(stanza);
	if is_fine then open_questions.remember(stanza); end
	return is_fine;
end
