from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from gateway.config import Limits, Rules
from gateway.model import Finding, Invoice, Severity
from gateway.rules.characters import deceptive
from gateway.rules.number import check


def judged(invoice: Invoice, **changes: str) -> list[Finding]:
    return check(invoice, replace(Rules(), **changes), Limits(), date(2026, 11, 1))  # type: ignore[arg-type]  # only texts are changed here


@pytest.mark.parametrize("number", ["F2026-0001", "20260012345678901234", "AV 2026/04_B+1", "a;b"])
def test_an_ordinary_number_says_nothing(number: str) -> None:
    assert judged(Invoice(number=number)) == []


def test_twenty_one_characters_are_one_too_many() -> None:
    [found] = judged(Invoice(number="F" * 21))
    assert (found.rule, found.severity, found.pack, found.terms) == ("NUM-002", Severity.FATAL, "CPRO", ("BT-1",))
    assert "21" in found.message_fr
    assert "20" in found.message_en


def test_an_invoice_has_a_number() -> None:
    assert [f.rule for f in judged(Invoice(number=""))] == ["NUM-001"]


@pytest.mark.parametrize("number", ["F2026.01", "FACTURE-ÉTÉ", "F#1"])
def test_characters_that_are_only_likely_refused_warn(number: str) -> None:
    [found] = judged(Invoice(number=number))
    assert (found.rule, found.severity) == ("NUM-003", Severity.WARNING)
    assert [f.severity for f in judged(Invoice(number=number), uncertain="reject")] == [Severity.FATAL]


@pytest.mark.parametrize(
    ("number", "point"),
    [("F\u0410-1", "U+0410"),
     ("F1\u200b2", "U+200B"), ("F\u202e12", "U+202E"), ("\uff26-1", "U+FF26"), ("F\u20112", "U+2011"),
     ("F\t1", "U+0009"), ("F\u00a01", "U+00A0"), ("F\u0661", "U+0661")],
)  # fmt: skip
def test_characters_that_deceive_the_eye_turn_the_invoice_away(number: str, point: str) -> None:
    [found] = judged(Invoice(number=number))
    assert (found.rule, found.severity) == ("BUS-008", Severity.FATAL)
    assert point in found.message_fr


@pytest.mark.parametrize("text", ["", "F2026-1", "Société", "Œuvre", "ß"])
def test_latin_text_does_not_deceive(text: str) -> None:
    assert deceptive(text) == ""


@pytest.mark.parametrize(
    ("invoice", "term"),
    [
        (Invoice(number="1", service="S" * 101), "BT-10"),
        (Invoice(number="1", market="M" * 51), "BT-12"),
        (Invoice(number="1", engagement="E" * 51), "BT-13"),
        (Invoice(number="1", preceding=("F1", "F" * 21)), "BT-25"),
    ],
)
def test_references_have_their_own_lengths(invoice: Invoice, term: str) -> None:
    [found] = judged(invoice)
    assert (found.rule, found.terms) == ("NUM-004", (term,))


def test_references_at_their_limit_say_nothing() -> None:
    assert judged(Invoice(number="1", service="S" * 100, market="M" * 50, engagement="E" * 50, preceding=("F" * 20,))) == []


def test_off_says_nothing_at_all() -> None:
    assert judged(Invoice(number="F\u202e" * 30, service="S" * 101), number="off") == []
