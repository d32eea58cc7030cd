-- Which questions between two people's clients wait for an answer, so that nobody answers what nobody asked. A session
-- here remembers the newest that it asks and, apart from them, the newest that it is asked from elsewhere.

local cache = require "util.cache";
local digest = require "util.hashes".sha256;

local sessions = prosody.full_sessions;

local MOST_OPEN = 500; -- questions of each of the two sorts
local ASKS, IS_ASKED = "xmppgov_policy_asks", "xmppgov_policy_is_asked"; -- a session's

-- Returns what is remembered where one client asks another, or nil if neither is here.
local function open_questions(asker, asked)
	local name = sessions[asker] and ASKS or IS_ASKED;
	local session = sessions[asker] or sessions[asked];
	if not session then return nil; end
	session[name] = session[name] or cache.new(MOST_OPEN);
	return session[name];
end

-- Returns what stands for a question, as short for long addresses as for short ones.
local function key(asker, asked, id)
	return digest(asker.."\0"..asked.."\0"..id);
end

local questions = {};

function questions.remember(stanza)
	local asker, asked, id = stanza.attr.from, stanza.attr.to, stanza.attr.id or "";
	local open = open_questions(asker, asked);
	if open then open:set(key(asker, asked, id), true); end
end

-- Returns whether an answer is awaited, and takes it for given. Between two who are both elsewhere, in a room of
-- this server, nobody knows.
function questions.take(stanza)
	local asker, asked, id = stanza.attr.to, stanza.attr.from, stanza.attr.id or "";
	local open = open_questions(asker, asked);
	if not open then return true; end
	local question = key(asker, asked, id);
	local is_open = open:get(question) == true;
	open:set(question, nil);
	return is_open;
end

return questions;
