"""The synthetic country's institutions: groups, committees, ministries and their directorates."""

from __future__ import annotations

AN_SEATS, SENATE_SEATS = 577, 348

AN_GROUPS = (
    ("an-renouveau", "Renouveau et Progrès", "REP", 121),
    ("an-territoires", "Alliance des Territoires", "ADT", 96),
    ("an-gauche", "Gauche citoyenne", "GC", 88),
    ("an-cap", "Cap républicain", "CAP", 71),
    ("an-centre", "Centre humaniste", "CH", 52),
    ("an-ecologie", "Écologie vivante", "EV", 41),
    ("an-libertes", "Droite des Libertés", "DDL", 36),
    ("an-laique", "Mouvement laïque et social", "MLS", 24),
    ("an-outremer", "Outre-mer et Insularités", "OMI", 18),
    ("an-paysans", "Ruralité et Cœur de pays", "RCP", 15),
    ("an-equite", "Nouvelle Équité", "NE", 10),
)
"""Id, name, short name, seats; the remaining seats belong to no group."""

SENATE_GROUPS = (
    ("sn-communes", "Union des Communes de France", "UCF", 112),
    ("sn-republique", "République et Dialogue", "RD", 64),
    ("sn-solidarite", "Solidarités et Écologie", "SE", 58),
    ("sn-independants", "Indépendants du Sénat", "IDS", 41),
    ("sn-centristes", "Centristes et Européens", "CE", 33),
    ("sn-gauche", "Gauche sénatoriale", "GS", 20),
    ("sn-rassemblement", "Démocratie et Territoires d'outre-mer", "DTO", 12),
    ("sn-liberaux", "Libéraux et Girondins", "LG", 8),
)

AN_COMMITTEES = (
    ("an-com-affaires-culturelles", "Commission des affaires culturelles et de l'éducation"),
    ("an-com-affaires-economiques", "Commission des affaires économiques"),
    ("an-com-affaires-etrangeres", "Commission des affaires étrangères"),
    ("an-com-affaires-sociales", "Commission des affaires sociales"),
    ("an-com-defense", "Commission de la défense nationale et des forces armées"),
    ("an-com-developpement", "Commission du développement durable"),
    ("an-com-finances", "Commission des finances"),
    ("an-com-lois", "Commission des lois"),
)

SENATE_COMMITTEES = (
    ("sn-com-affaires-sociales", "Commission des affaires sociales du Sénat"),
    ("sn-com-amenagement", "Commission de l'aménagement du territoire"),
    ("sn-com-culture", "Commission de la culture, de l'éducation et du sport"),
    ("sn-com-economie", "Commission des affaires économiques du Sénat"),
    ("sn-com-etranger", "Commission des affaires étrangères et de la défense"),
    ("sn-com-finances", "Commission des finances du Sénat"),
    ("sn-com-lois", "Commission des lois du Sénat"),
)

ROOMS = frozenset({"an-com-finances", "sn-com-finances", "cab-pm", "sgg-crise"})
"""Bodies with a room besides the groups."""

MINISTRIES = (
    ("min-interieur", "Ministère de l'Intérieur", "Intérieur"),
    ("min-economie", "Ministère de l'Économie et des Finances", "Bercy"),
    ("min-justice", "Ministère de la Justice", "Chancellerie"),
    ("min-armees", "Ministère des Armées", "Armées"),
    ("min-etranger", "Ministère de l'Europe et des Affaires étrangères", "Affaires étrangères"),
    ("min-education", "Ministère de l'Éducation nationale", "Éducation"),
    ("min-superieur", "Ministère de l'Enseignement supérieur et de la Recherche", "Recherche"),
    ("min-sante", "Ministère de la Santé et de la Prévention", "Santé"),
    ("min-travail", "Ministère du Travail et de l'Emploi", "Travail"),
    ("min-ecologie", "Ministère de la Transition écologique", "Écologie"),
    (
        "min-agriculture",
        "Ministère de l'Agriculture et de la Souveraineté alimentaire",
        "Agriculture",
    ),
    ("min-culture", "Ministère de la Culture", "Culture"),
    ("min-logement", "Ministère du Logement", "Logement"),
    ("min-outremer", "Ministère des Outre-mer", "Outre-mer"),
    ("min-sports", "Ministère des Sports et de la Jeunesse", "Sports"),
    ("min-fonction-publique", "Ministère de la Fonction publique", "Fonction publique"),
)

DIRECTORATES = (
    ("budget", "Direction du budget et des affaires financières"),
    ("rh", "Direction des ressources humaines"),
    ("numerique", "Direction du numérique"),
    ("juridique", "Direction des affaires juridiques"),
    ("action", "Direction générale de l'action territoriale"),
)
