"""CPPFactureMixte: several invoices in a file, and our own schema of it."""

from __future__ import annotations

import pytest

from gateway import formats
from gateway.model import Attachment, Invoice, Party, Syntax
from gateway.parsing import parse
from gateway.schema_check import SchemaSet

UNIT = """<CPPFactureMixteUnitaire NumOrdre="{n}">
<Fournisseur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>10000000900015</Identifiant>
<RaisonSociale>Vendeur</RaisonSociale><CodePays>FR</CodePays>
<ReferenceBancaire Type="IBAN"><Compte>FR7630006000011234567890189</Compte></ReferenceBancaire></Fournisseur>
<Debiteur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>20000000800010</Identifiant>
<Nom>Mairie</Nom><CodeService>SERV</CodeService></Debiteur>
<DonneesFacture><Id>F-{n}</Id><IdFactureOrigine>F-0</IdFactureOrigine><Type>380</Type><Cadre>A1</Cadre>
<DateEmissionFacture>2026-09-15</DateEmissionFacture><ModePaiement><Code>30</Code></ModePaiement><Devise>EUR</Devise>
<Montants><MontantHT>100.00</MontantHT><MontantTTC>120.00</MontantTTC><MontantNetAPayer>120.00</MontantNetAPayer></Montants>
<TVAS><TVA><Taux>20</Taux><BaseHt>100.00</BaseHt><MontantTVA>20.00</MontantTVA></TVA></TVAS>
<Engagement><NumeroMarche>M-1</NumeroMarche><NumeroEngagement>EJ-1</NumeroEngagement></Engagement>
<Lignes>
<Ligne NumOrdre="1"><PrixUnitaire>100</PrixUnitaire><Quantite>1</Quantite><MontantHT>100</MontantHT></Ligne></Lignes></DonneesFacture>
<PJ NumOrdre="1"><Contenu>UEsDBA==</Contenu><NomPJ>facture.pdf</NomPJ><TypePJ>01</TypePJ><MimeTypePJ>application/pdf</MimeTypePJ></PJ>
</CPPFactureMixteUnitaire>"""
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<?xml-stylesheet type="text/xsl" href="FSO1113A.xsl"?>
<CPPFactureMixte Version="1.14"><Enveloppe><EnveloppeUnitaire NumOrdre="1"><Parametres>
<ParametreIndiv NumOrdre="0001"><Code>DtPrd</Code><Valeurparametre>2026-09-15</Valeurparametre></ParametreIndiv>
<ParametreIndiv NumOrdre="0002"><Code>IdFlx</Code><Valeurparametre>APP0011113000000000000001</Valeurparametre></ParametreIndiv></Parametres>
<Partenaires><Recepteur><Id>CPP001</Id></Recepteur><Emetteur><Id>APP001</Id></Emetteur></Partenaires></EnveloppeUnitaire></Enveloppe>
<CPPFactures Compteur="2">"""
FILE = HEAD + UNIT.format(n=1) + UNIT.format(n=2) + "</CPPFactures></CPPFactureMixte>"
SCHEMAS = SchemaSet()


def judged(text: str) -> list[str]:
    root = parse(text.encode()).root
    assert root is not None
    return [f.message_fr for f in SCHEMAS.check(Syntax.CPP_MIXTE, "", root, data=text.encode(), explain=False, member="m.xml")]


def test_every_invoice_of_the_file_is_read_in_its_order() -> None:
    opened = formats.open_document(FILE.encode())
    first, second = opened.invoices()
    assert opened.findings == ()
    assert (first.number, second.number) == ("F-1", "F-2")
    assert first == Invoice(
        number="F-1", issue_date="2026-09-15", type="380", framework="A1", currency="EUR",
        supplier=Party("1", "10000000900015", "Vendeur", "FR"), recipient="20000000800010", recipient_name="Mairie", service="SERV",
        engagement="EJ-1", market="M-1", preceding=("F-0",), total_without_vat="100.00", total_vat="20.00", total_with_vat="120.00",
        payable="120.00", lines=1, attachments=(Attachment("facture.pdf", 4, "application/pdf", zipped=True, type="01", line=20),),
    )  # fmt: skip


def test_a_lawful_file_conforms_to_our_schema() -> None:
    assert judged(FILE) == []


def test_a_file_without_invoices_reads_as_none() -> None:
    assert formats.open_document((HEAD + "</CPPFactures></CPPFactureMixte>").encode()).invoices() == []


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("<Cadre>A1</Cadre>", "<Cadre>A11</Cadre>", "motif"),
        ("<Type>380</Type>", "<Type>389</Type>", "hors liste ; admis : '380', '381'"),
        ("<Id>F-1</Id>", "<Id>F-123456789012345678901</Id>", "trop longue ; maximum 20"),
        ("<Devise>EUR</Devise>", "<Devise>eur</Devise>", "motif"),
        ("<MontantHT>100.00</MontantHT>", "<MontantHT>1e2</MontantHT>", "type attendu : xs:decimal"),
        ("<Identifiant>20000000800010</Identifiant>", "<Identifiant>200</Identifiant>", "longueur exigée 14"),
        ("<TypePJ>01</TypePJ>", "<TypePJ>03</TypePJ>", "hors liste"),
        ("<Montants>", "<Autre/><Montants>", "élément Autre inattendu"),
        (' NumOrdre="0001"', "", "attribut NumOrdre obligatoire"),
        (' NumOrdre="0001"', ' NumOrdre="1"', "ParametreIndiv/@NumOrdre"),
        ("<RaisonSociale>Vendeur</RaisonSociale>", "", "inattendu ici ; attendu : RaisonSociale"),
        ('<CPPFactures Compteur="2">', '<CPPFactures Compteur="2" Autre="x">', "attribut Autre non admis"),
    ],
)
def test_our_schema_is_strict_on_structure_lists_and_lengths(right: str, wrong: str, said: str) -> None:
    assert right in FILE
    errors = judged(FILE.replace(right, wrong, 1))
    assert errors
    assert said in errors[0]


def test_a_schema_error_names_the_invoice_it_belongs_to() -> None:
    second = FILE.rindex("<Cadre>A1</Cadre>")
    broken = FILE[:second] + "<Cadre>Z1</Cadre>" + FILE[second + 17 :]
    (said,) = judged(broken)
    assert said.startswith("F-2 ligne ")
    assert "CPPFactureMixteUnitaire[2]" in said
