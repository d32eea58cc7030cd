-- What mod_xmppgov_rooms says to people, in French and English.

return {
	directory_decides = {
		fr = "L'annuaire de votre administration décide seul des membres et des réglages de ce salon.";
		en = "Your administration's directory alone decides who is in this room and how it is set.";
	};
	no_invitations = {
		fr = "On n'invite pas dans ce salon : ses membres sont ceux que l'annuaire y inscrit.";
		en = "Nobody is invited to this room: its members are those whom the directory puts there.";
	};
	no_new_rooms = {
		fr = "Ce salon n'existe pas ; l'annuaire de votre administration crée les salons.";
		en = "There is no such room; your administration's directory makes the rooms.";
	};
	nick_decided = {
		fr = "Dans ce salon, votre nom est celui de l'annuaire ; il ne se change pas ici.";
		en = "In this room your name is the directory's; it cannot be changed here.";
	};
	no_subject = {
		fr = "Le sujet de ce salon ne se change pas : il serait lisible en clair par le serveur.";
		en = "This room's subject cannot be changed: the server could read it in clear.";
	};
	no_private_messages = {
		fr = "Pas de message privé dans un salon : écrivez à l'adresse de la personne.";
		en = "No private messages in a room: write to the person's own address.";
	};
	not_manager = {
		fr = "Seul le service de gouvernance configuré règle les salons.";
		en = "Only the configured governance service sets rooms.";
	};
	bad_room = {
		fr = "Un salon a un identifiant valable comme adresse et un nom.";
		en = "A room has an id that can be an address, and a name.";
	};
	bad_member = {
		fr = "Un membre a l'adresse d'un compte, sans ressource ; ni salon ni service.";
		en = "A member has an account's address without a resource; no room, no service.";
	};
	no_room = {
		fr = "Ce salon n'existe pas.";
		en = "There is no such room.";
	};
	not_stored = {
		fr = "Le salon n'a pas pu être lu ou enregistré ; le journal du serveur dit pourquoi.";
		en = "The room could not be read or stored; the server's log says why.";
	};
};
