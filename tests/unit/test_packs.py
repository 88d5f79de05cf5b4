"""Packs at hand: chosen by name and syntax, softened by the policy, silent where a check of ours spoke or is off, absent never a pass."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gateway import formats, packs
from gateway.config import Rules
from gateway.errors import ConfigError, EngineMissing
from gateway.model import Finding, PackUse, Severity, Syntax
from gateway.packs import CPRO, Packs, as_set, file_of, files_of, known, names, softened, told_once
from gateway.policies import Judge
from gateway.schematron import pack
from gateway.schematron.document import Document
from gateway.schematron.pack import Pack, PackFile
from gateway.steps import Steps, at_once
from tests.rules_asked import schema
from tests.ubl_invoices import invoice

CONTRACT = {
    "EN16931-UBL", "BR-FR-UBL", "EXTENDED-CTC-FR-UBL", "FACTUR-X_MINIMUM", "FACTUR-X_BASIC-WL", "FACTUR-X_BASIC", "FACTUR-X_EN16931",
    "FACTUR-X_EXTENDED", "BR-FR-CII", "EXTENDED-CTC-FR-CII", "BR-FR-CDV", "CPRO", "BR-FR-CPRO",
}  # fmt: skip
UBL = formats.open_document(invoice(1))
NEVER = schema('<pattern><rule context="/*"><assert id="NEVER" flag="fatal" test="false()">Never.</assert></rule></pattern>')


def found(rule: str = "R", severity: Severity = Severity.FATAL, of: str = "P") -> Finding:
    return Finding(of, rule, severity, "m", "fr", "en")


# --- which there are


def test_the_packs_are_those_of_the_contract() -> None:
    assert set(names()) == CONTRACT


def test_a_pack_of_two_syntaxes_has_a_file_for_each() -> None:
    assert files_of("CPRO") == ("CPRO-UBL", "CPRO-CII")
    assert files_of("BR-FR-CDV") == ("BR-FR-CDV",)


@pytest.mark.parametrize(("name", "syntax", "file"), [
    ("CPRO", Syntax.UBL_INVOICE, "CPRO-UBL"), ("CPRO", Syntax.UBL_CREDIT_NOTE, "CPRO-UBL"), ("CPRO", Syntax.CII, "CPRO-CII"),
    ("CPRO", Syntax.FACTUR_X, "CPRO-CII"), ("CPRO", Syntax.CDAR, ""), ("CPRO", Syntax.CPP_MIXTE, ""), ("CPRO", Syntax.UNKNOWN, ""),
    ("EN16931-UBL", Syntax.CII, ""), ("FACTUR-X_EN16931", Syntax.CII, "FACTUR-X_EN16931"), ("BR-FR-CDV", Syntax.CDAR, "BR-FR-CDV"),
])  # fmt: skip
def test_the_syntax_chooses_the_file(name: str, syntax: Syntax, file: str) -> None:
    assert file_of(name, syntax) == file


def test_a_name_that_is_no_pack_is_answered_with_the_known_ones() -> None:
    assert known(["CPRO", "BR-FR-CDV"]) == ("CPRO", "BR-FR-CDV")
    with pytest.raises(ConfigError, match=r"pack EN16931: unknown; one of CPRO, .*BR-FR-CDV"):
        known(["CPRO", "EN16931"])


# --- asking them


class Scripted:
    """An evaluator that says what it is told, for each pack."""

    name, walks_the_tree = "scripted", True

    def __init__(self, **said: Finding) -> None:
        self.said = said
        self.documents: list[Document] = []

    def evaluate(self, pack: Pack, document: Document) -> list[Finding]:
        self.documents.append(document)
        return [self.said[pack.name]] if pack.name in self.said else []


def judging(asked: Packs, judges: list[Judge]) -> Steps[tuple[tuple[PackUse, ...], list[Finding]]]:
    return asked.judge(UBL.syntax, asked.document(UBL), judges)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packs")


def test_those_that_know_the_syntax_judge_in_order_on_one_document(cache: Path) -> None:
    scripted = Scripted(**{"CPRO": found("A"), "BR-FR-CPRO": found("B")})
    uses, told = at_once(judging(Packs(cache, scripted), [Judge("BR-FR-CPRO"), Judge("BR-FR-CII"), Judge("CPRO")]))
    assert [use.name for use in uses] == ["BR-FR-CPRO", "CPRO"]
    assert all(use.version and len(use.digest) == 64 for use in uses)
    assert [f.rule for f in told] == ["B", "A"]
    assert scripted.documents[0] is scripted.documents[1]


def test_the_policy_softens_and_the_flag_keeps_the_packs_word(cache: Path) -> None:
    asked = Packs(cache, Scripted(CPRO=found("A")))
    _, (soft,) = at_once(judging(asked, [Judge("CPRO", Severity.WARNING)]))
    _, (hard,) = at_once(judging(asked, [Judge("CPRO")]))
    assert (soft.severity, soft.flag) == (Severity.WARNING, Severity.FATAL)
    assert (hard.severity, hard.flag) == (Severity.FATAL, None)


def test_nobody_judges_where_none_knows_the_syntax(cache: Path) -> None:
    assert at_once(judging(Packs(cache, Scripted(CPRO=found())), [Judge("BR-FR-CDV")])) == ((), [])


def test_a_document_is_handed_over_with_its_tree_where_the_evaluator_walks_it(cache: Path) -> None:
    scripted, root = Scripted(), UBL.root
    before = sys.getrefcount(root)
    walked = Packs(cache, scripted).document(UBL)
    assert sys.getrefcount(root) == before + 1
    scripted.walks_the_tree = False
    assert Packs(cache, scripted).document(UBL).utf8() == walked.utf8() == UBL.xml
    assert sys.getrefcount(root) == before + 1


def test_equal_uses_are_one_object(cache: Path) -> None:
    asked = Packs(cache, Scripted())
    assert at_once(judging(asked, [Judge("CPRO")]))[0][0] is at_once(judging(asked, [Judge("CPRO")]))[0][0]
    assert asked.load("CPRO-UBL") is asked.load("CPRO-UBL")


def test_a_tried_rule_file_is_asked_whatever_the_syntax(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "next.sch").write_bytes(NEVER)
    kept = cache / f"{pack.load('next', tmp_path / 'next.sch', cache).digest}.json"
    (tmp_path / "next.sch").unlink()  # the compiled file suffices
    asked = Packs(cache, tried={"next": str(kept)})
    uses, told = at_once(judging(asked, [Judge("next")]))
    assert [(use.name, use.digest) for use in uses] == [("next", kept.stem)]
    assert [(f.pack, f.rule, f.severity) for f in told] == [("next", "NEVER", Severity.FATAL)]


def test_an_absent_rule_file_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {"CPRO-UBL": PackFile("CPRO-UBL", "CPRO", "schemas", "chorus/none.sch", "ubl")}
    monkeypatch.setattr(pack, "files", lambda: gone)
    with pytest.raises(EngineMissing, match=r"pack CPRO-UBL: .*none\.sch is not there; install the package schemas"):
        at_once(judging(Packs(), [Judge("CPRO")]))


def test_an_absent_package_is_told_by_name() -> None:
    with pytest.raises(EngineMissing, match="install the package no_such_package"):
        PackFile("X", "X", "no_such_package", "x.xslt", "ubl").locate()


def test_who_evaluates_is_told() -> None:
    assert Packs(evaluator=Scripted()).evaluator == "scripted"
    assert packs.Packs().evaluator


# --- how hard


@pytest.mark.parametrize(("severity", "hardest", "counts", "flag"), [
    (Severity.FATAL, None, Severity.FATAL, None), (Severity.FATAL, Severity.FATAL, Severity.FATAL, None),
    (Severity.FATAL, Severity.WARNING, Severity.WARNING, Severity.FATAL), (Severity.WARNING, Severity.WARNING, Severity.WARNING, None),
    (Severity.INFORMATION, Severity.WARNING, Severity.INFORMATION, None), (Severity.WARNING, Severity.FATAL, Severity.WARNING, None),
])  # fmt: skip
def test_a_finding_counts_no_more_than_allowed(
    severity: Severity, hardest: Severity | None, counts: Severity, flag: Severity | None
) -> None:
    told = softened(found(severity=severity), hardest)
    assert (told.severity, told.flag) == (counts, flag)


OURS = found("CPRO-NUM-02", of=CPRO)
"""By code NUM-002 of our own check `number`."""


def test_what_our_own_check_told_is_not_told_again() -> None:
    other, official = found("CPRO-PAY-01", of=CPRO), found("BR-02", of="EN16931-UBL")
    assert told_once([OURS, other, official], [found("NUM-002")]) == [other, official]
    assert told_once([OURS, other], [found("NUM-003")]) == [OURS, other]
    assert told_once([OURS], []) == [OURS]


@pytest.mark.parametrize(("setting", "severities"), [("off", []), ("warn", [Severity.WARNING]), ("reject", [Severity.FATAL])])
def test_a_check_that_the_site_switched_off_or_softened_is_so_in_the_pack(setting: str, severities: list[Severity]) -> None:
    assert [f.severity for f in as_set([OURS], Rules(number=setting))] == severities


def test_what_is_not_known_for_sure_is_off_where_the_site_has_it_off() -> None:
    likely, sure = found("CPRO-PAY-02", Severity.WARNING, CPRO), found("CPRO-PAY-01", of=CPRO)
    assert as_set([likely, sure], Rules()) == [likely, sure]
    assert as_set([likely, sure], Rules(uncertain="off")) == [sure]


def test_settings_decide_on_no_rule_without_a_check_of_ours_nor_on_the_reforms() -> None:
    others = [found("CPRO-PAY-01", of=CPRO), found("BR-FR-CPRO-02", of="BR-FR-CPRO"), found("BR-02", of="EN16931-UBL")]
    every = dict.fromkeys(("number", "dates", "type", "framework", "identifiers", "totals", "attachments"), "off")
    assert as_set(others, Rules(**every)) == others  # type: ignore[arg-type]  # all of them words
