"""Every syntax we know: recognise a document and read its routing facts; what it says is judged elsewhere.

`READERS` is the visible list. `open_document` is the way in for the bytes of one file, whatever they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from lxml import etree

from gateway.catalogue import finding
from gateway.formats import cdar, cii, cpp, edifact, facturx, facturx_marks, ubl
from gateway.formats.path_table import text
from gateway.model import Attachment, Finding, Invoice, Syntax
from gateway.parsing import DOCUMENT, parse

ROOTS: Final[dict[str, Syntax]] = {
    ubl.INVOICE: Syntax.UBL_INVOICE,
    ubl.CREDIT_NOTE: Syntax.UBL_CREDIT_NOTE,
    cii.ROOT: Syntax.CII,
    cii.ZUGFERD_1: Syntax.ZUGFERD_1,
    cdar.ROOT: Syntax.CDAR,
    cpp.ROOT: Syntax.CPP_MIXTE,
    "CPPStatut": Syntax.CPP_STATUT,
}

READERS: Final[dict[Syntax, Callable[[etree._Element], list[Invoice]]]] = {
    Syntax.UBL_INVOICE: ubl.read,
    Syntax.UBL_CREDIT_NOTE: ubl.read,
    Syntax.CII: cii.read,
    Syntax.FACTUR_X: cii.read,
    Syntax.CPP_MIXTE: cpp.read,
    Syntax.CDAR: cdar.read,
}

PROFILES: Final = {
    Syntax.UBL_INVOICE: (ubl.PROFILE,),
    Syntax.UBL_CREDIT_NOTE: (ubl.PROFILE,),
    Syntax.CII: (cii.CONTEXT, cii.GUIDELINE, cii.ID),
    Syntax.CDAR: (cdar.CONTEXT, cdar.GUIDELINE, cii.ID),
    Syntax.ZUGFERD_1: cii.ZUGFERD_1_GUIDELINE,
}
"""Where BT-24 stands."""

INVOICES: Final = frozenset({Syntax.UBL_INVOICE, Syntax.UBL_CREDIT_NOTE, Syntax.CII, Syntax.FACTUR_X, Syntax.CPP_MIXTE})
"""What a partner may deposit."""

ACCEPTED: Final = "UBL 2.1 Invoice, UBL 2.1 CreditNote, CII D16B/D22B, Factur-X, CPPFactureMixte"
_KNOWN_NAMES: Final = frozenset({"Invoice", "CreditNote", "CrossIndustryInvoice", "CrossIndustryDocument", "CPPFacturePivot"})


@dataclass(frozen=True, slots=True)
class Opened:
    """One document, parsed: `root` is None when `findings` refuse it. `xml` are the parsed bytes (a PDF's embedded ones).

    `attachments` are the PDF's other embedded files.
    """

    syntax: Syntax
    root: etree._Element | None = None
    profile: str = ""
    xml: bytes = b""
    findings: tuple[Finding, ...] = ()
    attachments: tuple[Attachment, ...] = ()

    def invoices(self) -> list[Invoice]:
        """The document's invoices, a PDF's files included; none when it was refused."""
        if self.root is None:
            return []
        found = read(self.syntax, self.root)
        if not self.attachments:
            return found
        return [replace(invoice, attachments=invoice.attachments + self.attachments) for invoice in found]


def open_document(data: bytes, *, member: str = "", document_bytes: int = DOCUMENT) -> Opened:
    """Recognise and parse one file: XML, Factur-X PDF or EDIFACT. Everything that is not an invoice we take is refused with its reason."""
    if data.startswith(b"<?xml"):
        return _open_xml(data, member, document_bytes)
    if facturx.is_pdf(data):
        return _open_pdf(data, member, document_bytes)
    if edifact.is_interchange(data):
        syntax = Syntax.EDIFACT_INVOIC if edifact.is_invoic(data) else Syntax.UNKNOWN
        return Opened(syntax, findings=(finding("TYP-010"),))
    return _open_xml(data, member, document_bytes)


def _open_xml(data: bytes, member: str, document_bytes: int) -> Opened:
    parsed = parse(data, member=member, document_bytes=document_bytes)
    if parsed.root is None:
        return Opened(Syntax.UNKNOWN, xml=data, findings=parsed.findings)
    syntax = identify(parsed.root)
    refused = refusal(syntax, parsed.root)
    root = None if refused else parsed.root
    return Opened(syntax, root, profile(parsed.root, syntax), data, parsed.findings + ((refused,) if refused else ()))


def _open_pdf(data: bytes, member: str, document_bytes: int) -> Opened:
    embedded = facturx.extract(data, member=member)
    if not embedded.data:
        return Opened(Syntax.FACTUR_X, findings=embedded.findings)
    opened = _open_xml(embedded.data, member, document_bytes)
    findings = embedded.findings + opened.findings
    if opened.syntax is Syntax.CII:
        noticed = facturx_marks.noticed(embedded.marks, embedded.name, opened.profile)
        return replace(opened, syntax=Syntax.FACTUR_X, findings=(*findings, *noticed), attachments=embedded.attachments)
    if opened.syntax is Syntax.ZUGFERD_1 or opened.root is None:
        kept = opened.syntax if opened.syntax is Syntax.ZUGFERD_1 else Syntax.FACTUR_X
        return replace(opened, syntax=kept, findings=findings)
    wrong = finding("PDF-002", n=1, liste=f"{embedded.name} ({opened.syntax})")
    return replace(opened, syntax=Syntax.FACTUR_X, root=None, findings=(*findings, wrong))


def identify(root: etree._Element) -> Syntax:
    """The syntax by the root's namespace and name; a Factur-X XML outside its PDF is plain CII."""
    return ROOTS.get(str(root.tag), Syntax.UNKNOWN)


def profile(root: etree._Element, syntax: Syntax) -> str:
    """BT-24 (UBL CustomizationID, CII and CDAR guideline), "" where the syntax has none."""
    found = root
    for tag in PROFILES.get(syntax, ()):
        child = next(found.iterchildren(tag), None)  # a tenth of the cost of `find`
        if child is None:
            return ""
        found = child
    return "" if found is root else text(found)


def refusal(syntax: Syntax, root: etree._Element) -> Finding | None:
    """Why this root is no invoice that we take; None for one that we take and for messages (CDAR, CPPStatut)."""
    if syntax is Syntax.ZUGFERD_1:
        return finding("TYP-011")
    if syntax is not Syntax.UNKNOWN:
        return None
    name = etree.QName(root)
    if name.localname in _KNOWN_NAMES:
        return finding("XML-011", p=name.namespace or name.localname)
    return finding("XML-010", ns=name.namespace or "", nom=name.localname, liste=ACCEPTED)


def read(syntax: Syntax, root: etree._Element) -> list[Invoice]:
    """The invoices of a document: one, or several in a CPPFactureMixte; none for a syntax without a reader."""
    reader = READERS.get(syntax)
    return reader(root) if reader else []
