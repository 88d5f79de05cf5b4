"""The double's own eye on a deposit: envelope and documents → what was seen; it judges no content and shares no reader with the gateway.

Limits: a test tool. It trusts its own gateway with memory: a document is parsed whole, an archive one member at a time.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pypdf
from lxml import etree
from pypdf.errors import PyPdfError

from gateway.errors import GatewayError

MAX_INVOICES = 500
MAX_BYTES = 1_000_000_000
NAME = re.compile(r"(FSO(\d{4})A)_([A-Z]{3}\d{3})_(([A-Z]{3}\d{3})(\d{4})\d{15})")

SYNTAXES = {
    **dict.fromkeys(("1100", "1110", "1120"), "ubl"),
    **dict.fromkeys(("1101", "1106", "1111", "1116"), "cii"),
    "1113": "mixte",
    "1117": "factur-x",
}
"""What each interface carries (chorus.md §1.1); PES is withdrawn."""


_TYPES = {
    **{str(n): str(n) for n in range(1, 8)},
    "0009": "1",
    "0002": "1",
    "SIRET": "1",
    "0223": "2",
    "0227": "3",
    "ETR": "3",
    "0228": "4",
    "RIDET": "4",
    "0229": "5",
    "0226": "7",
}
"""schemeID as met in samples → Chorus's identifier type."""


class Unreadable(GatewayError):
    """The whole flow is refused: `code` in the words of chorus.md §4.4."""

    def __init__(self, code: str, label: str) -> None:
        super().__init__(f"{code}: {label}")
        self.code, self.label = code, label


@dataclass(frozen=True, slots=True)
class FlowName:
    """A deposit's name taken apart (chorus.md §2.1)."""

    interface: str
    number: str
    application: str
    flow_id: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One invoice as the double reads it."""

    number: str
    year: str
    supplier: str
    supplier_type: str
    supplier_name: str
    country: str
    recipient: str
    recipient_name: str
    service: str
    date: str

    @property
    def key(self) -> str:
        """What may be integrated once: supplier, number, year."""
        return f"{self.supplier}|{self.number}|{self.year}"

    def as_json(self) -> dict[str, str]:
        """Every field."""
        return asdict(self)


def flow_name(name: str) -> FlowName | None:
    """None when the name breaks the grammar: number and application must be the same in both parts."""
    found = NAME.fullmatch(name)
    if not found or found[5] != found[3] or found[6] != found[2]:
        return None
    return FlowName(found[1], found[2], found[3], found[4])


def read_flow(path: Path, number: str) -> list[Seen]:
    """Every invoice of a deposit for interface `number`; `Unreadable` when the flow cannot be taken as a whole."""
    if number not in SYNTAXES:
        raise Unreadable("IRR_CODE_INTER", f"code interface FSO{number}A inconnu")
    size = path.stat().st_size
    if size == 0:
        raise Unreadable("IRR_VIDE", "flux vide")
    if size > MAX_BYTES:
        raise Unreadable("IRR_TAILLE", f"flux de {size} octets, 1 Go au plus")
    seen: list[Seen] = []
    for name, data in _documents(path):
        seen += _document(name, data, SYNTAXES[number])
        if len(seen) > MAX_INVOICES:
            raise Unreadable("IRR_TAILLE", f"plus de {MAX_INVOICES} factures dans le flux")
    if not seen:
        raise Unreadable("IRR_VIDE", "aucune facture dans le flux")
    return seen


def _documents(path: Path) -> Iterator[tuple[str, bytes]]:
    with path.open("rb") as file:
        magic = file.read(2)
    if magic != b"\x1f\x8b":
        yield path.name, path.read_bytes()
        return
    try:
        with gzip.open(path) as plain:
            with tarfile.open(fileobj=plain, mode="r|") as archive:
                yield from _members(archive)
            while plain.read(1 << 20):
                pass  # to the end: only there gzip compares its checksum
    except (OSError, EOFError, zlib.error, tarfile.TarError) as broken:
        raise Unreadable("IRR_EXTRAC", f"archive illisible : {broken}") from broken


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    names: set[str] = set()
    for member in archive:
        if not member.isreg() or "/" in member.name or member.name.startswith(".") or member.name in names:
            raise Unreadable("IRR_NOM_F", f"membre {member.name} : fichiers simples à la racine, une fois chacun")
        names.add(member.name)
        stream = archive.extractfile(member)
        assert stream is not None
        data = stream.read()
        if len(data) != member.size:
            raise Unreadable("IRR_EXTRAC", f"membre {member.name} tronqué")
        yield member.name, data


def _document(name: str, data: bytes, syntax: str) -> list[Seen]:
    if syntax == "factur-x":
        if not data.startswith(b"%PDF"):
            raise Unreadable("IRR_TYPE_F", f"{name} : un PDF Factur-X est attendu")
        return [_cii(_root(name, _embedded(name, data)))]
    root = _root(name, data)
    tag = etree.QName(root).localname
    if tag in ("Signature", "QualifyingProperties", "XAdESSignatures"):
        return []
    if syntax == "ubl" and tag in ("Invoice", "CreditNote"):
        return [_ubl(root)]
    if syntax == "cii" and tag in ("CrossIndustryInvoice", "CrossIndustryDocument", "SupplyChainTradeTransaction"):
        return [_cii(root)]
    if syntax == "mixte" and tag == "CPPFactureMixte":
        return [_mixte(unit) for unit in _elements(root, "//", "CPPFactureMixteUnitaire")]
    raise Unreadable("IRR_SYNTAX", f"{name} : {tag} n'est pas attendu sous cette interface")


def _root(name: str, data: bytes) -> Any:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as broken:
        raise Unreadable("IRR_SYNTAX", f"{name} : {broken}") from broken


def _embedded(name: str, data: bytes) -> bytes:
    try:
        attached = pypdf.PdfReader(io.BytesIO(data)).attachments
        wanted = next(n for n in attached if n.lower() in ("factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml"))
        return bytes(attached[wanted][0])
    except (PyPdfError, StopIteration, KeyError, IndexError, ValueError, TypeError, OSError, RecursionError) as broken:  # all from pypdf
        raise Unreadable("IRR_EXTRAC", f"{name} : PDF sans factur-x.xml lisible ({type(broken).__name__})") from broken


def _ubl(root: Any) -> Seen:
    supplier = _elements(root, "AccountingSupplierParty/Party")
    customer = _elements(root, "AccountingCustomerParty/Party")
    identifiers = ("PartyIdentification/ID", "PartyLegalEntity/CompanyID", "PartyTaxScheme/CompanyID", "EndpointID")
    names = ("PartyLegalEntity/RegistrationName", "PartyName/Name")
    return _seen(
        number=_text(root, "ID"), date=_text(root, "IssueDate"), supplier=_first(supplier, identifiers),
        supplier_name=_words(supplier, names), country=_words(supplier, ("PostalAddress/Country/IdentificationCode",)),
        recipient=_first(customer, identifiers),
        recipient_name=_words(customer, names), service=_text(root, "BuyerReference"),
    )  # fmt: skip


def _cii(root: Any) -> Seen:
    seller, buyer = _elements(root, "//", "SellerTradeParty"), _elements(root, "//", "BuyerTradeParty")
    document = (_elements(root, "ExchangedDocument") or _elements(root, "HeaderExchangedDocument") or [root])[0]
    identifiers = ("ID", "GlobalID", "SpecifiedLegalOrganization/ID", "SpecifiedTaxRegistration/ID")
    date = _text(document, "IssueDateTime/DateTimeString") or _text(document, "IssueDateTime/DateTime")
    return _seen(
        number=_text(document, "ID"), date=date, supplier=_first(seller, identifiers), supplier_name=_words(seller, ("Name",)),
        country=_words(seller, ("PostalTradeAddress/CountryID",)), recipient=_first(buyer, identifiers),
        recipient_name=_words(buyer, ("Name",)), service=_words([root], ("//BuyerReference",)),
    )  # fmt: skip


def _mixte(unit: Any) -> Seen:
    return _seen(
        number=_text(unit, "DonneesFacture/Id"), date=_text(unit, "DonneesFacture/DateEmissionFacture"),
        supplier=(_text(unit, "Fournisseur/Identifiant"), _text(unit, "Fournisseur/TypeIdentifiant")),
        supplier_name=_text(unit, "Fournisseur/RaisonSociale"), country=_text(unit, "Fournisseur/CodePays"),
        recipient=(_text(unit, "Debiteur/Identifiant"), "1"), recipient_name=_text(unit, "Debiteur/Nom"),
        service=_text(unit, "Debiteur/CodeService"),
    )  # fmt: skip


def _seen(
    *, number: str, date: str, supplier: tuple[str, str], supplier_name: str, country: str, recipient: tuple[str, str], recipient_name: str,
    service: str,
) -> Seen:  # fmt: skip
    digits = re.sub(r"\D", "", date)[:8]
    iso = f"{digits[:4]}-{digits[4:6]}-{digits[6:]}" if len(digits) == 8 else ""
    return Seen(
        number=number, year=digits[:4], supplier=supplier[0], supplier_type=_type(*supplier), supplier_name=supplier_name,
        country=country, recipient=recipient[0], recipient_name=recipient_name, service=service, date=iso,
    )  # fmt: skip


def _type(identifier: str, scheme: str) -> str:
    """Chorus's identifier type 1..7 (chorus.md §6.1), from the scheme where it says one, else from the form; 6 when neither tells."""
    if scheme in _TYPES and not (scheme == "0002" and len(identifier) != 14):
        return _TYPES[scheme]
    if re.fullmatch(r"\d{14}", identifier):
        return "1"
    return "2" if re.fullmatch(r"(?!FR)[A-Z]{2}[0-9A-Z]{2,13}", identifier) else "6"


def _elements(node: Any, path: str, name: str = "") -> list[Any]:
    """Elements by local names: `a/b` below `node`, or anywhere (`//`, name)."""
    if path == "//":
        return list(node.iter("{*}" + name))
    return list(node.findall("/".join(f"{{*}}{step}" for step in path.split("/"))))


def _text(node: Any, path: str) -> str:
    found = _elements(node, path)
    return "".join(found[0].itertext()).strip() if found else ""


def _words(nodes: list[Any], paths: tuple[str, ...]) -> str:
    for node in nodes[:1]:
        for path in paths:
            found = _elements(node, "//", path[2:]) if path.startswith("//") else _elements(node, path)
            if found and (found[0].text or "").strip():
                return str(found[0].text).strip()
    return ""


def _first(parties: list[Any], paths: tuple[str, ...]) -> tuple[str, str]:
    """The identifier that names a party, with its scheme: a SIRET before all others, then what a scheme announces, then the first."""
    found = [
        ((e.text or "").strip(), str(e.get("schemeID", ""))) for party in parties[:1] for path in paths for e in _elements(party, path)
    ]
    found = [(value, scheme) for value, scheme in found if value]
    sirets = [f for f in found if re.fullmatch(r"\d{14}", f[0])]
    announced = [f for f in found if f[1] in _TYPES and f[1] != "0002"]
    foreign = [f for f in found if _type(*f) == "2"]
    return (sirets or announced or foreign or found or [("", "")])[0]
