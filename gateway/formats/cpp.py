"""CPPFactureMixte, Chorus Pro's own E2 format → the routing facts of its several invoices (chorus.md §1.3); it judges nothing.

Limits: the recycling marks (Renvoi, IdFactureOrigine of a resent invoice) are read as a preceding invoice only.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from gateway.formats.attachments import base64_attachment
from gateway.formats.path_table import Facts, Table, content, count, nested, text, walk
from gateway.model import Attachment, Invoice, Party
from gateway.parsing import line_of

ROOT: Final = "CPPFactureMixte"


def _piece(element: etree._Element, facts: Facts) -> None:
    found: Facts = {}
    walk(element, _PIECE, found)
    name, mime, kind = found.get("name") or found.get("original", ""), found.get("mime", ""), found.get("kind", "")
    base64 = found.get("content")
    line = line_of(element)
    made = Attachment(name=name, size=0, mime=mime, type=kind, line=line)
    if base64 is not None:
        made = base64_attachment(base64, name, mime=mime, kind=kind, line=line)
    facts.setdefault("attachments", []).append(made)


def _vat(element: etree._Element, facts: Facts) -> None:
    """VAT is given by rate only; with one rate its amount is the total."""
    facts.setdefault("vat", []).extend(text(amount) for amount in element.iter("MontantTVA"))


_PIECE: Final[Table] = {
    "NomPJ": "name", "NomPJOrigine": "original", "TypePJ": "kind", "MimeTypePJ": "mime", "Contenu": content,
}  # fmt: skip
_UNIT: Final[Table] = {
    "Fournisseur": nested("supplier", {"TypeIdentifiant": "type", "Identifiant": "id", "RaisonSociale": "name", "CodePays": "country"}),
    "Debiteur": {"Identifiant": "recipient", "Nom": "recipient_name", "CodeService": "service"},
    "DonneesFacture": {
        "Id": "number", "IdFactureOrigine": "preceding", "Type": "type", "Cadre": "framework", "DateEmissionFacture": "issue_date",
        "Devise": "currency",
        "Montants": {"MontantHT": "total_without_vat", "MontantTTC": "total_with_vat", "MontantNetAPayer": "payable"},
        "TVAs": _vat, "TVAS": _vat,
        "Engagement": {"NumeroMarche": "market", "NumeroEngagement": "engagement"},
        "Lignes": {"Ligne": count},
    },
    "PJ": _piece,
}  # fmt: skip


def read(root: etree._Element) -> list[Invoice]:
    """Every invoice of the file, in its order; none is an empty list."""
    return [_invoice(unit) for block in root.iterchildren("CPPFactures") for unit in block.iterchildren("CPPFactureMixteUnitaire")]


def _invoice(unit: etree._Element) -> Invoice:
    facts: Facts = {}
    walk(unit, _UNIT, facts)
    get = facts.get
    vat = facts.pop("vat", [])
    preceding = get("preceding", "")
    return Invoice(
        number=get("number", ""), issue_date=get("issue_date", ""), type=get("type", ""), framework=get("framework", ""),
        currency=get("currency", "") or "EUR", supplier=Party(**get("supplier", {})), recipient=get("recipient", ""),
        recipient_name=get("recipient_name", ""), service=get("service", ""), engagement=get("engagement", ""),
        market=get("market", ""), preceding=(preceding,) if preceding else (), total_without_vat=get("total_without_vat", ""),
        total_vat=vat[0] if len(vat) == 1 else "", total_with_vat=get("total_with_vat", ""), payable=get("payable", ""),
        lines=get("lines", 0), attachments=tuple(get("attachments", ())),
    )  # fmt: skip
