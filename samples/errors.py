"""The kept mistakes: an ordinary sample, one thing made wrong in its text, and what must be said of it."""

from __future__ import annotations

from dataclasses import dataclass

from samples.ledger import siret


@dataclass(frozen=True)
class Mistake:
    """`old` → `new` in the text of the accepted sample `of`. `alone`: codes found without facts; `facts`: with directory and earlier
    flows.

    `reform`: fatal rules besides those of the model under the policy `reform`. `severity` is the gravest of the first two; `number` and
    what follows replace what the mistake changes (number None: nothing can be read).
    """

    file: str
    of: str
    what: str
    old: str
    new: str
    alone: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    severity: str = "fatal"
    number: str | None = ""
    supplier: str | None = None
    recipient: str | None = None
    total: str | None = None
    framework: str | None = None
    reform: tuple[str, ...] = ()


PAPETERIE = siret("90412871")
VILLE = siret("21350999")
REGION = siret("23370997")
BAD_KEY = PAPETERIE[:-1] + str((int(PAPETERIE[-1]) + 1) % 10)
BAD_RECIPIENT = VILLE[:-1] + str((int(VILLE[-1]) + 1) % 10)
CLOSED = siret("20000991")
UNKNOWN = siret("20000880")

_UBL = "ubl-fournitures-region"
_CITY = "ubl-fournitures-ville"
_PIECES = "ubl-deux-pieces"
_HEAD = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
_EMPTY = 'filename="planning.csv"></cbc:EmbeddedDocumentBinaryObject>'

MISTAKES: tuple[Mistake, ...] = (
    Mistake("supplier-siret-key", _UBL, "SIRET du fournisseur, clé fausse", PAPETERIE, BAD_KEY, ("IDT-002",), supplier=BAD_KEY),
    Mistake("supplier-siret-length", _UBL, "SIRET du fournisseur, 13 chiffres", PAPETERIE, PAPETERIE[:13], ("IDT-001",),
            supplier=PAPETERIE[:13],
            reform=("BR-FR-09_BT-29",)),
    Mistake("supplier-ridet", "ubl-nouvelle-caledonie", "RIDET de 6 chiffres", "0123456001", "012345", ("IDT-007",), supplier="012345",
            reform=("BR-FR-CPRO-04-08-0228",)),
    Mistake("supplier-tahiti", "ubl-polynesie", "numéro TAHITI de 7 caractères", "412003001", "4120030", ("IDT-008",), supplier="4120030",
            reform=("BR-FR-CPRO-04-08-0229",)),
    Mistake("recipient-siret-key", _CITY, "SIRET du destinataire, clé fausse", VILLE, BAD_RECIPIENT, ("IDT-012",), ("RTE-010",),
            recipient=BAD_RECIPIENT),
    Mistake("recipient-siren", _UBL, "destinataire par son SIREN seul", REGION, REGION[:9], ("IDT-011",), ("RTE-010",),
            recipient=REGION[:9],
            reform=("BR-FR-09_BT-46",)),
    Mistake("recipient-unknown", _UBL, "destinataire absent de l'annuaire", REGION, UNKNOWN, (), ("RTE-010",), number="PM2026-1001",
            recipient=UNKNOWN,
            reform=("BR-FR-09_BT-46",)),
    Mistake("recipient-closed", _UBL, "destinataire fermé", REGION, CLOSED, (), ("RTE-010",), number="PM2026-1002", recipient=CLOSED,
            reform=("BR-FR-09_BT-46",)),
    Mistake("service-missing", _CITY, "code service absent, obligatoire", "\n  <cbc:BuyerReference>VOIRIE</cbc:BuyerReference>", "", (),
            ("RTE-011",), number="PM2026-1003"),
    Mistake("service-closed", _CITY, "code service fermé", ">VOIRIE<", ">FETES<", (), ("RTE-013",), number="PM2026-1004"),
    Mistake("service-unknown", _CITY, "code service inconnu", ">VOIRIE<", ">PISCINE<", (), ("RTE-013",), number="PM2026-1005"),
    Mistake("engagement-missing", "ubl-manuels-ecoles", "engagement absent, exigé par le service",
            "\n  <cac:OrderReference>\n    <cbc:ID>2026ED00417</cbc:ID>\n  </cac:OrderReference>", "", (), ("RTE-012",),
            number="LQ-26-01001"),
    Mistake("state-without-service", "ubl-maintenance-etat", "facture à l'État sans code service",
            "\n  <cbc:BuyerReference>AAASCPV</cbc:BuyerReference>", "", (), ("RTE-011",), number="IRC-26-1901"),
    Mistake("duplicate", _UBL, "numéro déjà transmis la même année", "2026-02-17", "2026-02-18", (), ("BUS-003",)),
    Mistake("number-too-long", _UBL, "numéro de 24 caractères", "PM2026-0163", "PM2026-0163-RECTIFICATIF", ("NUM-002",),
            number="PM2026-0163-RECTIFICATIF",
            reform=("BR-FR-CPRO-02",)),
    Mistake("number-characters", _UBL, "numéro avec un point", "PM2026-0163", "PM2026.0163", ("NUM-003",), severity="warning",
            number="PM2026.0163",
            reform=("BR-FR-01_BT-1-2", "BR-FR-02_BT-1")),
    Mistake("number-look-alike", _UBL, "lettre cyrillique dans le numéro", "PM2026-0163", "PМ2026-0163", ("BUS-008",),
            number="PМ2026-0163",
            reform=("BR-FR-01_BT-1-2", "BR-FR-02_BT-1")),
    Mistake("totals-tax", _UBL, "TTC différent de HT + TVA", "<cbc:TaxInclusiveAmount currencyID=\"EUR\">199.20",
            "<cbc:TaxInclusiveAmount currencyID=\"EUR\">209.20", ("BUS-005", "BUS-005", "BR-CO-15", "BR-CO-16"), severity="warning",
            number="PM2026-1006", total="209.20",
            reform=("BR-CO-15", "BR-CO-16")),
    Mistake("totals-payable", _UBL, "net à payer différent du TTC", "<cbc:PayableAmount currencyID=\"EUR\">199.20",
            "<cbc:PayableAmount currencyID=\"EUR\">99.20", ("BUS-005", "BR-CO-16"), severity="warning", number="PM2026-1007",
            reform=("BR-CO-16",)),
    Mistake("paid-not-zero", "cii-deja-payee", "cadre A2 avec un net à payer", "<ram:TotalPrepaidAmount>281.16</ram:TotalPrepaidAmount>\n"
            "        <ram:DuePayableAmount>0.00", "<ram:DuePayableAmount>281.16", ("CAD-002",), severity="warning", number="BR0009601"),
    Mistake("amount-unreadable", _UBL, "montant avec exposant", "<cbc:PayableAmount currencyID=\"EUR\">199.20",
            "<cbc:PayableAmount currencyID=\"EUR\">1.992E2", ("XSD", "BUS-006", "BR-CO-16", "BR-DEC-18", "UBL-DT-01"),
            reform=("XSD", "BR-CO-16", "BR-DEC-18", "UBL-DT-01", "BR-FR-DEC-01_BT-115")),
    Mistake("date-impossible", _UBL, "30 février", "<cbc:IssueDate>2026-02-17", "<cbc:IssueDate>2026-02-30", ("XSD", "BUS-007"),
            reform=("XSD", "BR-FR-03_BT-2")),
    Mistake("date-impossible-cii", "cii-fibre-lycee", "30 février, sans faute de schéma", ">20260210<", ">20260230<", ("BUS-007",),
            reform=("BR-FR-03_BT-2", "BR-FR-03_BT-72")),
    Mistake("date-too-old", _UBL, "émise il y a plus de dix ans", "<cbc:IssueDate>2026-02-17", "<cbc:IssueDate>2009-02-17", ("BUS-007",),
            severity="warning"),
    Mistake("type-prepayment", _UBL, "type 386, acompte", ">380<", ">386<", ("DOC-001",)),
    Mistake("type-corrective", "cii-fibre-lycee", "type 384, rectificative", ">380<", ">384<", ("DOC-001",),
            reform=("BR-FR-CO-04_BT-4",)),
    Mistake("framework-unknown", _UBL, "cadre A99", ">A1<", ">A99<", ("CAD-001",), severity="warning", number="PM2026-1008",
            framework="A99"),
    Mistake("attachment-empty", _PIECES, "pièce jointe vide", "@csv", _EMPTY, ("ATT-004",)),
    Mistake("attachment-base64", _PIECES, "pièce jointe en base64 invalide", "planning.csv\">", "planning.csv\">*", ("ATT-005",)),
    Mistake("attachment-extension", _PIECES, "pièce jointe exécutable", "filename=\"planning.csv\"", "filename=\"planning.exe\"",
            ("ATT-002",)),
    Mistake("attachment-name", _PIECES, "nom de pièce jointe trop long", "filename=\"planning.csv\"", f"filename=\"{'planning-' * 6}.csv\"",
            ("ATT-003",),
            reform=("BR-FR-CPRO-41",)),
    Mistake("attachment-link", _PIECES, "pièce jointe par lien", "@link", "", ("ATT-007",), severity="warning", number="CLA-2026-97"),
    Mistake("xsd-missing-supplier", _UBL, "fournisseur absent : faute de schéma", "@supplier", "",
            ("XSD", "IDT-010", "BR-06", "BR-08", "BR-S-02"), supplier="",
            reform=("XSD", "BR-06", "BR-08", "BR-S-02")),
    Mistake("xsd-unknown-element", _UBL, "élément inconnu du schéma", "<cbc:ID>PM2026-0163</cbc:ID>\n  <cbc:IssueDate>",
            "<cbc:ID>PM2026-0163</cbc:ID>\n  <cbc:Numero>1</cbc:Numero>\n  <cbc:IssueDate>", ("XSD",),
            reform=("XSD",)),
    Mistake("not-well-formed", _UBL, "balise jamais fermée", "</cac:PaymentTerms>", "", ("XML-001",), number=None),
    Mistake("cut-short", _UBL, "fichier coupé", "@cut", "", ("XML-001",), number=None),
    Mistake("doctype", _UBL, "déclaration DOCTYPE", _HEAD, _HEAD + "<!DOCTYPE Invoice>\n", ("XML-002",), number=None),
    Mistake("entities", _UBL, "entités imbriquées", _HEAD, _HEAD + '<!DOCTYPE Invoice [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>\n',
            ("XML-003",), number=None),
    Mistake("encoding", _UBL, "octets qui ne sont pas de l'UTF-8", "@latin", "", ("XML-006",), number=None),
    Mistake("unknown-root", _UBL, "racine inconnue", "@root", "<Facture xmlns=\"urn:exemple\"><Numero>1</Numero></Facture>\n", ("XML-010",),
            number=None),
)  # fmt: skip
