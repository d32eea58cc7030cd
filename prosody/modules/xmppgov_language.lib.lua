-- The language of a sentence: the stanza's, else the stream's; French where neither asks for English.

local st = require "util.stanza";

local xmlns_stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas";
local fallback = module:get_option_string("xmppgov_language", "fr") == "en" and "en" or "fr";

local function asked_for(origin, stanza)
	return (stanza.attr["xml:lang"] or (origin and origin.stream_lang) or ""):lower();
end

local function of(origin, stanza)
	local short = asked_for(origin, stanza):match("^%a+");
	if short == "fr" or short == "en" then return short; end
	return fallback;
end

-- Prosody stamps "en" on what comes by a stream that names no language: who seems to
-- have asked for plain English gets the other language first, where that is the default.
local function choose(origin, stanza, texts)
	local language = of(origin, stanza);
	if fallback ~= "en" and asked_for(origin, stanza) == "en" then
		return texts[fallback] .. " / " .. texts.en, nil;
	end
	return texts[language], language;
end

-- An error in answer to a stanza, its text in the sender's language; texts = { fr = …, en = … }.
local function error_reply(origin, stanza, kind, condition, texts)
	local sentence, language = choose(origin, stanza, texts);
	local reply = st.error_reply(stanza, kind, condition, sentence);
	local text = reply:get_child("error"):get_child("text", xmlns_stanzas);
	text.attr = { xmlns = xmlns_stanzas, ["xml:lang"] = language }; -- the table is shared by all errors
	return reply;
end

return { of = of, error_reply = error_reply };
