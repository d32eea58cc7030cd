-- What the policy says to whom it refuses something: what happened and what to do.

return {
	room = {
		fr = "Non envoyé : ce salon est chiffré de bout en bout. Activez OMEMO (le cadenas), puis renvoyez.";
		en = "Not sent: this room is end-to-end encrypted. Turn on OMEMO (the padlock), then send again.";
	};
	person = {
		fr = "Non envoyé : ici, les messages sont chiffrés de bout en bout. Activez OMEMO (le cadenas), puis renvoyez.";
		en = "Not sent: messages here are end-to-end encrypted. Turn on OMEMO (the padlock), then send again.";
	};
	other_domain = {
		fr = "Non envoyé : votre administration n'autorise pas les messages en clair vers ce domaine. "
			.. "Activez OMEMO (le cadenas), puis renvoyez.";
		en = "Not sent: your administration does not allow messages in clear to this domain. "
			.. "Turn on OMEMO (the padlock), then send again.";
	};
	from_outside = {
		fr = "Non remis : ce serveur n'accepte pas de message en clair. Activez OMEMO (le cadenas), puis renvoyez.";
		en = "Not delivered: this server takes no message in clear. Turn on OMEMO (the padlock), then send again.";
	};
	strange = {
		fr = "Non envoyé : ce contenu passerait en clair. Envoyez-le dans un message chiffré (OMEMO).";
		en = "Not sent: this content would go in clear. Send it in an encrypted message (OMEMO).";
	};
	nowhere = {
		fr = "Non envoyé : il y a une espace dans le domaine de cette adresse. Corrigez-la, puis renvoyez.";
		en = "Not sent: the domain of this address has a blank in it. Correct it, then send again.";
	};
	transfer = {
		fr = "Refusé : ce transfert passerait en clair. Envoyez le fichier dans une conversation chiffrée (le trombone).";
		en = "Refused: this transfer would go in clear. Send the file in an encrypted chat (the paper clip).";
	};
	private_message = {
		fr = "Non envoyé : pas de message privé dans un salon. Écrivez à la personne, à son adresse.";
		en = "Not sent: no private messages in a room. Write to the person's own address.";
	};
	guest = {
		fr = "Les comptes invités n'échangent encore avec personne. Adressez-vous à qui vous a invité.";
		en = "Guest accounts cannot exchange with anybody yet. Ask the person who invited you.";
	};
}
