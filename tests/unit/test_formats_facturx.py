"""Factur-X: the invoice is found by its name inside the PDF; a PDF that cannot be trusted is refused, never a crash."""

from __future__ import annotations

import io
import zlib

import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf.generic import DictionaryObject, NameObject, TextStringObject

from gateway.formats import facturx, open_document
from gateway.model import Severity, Syntax, is_fatal

CII = (
    b'<rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100">'
    b"<rsm:ExchangedDocumentContext/></rsm:CrossIndustryInvoice>"
)
ZUGFERD_1 = b'<CrossIndustryDocument xmlns="urn:ferd:CrossIndustryDocument:invoice:1p0"/>'


def pdf(*files: tuple[str, bytes], script: bool = False, password: str = "") -> bytes:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(10, 10)
    for name, content in files:
        writer.add_attachment(name, content)
    if script:
        action = {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("app.alert('x')")}
        writer.root_object[NameObject("/OpenAction")] = DictionaryObject(action)
    if password:
        writer.encrypt(password)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def refused(data: bytes) -> list[str]:
    embedded = facturx.extract(data, member="a.pdf")
    assert embedded.data == b""
    return [f.message_fr for f in embedded.findings]


@pytest.mark.parametrize("name", ["factur-x.xml", "zugferd-invoice.xml", "ZUGFeRD-invoice.xml", "xrechnung.xml", "Factur-X.xml"])
def test_the_invoice_is_found_by_its_name(name: str) -> None:
    opened = open_document(pdf((name, CII)))
    assert (opened.syntax, opened.xml) == (Syntax.FACTUR_X, CII)
    assert not is_fatal(opened.findings)


def test_the_other_files_are_the_invoices_attachments() -> None:
    opened = open_document(pdf(("PJ1.zip", b"PK\x03\x04data"), ("factur-x.xml", CII), ("note.pdf", b"")))
    (invoice,) = opened.invoices()
    assert sorted((a.name, a.size, a.zipped) for a in invoice.attachments) == [("PJ1.zip", 8, True), ("note.pdf", 0, False)]


def test_row_108_a_pdf_without_invoice() -> None:
    said = ["PDF sans facture XML incorporée (Factur-X attendu)."]
    assert refused(pdf()) == said
    assert refused(pdf(("image.png", b"x"))) == said


def test_row_109_several_invoices_or_a_wrong_name() -> None:
    several = "2 fichiers XML incorporés : factur-x.xml, zugferd-invoice.xml. Un seul attendu : factur-x.xml."
    assert refused(pdf(("factur-x.xml", CII), ("zugferd-invoice.xml", CII))) == [several]
    assert refused(pdf(("facture.xml", CII))) == ["1 fichiers XML incorporés : facture.xml. Un seul attendu : factur-x.xml."]


def test_row_110_an_encrypted_or_broken_pdf() -> None:
    said = ["PDF illisible ou protégé."]
    assert refused(pdf(("factur-x.xml", CII), password="x")) == said
    assert refused(b"%PDF-1.7\n") == said
    assert refused(b"%PDF-1.7\ntrailer<</Root 1 0 R>>\nstartxref\n5\n%%EOF") == said


def raw(*objects: bytes) -> bytes:
    body, offsets = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % o for o in offsets)
    size = len(objects) + 1
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF"
    return body + end % (size, table, size, len(body))


def test_row_110_a_name_tree_that_runs_in_a_circle_ends() -> None:
    circle = raw(
        b"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles 3 0 R>>>>",
        b"<</Type/Pages/Kids[]/Count 0>>",
        b"<</Kids[4 0 R]>>",
        b"<</Kids[3 0 R]>>",
    )
    assert refused(circle) in (["PDF illisible ou protégé."], ["PDF sans facture XML incorporée (Factur-X attendu)."])


@pytest.mark.parametrize("megabytes", [21, 100])
def test_row_111_an_embedded_file_that_expands_too_far(megabytes: int) -> None:
    packed = zlib.compress(bytes(megabytes * 1_000_000), 9)
    bomb = raw(
        b"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[(factur-x.xml) 3 0 R]>>>>>>",
        b"<</Type/Pages/Kids[]/Count 0>>",
        b"<</Type/Filespec/F(factur-x.xml)/UF(factur-x.xml)/EF<</F 4 0 R>>>>",
        b"<</Type/EmbeddedFile/Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(packed), packed),
    )
    assert refused(bomb) == ["Fichier incorporé trop volumineux."]


def test_row_112_a_script_is_a_warning() -> None:
    embedded = facturx.extract(pdf(("factur-x.xml", CII), script=True))
    assert embedded.data == CII
    assert [(f.rule, f.severity) for f in embedded.findings] == [("PDF-005", Severity.WARNING)]
    assert [f.rule for f in facturx.extract(pdf(("factur-x.xml", CII), ("run.exe", b"MZ"))).findings] == ["PDF-005"]


def test_a_zugferd_1_invoice_is_recognised_and_declined() -> None:
    opened = open_document(pdf(("ZUGFeRD-invoice.xml", ZUGFERD_1)))
    assert (opened.syntax, opened.root, [f.rule for f in opened.findings]) == (Syntax.ZUGFERD_1, None, ["TYP-011"])


def test_anything_else_under_the_invoices_name_is_refused() -> None:
    for content in (b"not xml", b"<html/>", b'<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>'):
        opened = open_document(pdf(("factur-x.xml", content)))
        assert (opened.syntax, opened.root) == (Syntax.FACTUR_X, None)
        assert opened.findings


def test_a_pdf_header_may_stand_a_little_later() -> None:
    assert facturx.is_pdf(b"\n\n%PDF-1.4")
    assert not facturx.is_pdf(b"<a>" + b" " * 2_000 + b"%PDF-1.4</a>")
    assert not facturx.is_pdf(b"\xef\xbb\xbf<?xml version='1.0'?><a>%PDF-1.4</a>")


def test_an_invoice_that_speaks_of_pdf_is_xml() -> None:
    spoken = CII.replace(b"<rsm:ExchangedDocumentContext/>", b"<!-- %PDF-1.7 --><rsm:ExchangedDocumentContext/>")
    assert open_document(spoken).syntax is Syntax.CII


@given(st.integers(0, 4_000), st.binary(min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_a_damaged_pdf_never_crashes(at: int, noise: bytes) -> None:
    data = bytearray(pdf(("factur-x.xml", CII), ("b.png", b"x")))
    data[at : at + len(noise)] = noise
    embedded = facturx.extract(bytes(data))
    assert embedded.data or embedded.findings
