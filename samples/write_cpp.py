"""Writes sample sales as one CPPFactureMixte file, each with its readable PDF in a ZIP (Chorus E2, FSO1113A)."""

from __future__ import annotations

import io
import zipfile

from lxml import etree

from samples.ledger import Sale
from samples.write_pdf import readable
from samples.write_xml import Writer, coded, document, plain

STYLESHEET = '<?xml-stylesheet type="text/xsl" href="FSO1113A.xsl"?>\n'

w = Writer({})


def write(sales: list[Sale]) -> bytes:
    """One file of one or several invoices."""
    units = [_unit(n, sale) for n, sale in enumerate(sales, 1)]
    root = w("CPPFactureMixte", _envelope(sales[0]), w("CPPFactures", *units, Compteur=str(len(units))), Version="1.14")
    return document(root, STYLESHEET)


def _envelope(sale: Sale) -> etree._Element:
    """Production date and flow identifier, the mandatory pair; emitter and receiver codes as in official samples."""
    values = [("DtPrd", sale.date), ("IdFlx", "".join(c for c in sale.number if c.isalnum()))]
    parameters = [
        w("ParametreIndiv", w("Code", code), w("Valeurparametre", value), NumOrdre=f"{n:04d}") for n, (code, value) in enumerate(values, 1)
    ]
    partners = w("Partenaires", w("Recepteur", w("Id", "00000000")), w("Emetteur", w("Id", "00000000")))
    return w("Enveloppe", w("EnveloppeUnitaire", w("Parametres", *parameters), partners, NumOrdre="1"))


def _unit(n: int, sale: Sale) -> etree._Element:
    supplier, buyer = sale.supplier, sale.buyer
    return w(
        "CPPFactureMixteUnitaire",
        w(
            "Fournisseur",
            w("TypeIdentifiant", supplier.type),
            w("Identifiant", supplier.id),
            w("RaisonSociale", supplier.name),
            w("CodePays", supplier.country),
            w("ReferenceBancaire", w("Compte", supplier.iban), Type="IBAN"),
        ),
        w(
            "Debiteur",
            w("TypeIdentifiant", "1"),
            w("Identifiant", buyer.siret),
            w("Nom", buyer.name),
            w.given("CodeService", sale.service),
        ),
        _data(sale),
        _piece(sale),
        NumOrdre=str(n),
    )


def _data(sale: Sale) -> etree._Element:
    market, engagement = w.given("NumeroMarche", sale.market), w.given("NumeroEngagement", sale.engagement)
    return w(
        "DonneesFacture",
        w("Id", sale.number),
        w.given("IdFactureOrigine", sale.preceding),
        w("Type", sale.type),
        w("Cadre", sale.framework),
        w("DateEmissionFacture", sale.date),
        w("ModePaiement", w("Code", "30"), w("Libelle", "Virement")),
        w("Devise", sale.currency),
        w(
            "Montants",
            w("MontantHT", plain(sale.net)),
            w("MontantTTC", plain(sale.gross)),
            w("MontantNetAPayer", plain(sale.payable)),
        ),
        w("TVAS", *(_tax(*tax) for tax in sale.taxes)),
        w("Engagement", market, engagement) if sale.market or sale.engagement else None,
    )


def _tax(rate: object, base: object, tax: object) -> etree._Element:
    return w("TVA", w("Taux", str(rate)), w("BaseHt", str(base)), w("MontantTVA", str(tax)))


def _piece(sale: Sale) -> etree._Element:
    return w(
        "PJ",
        w("Contenu", coded(zipped("facture.pdf", readable(sale)))),
        w("NomPJ", "facture.pdf"),
        w("TypePJ", "01"),
        w("MimeTypePJ", "application/pdf"),
        NumOrdre="1",
    )


def zipped(name: str, content: bytes) -> bytes:
    """A ZIP of one stored file with a fixed date: the same bytes on every machine."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
        entry.create_system = 3
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, content)
    return target.getvalue()
