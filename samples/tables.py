"""The compact tables the samples are made from: who sells, who buys, what, and which invoice in which syntax; nothing is computed here.

Columns of `SALES`: syntax, file, number, issue date, supplier, buyer, items (article, quantity), then what differs from an ordinary one.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from samples.ledger import Buyer, Line, Supplier, belgian_vat, french_vat, iban, siret


def _french(base: str, name: str, street: str, town: str, *, site: str = "0001") -> Supplier:
    postcode, town = town.split(" ", 1)
    number = siret(base, site)
    account = "30098" + "00421" + f"0{base}00" + "58"
    return Supplier("1", number, name, street, postcode, town, "FR", iban("FR", account), french_vat(number))


SUPPLIERS = {
    "papeterie": _french("90412871", "Papeterie du Marais SARL", "12 rue des Tanneurs", "79000 Niort"),
    "travaux": _french("90536214", "Travaux Publics de l'Ouest SAS", "4 chemin de la Carrière", "44300 Nantes", site="0023"),
    "etancheite": _french("90677138", "Étanchéité Bretonne SARL", "27 zone artisanale du Menhir", "56100 Lorient"),
    "architecte": _french("90718455", "Cabinet Lenoir Architectes", "3 place du Vieux-Marché", "76000 Rouen"),
    "reseaux": _french("90855027", "Informatique & Réseaux du Centre SAS", "88 avenue de la République", "37000 Tours"),
    "blanchisserie": _french("90963312", "Blanchisserie des Deux Rives", "15 quai aux Toiles", "67000 Strasbourg"),
    "boulangerie": _french("91024780", "Boulangerie Rolland", "1 rue du Four", "22000 Saint-Brieuc"),
    "librairie": _french("91188246", "Librairie des Quais", "60 quai des Belges", "13001 Marseille"),
    "laboratoire": _french("91250963", "Laboratoire médical Aubrac", "9 allée des Sources", "12000 Rodez"),
    "energie": _french("91376091", "Énergie Services Provence", "200 route d'Aix", "13100 Aix-en-Provence", site="0046"),
    "caillou": Supplier(
        "4", "0123456001", "Caillou Fournitures", "18 rue de l'Alma", "98800", "Nouméa", "NC",
        iban("FR", "14889000010890345600189"),
    ),
    "fenua": Supplier(
        "5", "412003001", "Fenua Services", "7 boulevard de la Reine", "98713", "Papeete", "PF",
        iban("FR", "12149067441900245601773"),
    ),
    "bruxelles": Supplier(
        "2", belgian_vat("07123450"), "Signalétique Bruxelloise SRL", "22 rue du Midi", "1000", "Bruxelles", "BE",
        iban("BE", "539007547034"), belgian_vat("07123450"),
    ),
    "geneve": Supplier(
        "3", "CHINSTRUMENTSLEMAN", "Instruments Léman SA", "5 rue du Stand", "1204", "Genève", "CH",
        iban("CH", "00762011623852957"),
    ),
    "seoul": Supplier(
        "3", "KRHANBITOPTICSCOLT", "Hanbit Optics Co Ltd", "41 Teheran-ro", "06134", "Seoul", "KR",
        iban("FR", "30098004210900112000158"),
    ),
}  # fmt: skip

BUYERS = {
    "ville": Buyer(siret("21350999"), "Ville de Roche-sur-Vilaine", "1 place de la Mairie", "35600", "Roche-sur-Vilaine"),
    "departement": Buyer(siret("22790999"), "Département du Marais", "Rue de l'Abreuvoir", "79000", "Niort"),
    "hopital": Buyer(siret("26440998"), "Centre hospitalier de la Sèvre", "5 allée de l'Hôpital", "44190", "Clisson"),
    "region": Buyer(siret("23370997"), "Région du Val", "9 rue Saint-Martin", "45000", "Orléans"),
    "universite": Buyer(siret("19670996"), "Université du Rhin", "4 rue de l'Université", "67000", "Strasbourg"),
    "lycee": Buyer(siret("19220995"), "Lycée polyvalent des Embruns", "30 rue du Port", "22000", "Saint-Brieuc"),
    "pompiers": Buyer(siret("28130994"), "Service d'incendie et de secours du Sud", "1 avenue du Sapeur", "13100", "Aix-en-Provence"),
    "etat": Buyer("11000201100044", "État, services prescripteurs", "20 avenue de Ségur", "75007", "Paris"),
    "etat-zero": Buyer("00000000000000", "État, service désigné par son code", "20 avenue de Ségur", "75007", "Paris"),
    "ferme": Buyer(siret("20000991"), "Syndicat des eaux dissous", "2 rue du Lavoir", "79200", "Parthenay"),
    "inconnu": Buyer(siret("20000880"), "Communauté de communes oubliée", "8 rue Neuve", "79300", "Bressuire"),
}

DIRECTORY = """\
# The sample recipients. Format: gateway/directory_file.py. Services between |; ~closed takes nothing, ~engagement asks for one.
SIRET;name;active;service_required;engagement_required;services
{ville};Ville de Roche-sur-Vilaine;yes;yes;no;VOIRIE=Service voirie|ECOLES~engagement=Affaires scolaires|FETES~closed=Comité des fêtes
{departement};Département du Marais;yes;no;yes;
{hopital};Centre hospitalier de la Sèvre;yes;yes;yes;PHARMACIE=Pharmacie|LINGERIE=Lingerie|TRAVAUX=Direction des travaux
{region};Région du Val;yes;no;no;
{universite};Université du Rhin;yes;no;yes;UFR-SCIENCES=Faculté des sciences|BU=Bibliothèque
{lycee};Lycée polyvalent des Embruns;yes;no;no;INTENDANCE=Intendance
{pompiers};Service d'incendie et de secours du Sud;yes;yes;no;LOGISTIQUE=Logistique|MEDICAL~engagement=Service médical
{etat};État;yes;yes;no;AAASCPV=Centre de prestations|DSJPFGU057=Plate-forme de gestion|AMMHERME01~engagement=Atelier
{etat-zero};État (SIRET non communiqué);yes;yes;no;AAASCPV=Centre de prestations|DSJPFGU057=Plate-forme de gestion
{ferme};Syndicat des eaux dissous;no;no;no;
"""

_ARTICLES: dict[str, tuple[str, str, str, str]] = {
    "papier": ("Ramette de papier A4 recyclé 80 g", "C62", "4.15", "20"),
    "stylos": ("Boîte de 50 stylos bleus", "C62", "11.90", "20"),
    "manuels": ("Manuel scolaire, livre du maître", "C62", "23.70", "5.5"),
    "roman": ("Roman, prix des lecteurs", "C62", "18.01", "5.5"),
    "enrobe": ("Enrobé à chaud, fourniture et pose", "TNE", "98.40", "20"),
    "terrassement": ("Terrassement, pelle avec conducteur", "HUR", "84.50", "20"),
    "membrane": ("Membrane d'étanchéité bicouche, pose comprise", "MTK", "46.35", "20"),
    "esquisse": ("Mission de maîtrise d'œuvre, phase esquisse", "C62", "8750.00", "20"),
    "fibre": ("Raccordement optique d'un bâtiment", "C62", "1320.00", "20"),
    "maintenance": ("Maintenance des serveurs, forfait mensuel", "MON", "642.75", "20"),
    "draps": ("Location et blanchissage de draps", "C62", "1.27", "20"),
    "blouses": ("Location et blanchissage de blouses", "C62", "0.94", "20"),
    "pain": ("Baguette tradition", "C62", "1.05", "5.5"),
    "buffet": ("Buffet pour réception", "C62", "14.20", "10"),
    "analyses": ("Analyse biologique, forfait", "C62", "27.33", "20"),
    "gaz": ("Gaz naturel, abonnement et consommation", "KWH", "0.081", "20"),
    "chaleur": ("Chaleur renouvelable", "KWH", "0.065", "5.5"),
    "tables": ("Table de réunion pliante", "C62", "159.00", "0"),
    "nettoyage": ("Nettoyage des locaux, forfait", "MON", "915.00", "0"),
    "panneaux": ("Panneau de signalisation émaillé", "C62", "212.50", "0"),
    "balance": ("Balance d'analyse, 0,1 mg", "C62", "3480.00", "0"),
    "objectif": ("Objectif de microscope 60x", "C62", "2265.90", "0"),
}


def line(article: str, quantity: str) -> Line:
    """One line of an invoice: an article of the table and how much of it."""
    text, unit, price, rate = _ARTICLES[article]
    return Line(text, Decimal(quantity), unit, Decimal(price), Decimal(rate))


Row = tuple[str, str, str, str, str, str, str, dict[str, Any]]

SALES: tuple[Row, ...] = (
    # supplies, services and works in UBL
    ("ubl", "ubl-fournitures-ville", "PM2026-0147", "2026-02-03", "papeterie", "ville", "papier 120, stylos 8", {"service": "VOIRIE"}),
    ("ubl", "ubl-fournitures-region", "PM2026-0163", "2026-02-17", "papeterie", "region", "papier 40", {}),
    ("ubl", "ubl-manuels-ecoles", "LQ-26-00031", "2026-03-05", "librairie", "ville", "manuels 60, roman 25",
     {"service": "ECOLES", "engagement": "2026ED00417"}),
    ("ubl", "ubl-travaux-voirie", "TPO 26/0088", "2026-03-20", "travaux", "ville", "enrobe 64.5, terrassement 12",
     {"service": "VOIRIE", "engagement": "2026VO0091", "market": "M2025-14", "piece": "attachement.pdf"}),
    ("ubl", "ubl-sous-traitant", "EB-2026-019", "2026-04-02", "etancheite", "hopital", "membrane 310",
     {"framework": "A9", "service": "TRAVAUX", "engagement": "CH26-0552", "market": "LOT03-2025", "validator": "travaux"}),
    ("ubl", "ubl-deja-payee", "BR0002561", "2026-04-11", "boulangerie", "lycee", "pain 240", {"framework": "A2", "paid": True}),
    ("ubl", "ubl-reception-buffet", "BR0002588", "2026-04-28", "boulangerie", "region", "pain 30, buffet 45", {}),
    ("ubl", "ubl-maintenance-etat", "IRC-26-1207", "2026-05-04", "reseaux", "etat", "maintenance 1",
     {"service": "AAASCPV", "engagement": "1501966748"}),
    ("ubl", "ubl-etat-sans-siret", "IRC-26-1208", "2026-05-04", "reseaux", "etat-zero", "maintenance 3",
     {"service": "DSJPFGU057", "engagement": "1501966749"}),
    ("ubl", "ubl-negative", "ESP-260512", "2026-05-12", "energie", "pompiers", "gaz -4150, chaleur -820", {"service": "LOGISTIQUE"}),
    ("ubl", "ubl-nouvelle-caledonie", "CF/2026/77", "2026-05-19", "caillou", "region", "tables 14", {"category": "O"}),
    ("ubl", "ubl-polynesie", "FS 2026 041", "2026-06-01", "fenua", "universite", "nettoyage 2",
     {"category": "O", "engagement": "UR-4500128"}),
    ("ubl", "ubl-belgique", "SB26-310", "2026-06-09", "bruxelles", "departement", "panneaux 36",
     {"category": "AE", "engagement": "DM-2026-1180"}),
    ("ubl", "ubl-hors-union", "KO-88412", "2026-06-15", "seoul", "universite", "objectif 2",
     {"category": "O", "currency": "USD", "engagement": "UR-4500131"}),
    ("ubl", "ubl-analyses", "LMA26006150", "2026-06-22", "laboratoire", "pompiers", "analyses 88",
     {"service": "MEDICAL", "engagement": "SM-26-009"}),
    ("ubl", "ubl-deux-pieces", "CLA-2026-07", "2026-07-01", "architecte", "departement", "esquisse 1",
     {"engagement": "DM-2026-0977", "market": "MOE-2026-02", "piece": "note-honoraires.pdf|planning.csv"}),
    # credit notes in UBL
    ("ubl", "ubl-avoir-fournitures", "PM2026-A012", "2026-02-20", "papeterie", "ville", "papier 20",
     {"type": "381", "service": "VOIRIE", "preceding": "PM2026-0147"}),
    ("ubl", "ubl-avoir-sans-origine", "LQ-26-A0002", "2026-03-18", "librairie", "region", "roman 4", {"type": "381"}),
    ("ubl", "ubl-avoir-travaux", "TPO 26/A003", "2026-04-15", "travaux", "ville", "enrobe 2.25",
     {"type": "381", "service": "VOIRIE", "engagement": "2026VO0091", "preceding": "TPO 26/0088"}),
    ("ubl", "ubl-avoir-polynesie", "FS 2026 A01", "2026-06-20", "fenua", "universite", "nettoyage 1",
     {"type": "381", "category": "O", "engagement": "UR-4500128", "preceding": "FS 2026 041"}),
    ("ubl", "ubl-avoir-belgique", "SB26-A09", "2026-07-02", "bruxelles", "departement", "panneaux 2",
     {"type": "381", "category": "AE", "engagement": "DM-2026-1180", "preceding": "SB26-310"}),
    # the same trades in CII
    ("cii", "cii-fibre-lycee", "IRC-26-1311", "2026-02-10", "reseaux", "lycee", "fibre 1", {"service": "INTENDANCE"}),
    ("cii", "cii-lingerie-hopital", "BDR 202602", "2026-02-28", "blanchisserie", "hopital", "draps 4120, blouses 2675",
     {"service": "LINGERIE", "engagement": "CH26-0101"}),
    ("cii", "cii-travaux-hopital", "TPO 26/0101", "2026-03-27", "travaux", "hopital", "terrassement 38.5, enrobe 21",
     {"service": "TRAVAUX", "engagement": "CH26-0550", "market": "LOT01-2025", "piece": "situation.pdf"}),
    ("cii", "cii-sous-traitant", "EB-2026-022", "2026-04-20", "etancheite", "ville", "membrane 96.4",
     {"framework": "A9", "service": "VOIRIE", "engagement": "2026VO0102", "validator": "travaux"}),
    ("cii", "cii-deja-payee", "BR0002601", "2026-05-06", "boulangerie", "region", "buffet 18", {"framework": "A2", "paid": True}),
    ("cii", "cii-etat-atelier", "CLA-2026-09", "2026-05-29", "architecte", "etat", "esquisse 1",
     {"service": "AMMHERME01", "engagement": "1502004411"}),
    ("cii", "cii-negative", "ESP-260530", "2026-05-30", "energie", "departement", "chaleur -1240", {"engagement": "DM-2026-0402"}),
    ("cii", "cii-nouvelle-caledonie", "CF/2026/81", "2026-06-03", "caillou", "universite", "tables 6",
     {"category": "O", "engagement": "UR-4500140"}),
    ("cii", "cii-suisse", "IL-20260612", "2026-06-12", "geneve", "universite", "balance 1",
     {"category": "O", "currency": "CHF", "engagement": "UR-4500142"}),
    ("cii", "cii-belgique", "SB26-318", "2026-06-25", "bruxelles", "ville", "panneaux 12", {"category": "AE", "service": "VOIRIE"}),
    ("cii", "cii-avoir-lingerie", "BDR 2026A1", "2026-03-15", "blanchisserie", "hopital", "draps 60",
     {"type": "381", "service": "LINGERIE", "engagement": "CH26-0101", "preceding": "BDR 202602"}),
    ("cii", "cii-avoir-sans-origine", "ESP-26A004", "2026-06-30", "energie", "pompiers", "gaz 500",
     {"type": "381", "service": "LOGISTIQUE"}),
    # Factur-X
    ("factur-x", "fx-livres", "LQ-26-00044", "2026-03-30", "librairie", "universite", "roman 12",
     {"service": "BU", "engagement": "UR-4500099"}),
    ("factur-x", "fx-papeterie", "PM2026-0212", "2026-04-07", "papeterie", "lycee", "papier 75, stylos 3", {}),
    ("factur-x", "fx-gaz", "ESP-260601", "2026-06-01", "energie", "pompiers", "gaz 18250, chaleur 3300", {"service": "LOGISTIQUE"}),
    ("factur-x", "fx-deja-payee", "BR0002640", "2026-06-18", "boulangerie", "ville", "buffet 60",
     {"framework": "A2", "paid": True, "service": "VOIRIE"}),
    ("factur-x", "fx-avoir", "PM2026-A019", "2026-06-26", "papeterie", "lycee", "papier 5", {"type": "381", "preceding": "PM2026-0212"}),
    ("factur-x", "fx-suisse", "IL-20260704", "2026-07-04", "geneve", "region", "balance 2", {"category": "O", "currency": "CHF"}),
    # as an approved platform asks (policy reform): mentions of the law, electronic addresses, frameworks of the reform
    ("ubl", "ubl-reforme", "PM2026-0401", "2026-09-04", "papeterie", "ville", "papier 60, stylos 4",
     {"reform": True, "framework": "B1", "service": "VOIRIE"}),
    ("ubl", "ubl-reforme-etendue", "IRC-26-2001", "2026-09-10", "reseaux", "etat", "maintenance 2",
     {"reform": True, "framework": "S1", "service": "AAASCPV", "engagement": "1502210047"}),
    ("ubl", "ubl-reforme-avoir", "PM2026-A040", "2026-09-21", "papeterie", "ville", "papier 10",
     {"reform": True, "type": "381", "framework": "B1", "service": "VOIRIE", "preceding": "PM2026-0401", "preceding_date": "2026-09-04"}),
    ("cii", "cii-reforme", "BDR2026-09", "2026-09-30", "blanchisserie", "hopital", "draps 3980, blouses 2410",
     {"reform": True, "framework": "S1", "service": "LINGERIE", "engagement": "CH26-0101"}),
    ("cii", "cii-reforme-etendue", "TPO-26-0177", "2026-10-02", "travaux", "hopital", "terrassement 22, enrobe 9.5",
     {"reform": True, "framework": "S1", "service": "TRAVAUX", "engagement": "CH26-0550", "market": "LOT01-2025"}),
    ("factur-x", "fx-reforme", "LQ-26-00107", "2026-09-15", "librairie", "universite", "roman 30",
     {"reform": True, "framework": "B1", "service": "BU", "engagement": "UR-4500201"}),
    ("factur-x", "fx-reforme-etendue", "ESP-261001", "2026-10-01", "energie", "pompiers", "gaz 9120, chaleur 1410",
     {"reform": True, "framework": "M1", "service": "LOGISTIQUE"}),
    # CPPFactureMixte
    ("cpp", "cpp-architecte", "CLA-2026-11", "2026-06-08", "architecte", "hopital", "esquisse 1",
     {"service": "TRAVAUX", "engagement": "CH26-0610", "market": "MOE-2025-7"}),
    ("cpp", "cpp-deux-factures", "LMA26007001", "2026-07-01", "laboratoire", "hopital", "analyses 140",
     {"service": "PHARMACIE", "engagement": "CH26-0701", "second": ("LMA26007002", "analyses 12")}),
    ("cpp", "cpp-avoir", "LMA26A00003", "2026-07-06", "laboratoire", "hopital", "analyses 4",
     {"type": "381", "service": "PHARMACIE", "engagement": "CH26-0701", "preceding": "LMA26007001"}),
    ("cpp", "cpp-polynesie", "FS 2026 055", "2026-07-08", "fenua", "region", "nettoyage 1", {"category": "O"}),
)  # fmt: skip
