"""One accepted invoice of each syntax, and the small changes that make a rule fire; what is expected stands in the cases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from lxml import etree

from samples import write_cii, write_ubl
from samples.ledger import Attachment, Sale
from samples.tables import BUYERS, SUPPLIERS, line
from tests.rules_cpro.places import CONTENT, UBL_CONTENT

INVOICE, CREDIT_NOTE, CII = "ubl-invoice", "ubl-creditnote", "cii"
KINDS = (INVOICE, CREDIT_NOTE, CII)
TWIN = {INVOICE: "UBL", CREDIT_NOTE: "UBL", CII: "CII"}

NAMESPACES = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}

Edit = Callable[[etree._Element], None]


@dataclass(frozen=True)
class Case:
    """What was done to the accepted invoice, and whether the rule fires then; no other rule of its pack ever does."""

    rule: str
    what: str
    ubl: tuple[Edit, ...] = ()
    cii: tuple[Edit, ...] = ()
    fires: bool = True
    kinds: tuple[str, ...] = KINDS

    def variants(self) -> list[tuple[str, bytes]]:
        """(kind, document) of every syntax in which the case is told."""
        return [(kind, changed(kind, edits)) for kind in self.kinds if (edits := self.cii if kind == CII else self.ubl)]


@cache
def accepted(kind: str) -> bytes:
    """An invoice (a credit note) on which no rule fires: supplier and recipient by SIRET, every reference, an attachment."""
    sale = Sale(
        file="base", number="TPO 26/0088", date="2026-03-20", due="2026-04-20", supplier=SUPPLIERS["travaux"], buyer=BUYERS["ville"],
        lines=(line("enrobe", "64.5"), line("terrassement", "12")), type="381" if kind == CREDIT_NOTE else "380", service="VOIRIE",
        engagement="2026VO0091", market="M2025-14", preceding="TPO 26/0071", attachments=(Attachment("attachement.pdf", b"%PDF-1.7\n"),),
    )  # fmt: skip
    return write_cii.write(sale) if kind == CII else write_ubl.write(sale)


def changed(kind: str, edits: tuple[Edit, ...]) -> bytes:
    """The accepted invoice after every edit."""
    root = etree.fromstring(accepted(kind))
    for edit in edits:
        edit(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def found(root: etree._Element, path: str) -> list[etree._Element]:
    """The elements at an XPath; AssertionError when there is none, for then the case is wrong."""
    hits = root.xpath(path, namespaces=NAMESPACES)
    assert isinstance(hits, list)
    assert hits, f"{path}: nothing there"
    return hits


def text(path: str, value: str) -> Edit:
    """Another text in the first element at `path`."""

    def edit(root: etree._Element) -> None:
        found(root, path)[0].text = value

    return edit


def scheme(path: str, name: str, value: str) -> Edit:
    """Another identifier under another scheme ("" for none) in the first element at `path`."""

    def edit(root: etree._Element) -> None:
        element = found(root, path)[0]
        element.attrib.pop("schemeID", None)
        element.attrib.update({"schemeID": name} if name else {})
        element.text = value

    return edit


def attribute(path: str, name: str, value: str) -> Edit:
    """Another attribute of the first element at `path`."""

    def edit(root: etree._Element) -> None:
        found(root, path)[0].set(name, value)

    return edit


def drop(*paths: str) -> Edit:
    """Without every element at these paths."""

    def edit(root: etree._Element) -> None:
        for path in paths:
            for element in found(root, path):
                parent = element.getparent()
                assert parent is not None
                parent.remove(element)

    return edit


def add(path: str, xml: str, times: int = 1) -> Edit:
    """One element (or as many as `times`) more, the last children of the first element at `path`."""
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())

    def edit(root: etree._Element) -> None:
        parent = found(root, path)[0]
        for _ in range(times):
            parent.extend(etree.fromstring(f"<r {declared}>{xml}</r>"))

    return edit


def same(rule: str, what: str, ubl: str, cii: str, value: str, *, fires: bool = True) -> Case:
    """The same text at the place of each syntax."""
    return Case(rule, what, (text(ubl, value),), (text(cii, value),), fires)


def longest(rule: str, most: int, ubl: str, cii: str) -> tuple[Case, Case]:
    """A text that is there already: one character too many, and as many as there may be."""
    over, full = "9" * (most + 1), "9" * most
    return same(rule, f"{most + 1} characters", ubl, cii, over), same(rule, f"{most} characters", ubl, cii, full, fires=False)


def named(rule: str, what: str, name: str, *, fires: bool = True) -> Case:
    """The attachment bears another file name."""
    return Case(rule, what, (attribute(UBL_CONTENT, "filename", name),), (attribute(CONTENT, "filename", name),), fires)
