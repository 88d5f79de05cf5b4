"""Values are exact where XPath says so, doubles where it says so, and printed as it says."""

from __future__ import annotations

from decimal import Decimal, Inexact, localcontext
from math import inf, nan

import pytest

from gateway.schematron import arithmetic, comparing, values
from gateway.schematron.faults import DynamicError
from gateway.schematron.values import EXACT, Date, Untyped, castable, day, quotient, rounded, text_of


@pytest.mark.parametrize(("value", "text"), [
    (Decimal("1.50"), "1.5"), (Decimal(100), "100"), (Decimal("-0.0"), "0"), (Decimal("1E+3"), "1000"),
    (Decimal("0.0000001"), "0.0000001"), (True, "true"), (7, "7"),
    (1.0, "1"), (0.1, "0.1"), (1e6, "1.0E6"), (123456789.5, "1.234567895E8"), (1e-7, "1.0E-7"), (0.000001, "0.000001"), (-0.0, "-0"),
    (inf, "INF"), (-inf, "-INF"),
    (nan, "NaN"), (999999.0, "999999"), (1.5e300, "1.5E300"), (Untyped(" x "), " x "), (day("2026-01-02+01:00"), "2026-01-02+01:00"),
])  # fmt: skip
def test_values_are_printed_as_the_standard_says(value: values.Atom, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(("left", "right", "result"), [
    ("1", "3", "0.333333333333333333"), ("2", "3", "0.666666666666666667"), ("-2", "3", "-0.666666666666666667"), ("1", "8", "0.125"),
    ("0", "7", "0"), ("7", "-2", "-3.5"),
    ("12345.67", "100", "123.4567"), ("0.000000000000000001", "2", "0"), ("0.000000000000000003", "2", "0.000000000000000001"),
    ("1", "0.0000000000000000000003", None),
])  # fmt: skip
def test_quotients_have_eighteen_digits_after_the_point_and_halves_go_down(left: str, right: str, result: str | None) -> None:
    with localcontext(EXACT):
        found = quotient(Decimal(left), Decimal(right))
    assert result is None or found == Decimal(result)
    assert -int(found.as_tuple().exponent) >= 18


def test_sums_of_decimals_are_exact_and_of_untyped_values_are_doubles() -> None:
    with localcontext(EXACT):
        assert arithmetic.total([Decimal("0.1")] * 3) == Decimal("0.3")
        assert arithmetic.total([Untyped("0.1")] * 3) == 0.1 + 0.1 + 0.1
        assert arithmetic.total([]) == 0
        assert arithmetic.total([Decimal("12345678901234567890.12345678901234567890"), Decimal("0.00000000000000000001")]) == Decimal(
            "12345678901234567890.12345678901234567891"
        )


def test_what_a_thousand_digits_do_not_hold_raises_and_is_never_rounded() -> None:
    with localcontext(EXACT):
        long = values.decimal("9" * 1000)
        with pytest.raises(Inexact):
            arithmetic.apply("+", long, Decimal("0.1"))
        with pytest.raises(Inexact):
            values.decimal("9" * 1001)


@pytest.mark.parametrize(("value", "result"), [
    (Decimal("2.5"), Decimal(3)), (Decimal("-2.5"), Decimal(-2)), (Decimal("2.49"), Decimal(2)), (Decimal("-2.51"), Decimal(-3)),
    (2.5, 3.0), (-2.5, -2.0),
    (0.49999999999999994, 0.0), (inf, inf), (5, 5), (Decimal("0.5"), Decimal(1)), (4503599627370497.0, 4503599627370497.0),
])  # fmt: skip
def test_halves_are_rounded_up(value: float | Decimal, result: float | Decimal) -> None:
    with localcontext(EXACT):
        assert rounded(value) == result


@pytest.mark.parametrize(("earlier", "later"), [
    ("2026-01-01", "2026-01-02"), ("2024-02-29", "2024-03-01"), ("2026-01-01+01:00", "2026-01-01Z"), ("2026-01-01", "2026-01-01-01:00"),
    ("0999-12-31", "1000-01-01"),
])  # fmt: skip
def test_dates_compare_by_their_instant(earlier: str, later: str) -> None:
    assert comparing.general(comparing.SIGNS["<"], day(earlier), day(later))
    assert not comparing.general(comparing.SIGNS["="], day(earlier), day(later))
    assert day("2026-01-01Z") == day("2026-01-01")
    assert len({day("2026-01-01Z"), day("2026-01-01")}) == 1


@pytest.mark.parametrize("text", [
    "2026-13-01", "2026-02-29", "26-01-01", "2026-01-01T00:00:00", "2026-01-01+14:60", "", "0000-01-01", "2026-01-01 x",
])  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    assert not castable(text, "date")


def test_white_space_around_a_value_is_xmls_only() -> None:
    assert castable(" \t\r\n1 ", "decimal")
    assert not castable("\u00a01", "decimal")
    assert not castable("\u0661", "decimal"), "digits are ASCII's"


def test_an_untyped_value_becomes_what_it_is_compared_with() -> None:
    equal = comparing.SIGNS["="]
    assert comparing.general(equal, Untyped("1.0"), 1)
    assert comparing.general(equal, True, Untyped("1"))
    assert not comparing.general(equal, Untyped("1.0"), Untyped("1"))
    assert not comparing.general(equal, "1", Untyped("1.0"))
    assert comparing.general(equal, Untyped("2026-01-01"), day("2026-01-01"))
    with pytest.raises(DynamicError, match="XPTY0004"):
        comparing.general(equal, day("2026-01-01"), 1)
    with pytest.raises(DynamicError, match="XPTY0004"):
        comparing.general(equal, True, 1)


def test_distinct_values_keep_the_first_of_equals() -> None:
    found = comparing.distinct([1, Decimal("1.0"), 1.0, "1", Untyped("1"), True, nan, nan, Date(1), Date(1)])
    assert len(found) == 5
    assert found[:3] == [1, "1", True]


@pytest.mark.parametrize(("sign", "left", "right", "result"), [
    ("div", 1.0, 0.0, inf), ("div", -1.0, 0.0, -inf), ("div", 1.0, -0.0, -inf), ("mod", 5.0, 3.0, 2.0), ("mod", -5.0, 3.0, -2.0),
    ("mod", 5.0, inf, 5.0), ("idiv", 7.5, 2.0, 3),
    ("idiv", -7.5, 2.0, -3), ("+", 1, 0.5, 1.5), ("*", Decimal("0.1"), 2.0, 0.2), ("-", Untyped("3"), 1, 2.0),
])  # fmt: skip
def test_doubles_are_ieees(sign: str, left: values.Atom, right: values.Atom, result: float) -> None:
    assert arithmetic.apply(sign, left, right) == result


@pytest.mark.parametrize("numbers", [(nan, 1.0), (inf, 1.0)])
def test_a_whole_quotient_of_what_is_not_finite_has_no_value(numbers: tuple[float, float]) -> None:
    with pytest.raises(DynamicError, match="FOAR0002"):
        arithmetic.apply("idiv", *numbers)
