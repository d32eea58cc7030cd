-- No message in clear: what people write is end-to-end encrypted (XEP-0384), or refused with a sentence
-- that says what to do (modify/policy-violation), before archives, carbons or push have seen it.

local jid_bare = require "util.jid".bare;
local jid_host = require "util.jid".host;
local jid_prep = require "util.jid".prep;
local jid_resource = require "util.jid".resource;
local json = require "util.json";
local st = require "util.stanza";

local organisation = module:require "xmppgov_organisation";
local language = module:require "xmppgov_language";
local content = module:require "xmppgov_policy_content";
local clean_error = module:require "xmppgov_policy_errors";
local sentences = module:require "xmppgov_policy_sentences";
local is_transfer = module:require "xmppgov_policy_transfers";
local may_be_asked = module:require "xmppgov_policy_requests";

local plaintext_domains = module:get_option_set("xmppgov_policy_plaintext_domains", {});
local notice_senders = module:get_option_set("xmppgov_policy_notice_senders", {});
local notices_file = module:get_option_path("xmppgov_policy_notices", nil, "config");

local hosts = prosody.hosts;
local refused = module:measure("refused", "rate");

local function load_notices()
	local notices = {};
	if not notices_file then return notices; end
	local file = assert(io.open(notices_file), "xmppgov_policy_notices cannot be read: " .. notices_file);
	local texts = assert(json.decode(file:read("*a")), "xmppgov_policy_notices is not JSON: " .. notices_file);
	file:close();
	for _, by_language in pairs(texts) do
		for _, text in pairs(by_language) do notices[text] = true; end
	end
	return notices;
end
local notices = load_notices();

-- The sentence for a message in clear: by where it was going, and where it came from.
local function sentence_for(stanza)
	local from, to = jid_host(stanza.attr.from), jid_host(stanza.attr.to or stanza.attr.from);
	if organisation.is_room_service(to) then return "room"; end
	if not hosts[from] then return "from_outside"; end
	return hosts[to] and "person" or "other_domain";
end

-- The operator's exceptions are for people, never for a room of this server.
local function may_be_clear(stanza)
	local to = jid_host(stanza.attr.to or stanza.attr.from);
	if organisation.is_room_service(to) then return false; end
	return plaintext_domains:contains(jid_host(stanza.attr.from))
		or plaintext_domains:contains(to);
end

local function is_private_message(stanza)
	local to = stanza.attr.to;
	return to ~= nil and stanza.attr.type ~= "groupchat" and stanza.attr.type ~= "error"
		and jid_resource(to) ~= nil and organisation.is_room_service(jid_host(to));
end

-- A configured bot or component may say one of the fixed sentences to a person, and nothing beside.
local function is_notice(stanza)
	local body = stanza:get_child("body");
	return body ~= nil and #body.tags == 0 and notices[body:get_text()] == true
		and notice_senders:contains(jid_bare(stanza.attr.from))
		and stanza.attr.type ~= "groupchat"
		and not organisation.is_room_service(jid_host(stanza.attr.to or stanza.attr.from));
end

local function pass_notice(stanza)
	local text = stanza:get_child_text("body");
	local is_first = true;
	stanza:maptags(function (child)
		if is_first and child.name == "body" then
			is_first = false;
			return nil;
		end
		return child;
	end);
	if content.clean(stanza) then return false; end
	stanza:add_direct_child(st.stanza("body"):text(text));
	return true;
end

-- What other servers send that is no person's message: PEP events of contacts, archives of rooms.

local function keep_result(child)
	local message = child:find("{urn:xmpp:forward:0}forwarded/{jabber:client}message");
	if not message then return nil; end
	local had_body = message:get_child("body") ~= nil;
	content.clean(message);
	if not content.is_encrypted(message) then return nil; end
	if had_body then content.add_fallback(message); end
	return child;
end

local function keep_foreign(child)
	local xmlns = child.attr.xmlns;
	if child.name == "event" and xmlns == "http://jabber.org/protocol/pubsub#event" then return child; end
	if child.name == "result" and xmlns == "urn:xmpp:mam:2" then return keep_result(child); end
end

-- A server explains an error to the sender; a person's client has no words to put there.
local function keep_error(child)
	return child.name == "error" and not child.attr.xmlns and child;
end

local function is_from_room_elsewhere(stanza, is_foreign)
	return is_foreign and stanza.attr.type == "groupchat"
		and not organisation.is_room_service(jid_host(stanza.attr.to));
end

-- Cleans a message in place. Returns the key of a sentence if it may not pass.
local function judge(stanza, is_foreign, is_clients)
	local kind, was_encrypted = stanza.attr.type, content.is_encrypted(stanza);
	-- What a server sends by itself has no ciphertext beside it, and comes from no client: it gives no
	-- record, so nobody may send messages in its shape.
	local is_servers = is_foreign and not was_encrypted and jid_resource(stanza.attr.from) == nil;
	local keep = is_servers and keep_foreign;
	if kind == "error" then
		content.clean(stanza, is_clients and function (child) return clean_error(stanza, child); end or keep_error);
		return nil;
	elseif kind == "headline" then
		content.clean(stanza, keep);
		return nil;
	elseif is_private_message(stanza) then
		return "private_message";
	elseif is_notice(stanza) then
		return not pass_notice(stanza) and sentence_for(stanza) or nil;
	end
	local had_body = stanza:get_child("body") ~= nil;
	local is_topic = is_from_room_elsewhere(stanza, is_foreign) and not had_body and stanza:get_child("subject") ~= nil;
	local words, strange, acts = content.clean(stanza, keep);
	if content.is_encrypted(stanza) then
		if had_body then content.add_fallback(stanza); end
	elseif is_topic then
		stanza:tag("subject"):up(); -- a room's last word to who joins
	elseif was_encrypted or (words and not content.is_retraction(stanza)) then
		return sentence_for(stanza);
	elseif strange and not acts then
		return "strange";
	end
end

-- Only a room says who invites through it, and when something was said in it: records are made by that,
-- so it is no client's to say. A room speaks by its bare address.

local xmlns_muc_user, xmlns_delay = "http://jabber.org/protocol/muc#user", "urn:xmpp:delay";

local function is_address(jid)
	local prepped = jid_prep(jid);
	return prepped ~= nil and not prepped:find("[%s%c]");
end

local function drop_false_claims(stanza, is_clients)
	local is_persons = is_clients or jid_resource(stanza.attr.from) ~= nil;
	for _, child in ipairs(stanza.tags) do
		if child.attr.xmlns == xmlns_delay and is_clients then
			child.attr.from = nil;
		elseif child.attr.xmlns == xmlns_muc_user then
			for _, part in ipairs(child.tags) do
				if is_persons or not is_address(part.attr.from) then part.attr.from = nil; end
			end
		end
	end
end

-- A domain with a blank in it is a slip of the hand: no server has such a name, and no record can.
local function is_nowhere(stanza)
	local to = stanza.attr.to;
	return to ~= nil and jid_host(to):find("[%s%c]") ~= nil;
end

local function is_servers_own(origin)
	return origin.host ~= nil and hosts[origin.host] == origin;
end

-- XEP-0356: what is inside is judged when it is sent on.
local function is_privileged(event)
	return event.origin.type == "component" and jid_resource(event.stanza.attr.to) == nil
		and event.stanza.attr.to == module.host
		and event.stanza:get_child("privilege", "urn:xmpp:privilege:2") ~= nil;
end

local function refuse(origin, stanza, condition, sentence)
	refused();
	module:log("debug", "Refused a message: %s", sentence);
	origin.send(language.error_reply(origin, stanza, "modify", condition, sentences[sentence]));
	return true;
end

local function check(event)
	local origin, stanza = event.origin, event.stanza;
	if event.xmppgov_judged or is_servers_own(origin) then return nil; end
	local is_clients = origin.type == "c2s";
	drop_false_claims(stanza, is_clients);
	if is_clients and is_nowhere(stanza) then
		return stanza.attr.type == "error" or refuse(origin, stanza, "jid-malformed", "nowhere");
	elseif may_be_clear(stanza) or is_privileged(event) then
		return nil;
	end
	event.xmppgov_judged = true; -- a local message comes by twice with one event
	local is_foreign = hosts[jid_host(stanza.attr.from)] == nil;
	local sentence = judge(stanza, is_foreign, is_clients);
	if not sentence then return nil; end
	-- An error in answer to what a room elsewhere sends would end the occupancy.
	if origin.send and not is_from_room_elsewhere(stanza, is_foreign) then
		return refuse(origin, stanza, "policy-violation", sentence);
	end
	refused();
	return true;
end

-- Servers keep a request for a subscription, with all that is in it, until it is answered: it says who asks.
local function strip_request(event)
	local stanza = event.stanza;
	if stanza.attr.type ~= "subscribe" then return; end
	content.clean_attributes(stanza);
	content.clean_id(stanza);
	content.clear_text(stanza);
	stanza:maptags(function () return nil; end);
end

-- Not every library reads policy-violation in the answer to an IQ.
local function check_request(event)
	local origin, stanza = event.origin, event.stanza;
	if event.xmppgov_judged or may_be_clear(stanza) then return; end
	event.xmppgov_judged = true; -- between two of ours, it comes by twice with one event
	local transfer = is_transfer(stanza);
	if not transfer and may_be_asked(stanza) then return; end
	refused();
	if origin.send and (stanza.attr.type == "get" or stanza.attr.type == "set") then
		local sentence = transfer and sentences.transfer or sentences.strange;
		origin.send(language.error_reply(origin, stanza, "cancel", "not-acceptable", sentence));
	end
	return true;
end

for _, kind in ipairs { "bare", "full" } do
	module:hook("pre-iq/" .. kind, check_request, 300);
	module:hook("iq/" .. kind, check_request, 300);
end

for _, kind in ipairs { "bare", "full", "host" } do
	module:hook("pre-message/" .. kind, check, 300);
	module:hook("message/" .. kind, check, 60);
	module:hook("pre-presence/" .. kind, strip_request, 300);
	module:hook("presence/" .. kind, strip_request, 300);
end

if organisation.is_guest(module.host) then
	module:require "xmppgov_policy_guests"(refused);
end
