-- The language of a sentence: the stanza's, else the stream's; French where neither asks for English.

local st = require "util.stanza";

local xmlns_stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas";
local fallback = module:get_option_string("xmppgov_language", "fr");

local function of(origin, stanza)
	local asked = stanza.attr["xml:lang"] or (origin and origin.stream_lang) or "";
	local short = asked:lower():match("^%a+");
	if short == "fr" or short == "en" then return short; end
	return fallback == "en" and "en" or "fr";
end

-- An error in answer to a stanza, its text in the sender's language; texts = { fr = …, en = … }.
local function error_reply(origin, stanza, kind, condition, texts)
	local language = of(origin, stanza);
	local reply = st.error_reply(stanza, kind, condition, texts[language]);
	local text = reply:get_child("error"):get_child("text", xmlns_stanzas);
	text.attr = { xmlns = xmlns_stanzas, ["xml:lang"] = language }; -- the table is shared by all errors
	return reply;
end

return { of = of, error_reply = error_reply };
