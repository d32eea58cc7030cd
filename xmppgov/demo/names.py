"""Words that the synthetic country's names are made of: people, towns, départements."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


WOMEN = _words("""
Adèle Agathe Agnès Aïcha Alice Aline Amandine Amélie Anaïs Andrée Angèle Annie Assia Aude Aurélie
Axelle Béatrice Bénédicte Bérénice Blandine Brigitte Camille Capucine Carole Caroline Cécile
Céline Chantal Charlotte Chloé Claire Clémence Clotilde Colette Corinne Danièle Delphine Denise
Diane Dominique Édith Éléonore Élisabeth Élise Éloïse Élodie Émilie Emma Estelle Eugénie Ève
Fabienne Fanny Fatima Fleur Florence France Françoise Frédérique Gaëlle Geneviève Ghislaine Gisèle
Hélène Héloïse Inès Irène Isabelle Jacqueline Jeanne Joëlle Josiane Judith Julie Juliette Karima
Laëtitia Laure Laurence Léa Léonie Liliane Louise Lucie Ludivine Lydie Madeleine Maëlle Manon
Margaux Marguerite Marine Marion Marthe Mathilde Maud Mélanie Michèle Monique Muriel Myriam Nadège
Nadia Naïma Nathalie Nicole Noémie Océane Odile Ombeline Pascale Pauline Perrine Philippine Rachel
Raphaëlle Régine Reine Rose Sabine Salomé Sandrine Sarah Séverine Simone Sokhna Solène Sophie
Stéphanie Suzanne Sylvie Thérèse Valérie Véronique Violette Virginie Yasmine Yvette Zoé
""")
MEN = _words("""
Abel Adrien Alain Alban Albin Alexandre Alexis Amaury Ambroise Amine André Antoine Antonin Armand
Arnaud Arsène Arthur Aubin Auguste Aurélien Baptiste Barthélemy Basile Bastien Benjamin Benoît
Bernard Bertrand Bruno Cédric Charles Christian Christophe Clément Côme Cyrille Damien Daniel
David Denis Didier Dominique Édouard Éloi Émile Emmanuel Éric Étienne Eugène Fabien Fabrice Félix
Ferdinand Florent François Franck Frédéric Gabriel Gaël Gaspard Gauthier Geoffroy Georges Gérald
Gérard Gilles Grégoire Guillaume Gustave Guy Hadrien Henri Hervé Hippolyte Hubert Hugues Ismaël
Jacques Jean Jérémie Jérôme Joachim Joël Joseph Jules Julien Karim Laurent Léo Léon Léopold Loïc
Louis Luc Lucien Maël Malo Marc Marcel Martin Mathieu Maurice Maxime Mehdi Michaël Michel Moussa
Nicolas Noël Norbert Octave Olivier Pascal Patrice Patrick Paul Philippe Pierre Quentin Raoul
Raphaël Raymond Régis Rémi Renaud René Robin Rodolphe Roger Romain Samuel Sébastien Simon Stéphane
Sylvain Tanguy Théo Théophile Thibault Thierry Thomas Tristan Ulysse Urbain Valentin Victor
Vincent Xavier Yann Yves Zacharie
""")
FIRST_HALVES_WOMEN = _words("""
Anne Jeanne Marie Rose
""")
FIRST_HALVES_MEN = _words("""
Jean Paul Pierre Charles
""")
FAMILIES = _words("""
Abadie Achard Albert Allard Amiot André Angot Arnoux Aubert Aubry Auger Aymard Bailly Balland
Barbier Baron Barré Barthélemy Baudouin Bazin Beaufils Beaumont Bélanger Belkacem Benoît Béranger
Berger Bernard Berthelot Besson Bichon Billard Binet Blanchard Blondel Boisseau Bonnet Bonnefoy
Bordes Boucher Boudet Bouquet Bourdon Bourgeois Bousquet Boutin Boyer Brémond Breton Briand
Brossard Brun Buisson Cadet Caillaud Camus Carlier Caron Carpentier Carré Cartier Castel Cazenave
Chabert Chambon Champion Chapuis Charpentier Charrier Chartier Chauvet Chevalier Chevallier
Chrétien Clément Clerc Cœur Cohen Colin Collet Combes Cordier Cormier Cottin Coulibaly Courtois
Coutant Crépin Cros Dabo Daniel Darmon David Delage Delattre Delaunay Delmas Delorme Demarcq Denis
Descamps Deschamps Desœuvre Diallo Didier Dubois Dubreuil Duchêne Duclos Dufour Duhamel Dumas
Dumont Dupont Dupré Dupuis Durand Duval Échard Élie Émery Esnault Espinasse Évrard Fabre Faivre
Faure Favier Fernandez Ferrand Ferry Fleury Fontaine Forestier Fouquet Fournier Gaillard Gallet
Garcia Garnier Gaudin Gauthier Gérard Germain Gilbert Girard Giraud Godard Gonzalez Goujon
Grandjean Granger Gros Guérin Guichard Guilbert Guillou Guyot Haddad Hamel Hardy Hébert Henry
Héraud Hervé Hoarau Hubert Huet Humbert Imbert Jacob Jacquet Jamet Janvier Jolivet Joly Jourdan
Julien Keïta Kerbrat Klein Lacombe Lacroix Lafaye Lagarde Lambert Lamy Langlois Laporte Laroche
Latour Laurent Lavigne Lebrun Leclercq Lécuyer Lefebvre Lefèvre Lefort Léger Legrand Lejeune
Lelièvre Lemaire Lemoine Lenoir Lepage Leroux Leroy Lesage Lévêque Lévy Lhermitte Lopez Loyer
Lucas Mahé Maillard Mallet Marchal Marchand Maréchal Marie Marion Marquet Martel Martin Martineau
Masson Mathieu Maurel Mauroy Ménard Mercier Meunier Meyer Michaud Millet Monnier Montagne Moreau
Morel Morin Moulin Muller Navarro Nguyen Nicolas Noël Normand Œuvrard Olivier Ortiz Ouvrard Pagès
Paillard Paris Parmentier Pascal Pasquier Payet Péan Pelletier Perrier Perrin Petit Picard Pichon
Pineau Poirier Poitevin Pons Poulain Prévost Prigent Quéméner Quentin Raynaud Régnier Rémond
Renard Renault Rey Reynaud Ribeiro Richard Rigaud Rivière Robert Robin Roche Rodriguez Roger
Rolland Rossi Roussel Rousseau Roux Royer Sabatier Salaün Salmon Samson Sanchez Sauvage Savary
Schmitt Schneider Séguin Serre Silva Simon Sow Tanguy Teixeira Tessier Texier Thibault Thibaut
Thierry Thomas Tissot Touré Tournier Traoré Vaillant Valentin Vallée Vasseur Verdier Vidal
Vigneron Vincent Voisin Weber Yilmaz Zimmermann
""")
PARTICLES = ("de ", "de ", "de ", "du ", "d'", "de La ", "Le ", "des ", "L'")
RIVERS = _words("""
Aulne Avre Brenne Briance Céou Claise Couesnon Dive Drouette Ellé Erdre Gartempe Hem Huisne Iton
Juine Layon Lède Léguer Midouze Morbras Nièvre Odon Ource Ouvèze Oust Prée Risle Sauldre Semène
Suippe Thouet Trie Vègre Vendée Vesle Vire Ysieux
""")
TOWNS = _words("""
Aubigny Aumont Bazoches Beauvoir Bellefont Belmont Boissière Bourg Brûlon Campagne Cérilly
Champfleur Chaulnes Clairvaux Coëtlan Combrée Cossé Coulanges Courcelles Croix Échiré Épinay
Estrées Ferrières Fleurance Fontenay Fresnes Genêts Grandpré Hautefeuille Hérouville Jumièges
Kerlouan Lagny Landivy Longeville Lœuilly Maisonneuve Marcillac Mareuil Mézières Montfort Moulins
Neuville Noyers Orval Ouzouer Plélan Pontorson Prunelli Quimerc'h Rochefort Rouvray Sablé
Sauveterre Ségur Soulac Tréguidel Urville Vaubadon Verneuil Vieux-Pont Villedieu Villers
Xaintrailles Yvetot Bréval
""")
SAINTS = _words("""
Aignan Amand André Aubin Barthélemy Bonnet Céré Clément Cyr Denis Éloi Étienne Firmin Gély Germain
Gervais Hilaire Jouan Julien Laurent Léger Loup Malo Martin Maur Médard Nazaire Omer Ouen Pardoux
Pierre Privat Quentin Rémy Romain Saturnin Seine Symphorien Thégonnec Ursin Victor Yrieix
""")
PLACES = _words("""
la-Forêt le-Château les-Bains l'Abbaye en-Plaine des-Bois le-Vieux la-Rivière du-Mont en-Vallée
sur-Mer lès-Champs aux-Ormes d'Auge
""")
DEPARTMENT_FIRST = ("Haute", "Basse", "Val-de", "Côtes-de", "Plaine-de", "Monts-de")
