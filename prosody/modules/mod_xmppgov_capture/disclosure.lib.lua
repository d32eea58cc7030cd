-- Says in disco#info of each host and room what is recorded there, where it goes and for how long (XEP-0504).

local st = require "util.stanza";

local FORM_TYPE = "urn:xmpp:data-policy:0";

local SENTENCES = {
	full = {
		"Archive %s : de chaque message la date, l'expéditeur et le destinataire ou le salon sous pseudonyme, "
			.."le type, la taille arrondie. Jamais le contenu.",
		"Archive %s: of each message the time, pseudonyms of sender and recipient or room, kind and rounded size. Never content.",
	};
	counts = {
		"Archive %s : le nombre de messages par jour et par salon, rien d'autre.",
		"Archive %s: how many messages there are a day in each room, nothing else.",
	};
	none = { "Rien n'est archivé ici.", "Nothing is archived here." };
};

local function field(form, name, kind, ...)
	form:tag("field", { var = name, type = kind });
	for _, value in ipairs { ... } do form:text_tag("value", value); end
	form:up();
end

-- Returns the form of a policy; `hours` is how long the archive keeps records, or "unknown".
local function form_of(policy, hours)
	local form = st.stanza("x", { xmlns = "jabber:x:data", type = "result" });
	local french, english = table.unpack(SENTENCES[policy.level]);
	field(form, "FORM_TYPE", "hidden", FORM_TYPE);
	field(form, "data_retention", "text-single", policy.level == "none" and "0" or hours);
	field(form, "data_deletion", "boolean", "false");
	field(form, "encryption_at_rest", "boolean", "true");
	field(form, "extra_info", "text-multi", french:format(policy.archive), english:format(policy.archive));
	return form;
end

-- Publishes what holds for a host, and for each room where it is a host of rooms.
local function publish(policies, api, hours)
	api:add_item("extension", form_of(policies:of_host(api.host), hours));
	api:hook("muc-disco#info", function (event)
		event.reply:add_child(form_of(policies:of_room(event.room), hours));
	end);
end

return { publish = publish };
