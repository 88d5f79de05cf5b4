from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from gateway.config import Limits, Rules
from gateway.model import Invoice, Severity
from gateway.rules import dates, framework
from gateway.rules import type as type_rule

TODAY = date(2026, 11, 1)


def rules(**changes: Any) -> Rules:
    return replace(Rules(), **changes)


def issued(day: str, **changes: Any) -> list[tuple[str, Severity]]:
    found = dates.check(Invoice(issue_date=day), rules(**changes), Limits(), TODAY)
    return [(f.rule, f.severity) for f in found]


@pytest.mark.parametrize("day", ["2026-10-31", "2026-11-01", "2026-12-01", "2016-11-03"])
def test_a_day_inside_the_window_says_nothing(day: str) -> None:
    assert issued(day) == []


@pytest.mark.parametrize("day", ["2026-12-02", "2016-11-02", "0001-01-01", "9999-12-31"])
def test_a_day_outside_the_window_warns(day: str) -> None:
    assert issued(day) == [("BUS-007", Severity.WARNING)]
    assert issued(day, date_window="reject") == [("BUS-007", Severity.FATAL)]
    assert issued(day, date_window="off") == []


@pytest.mark.parametrize("day", ["", "2026-02-30", "20260201", "2026-2-1", "01/02/2026", "2026-W05-1", "٢٠٢٦-01-01"])
def test_a_date_that_no_calendar_has_turns_the_invoice_away(day: str) -> None:
    assert issued(day) == [("BUS-007", Severity.FATAL)]
    assert issued(day, dates="warn") == [("BUS-007", Severity.WARNING)]
    assert issued(day, dates="off") == []


def test_the_window_is_told() -> None:
    [found] = dates.check(Invoice(issue_date="2027-01-01"), rules(), Limits(), TODAY)
    assert "2027-01-01" in found.message_fr
    assert "2026-12-01" in found.message_fr
    assert "2016-11-03" in found.message_fr


def test_a_window_wider_than_the_calendar_takes_any_day() -> None:
    assert issued("0001-01-01", date_past_days=10**7, date_future_days=10**7) == []


@pytest.mark.parametrize("code", ["380", "381"])
def test_invoices_and_credit_notes_are_taken(code: str) -> None:
    assert type_rule.check(Invoice(type=code), rules(), Limits(), TODAY) == []


@pytest.mark.parametrize("code", ["386", "384", "FAC", "0380"])
def test_other_types_are_turned_away(code: str) -> None:
    [found] = type_rule.check(Invoice(type=code), rules(), Limits(), TODAY)
    assert (found.rule, found.severity, found.terms) == ("DOC-001", Severity.FATAL, ("BT-3",))
    assert code in found.message_en
    assert type_rule.check(Invoice(type=code), rules(type="off"), Limits(), TODAY) == []


def test_no_type_is_only_a_doubt() -> None:
    [found] = type_rule.check(Invoice(), rules(), Limits(), TODAY)
    assert (found.rule, found.severity) == ("DOC-002", Severity.WARNING)


def framed(code: str, payable: str = "", **changes: Any) -> list[tuple[str, Severity]]:
    found = framework.check(Invoice(framework=code, payable=payable), rules(**changes), Limits(), TODAY)
    return [(f.rule, f.severity) for f in found]


@pytest.mark.parametrize("code", ["", "A1", "A9", "A11", "A25"])
def test_known_frameworks_and_none_say_nothing(code: str) -> None:
    assert framed(code, "10.00") == []


@pytest.mark.parametrize("code", ["A26", "A0", "a1", "S1", "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"])
def test_an_unknown_framework_warns(code: str) -> None:
    assert framed(code) == [("CAD-001", Severity.WARNING)]
    assert framed(code, framework="reject") == [("CAD-001", Severity.FATAL)]
    assert framed(code, framework="off") == []


@pytest.mark.parametrize("payable", ["0", "0.00", "", "-0.0", "unreadable"])
def test_an_invoice_already_paid_asks_for_nothing(payable: str) -> None:
    assert framed("A2", payable) == []


def test_an_invoice_already_paid_that_asks_for_money_warns() -> None:
    assert framed("A2", "12.00") == [("CAD-002", Severity.WARNING)]
