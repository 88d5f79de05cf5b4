"""Every file of the shared corpora gets the syntax, the profile and the schema verdict that the manifest states, or a listed reason."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import pytest

from gateway.formats import open_document
from gateway.model import Syntax
from gateway.schema_check import SchemaSet
from tests.corpora import corpora, manifest

SYNTAX = {"edifact": "edifact-invoic", "xml:M_INVOIC": "unknown", "zugferd1": "zugferd-1", "pdf": "factur-x"}
"""Kinds of the manifest that we call otherwise."""

SYNTAX_DEVIATIONS = {
    "facturx/fail/fail1.pdf": ("zugferd-1", "the PDF embeds a ZUGFeRD 1 invoice"),
    "facturx/fail/fail2.pdf": ("zugferd-1", "the PDF embeds a ZUGFeRD 1 invoice"),
    "facturx/fail/fail3.pdf": ("zugferd-1", "the PDF embeds a ZUGFeRD 1 document (an order by its guideline)"),
}
PROFILE_DEVIATIONS = {
    "facturx/fail/MustangRE-20171118_506_ZUGFeRD1and2.pdf": "two invoices in one PDF: none is opened, so no profile is told",
}
REFUSED = {
    "facturx/fail/fail1.pdf": "TYP-011",
    "facturx/fail/fail2.pdf": "TYP-011",
    "facturx/fail/fail3.pdf": "TYP-011",
    "facturx/fail/MustangRE-20171118_506_ZUGFeRD1and2.pdf": "PDF-002",
    "facturx/fail/factur-x-invalid-xml-encoding-attribute.pdf": "XML-007",
    "facturx/library-fixtures/zugferd-basic.xml": "TYP-011",
    "facturx/library-fixtures/zugferd-comfort.xml": "TYP-011",
    "facturx/library-fixtures/zugferd-extended.xml": "TYP-011",
}
"""Never judged by a schema: ZUGFeRD 1 is declined, two invoices in a PDF are one too many, and an encoding nobody knows cannot be read."""


@cache
def schemas() -> SchemaSet:
    return SchemaSet()


def entries() -> list[Any]:
    found = [pytest.param(entry, id=entry["file"]) for entry in manifest()]
    return found or [pytest.param({}, id="no corpora")]


@pytest.mark.parametrize("entry", entries())
def test_a_file_gets_the_syntax_profile_and_schema_verdict_of_the_manifest(entry: dict[str, Any]) -> None:
    name = entry.get("file", "")
    opened = open_document((corpora() / name).read_bytes(), member=name)

    assert opened.syntax == SYNTAX_DEVIATIONS.get(name, (SYNTAX.get(entry["kind"], entry["kind"]), ""))[0]
    if name not in PROFILE_DEVIATIONS:
        assert opened.profile == (entry["profile"] or "")
    if opened.root is None:
        expected = {"edifact": "TYP-010", "xml:M_INVOIC": "XML-010"}.get(entry["kind"]) or REFUSED[name]
        assert expected in [f.rule for f in opened.findings]
        return
    stated = entry["facturx_xsd_ok"] if entry["kind"] == "pdf" else entry["xsd_ok"]
    findings = schemas().check(opened.syntax, opened.profile, opened.root, data=opened.xml, explain=False, member=name)
    assert [f.message for f in findings if stated] == []
    assert (not findings) is stated


@pytest.mark.parametrize("entry", entries())
def test_an_invoice_of_the_corpora_gives_its_number_date_and_currency(entry: dict[str, Any]) -> None:
    opened = open_document((corpora() / entry.get("file", "")).read_bytes(), member="m")
    if opened.syntax is Syntax.CDAR:
        assert opened.invoices()[0].number
        return
    for invoice in opened.invoices():
        assert invoice.number
        assert len(invoice.issue_date) == 10
        assert len(invoice.currency) == 3
        assert invoice.total_with_vat or invoice.payable


def test_twins_in_ubl_and_cii_give_the_same_facts() -> None:
    folder = corpora() / "xrechnung-testsuite"
    pairs = [(p, p.with_name(p.name.replace("_ubl", "_uncefact"))) for p in sorted(folder.glob("01.*a-INVOICE_ubl.xml"))]
    pairs = [(a, b) for a, b in pairs if b.exists()]
    assert len(pairs) > 10
    for first, second in pairs:
        one = open_document(first.read_bytes()).invoices()[0]
        other = open_document(second.read_bytes()).invoices()[0]
        # not the order number: UBL needs one where CII does not, and the suite fills it with a dummy
        for field in ("number", "issue_date", "type", "currency", "service", "lines", "payable", "market"):
            assert getattr(one, field) == getattr(other, field), (first.name, field)


def test_a_lawful_attachment_of_ten_megabytes_passes() -> None:
    source = (corpora() / "cen/ubl-examples/ubl-tc434-example1.xml").read_bytes()
    content = base64.b64encode(bytes(10_000_000))
    reference = (
        b"<cac:AdditionalDocumentReference><cbc:ID>PJ1</cbc:ID><cac:Attachment>"
        b'<cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" filename="pj.pdf">' + content +
        b"</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference><cac:AccountingSupplierParty>"
    )  # fmt: skip
    opened = open_document(source.replace(b"<cac:AccountingSupplierParty>", reference, 1))
    assert opened.root is not None
    attachment = next(a for a in opened.invoices()[0].attachments if a.name == "pj.pdf")
    assert (attachment.size, attachment.error, attachment.mime) == (10_000_000, -1, "application/pdf")
    assert schemas().check(opened.syntax, opened.profile, opened.root, data=opened.xml, explain=False, member="m") == []
