"""Chapter 3 of the contract, rule packs: `gateway validate --packs --rules-only --policy`, in JSON and for people, on the real children."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.corpora import corpora
from tests.flows.site import ROOT, lines, one_line, run
from tests.ubl_invoices import invoice

SAMPLES = ROOT / "samples"
FINDING_KEYS = {"pack", "rule", "severity", "location", "line", "terms", "message", "message_fr", "message_en"}
NAMELESS = re.sub(rb"<cbc:Name>Fourniture[^<]*</cbc:Name>", b"", invoice(1, lines=3))
"""EN 16931, BR-25: each of its three lines lacks an item name."""


def judged(*words: str | Path, code: int, **options: Any) -> list[dict[str, Any]]:
    done = run("validate", *words, "--json", **options)
    assert (done.returncode, done.stderr) == (code, b"")
    return lines(done.stdout)


def packs(one: dict[str, Any]) -> list[str]:
    assert all(len(use["digest"]) == 64 and use["version"] for use in one["packs"])
    return [use["name"] for use in one["packs"]]


def test_each_policy_has_its_packs_and_its_word() -> None:
    """One run a policy over a plain invoice, one of the reform in each syntax, and one whose totals are wrong."""
    paths = [SAMPLES / name for name in (
        "accepted/ubl-analyses.xml", "reform/ubl-reforme-etendue.xml", "reform/cii-reforme.xml", "reform/fx-reforme.pdf",
        "mistakes/totals-tax.xml",
    )]  # fmt: skip
    chorus = judged(*paths, code=0)
    assert [packs(one) for one in chorus] == [
        ["XSD", "CPRO", "EN16931-UBL"], ["XSD", "CPRO"], ["XSD", "CPRO", "FACTUR-X_EN16931"], ["XSD", "CPRO"],
        ["XSD", "CPRO", "EN16931-UBL"],
    ]  # fmt: skip
    assert [(one["accepted"], one["valid"]) for one in chorus] == [(True, True)] * 4 + [(True, False)]
    told = {f["rule"]: f for f in chorus[-1]["findings"]}
    assert (told["BR-CO-15"]["severity"], told["BR-CO-15"]["flag"]) == ("warning", "fatal")
    reform = judged(*paths, "--policy", "reform", code=1)
    assert [one["accepted"] for one in reform] == [False, True, True, True, False]
    assert [packs(one) for one in reform[1:4]] == [
        ["XSD", "EXTENDED-CTC-FR-UBL", "BR-FR-UBL", "BR-FR-CPRO"], ["XSD", "FACTUR-X_EN16931", "BR-FR-CII", "BR-FR-CPRO"],
        ["XSD", "FACTUR-X_EN16931", "BR-FR-CII", "BR-FR-CPRO"],
    ]  # fmt: skip
    told = {f["rule"]: f for f in reform[-1]["findings"]}
    assert told["BR-CO-15"]["severity"] == "fatal"
    assert "flag" not in told["BR-CO-15"]


def test_every_instance_is_a_finding_for_programs_and_one_line_for_people(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(NAMELESS)
    (one,) = judged("a.xml", "--packs", "EN16931-UBL", "--rules-only", code=1, cwd=tmp_path)
    assert packs(one) == ["EN16931-UBL"]
    assert [(f["pack"], f["rule"], f["severity"], f["location"]) for f in one["findings"]] == [
        ("EN16931-UBL", "BR-25", "fatal", f"/Invoice/cac:InvoiceLine[{n}]") for n in (1, 2, 3)
    ]
    source = NAMELESS.splitlines()
    for found in one["findings"]:
        assert found.keys() >= FINDING_KEYS
        assert source[found["line"] - 1].strip() == b"<cac:InvoiceLine>"
        assert found["terms"] == ["BG-25", "BT-153"]
    sheet = run("validate", "a.xml", "--packs", "EN16931-UBL", "--rules-only", "--lang", "en", cwd=tmp_path).stdout.decode()
    assert sheet.count("BR-25 ×3") == 1
    assert sheet.count("error BR-25") == 1
    assert sheet.endswith("1 document(s): 0 accepted, 1 not accepted\n")


def test_rules_only_is_silent_on_what_only_the_schema_and_our_own_checks_find(tmp_path: Path) -> None:
    wrong = invoice(1).replace(b"cbc:BuyerReference>", b"cbc:BuyerReferences>").replace(b"80000001000010", b"80000001000011")
    (tmp_path / "a.xml").write_bytes(wrong)
    assert {f["pack"] for f in judged("a.xml", code=1, cwd=tmp_path)[0]["findings"]} == {"XSD", "CPRO"}
    (one,) = judged("a.xml", "--rules-only", "--packs", "CPRO", code=0, cwd=tmp_path)
    assert (packs(one), one["findings"], one["accepted"], one["valid"]) == (["CPRO"], [], True, True)


def test_a_rule_that_cannot_be_evaluated_is_a_fatal_finding_and_the_others_answer(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(re.sub(rb"(<cbc:PayableAmount[^>]*>)[^<]*", rb"\1", NAMELESS))
    (one,) = judged("a.xml", "--packs", "EN16931-UBL", "--rules-only", code=1, cwd=tmp_path)
    rules = Counter((f["rule"], f["severity"], f.get("unevaluable", False)) for f in one["findings"])
    assert rules["BR-CO-16", "fatal", True] == 1
    assert rules["BR-25", "fatal", False] == 3


def test_named_packs_that_judge_another_syntax_are_a_check_that_was_not_made(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(invoice(1))
    (one,) = judged("a.xml", "--packs", "BR-FR-CDV, BR-FR-CII", "--rules-only", code=1, cwd=tmp_path)
    assert (one["accepted"], one["packs"], [f["rule"] for f in one["findings"]]) == (False, [], ["PACK-002"])


@pytest.mark.parametrize("policy", ["chorus", "reform"])
def test_rules_only_where_no_pack_judges_is_a_check_that_was_not_made(policy: str) -> None:
    (one,) = judged(SAMPLES / "accepted" / "cpp-avoir.xml", "--rules-only", "--policy", policy, code=1)
    assert (one["accepted"], one["packs"], [f["rule"] for f in one["findings"]]) == (False, [], ["PACK-003"])
    assert f"policy {policy} judges a document cpp-mixte" in one["findings"][0]["message_en"]
    (whole,) = judged(SAMPLES / "accepted" / "cpp-avoir.xml", code=0)
    assert whole["accepted"]


@pytest.mark.parametrize(("named", "word"), [("NOPE", "NOPE"), ("CPRO,EN16931", "EN16931")])
def test_a_pack_that_does_not_exist_is_wrong_usage(tmp_path: Path, named: str, word: str) -> None:
    (tmp_path / "a.xml").write_bytes(invoice(1))
    done = run("validate", "a.xml", "--packs", named, cwd=tmp_path)
    assert done.returncode == 2
    assert one_line(done).startswith(f"pack {word}: unknown; one of CPRO")


def test_members_of_an_archive_and_a_pdf_are_judged_where_they_stand(tmp_path: Path) -> None:
    """The line of a Factur-X counts in the embedded XML."""
    (one,) = judged(SAMPLES / "accepted" / "fx-gaz.pdf", "--policy", "reform", code=1)
    assert one["file"].endswith("fx-gaz.pdf")
    places = {(f["location"], f["line"]) for f in one["findings"] if f["rule"] == "BR-FR-13_BT-34"}
    assert places == {("/rsm:CrossIndustryInvoice", 2)}


# --- the life-cycle messages of the corpora


@pytest.fixture(scope="module")
def messages() -> dict[str, dict[str, int]]:
    """CDAR message of the corpora → what the official processor found by BR-FR-CDV, frozen."""
    text = (corpora() / "verdicts" / "documents.jsonl").read_text(encoding="utf-8")
    frozen = (json.loads(line) for line in text.splitlines() if '"BR-FR-CDV"' in line)
    found = {line["id"]: line["failed"] for line in frozen if line["pack"] == "BR-FR-CDV"}
    assert len(found) >= 20
    return found


def test_the_life_cycle_messages_of_the_corpora_pass_as_frozen(messages: dict[str, dict[str, int]]) -> None:
    code = 1 if any(messages.values()) else 0
    for file, one in zip(messages, judged(*messages, "--policy", "reform", code=code, cwd=corpora()), strict=True):
        assert (one["file"], one["syntax"]) == (file, "cdar")
        assert packs(one) == ["XSD", "BR-FR-CDV"]
        assert Counter(f["rule"] for f in one["findings"] if f["pack"] == "BR-FR-CDV") == messages[file], file
        assert one["accepted"] == (not [f for f in one["findings"] if f["severity"] == "fatal"])
