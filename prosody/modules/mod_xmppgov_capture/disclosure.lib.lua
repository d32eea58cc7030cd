-- Says in disco#info of each host and room what is recorded there, where it goes and for how long (XEP-0504).
-- Besides the sentences it has fields of our own, so that programs can read it, too (docs/protocol/capture.md).

local st = require "util.stanza";
local kept, retention = module:require "kept", module:require "retention";

local FORM_TYPE, OURS = "urn:xmpp:data-policy:0", "{urn:xmppgov:archive:0}";

local WHAT = {
	full = {
		"Archive %s. Sont inscrits : %s. De chacun, s'il y a lieu : %s. Jamais le contenu.",
		"Archive %s. Recorded are: %s. Of each, where there is such: %s. Never content.",
	};
	counts = {
		"Archive %s : combien il y a de messages par jour dans chaque salon, sous pseudonyme, et à quelle minute un "
			.."serveur en a compté ; rien d'autre. Ces nombres restent dans le journal public.",
		"Archive %s: how many messages there are a day in each room, under a pseudonym, and in which minute a server "
			.."counted some; nothing else. These numbers stay in the public log.",
	};
	none = { "Rien n'est archivé ici.", "Nothing is archived here." };
};

local HOW_LONG = {
	"Chaque mois est gardé entier. Il est dû %d mois après sa fin ; deux officiers l'effacent alors, en %d jours au plus. "
		.."Un gel garde plus longtemps ce qu'il vise. Il reste dans le journal public une empreinte qui ne dit rien.",
	"Each month is kept whole. It is due %d months after its end; two officers erase it then, within %d days. "
		.."A hold keeps what it covers for longer. What stays in the public log is a digest that tells nothing.",
};
local UNKNOWN = {
	"La durée de conservation n'est pas publiée ici ; demandez-la à l'archiviste.",
	"For how long is not published here; ask the archivist.",
};

local function field(form, name, kind, ...)
	form:tag("field", { var = name, type = kind });
	for _, value in ipairs { ... } do form:text_tag("value", value); end
	form:up();
end

-- Returns what a policy means in one language (1 French, 2 English).
local function what(policy, kinds, language)
	local words = WHAT[policy.level][language];
	if policy.level ~= "full" then return words:format(policy.archive); end
	return words:format(policy.archive, kept.words(kinds, language), kept.words(kept.FIELDS, language));
end

local function how_long(period, grace, language)
	if not period then return UNKNOWN[language]; end
	return HOW_LONG[language]:format(retention.months(period), grace);
end

-- Returns `data_retention`: numbers of counted messages stay for good, and are nobody's.
local function hours(policy, period, grace)
	if policy.level == "none" then return "0"; end
	if policy.level == "counts" then return "infinite"; end
	return period and ("%d"):format(retention.hours(period, grace)) or "unknown";
end

-- Returns the form of a policy. `kinds` are those that can be there; `settings` has the periods by archive, and
-- the days in which officers erase what is due.
local function form_of(policy, kinds, settings)
	local form = st.stanza("x", { xmlns = "jabber:x:data", type = "result" });
	local period, grace = settings.retention[policy.archive] or settings.retention["*"], math.ceil(settings.erasure_days);
	local said = {};
	for language = 1, 2 do
		said[#said + 1] = what(policy, kinds, language);
		if policy.level == "full" then said[#said + 1] = how_long(period, grace, language); end
	end
	field(form, "FORM_TYPE", "hidden", FORM_TYPE);
	field(form, "data_retention", "text-single", hours(policy, period, grace));
	field(form, "data_deletion", "boolean", "false");
	field(form, "encryption_at_rest", "boolean", "true");
	field(form, "extra_info", "text-multi", table.unpack(said));
	field(form, OURS.."level", "text-single", policy.level);
	if policy.level ~= "none" then field(form, OURS.."archive", "jid-single", policy.archive); end
	if policy.level == "full" then
		field(form, OURS.."kinds", "text-single", kept.names(kinds));
		field(form, OURS.."fields", "text-single", kept.names(kept.FIELDS));
	end
	return form;
end

-- Publishes what holds for a host, and for each room where it is a host of rooms.
local function publish(policies, api, settings)
	api:add_item("extension", form_of(policies:of_host(api.host), kept.KINDS, settings));
	api:hook("muc-disco#info", function (event)
		event.reply:add_child(form_of(policies:of_room(event.room), kept.IN_ROOMS, settings));
	end);
end

return { publish = publish };
