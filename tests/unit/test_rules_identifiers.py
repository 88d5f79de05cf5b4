from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from gateway.config import Limits, Rules
from gateway.model import Finding, Invoice, Party, Severity
from gateway.rules.identifiers import STATE, check, french_vat_fault, is_siret, supplier_fault

TODAY = date(2026, 11, 1)
HEAD_OFFICE = "35600000000048"  # La Poste: passes Luhn
POST_OFFICE = "35600000000033"  # a site of La Poste: sum of digits 20, fails Luhn


def judged(invoice: Invoice, rules: Rules | None = None) -> list[Finding]:
    return check(invoice, rules or Rules(), Limits(), TODAY)


def invoice(kind: str = "1", value: str = HEAD_OFFICE, recipient: str = "11000201100044") -> Invoice:
    return Invoice(supplier=Party(kind, value), recipient=recipient)


def codes(found: list[Finding]) -> list[str]:
    return [f.rule for f in found]


def test_a_right_siret_on_both_sides_says_nothing() -> None:
    assert judged(invoice()) == []


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("1", "3560000000004", "IDT-001"),
        ("1", "35600000000O48", "IDT-001"),
        ("1", "35600000000049", "IDT-002"),
        ("2", "429958042", "IDT-003"),
        ("2", "US0429958042", "IDT-003"),
        ("2", "BE0429958043", "IDT-004"),
        ("2", "FR83404833048", "IDT-005"),
        ("2", "FR84404833048", "IDT-004"),
        ("3", "1SAMSUNG", "IDT-006"),
        ("3", "KRSAMSUNGMOBILEPHONE", "IDT-006"),
        ("4", "12345678", "IDT-007"),
        ("5", "35004167", "IDT-008"),
        ("8", "ANYTHING", "IDT-009"),
        ("", "ANYTHING", "IDT-009"),
        ("1", "", "IDT-010"),
    ],
)
def test_a_wrong_supplier_identifier_is_told_by_its_type(kind: str, value: str, code: str) -> None:
    assert codes(judged(invoice(kind, value))) == [code]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("1", HEAD_OFFICE), ("1", POST_OFFICE), ("2", "BE0429958042"), ("3", "KRSAMSUNGMOBILEPHO"), ("3", "FRWF12345678901234"),
        ("4", "1234567890"), ("4", "123456789"), ("5", "350041679"), ("6", "whatever it is"), ("7", "0123456789DUPONT"),
    ],
)  # fmt: skip
def test_every_known_form_is_taken(kind: str, value: str) -> None:
    assert judged(invoice(kind, value)) == []


def test_a_site_of_la_poste_needs_a_sum_of_digits_that_five_divides() -> None:
    assert is_siret(POST_OFFICE)
    assert not is_siret("35600000000032")


@pytest.mark.parametrize("siret", sorted(STATE))
def test_the_state_is_a_recipient_under_both_its_sirets(siret: str) -> None:
    assert judged(invoice(recipient=siret)) == []


@pytest.mark.parametrize(("recipient", "code"), [("", "IDT-011"), ("213300635", "IDT-011"), ("11000201100045", "IDT-012")])
def test_a_recipient_without_a_right_siret_is_turned_away(recipient: str, code: str) -> None:
    [found] = judged(invoice(recipient=recipient))
    assert (found.rule, found.severity, found.terms, found.pack) == (code, Severity.FATAL, ("BT-46",), "CPRO")


def test_full_width_digits_are_named_as_look_alikes() -> None:
    [found] = judged(invoice(recipient="\uff11\uff11000201100044"))
    assert found.rule == "BUS-008"
    assert "U+FF11" in found.message_fr
    assert "BT-46" in found.message_en


def test_keys_are_not_checked_when_the_site_says_so() -> None:
    rules = replace(Rules(), luhn=False)
    assert judged(invoice("1", "00000000000727", "00000000000727"), rules) == []
    assert codes(judged(invoice("1", "0000000000072", "11000201100044"), rules)) == ["IDT-001"]


def test_a_doubtful_fact_is_fatal_only_when_uncertain_says_so_too() -> None:
    doubtful = invoice("2", "BE0429958043")
    assert [f.severity for f in judged(doubtful)] == [Severity.WARNING]
    assert [f.severity for f in judged(doubtful, replace(Rules(), uncertain="reject"))] == [Severity.FATAL]
    assert judged(doubtful, replace(Rules(), uncertain="off")) == []


@pytest.mark.parametrize(("setting", "severity"), [("off", None), ("warn", Severity.WARNING), ("reject", Severity.FATAL)])
def test_the_setting_decides_how_hard_it_counts(setting: str, severity: Severity | None) -> None:
    found = judged(invoice("1", "123"), replace(Rules(), identifiers=setting))
    assert [f.severity for f in found] == ([] if severity is None else [severity])


def test_a_french_vat_key_is_checked_when_it_is_numeric() -> None:
    assert not french_vat_fault("FR83404833048")
    assert french_vat_fault("FR84404833048")
    assert not french_vat_fault("FRK7399859412")
    assert french_vat_fault("FR8340483304")


def test_an_identifier_type_that_nobody_gave_is_only_a_doubt() -> None:
    assert supplier_fault("", "404833048", True) == ("IDT-009", False)
    assert supplier_fault("9", "404833048", True) == ("IDT-009", True)
