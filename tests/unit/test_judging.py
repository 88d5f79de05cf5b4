"""One document judged: what each kind of file is answered, how hard, and what goes out."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from gateway.catalogue import finding
from gateway.config import Limits, Rules
from gateway.envelope import Envelope
from gateway.judging import Desk, fallen_together, is_acceptable, judge, kind_of
from gateway.model import Document, Invoice, JudgedInvoice, Judgement, Severity, SideFile, Syntax
from gateway.policies import Kind
from tests.ubl_invoices import invoice

TODAY = date(2026, 11, 22)
DESK = Desk.build(policy="chorus", today=TODAY)
BROKEN = invoice(3).replace(b"<cbc:IssueDate>", b"<cbc:IssueDay>", 1).replace(b"</cbc:IssueDate>", b"</cbc:IssueDay>", 1)

MIXTE_UNIT = """<CPPFactureMixteUnitaire><NumeroLotMandat/>
<Fournisseur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>{supplier}</Identifiant></Fournisseur><Debiteur><Identifiant>80500001500018</Identifiant></Debiteur><DonneesFacture><Id>{number}</Id><Type>{type}</Type>
<Cadre>A1</Cadre><DateEmissionFacture>2026-09-30</DateEmissionFacture><Montants><MontantHT>10.00</MontantHT></Montants></DonneesFacture>
</CPPFactureMixteUnitaire>"""


def judged(data: bytes, *, desk: Desk = DESK, **options: object) -> Judgement:
    return judge(replace(Document(1, "a.xml", data), **options), desk)  # type: ignore[arg-type]  # fields of Document


def rules(judgement: Judgement) -> list[str]:
    return [f.rule for f in (*judgement.findings, *(f for j in judgement.invoices for f in j.findings))]


def mixte(*units: str) -> bytes:
    return f"<CPPFactureMixte><CPPFactures>{''.join(units)}</CPPFactures></CPPFactureMixte>".encode()


def unit(number: str) -> str:
    return MIXTE_UNIT.format(supplier="80000001000010", number=number, type="380")


def test_a_valid_invoice_is_acceptable_and_its_facts_are_read() -> None:
    data = invoice(1)
    found = judged(data)
    assert (found.syntax, found.profile) == (Syntax.UBL_INVOICE, "urn:cen.eu:en16931:2017")
    assert (found.sha256, found.size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert rules(found) == []
    assert is_acceptable(found.invoices, found.findings)
    assert found.invoices[0].invoice.number == "F0000001"


def test_the_schema_that_judged_is_told_with_a_digest() -> None:
    (use,) = judged(invoice(1)).packs
    assert (use.name, use.version, len(use.digest)) == ("XSD", "ubl-invoice", 64)


@pytest.mark.parametrize(
    ("data", "syntax", "rule"),
    [
        (b"", Syntax.UNKNOWN, "DEP-004"),
        (b"<Invoice", Syntax.UNKNOWN, "XML-001"),
        (b"plain words", Syntax.UNKNOWN, "TYP-001"),
        (b"MZ\x90\x00" + bytes(200), Syntax.UNKNOWN, "TYP-001"),
        (b"<invoice/>", Syntax.UNKNOWN, "XML-010"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a/>', Syntax.UNKNOWN, "XML-003"),
        (b'<Invoice xmlns="urn:some:other:Invoice-2"/>', Syntax.UNKNOWN, "XML-011"),
        (b"UNB+UNOC:3+A+B+260930:1000+1'UNH+1+INVOIC:D:96A:UN'", Syntax.EDIFACT_INVOIC, "TYP-010"),
        (b'<CrossIndustryDocument xmlns="urn:ferd:CrossIndustryDocument:invoice:1p0"/>', Syntax.ZUGFERD_1, "TYP-011"),
        (b"%PDF-1.7\nnothing here", Syntax.FACTUR_X, "PDF-003"),
        (b"PK\x03\x04 an archive in an archive", Syntax.UNKNOWN, "TYP-001"),
    ],
)
def test_what_is_no_invoice_of_ours_is_answered_with_its_reason(data: bytes, syntax: Syntax, rule: str) -> None:
    found = judged(data)
    assert (found.syntax, rules(found), found.invoices) == (syntax, [rule], ())
    assert not is_acceptable(found.invoices, found.findings)


def test_an_error_of_the_schema_is_fatal_on_a_structured_flow() -> None:
    found = judged(BROKEN)
    assert {f.rule for f in found.findings} == {"XSD-001"}
    assert {f.severity for f in found.findings} == {Severity.FATAL}
    assert not is_acceptable(found.invoices, found.findings)
    assert found.invoices[0].invoice.number == "F0000003"  # still named, so that the partner knows which


def test_the_same_error_is_a_warning_on_a_mixed_flow() -> None:
    found = judged(BROKEN, interface="FSO1110A")
    assert {f.severity for f in found.findings if f.rule == "XSD-001"} == {Severity.WARNING}


def test_the_reform_has_it_fatal_everywhere() -> None:
    found = judged(BROKEN, interface="FSO1110A", desk=Desk.build(policy="reform", today=TODAY))
    assert {f.severity for f in found.findings if f.rule == "XSD-001"} == {Severity.FATAL}


def test_a_schema_of_our_own_only_warns_until_the_official_one_is_mounted(tmp_path: Path) -> None:
    data = mixte(unit("M1"))
    assert {f.severity for f in judged(data).findings if f.rule == "XSD-001"} == {Severity.WARNING}
    (tmp_path / "cpp-mixte.xsd").write_text('<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="Other"/></xs:schema>')
    mounted = judged(data, desk=Desk.build(policy="chorus", folder=tmp_path, today=TODAY))
    assert {f.severity for f in mounted.findings if f.rule == "XSD-001"} == {Severity.FATAL}


def test_the_announced_interface_must_take_the_syntax() -> None:
    found = judged(invoice(1), interface="FSO1106A")
    assert rules(found) == ["RTE-002"]
    assert "FSO1106A" in found.findings[0].message_en
    assert found.invoices == ()


def test_the_announced_interface_that_takes_the_syntax_is_silent() -> None:
    assert rules(judged(invoice(1), interface="FSO1100A")) == []


def test_a_message_is_no_invoice_when_deposited_and_judged_by_its_schema_otherwise() -> None:
    message = b"<CPPStatut/>"
    assert rules(judged(message)) == ["TYP-012"]
    found = judged(message, desk=Desk.build(policy="chorus", today=TODAY, is_deposit=False))
    assert found.syntax is Syntax.CPP_STATUT
    assert set(rules(found)) == {"XSD-001"}
    assert found.invoices == ()


def test_our_own_rules_speak_beside_the_invoice() -> None:
    found = judged(invoice(1).replace(b"80000001000010", b"80000001000011"))
    assert found.findings == ()
    assert any(f.severity is Severity.FATAL for f in found.invoices[0].findings)


def test_the_rules_of_chorus_pro_do_not_bind_under_the_reform() -> None:
    wrong = invoice(1).replace(b"80000001000010", b"80000001000011")
    assert "CPRO" in {f.pack for j in judged(wrong).invoices for f in j.findings}
    found = judged(wrong, desk=Desk.build(policy="reform", today=TODAY))
    assert "CPRO" not in {f.pack for j in found.invoices for f in j.findings}
    assert is_acceptable(found.invoices, found.findings)


def test_rules_follow_the_settings() -> None:
    desk = Desk.build(policy="chorus", rules=Rules(identifiers="off"), today=TODAY)
    assert rules(judged(invoice(1).replace(b"80000001000010", b"80000001000011"), desk=desk)) == []


def test_the_date_window_follows_the_day() -> None:
    early = DESK.on(date(2020, 1, 1))
    assert rules(judged(invoice(1), desk=early)) == ["BUS-007"]
    assert early.on(date(2020, 1, 1)) is early


def test_a_document_over_the_limit_is_not_even_parsed() -> None:
    desk = Desk.build(policy="chorus", limits=Limits(document_bytes=100), today=TODAY)
    assert rules(judged(invoice(1), desk=desk)) == ["ARC-015"]


def test_an_empty_file_of_several_invoices_is_answered() -> None:
    assert "BUS-001" in rules(judged(mixte()))


def test_one_bad_invoice_takes_the_whole_file_with_it() -> None:
    found = judged(mixte(unit("GOOD1"), unit("BAD\u200b2"), unit("GOOD3")))
    assert [j.invoice.number for j in found.invoices] == ["GOOD1", "BAD\u200b2", "GOOD3"]
    assert [any(f.severity is Severity.FATAL for f in j.findings) for j in found.invoices] == [True, True, True]
    assert [f.rule for f in found.invoices[0].findings].count("BUS-011") == 1
    assert "BUS-011" not in [f.rule for f in found.invoices[1].findings]


def test_a_file_of_good_invoices_stands() -> None:
    good = (JudgedInvoice(Invoice(number="1")), JudgedInvoice(Invoice(number="2"), (finding("XML-005"),)))
    assert fallen_together(good) is good


def test_an_acceptable_document_comes_back_as_a_segment_with_what_stands_beside_it() -> None:
    data = invoice(1)
    found = judged(data, segment_name="F1-000001.xml", sides=(SideFile("a.sig", b"<Signature/>"),))
    raw = zlib.decompressobj(-15).decompress(found.segment)
    assert (zlib.crc32(raw), len(raw)) == (found.segment_crc, found.segment_size)
    archive = Envelope()
    whole = archive.header() + archive.add(found.segment, found.segment_crc, found.segment_size) + archive.finish()
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(whole))) as tar:
        members = {m.name: tar.extractfile(m).read() for m in tar}  # type: ignore[union-attr]  # regular files only
    assert members == {"F1-000001.xml": data, "a.sig": b"<Signature/>"}


def test_nothing_goes_out_of_a_rejected_document_or_unasked() -> None:
    assert judged(BROKEN, segment_name="F1-000001.xml").segment == b""
    assert judged(invoice(1)).segment == b""


@pytest.mark.parametrize(
    ("syntax", "interface", "kind"),
    [
        (Syntax.UBL_INVOICE, "", Kind.E1),
        (Syntax.CII, "", Kind.E1),
        (Syntax.FACTUR_X, "", Kind.FACTUR_X),
        (Syntax.CPP_MIXTE, "", Kind.E2),
        (Syntax.UBL_INVOICE, "FSO1110A", Kind.E2),
        (Syntax.UBL_INVOICE, "FSO1100A", Kind.E1),
        (Syntax.CDAR, "", Kind.E1),
    ],
)
def test_the_kind_of_a_document_comes_from_the_interface_else_from_the_syntax(syntax: Syntax, interface: str, kind: Kind) -> None:
    assert kind_of(syntax, interface) is kind
