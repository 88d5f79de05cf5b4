"""Every line of samples/manifest.toml is a test: what is read, what is found, and the verdict. The generator makes the same bytes again."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import samples
from adapters import pack_cache
from gateway import judging
from gateway.config import Rules
from gateway.directory_file import read_directory
from gateway.model import Document, Finding, JudgedInvoice, Judgement, Recipient, Severity, is_fatal
from gateway.packs import Packs
from gateway.rules import directory, duplicate
from samples import make
from samples.errors import MISTAKES

HOME = Path(samples.__file__).parent
TODAY = date(2026, 11, 1)
NOW = datetime(2026, 11, 1, 12, 0, tzinfo=timezone(timedelta(hours=1)))
RULES = replace(Rules(), directory="reject")
LINES: list[dict[str, Any]] = tomllib.loads((HOME / "manifest.toml").read_text(encoding="utf-8"))["invoice"]
FOLDERS = ("accepted", "reform", "mistakes")
READ = [line for line in LINES if line["number"]]
ACCEPTED = [line for line in LINES if line["path"].startswith("accepted/")]


def name(line: dict[str, Any]) -> str:
    return f"{line['path']}:{line['position']}"


@cache
def desk(policy: str) -> judging.Desk:
    return judging.Desk.build(policy=policy, rules=RULES, today=TODAY, packs=Packs(pack_cache.folder()))


@cache
def judged(path: str, policy: str = "chorus") -> Judgement:
    return judging.judge(Document(ordinal=0, member=path, data=(HOME / path).read_bytes()), desk(policy))


def invoice_of(line: dict[str, Any]) -> JudgedInvoice:
    position: int = line["position"]
    return judged(line["path"]).invoices[position - 1]


def codes(found: list[Finding]) -> list[str]:
    """What was found, each schema finding as "XSD" once."""
    said = ["XSD" if f.pack == "XSD" else f.rule for f in found]
    return [code for n, code in enumerate(said) if code != "XSD" or code not in said[:n]]


def alone(line: dict[str, Any], policy: str = "chorus") -> list[Finding]:
    """The findings on the document and on that invoice of it, without facts; a stylesheet's warning is every CPP file's."""
    judgement = judged(line["path"], policy)
    own = judgement.invoices[line["position"] - 1].findings if judgement.invoices else ()
    return [f for f in (*judgement.findings, *own) if f.rule != "XML-012"]


@cache
def recipients() -> dict[str, Recipient]:
    text = (HOME / "directory.csv").read_text(encoding="utf-8")
    return {recipient.siret: recipient for recipient in read_directory(text, "directory.csv")}


@cache
def keys() -> dict[duplicate.Key, str]:
    """Who holds each number among the accepted samples."""
    return {duplicate.key(invoice_of(line).invoice, "identifier"): name(line) for line in ACCEPTED}


def with_facts(line: dict[str, Any]) -> list[Finding]:
    """Directory and duplicate, once the accepted samples are known."""
    invoice = invoice_of(line).invoice
    found = directory.check(invoice, recipients().get(invoice.recipient), imported_at=NOW, now=NOW, rules=RULES)
    if keys().get(duplicate.key(invoice, "identifier"), name(line)) != name(line):
        found.append(duplicate.known(invoice, None, same_partner=False, severity=Severity.FATAL))
    return found


@pytest.mark.parametrize("line", LINES, ids=name)
def test_what_is_found_is_what_the_manifest_says(line: dict[str, Any]) -> None:
    found = alone(line)
    assert sorted(codes(found)) == sorted(line["findings"])
    assert (not is_fatal(found)) == line["accepted"]


@pytest.mark.parametrize("line", LINES, ids=name)
def test_the_reform_says_what_the_manifest_says(line: dict[str, Any]) -> None:
    fatal = [f for f in alone(line, "reform") if f.severity is Severity.FATAL]
    assert sorted({"XSD" if f.pack == "XSD" else f.rule for f in fatal}) == sorted(line["reform"])
    assert (not fatal) == line["reform_accepted"]


def test_the_reform_takes_a_sample_of_every_syntax_and_family_of_rules_that_it_judges() -> None:
    taken = [line for line in LINES if line["path"].startswith("reform/")]
    assert all(line["accepted"] and line["reform_accepted"] for line in taken)
    assert {line["syntax"] for line in taken} == {"ubl-invoice", "ubl-creditnote", "cii", "factur-x"}
    judges = {use.name for line in taken for use in judged(line["path"], "reform").packs} - {"XSD"}
    assert judges == {"EN16931-UBL", "FACTUR-X_EN16931", "EXTENDED-CTC-FR-UBL", "EXTENDED-CTC-FR-CII", "FACTUR-X_EXTENDED", "BR-FR-UBL",
                      "BR-FR-CII", "BR-FR-CPRO"}  # fmt: skip


@pytest.mark.parametrize("line", READ, ids=name)
def test_what_is_read_is_what_was_written(line: dict[str, Any]) -> None:
    invoice = invoice_of(line).invoice
    assert str(judged(line["path"]).syntax) == line["syntax"]
    assert invoice.number == line["number"]
    assert invoice.supplier.id == line["supplier"]
    assert invoice.recipient == line["recipient"]
    assert invoice.framework == line["framework"]
    assert (invoice.total_with_vat, invoice.currency) == (line["total"], line["currency"])


@pytest.mark.parametrize("line", [line for line in READ if line["accepted"]], ids=name)
def test_directory_and_earlier_flows_add_what_the_manifest_says(line: dict[str, Any]) -> None:
    said = ["BUS-003" if code == "BUS-013" else code for code in codes(with_facts(line))]
    assert said == line["facts"]


@pytest.mark.parametrize("line", LINES, ids=name)
def test_the_gravest_finding_is_the_one_told(line: dict[str, Any]) -> None:
    found = alone(line) + (with_facts(line) if line["number"] and line["accepted"] else [])
    expected = "fatal" if is_fatal(found) else "warning" if found else ""
    assert line["severity"] == expected


def test_there_are_at_least_forty_invoices_of_every_syntax_and_none_shares_a_number() -> None:
    assert len(ACCEPTED) >= 40
    assert {line["syntax"] for line in ACCEPTED} == {"ubl-invoice", "ubl-creditnote", "cii", "factur-x", "cpp-mixte"}
    assert len(keys()) == len(ACCEPTED)


def test_the_generator_makes_the_kept_files_again_byte_for_byte(tmp_path: Path) -> None:
    make.make(tmp_path)
    made = {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    kept = {f"{folder}/{p.name}": p.read_bytes() for folder in FOLDERS for p in (HOME / folder).iterdir()}
    kept |= {file: (HOME / file).read_bytes() for file in ("directory.csv", "manifest.toml")}
    assert sorted(made) == sorted(kept)
    assert [path for path in made if made[path] != kept[path]] == []


def test_every_mistake_of_the_table_differs_from_its_model() -> None:
    for mistake in MISTAKES:
        assert (HOME / "mistakes" / f"{mistake.file}.xml").read_bytes() != (HOME / "accepted" / f"{mistake.of}.xml").read_bytes()
