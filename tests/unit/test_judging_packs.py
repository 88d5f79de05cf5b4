"""Rule packs within a judgement: who is asked, what counts, what is told once; the schema and our own checks beside them or left out."""

from __future__ import annotations

import re
import sys
from collections import Counter
from datetime import date
from importlib import resources

import pytest

from adapters import pack_cache
from gateway import formats
from gateway.config import Rules
from gateway.formats import open_document
from gateway.judging import Desk, in_steps, is_acceptable, judge
from gateway.model import Document, Finding, Judgement, Severity, is_fatal, is_valid
from gateway.packs import Packs
from gateway.policies import ALL, Panel
from gateway.schematron import native, reference
from gateway.schematron.document import Document as PackDocument
from gateway.schematron.evaluator import Evaluator
from gateway.schematron.pack import Pack
from gateway.steps import at_once
from samples.ledger import siret
from tests.ubl_invoices import invoice

TODAY = date(2026, 11, 1)
PACKS = Packs(pack_cache.folder())
SAMPLES = resources.files("samples")
VILLE, FIRM = siret("21350999"), siret("80500001")


def judged(data: bytes, *, policy: str = "chorus", panel: Panel = ALL, rules: Rules | None = None, interface: str = "") -> Judgement:
    desk = Desk.build(policy=policy, today=TODAY, packs=PACKS, panel=panel, rules=rules)
    return judge(Document(1, "a.xml", data, interface=interface), desk)


def findings(judgement: Judgement) -> list[Finding]:
    return [*judgement.findings, *(f for one in judgement.invoices for f in one.findings)]


def who(judgement: Judgement) -> list[str]:
    return [use.name for use in judgement.packs]


def sample(path: str) -> bytes:
    return (SAMPLES / path).read_bytes()


def broken_totals() -> bytes:
    return re.sub(rb"(<cbc:TaxInclusiveAmount[^>]*>)[^<]*", rb"\g<1>1.00", invoice(1))


# --- who is asked


@pytest.mark.parametrize(("recipient", "asked"), [(VILLE, True), (FIRM, False)])
def test_the_recipient_decides_whether_the_rules_for_public_bodies_judge(recipient: str, asked: bool) -> None:
    data = sample("reform/ubl-reforme.xml").replace(VILLE.encode(), recipient.encode()).replace(VILLE[:9].encode(), recipient[:9].encode())
    found = judged(data, policy="reform")
    assert ("BR-FR-CPRO" in who(found)) is asked
    assert findings(found) == []


def test_each_policy_asks_its_own() -> None:
    assert who(judged(invoice(1))) == ["XSD", "CPRO", "EN16931-UBL"]
    assert who(judged(invoice(1), policy="reform")) == ["XSD", "EN16931-UBL", "BR-FR-UBL"]


class Asked:
    """An evaluator that notes what it is asked, and finds nothing."""

    name, walks_the_tree = "asked", True

    def __init__(self) -> None:
        self.packs: list[str] = []
        self.troubles: list[str] = []

    def evaluate(self, pack: Pack, document: PackDocument) -> list[Finding]:
        self.packs.append(pack.name)
        return []


@pytest.mark.parametrize(("data", "asked"), [(invoice(1), ["CPRO", "EN16931-UBL"]), (b"<Invoice", []), (b"<Invoice/>", []), (b"", [])])
def test_nobody_is_asked_about_what_was_not_parsed_or_was_refused_before(data: bytes, asked: list[str]) -> None:
    evaluator = Asked()
    found = judge(Document(1, "a.xml", data), Desk.build(policy="chorus", today=TODAY, packs=Packs(pack_cache.folder(), evaluator)))
    assert (evaluator.packs, found.packs == ()) == (asked, not asked)


def test_an_invoice_of_a_mixed_flow_is_not_asked_for_the_standards_rules() -> None:
    assert who(judged(invoice(1), interface="FSO1110A")) == ["XSD", "CPRO"]


def test_no_pack_judges_where_they_are_switched_off() -> None:
    found = judge(Document(1, "a.xml", broken_totals()), Desk.build(policy="reform", today=TODAY))
    assert (who(found), is_fatal(findings(found))) == (["XSD"], False)


def test_named_packs_judge_instead_of_the_policys_as_their_flags_say() -> None:
    found = judged(broken_totals(), panel=Panel(("EN16931-UBL",)))
    assert who(found) == ["XSD", "EN16931-UBL"]
    assert {(f.severity, f.flag) for f in findings(found) if f.pack == "EN16931-UBL"} == {(Severity.FATAL, None)}


def test_named_packs_that_know_nothing_of_the_syntax_are_a_check_that_was_not_made() -> None:
    found = judged(invoice(1), panel=Panel(("BR-FR-CDV", "BR-FR-CII"), rules_only=True))
    assert who(found) == []
    assert [(f.rule, f.severity) for f in findings(found)] == [("PACK-002", Severity.FATAL)]
    assert findings(found)[0].message_en == "None of the rule packs asked for (BR-FR-CDV, BR-FR-CII) judges a document ubl-invoice."
    assert who(judged(invoice(1), panel=Panel(("BR-FR-CDV", "CPRO"), rules_only=True))) == ["CPRO"]


def test_rules_only_leaves_out_the_schema_and_our_own_checks() -> None:
    wrong = invoice(1).replace(b"cbc:BuyerReference>", b"cbc:BuyerReferences>").replace(b"2026-09-30", b"2026-02-30")
    assert {f.pack for f in findings(judged(wrong))} >= {"XSD", "CPRO"}
    found = judged(wrong, panel=Panel(("BR-FR-UBL",), rules_only=True))
    assert who(found) == ["BR-FR-UBL"]
    assert {f.pack for f in findings(found)} == {"BR-FR-UBL"}
    assert [one.findings for one in found.invoices] == [()]


def test_what_cannot_be_read_is_told_whoever_is_asked() -> None:
    assert [f.rule for f in findings(judged(b"<Invoice", panel=Panel(("CPRO",), rules_only=True)))] == ["XML-001"]


# --- what counts


def test_under_chorus_a_broken_rule_of_the_standard_warns_and_the_rules_word_is_kept() -> None:
    found = judged(broken_totals())
    told = [f for f in findings(found) if f.pack == "EN16931-UBL"]
    assert {f.rule for f in told} >= {"BR-CO-15"}
    assert {(f.severity, f.flag) for f in told} == {(Severity.WARNING, Severity.FATAL)}
    assert is_acceptable(found.invoices, found.findings)
    assert not is_valid(findings(found))


def test_under_the_reform_the_same_rule_rejects() -> None:
    found = judged(broken_totals(), policy="reform")
    assert {(f.severity, f.flag) for f in findings(found) if f.rule == "BR-CO-15"} == {(Severity.FATAL, None)}
    assert not is_acceptable(found.invoices, found.findings)


def test_what_chorus_is_sure_to_refuse_is_fatal_by_the_pack_alone() -> None:
    unpaid = re.sub(rb"<cac:PaymentMeans>.*</cac:PaymentMeans>", b"", invoice(1), flags=re.DOTALL)
    assert [(f.rule, f.severity) for f in findings(judged(unpaid)) if f.pack == "CPRO"] == [("CPRO-PAY-01", Severity.FATAL)]


# --- told once


def test_a_mistake_that_our_check_and_the_pack_know_is_told_once() -> None:
    found = findings(judged(invoice(1, number="N" * 21)))
    assert [(f.pack, f.rule) for f in found if "NUM" in f.rule] == [("CPRO", "NUM-002")]


@pytest.mark.parametrize(("setting", "accepted"), [("off", True), ("warn", True), ("reject", False)])
def test_the_setting_of_our_check_binds_the_packs_rule_too(setting: str, accepted: bool) -> None:
    found = judged(invoice(1, number="N" * 21), rules=Rules(number=setting))
    assert is_acceptable(found.invoices, found.findings) is accepted
    assert len([f for f in findings(found) if f.pack == "CPRO"]) == (setting != "off")


def test_named_packs_follow_no_setting() -> None:
    found = judged(invoice(1, number="N" * 21), rules=Rules(number="off"), panel=Panel(("CPRO",)))
    assert [(f.rule, f.severity) for f in findings(found) if f.pack == "CPRO"] == [("CPRO-NUM-02", Severity.FATAL)]


# --- instances


def test_a_rule_that_fails_on_three_lines_gives_three_findings_with_their_places() -> None:
    nameless = re.sub(rb"<cbc:Name>Fourniture[^<]*</cbc:Name>", b"", invoice(1, lines=3))
    found = [f for f in findings(judged(nameless)) if f.rule == "BR-25"]
    assert [f.location for f in found] == [f"/Invoice/cac:InvoiceLine[{n}]" for n in (1, 2, 3)]
    assert len({f.line for f in found}) == 3
    assert {f.terms for f in found} == {("BG-25", "BT-153")}


def test_a_rule_without_an_answer_is_fatal_and_the_others_go_on() -> None:
    empty = re.sub(rb"(<cbc:PayableAmount[^>]*>)[^<]*", rb"\1", broken_totals())
    found = findings(judged(empty, policy="reform", panel=Panel(("EN16931-UBL",), rules_only=True)))
    assert Counter((f.rule, f.severity, f.unevaluable) for f in found) >= Counter({
        ("BR-CO-16", Severity.FATAL, True): 1, ("BR-CO-15", Severity.FATAL, False): 1,
    })  # fmt: skip
    (told,) = [f for f in found if f.unevaluable]
    assert told.message.startswith("[BR-CO-16]")
    assert told.message_fr.startswith("Cette règle ne peut pas être évaluée sur ce document")
    assert told.message_en.startswith("This rule cannot be evaluated on this document")
    assert told.as_json()["unevaluable"] is True


# --- the parser's tree


@pytest.mark.parametrize(("evaluator", "kept"), [(native.Evaluator, False), (reference.Evaluator, True)])
def test_a_tree_waits_for_its_turn_only_where_an_evaluator_walks_it(
    evaluator: type[Evaluator], kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[formats.Opened] = []
    monkeypatch.setattr(formats, "open_document", lambda data, **options: opened.append(open_document(data, **options)) or opened[0])
    work = in_steps(
        Document(1, "a.xml", invoice(1)), Desk.build(policy="chorus", today=TODAY, packs=Packs(pack_cache.folder(), evaluator()))
    )
    next(work)
    root = opened.pop().root
    assert sys.getrefcount(root) == 2 + kept  # ours, the call's
    assert at_once(work) == judged(invoice(1))
