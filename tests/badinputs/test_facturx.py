"""Rows 108 to 111 of the catalogue of bad inputs, and the marks of a Factur-X PDF: the exact French answer, to PDFs of our own writer.

Only the rows refuse; a mark that is absent or wrong is told beside an invoice that stands.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from gateway.formats import facturx, facturx_marks, open_document
from gateway.formats.facturx_marks import level_of
from gateway.judging import Desk, judge
from gateway.model import Document, Finding, Severity, Syntax, is_fatal
from samples import make, write_cii, write_pdf
from samples.tables import SALES
from samples.write_pdf import Marks

SALE = make.sale(next(row for row in SALES if row[1] == "fx-reforme"))
XML = write_cii.write(SALE)
MINIMUM, BASIC = "urn:factur-x.eu:1p0:minimum", "urn:cen.eu:en16931:2017#compliant#urn:factur-x.eu:1p0:basic"
GOOD = Marks()


def pdf(marks: Marks = GOOD, *, level: str = "EN 16931", xml: bytes = XML) -> bytes:
    return write_pdf.factur_x(SALE, xml, level, marks)


def told(data: bytes) -> list[tuple[str, str, Severity]]:
    return [(f.rule, f.message_fr, f.severity) for f in open_document(data, member="f.pdf").findings]


REFUSED = [
    pytest.param(Marks(names=()), "PDF-001", "PDF sans facture XML incorporée (Factur-X attendu).", id="108 no XML"),
    pytest.param(Marks(names=("factur-x.xml", "zugferd-invoice.xml")), "PDF-002",
                 "2 fichiers XML incorporés : factur-x.xml, zugferd-invoice.xml. Un seul attendu : factur-x.xml.", id="109 two names"),
    pytest.param(Marks(names=("factur-x.xml", "FACTUR-X.XML")), "PDF-002",
                 "2 fichiers XML incorporés : factur-x.xml, FACTUR-X.XML. Un seul attendu : factur-x.xml.", id="109 one name twice"),
    pytest.param(Marks(names=("facture.xml",)), "PDF-002", "1 fichiers XML incorporés : facture.xml. Un seul attendu : factur-x.xml.",
                 id="109 a wrong name"),
]  # fmt: skip


@pytest.mark.parametrize(("marks", "rule", "french"), REFUSED)
def test_a_pdf_without_one_invoice_is_refused(marks: Marks, rule: str, french: str) -> None:
    assert told(pdf(marks)) == [(rule, french, Severity.FATAL)]
    assert open_document(pdf(marks)).root is None


def test_row_109_another_xml_beside_the_invoice_is_an_attachment() -> None:
    opened = open_document(pdf(Marks(names=("factur-x.xml", "commande.xml"))))
    assert opened.findings == ()
    assert [a.name for invoice in opened.invoices() for a in invoice.attachments] == ["commande.xml"]


def test_row_110_a_pdf_cut_short_is_unreadable() -> None:
    whole = pdf()
    assert told(whole[: len(whole) // 3]) == [("PDF-003", "PDF illisible ou protégé.", Severity.FATAL)]


def test_row_111_an_embedded_file_over_twenty_megabytes() -> None:
    padded = XML.replace(b"?>", b"?><!--" + b" " * 21_000_000 + b"-->", 1)
    assert told(pdf(xml=padded)) == [("PDF-004", "Fichier incorporé trop volumineux.", Severity.FATAL)]


def test_a_pdf_with_the_right_marks_is_silent() -> None:
    assert told(pdf()) == []


NOTICED = [
    pytest.param(Marks(relationship=""), "PDF-006",
                 'Relation du fichier factur-x.xml au PDF (AFRelationship) : "Unspecified". Attendu : Data, Source, Alternative.',
                 id="no relationship"),
    pytest.param(Marks(relationship="Supplement"), "PDF-006",
                 'Relation du fichier factur-x.xml au PDF (AFRelationship) : "Supplement". Attendu : Data, Source, Alternative.',
                 id="another relationship"),
    pytest.param(Marks(part="1"), "PDF-008", 'Le PDF n\'est pas déclaré PDF/A-3 (pdfaid:part : "1"). Attendu : 3.', id="PDF/A-1"),
    pytest.param(Marks(told="facture.xml"), "PDF-009",
                 'Les métadonnées du PDF (fx:DocumentFileName) nomment "facture.xml". Attendu : factur-x.xml.', id="another file named"),
    pytest.param(Marks(associated=False), "PDF-010",
                 "Le fichier factur-x.xml n'est pas parmi les fichiers associés du PDF (/AF du catalogue).", id="no associated file"),
]  # fmt: skip


@pytest.mark.parametrize(("marks", "rule", "french"), NOTICED)
def test_a_wrong_mark_is_told_and_the_invoice_stands(marks: Marks, rule: str, french: str) -> None:
    assert told(pdf(marks)) == [(rule, french, Severity.WARNING)]
    assert open_document(pdf(marks)).root is not None


@pytest.mark.parametrize("relationship", ["Data", "Source", "Alternative"])
def test_a_whole_invoice_may_stand_in_three_relationships(relationship: str) -> None:
    assert told(pdf(replace(GOOD, relationship=relationship))) == []


def test_an_invoice_without_lines_is_data_beside_the_pdf() -> None:
    xml = write_cii.write(SALE, MINIMUM, lines=False)
    assert told(pdf(level="MINIMUM", xml=xml)) == []
    found = told(pdf(Marks(relationship="Alternative"), level="MINIMUM", xml=xml))
    assert [(rule, french[-18:]) for rule, french, _ in found] == [("PDF-006", '". Attendu : Data.')]


@pytest.mark.parametrize(("level", "profile", "agree"), [
    ("EN 16931", write_cii.EN16931, True), ("EN16931", write_cii.EN16931, True), ("BASIC", BASIC, True), ("BASIC WL", BASIC, False),
    ("MINIMUM", write_cii.EN16931, False), ("EXTENDED", BASIC, False), ("EN 16931", "urn:exemple:profil", True),
])  # fmt: skip
def test_the_level_of_the_metadata_is_that_of_the_invoice(level: str, profile: str, agree: bool) -> None:
    found = [(rule, severity) for rule, _, severity in told(pdf(level=level, xml=write_cii.write(SALE, profile)))]
    assert found == ([] if agree else [("PDF-007", Severity.WARNING)])


@pytest.mark.parametrize(("profile", "level"), [
    ("urn:factur-x.eu:1p0:basicwl", "BASIC WL"), ("urn:zugferd.de:2p0:minimum", "MINIMUM"), (BASIC, "BASIC"), ("", ""),
    ("urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended", "EXTENDED"), (write_cii.EN16931, "EN 16931"),
    ("urn:cen.eu:en16931:2017#compliant#urn:xoev-de:kosit:standard:xrechnung_2.3", "XRECHNUNG"),
])  # fmt: skip
def test_bt_24_names_a_level(profile: str, level: str) -> None:
    assert level_of(profile) == level


def test_metadata_that_are_no_xml_or_too_long_are_absent() -> None:
    for wrong in (pdf().replace(b"<rdf:RDF", b"<rdf:RDG", 1), pdf(level="x" * (facturx_marks.METADATA + 1))):
        assert [rule for rule, _, _ in told(wrong)] == ["PDF-008", "PDF-009"]


def test_a_mark_is_told_as_far_as_a_person_reads() -> None:
    ((rule, french, _),) = told(pdf(level="x" * 100_000))
    assert rule == "PDF-007"
    assert len(french) < 300


def test_marks_that_cannot_be_read_refuse_nothing() -> None:
    broken = pdf().replace(b"/AF [7 0 R]", b"/AF (7 0 R)", 1)
    embedded = facturx.extract(broken)
    assert embedded.data == XML
    assert not is_fatal(embedded.findings)


@pytest.mark.parametrize("policy", ["chorus", "reform"])
def test_marks_reject_under_no_policy(policy: str) -> None:
    bare = pdf(Marks(part="", told="", relationship="", associated=False), level="BASIC")
    judged = judge(Document(1, "f.pdf", bare), Desk.build(policy=policy, today=date(2026, 11, 1)))
    found: list[Finding] = [f for f in judged.findings if f.rule.startswith("PDF-")]
    assert [f.rule for f in found] == ["PDF-006", "PDF-007", "PDF-008", "PDF-009", "PDF-010"]
    assert judged.syntax is Syntax.FACTUR_X
    assert not is_fatal(judged.findings)
