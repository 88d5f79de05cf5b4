from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Limits, Rules
from gateway.model import Finding, Invoice, Severity
from gateway.rules.totals import check, read


def judged(invoice: Invoice, **changes: Any) -> list[Finding]:
    return check(invoice, replace(Rules(), **changes), Limits(), date(2026, 11, 1))


def totals(net: str = "100.00", tax: str = "20.00", gross: str = "120.00", payable: str = "120.00", **more: str) -> Invoice:
    return Invoice(total_without_vat=net, total_vat=tax, total_with_vat=gross, payable=payable, **more)  # type: ignore[arg-type]  # texts only


@pytest.mark.parametrize(
    "invoice",
    [
        totals(),
        totals(payable="0.00", prepaid="120.00"),
        totals(payable="120.02", rounding="0.02"),
        totals("-100", "-20", "-120", "-120"),
        totals(tax=""),
        totals(gross="", payable=""),
        totals(gross="120.01", payable="120.01"),
        Invoice(),
    ],
)
def test_totals_that_add_up_say_nothing(invoice: Invoice) -> None:
    assert judged(invoice) == []


def test_a_wrong_sum_shows_what_was_computed_and_what_was_declared() -> None:
    [found] = judged(totals(gross="120.02", payable="120.02"))
    assert (found.rule, found.severity, found.terms) == ("BUS-005", Severity.WARNING, ("BT-109", "BT-110", "BT-112"))
    assert "120.00" in found.message_fr
    assert "120.02" in found.message_fr


def test_the_amount_due_takes_prepayment_and_rounding() -> None:
    [found] = judged(totals(payable="120.00", prepaid="20.00"), totals="reject")
    assert (found.severity, found.terms) == (Severity.FATAL, ("BT-112", "BT-113", "BT-114", "BT-115"))
    assert "100.00" in found.message_en


def test_the_tolerance_is_a_setting() -> None:
    assert judged(totals(gross="121.00", payable="121.00"), tolerance="1.00") == []
    assert [f.rule for f in judged(totals(gross="120.01", payable="120.01"), tolerance="0")] == ["BUS-005"]


@pytest.mark.parametrize("text", ["NaN", "INF", "1E3", "1,00", "12 000.00", "1.2.3", "0x10", "+-1", ".", "١٢", "1_000"])
def test_what_is_no_plain_decimal_turns_the_invoice_away(text: str) -> None:
    found = judged(totals(gross=text))
    assert [(f.rule, f.severity, f.terms) for f in found] == [("BUS-006", Severity.FATAL, ("BT-112",))]
    assert text in found[0].message_fr


def test_an_amount_that_is_too_long_is_only_a_doubt() -> None:
    found = judged(totals(net="12345678901234567890"))
    assert [(f.rule, f.severity) for f in found] == [("TOT-001", Severity.WARNING)]
    assert [f.rule for f in judged(totals(payable="120.0000000"))] == ["TOT-001"]
    assert [f.severity for f in judged(totals(payable="120.0000000"), uncertain="reject")] == [Severity.FATAL]


def test_an_unreadable_prepayment_hides_no_wrong_sum_and_invents_none() -> None:
    assert [f.rule for f in judged(totals(prepaid="x"))] == ["BUS-006"]
    assert [f.rule for f in judged(totals(gross="130.00", prepaid="x"))] == ["BUS-006", "BUS-005"]


def test_off_is_off_for_each_part() -> None:
    assert judged(totals(gross="x", payable="y"), amounts="off") == []
    assert judged(totals(gross="130.00"), totals="off") == []


@given(st.decimals(min_value="-9999999999", max_value="9999999999", places=2), st.decimals(min_value="0", max_value="999999", places=2))
def test_exact_sums_never_accuse(net: Decimal, tax: Decimal) -> None:
    gross = str(net + tax)
    assert judged(totals(str(net), str(tax), gross, gross), tolerance="0") == []


@given(st.text(alphabet="0123456789.+-eE ", max_size=24))
def test_reading_never_raises_and_gives_an_exact_decimal(text: str) -> None:
    amount = read(text, 19)
    assert amount is None or (amount.is_finite() and amount == Decimal(text))
