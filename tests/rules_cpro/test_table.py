"""The table of our own packs: it and the two Schematron files of each pack say the same; it judges no document."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from lxml import etree

from docs import from_rules
from gateway.catalogue import entries
from gateway.model import Finding, Severity
from gateway.own_rules import PACKS, TWINS, Certainty, OwnRule, repeats, rules, schematron, worded
from tests.rules_cpro import cases_br_fr_cpro, cases_cpro
from tests.rules_cpro.documents import TWIN, Case

ROOT = Path(__file__).resolve().parents[2]
SCH = "{http://purl.oclc.org/dsdl/schematron}"
CASES: dict[str, tuple[Case, ...]] = {"CPRO": cases_cpro.CASES, "BR-FR-CPRO": cases_br_fr_cpro.CASES}
FILES = [(pack, twin) for pack in PACKS for twin in TWINS]
EVERY = [rule for pack in PACKS for rule in rules(pack).values()]
TOO_LARGE = {"BR-FR-CPRO-19"}
"""Judged in test_packs by a document of its own: a million lines."""

_TERM = re.compile(r"B[TG]-[0-9]+|EXT-FR-FE-[0-9]+")
_SOURCE = re.compile(r"§[0-9]")


def asserts(pack: str, twin: str) -> list[etree._Element]:
    return list(etree.fromstring(schematron(pack, twin)).iter(f"{SCH}assert"))


def ids(pack: str, twin: str) -> list[str]:
    return [str(element.get("id")) for element in asserts(pack, twin)]


@pytest.mark.parametrize(("pack", "twin"), FILES)
def test_every_rule_without_another_answer_is_asserted_once(pack: str, twin: str) -> None:
    assert sorted(ids(pack, twin)) == sorted(rule.id for rule in rules(pack).values() if rule.is_asserted and twin in rule.twins)


@pytest.mark.parametrize(("pack", "twin"), FILES)
def test_an_assert_says_the_french_sentence_of_the_table(pack: str, twin: str) -> None:
    assert {e.get("id"): " ".join((e.text or "").split()) for e in asserts(pack, twin)} == {i: rules(pack)[i].fr for i in ids(pack, twin)}


@pytest.mark.parametrize(("pack", "twin"), FILES)
def test_only_what_is_sure_is_fatal(pack: str, twin: str) -> None:
    flagged = {str(e.get("id")): e.get("flag") for e in asserts(pack, twin)}
    assert set(flagged.values()) <= {"fatal", "warning"}
    assert [i for i, flag in flagged.items() if flag == "fatal" and rules(pack)[i].certainty is not Certainty.SURE] == []


@pytest.mark.parametrize("pack", PACKS)
def test_the_twins_are_equally_hard(pack: str) -> None:
    ubl, cii = ({e.get("id"): e.get("flag") for e in asserts(pack, twin)} for twin in TWINS)
    assert {i: ubl[i] for i in ubl.keys() & cii.keys()} == {i: cii[i] for i in ubl.keys() & cii.keys()}


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.id)
def test_a_sure_rule_that_only_warns_says_why(rule: OwnRule) -> None:
    if from_rules.flags(rule.pack).get(rule.id) == "warning" and rule.certainty is Certainty.SURE:
        assert rule.note.startswith("A warning: ")


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.id)
def test_a_rule_speaks_both_languages_and_names_its_source(rule: OwnRule) -> None:
    assert rule.fr.endswith(".")
    assert rule.en.endswith(".")
    assert rule.fr != rule.en
    assert _SOURCE.match(rule.source)
    assert [term for term in rule.terms if not _TERM.fullmatch(term)] == []
    assert set(rule.twins) <= set(TWINS)


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.id)
def test_the_codes_are_those_of_the_catalogue(rule: OwnRule) -> None:
    assert [code for code in rule.codes if code not in entries()] == []


@pytest.mark.parametrize("rule", [rule for rule in EVERY if rule.by], ids=lambda rule: rule.id)
def test_what_is_answered_elsewhere_is_said_there(rule: OwnRule) -> None:
    module = (ROOT / rule.by).read_text(encoding="utf-8")
    assert rule.codes
    assert [code for code in rule.codes if f'"{code}"' not in module] == []


def test_only_the_directory_and_the_store_are_facts() -> None:
    assert {rule.by for rule in EVERY if rule.facts} == {"gateway/rules/directory.py", "gateway/rules/duplicate.py"}


@pytest.mark.parametrize(("pack", "twin"), FILES)
def test_every_rule_has_a_case_that_breaks_it(pack: str, twin: str) -> None:
    told = Counter((case.rule, case.fires) for case in CASES[pack] if any(TWIN[kind] == twin for kind, _ in case.variants()))
    assert [i for i in ids(pack, twin) if (i, True) not in told and i not in TOO_LARGE] == []
    assert {case.rule for case in CASES[pack]} <= set(rules(pack))


def test_every_rule_is_on_the_page() -> None:
    page = from_rules.page()
    assert [rule.id for rule in EVERY if page.count(f"\n| `{rule.id}` |") != 1] == []


def found(pack: str, rule: str, *, unevaluable: bool = False) -> Finding:
    return Finding(pack, rule, Severity.FATAL, "text", "text", "text", unevaluable=unevaluable)


def test_a_finding_of_ours_is_worded_in_both_languages() -> None:
    rule = rules("CPRO")["CPRO-NUM-02"]
    made = worded(found("CPRO", "CPRO-NUM-02"))
    assert (made.message, made.message_fr, made.message_en, made.terms) == ("text", rule.fr, rule.en, ("BT-1",))


def test_what_is_not_ours_or_failed_keeps_its_words() -> None:
    for other in (found("EN16931-UBL", "BR-01"), found("CPRO", "NUM-002")):
        assert worded(other) == other
        assert not repeats(other, {"NUM-002"})
    made = worded(found("CPRO", "CPRO-NUM-02", unevaluable=True))
    assert (made.message_en, made.terms) == ("text", ("BT-1",))


def test_the_same_thing_is_told_once() -> None:
    assert repeats(found("CPRO", "CPRO-NUM-02"), {"NUM-002"})
    assert repeats(found("BR-FR-CPRO", "BR-FR-CPRO-02"), {"NUM-004"})
    assert not repeats(found("CPRO", "CPRO-NUM-02"), {"NUM-003"})
    assert not repeats(found("CPRO", "CPRO-PAY-01"), {"NUM-002"})


def test_another_pack_or_twin_is_unknown() -> None:
    with pytest.raises(KeyError):
        rules("EN16931-UBL")
    with pytest.raises(KeyError):
        schematron("CPRO", "EDIFACT")
