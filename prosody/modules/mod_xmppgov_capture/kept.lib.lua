-- What the archive keeps, in words: every kind and every field of its records (docs/protocol/archive.md), French
-- and English. A test compares both tables with the archive's own schema.

-- Kind, whether a room may have it, and the words.
local KINDS = {
	{ "msg.direct", true, "messages", "messages" };
	{ "msg.room", true, "messages d'un salon", "messages to a room" };
	{ "msg.private", true, "messages privés dans un salon", "private messages in a room" };
	{ "msg.subject", true, "changements de sujet (pas le sujet)", "changes of subject (not the subject)" };
	{ "msg.invite", true, "invitations", "invitations" };
	{ "msg.call", true, "appels", "calls" };
	{ "msg.keytransport", true, "échanges de clés", "exchanges of keys" };
	{ "msg.bounce", true, "messages revenus en erreur", "messages that came back as errors" };
	{ "room.joined", true, "arrivées parmi les membres d'un salon", "new members of a room" };
	{ "room.left", true, "départs d'un salon", "members who left a room" };
	{ "file.upload", false, "fichiers déposés", "files uploaded" };
	{ "alert.sent", false, "alertes envoyées", "alerts sent" };
	{ "alert.ack", false, "alertes confirmées", "alerts confirmed" };
	{ "dir.access", false, "consultations de la fiche d'une personne protégée", "look-ups of a protected person" };
};

-- Field and words; several fields share the words of the first, where they tell people one thing.
local FIELDS = {
	{ "t", "la date et l'heure", "date and time" };
	{ "kind", "ce que c'est, parmi ceux-ci", "which of these it is" };
	{ "from", "l'expéditeur ou la personne dont il s'agit, sous pseudonyme", "a pseudonym of the sender or of whom it is about" };
	{ "to", "le destinataire, sous pseudonyme", "a pseudonym of the recipient" };
	{ "room", "le salon, sous pseudonyme", "a pseudonym of the room" };
	{ "org", "l'unité de l'expéditeur, sous pseudonyme", "a pseudonym of the sender's unit" };
	{ "scope", "s'il vient d'un autre serveur ou y va", "whether it comes from, or goes to, another server" };
	{ "domain", "le domaine de cet autre serveur", "that server's domain" };
	{ "n", "le nombre d'occupants du salon", "how many occupants the room has" };
	{ "enc", "le chiffrement employé", "which encryption is used" };
	{ "size", "la taille, arrondie à une puissance de deux", "the size, rounded up to a power of two" };
	{ "ref oid", "des empreintes à clé des identifiants du message", "keyed hashes of the message's ids" };
	{ "state", "si la remise a été constatée", "whether its delivery was seen" };
	{ "v id em es", "le numéro et l'identifiant de l'enregistrement, le service qui l'a fait et le format",
		"the record's number and id, the service that made it, and the format" };
	{ "class basis", "la classe de conservation et la base légale", "the class of retention and the legal basis" };
};

-- Returns the words of a table's rows in one language (1 French, 2 English), as an enumeration.
local function words(rows, language)
	local found = {};
	for _, row in ipairs(rows) do found[#found + 1] = row[#row - 2 + language]; end
	return table.concat(found, ", ");
end

-- Returns the names of a table's rows, sorted and with blanks between them.
local function names(rows)
	local found = {};
	for _, row in ipairs(rows) do
		for name in row[1]:gmatch("%S+") do found[#found + 1] = name; end
	end
	table.sort(found);
	return table.concat(found, " ");
end

local IN_ROOMS = {};
for _, row in ipairs(KINDS) do
	if row[2] then IN_ROOMS[#IN_ROOMS + 1] = row; end
end

return {
	KINDS = KINDS;
	IN_ROOMS = IN_ROOMS;
	FIELDS = FIELDS;
	words = words;
	names = names;
};
