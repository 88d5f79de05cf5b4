"""Atomic values as XPath 2.0 knows them, in Python's: how they are cast, printed and made of each other.

xs:string is `str`, xs:untypedAtomic `Untyped`, xs:boolean `bool`, xs:integer `int`, xs:decimal `Decimal`, xs:double `float`, xs:date
`Date`. Decimals are exact: `EXACT` is the context of every evaluation; it holds 1,000 digits and raises rather than round. Nothing here
knows nodes or rules.

Limits: xs:float and xs:dateTime do not occur. A date without a zone is taken as UTC (the implicit zone is the implementation's choice).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from math import ceil, copysign, floor, inf, isfinite, isinf, isnan, nan
from typing import Final

from gateway.schematron.faults import DynamicError, not_castable, wrong_type


class Untyped(str):
    """xs:untypedAtomic: the typed value of a node without schema."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, order=True)
class Date:
    """xs:date as minutes from the first of January of the year 1, UTC, of its beginning; `text` as written."""

    minutes: int
    text: str = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Date) and self.minutes == other.minutes

    def __hash__(self) -> int:
        return hash(self.minutes)


Atom = str | bool | int | Decimal | float | Date

EXACT: Final = Context(prec=1_000, Emax=999_999, Emin=-999_999, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
"""No rounding ever: a result beyond 1,000 digits raises, and the rule is unevaluable."""

WHITE: Final = " \t\r\n"
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\Z")
_DOUBLE: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
_DATE: Final = re.compile(r"(-?[0-9]{4,})-([0-9]{2})-([0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2})?\Z")
_SPECIAL: Final = {"INF": inf, "-INF": -inf, "NaN": nan}
_HALF: Final = Decimal("0.5")
_PRECISION: Final = 18
"""Digits after the point of a quotient: XPath leaves them to the implementation (F&O §6.2.4); this is what the official processor has."""


def decimal(text: str) -> Decimal:
    """xs:decimal of a text (XML Schema Part 2 §3.2.3): no exponent, no INF."""
    text = text.strip(WHITE)
    if not _DECIMAL.match(text):
        raise not_castable(text, "decimal number")
    return EXACT.create_decimal(text)


def double(text: str) -> float:
    """xs:double of a text (XML Schema Part 2 §3.2.5)."""
    text = text.strip(WHITE)
    if _DOUBLE.match(text):
        return float(text)
    if text in _SPECIAL:
        return _SPECIAL[text]
    raise not_castable(text, "number")


def boolean(text: str) -> bool:
    """xs:boolean of a text (XML Schema Part 2 §3.2.2)."""
    text = text.strip(WHITE)
    if text in ("true", "1"):
        return True
    if text in ("false", "0"):
        return False
    raise not_castable(text, "boolean")


def integer(text: str) -> int:
    """xs:integer of a text."""
    value = text.strip(WHITE)
    if "." in value or not _DECIMAL.match(value):
        raise not_castable(text, "integer")
    return int(EXACT.create_decimal(value))


def day(text: str) -> Date:
    """xs:date of a text (XML Schema Part 2 §3.2.9), years 1 to 9999."""
    text = text.strip(WHITE)
    match = _DATE.match(text)
    try:
        if match is None:
            raise ValueError(text)
        days = date(int(match[1]), int(match[2]), int(match[3])).toordinal()
        return Date(days * 1_440 - _zone(match[4] or "Z"), text)
    except ValueError as wrong:
        raise not_castable(text, "date") from wrong


def _zone(text: str) -> int:
    if text == "Z":
        return 0
    hours, minutes = int(text[1:3]), int(text[4:6])
    if minutes > 59 or hours * 60 + minutes > 840:
        raise ValueError(text)
    return (hours * 60 + minutes) * (-1 if text[0] == "-" else 1)


_OF_TEXT: Final[dict[str, Callable[[str], Atom]]] = {
    "string": str, "decimal": decimal, "double": double, "boolean": boolean, "integer": integer, "date": day,
}  # fmt: skip


def cast(value: Atom, type_: str) -> Atom:
    """`cast as` (F&O §17): from text by its lexical form, from numbers and booleans by value."""
    if isinstance(value, str):
        return _OF_TEXT[type_](value)
    if type_ == "string":
        return text_of(value)
    if type_ == "boolean" and isinstance(value, bool | int | float | Decimal):
        return bool(value) and value == value  # NaN is false  # noqa: PLR0124
    if isinstance(value, Date):
        if type_ == "date":
            return value
        raise wrong_type(f"a date is no {type_}")
    return _number(value, type_)


def _number(value: bool | int | float | Decimal, type_: str) -> Atom:
    if type_ == "date":
        raise wrong_type("a number is no date")
    if type_ == "double":
        return float(value)
    if isinstance(value, float) and not isfinite(value):
        raise DynamicError("FOCA0002", f"{text_of(value)} has no exact value")
    return int(value) if type_ == "integer" else EXACT.create_decimal(value) if isinstance(value, float) else Decimal(value)


def castable(value: Atom, type_: str) -> bool:
    """`castable as`."""
    try:
        cast(value, type_)
    except DynamicError:
        return False
    return True


# Printing (F&O §17.1.2).

def text_of(value: Atom) -> str:
    """The string of an atomic value."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return _plain(value)
    if isinstance(value, float):
        return _double_text(value)
    return value.text if isinstance(value, Date) else str(value)


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def _double_text(value: float) -> str:
    """Plain between a millionth and a million, else with an exponent (F&O §17.1.2)."""
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "INF" if value > 0 else "-INF"
    if value == 0:
        return "-0" if copysign(1, value) < 0 else "0"
    if 1e-6 <= abs(value) < 1e6:
        return _plain(Decimal(repr(value)))
    digits, _, exponent = f"{Decimal(repr(value)).normalize(Context(prec=17)):E}".partition("E")
    return f"{digits if '.' in digits else digits + '.0'}E{int(exponent)}"


# Arithmetic (XPath 2.0 §3.4, F&O §6). Operands are numbers of the same family already: see `arithmetic.py`.

def quotient(left: Decimal, right: Decimal) -> Decimal:
    """`div` of decimals: to 18 digits after the point, or as many as an operand has."""
    if not right:
        raise DynamicError("FOAR0001", "division by zero")
    places = max(_PRECISION, -_exponent(left), -_exponent(right))
    whole, rest = EXACT.divmod(abs(left).scaleb(places), abs(right))
    if rest * 2 > abs(right):  # an exact half goes down
        whole += 1
    result = whole.scaleb(-places)
    return result.copy_negate() if (left < 0) != (right < 0) else result


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def rounded(value: int | Decimal | float) -> int | Decimal | float:
    """fn:round: halves go up (F&O §6.4.4)."""
    if isinstance(value, int):
        return value
    if isinstance(value, Decimal):
        return (value + _HALF).to_integral_value(ROUND_FLOOR)
    if not isfinite(value):
        return value
    below = floor(value)
    return copysign(below + 1 if value - below >= 0.5 else below, value)


def floored(value: int | Decimal | float) -> int | Decimal | float:
    """fn:floor."""
    if isinstance(value, Decimal):
        return value.to_integral_value(ROUND_FLOOR)
    return value if isinstance(value, int) or not isfinite(value) else copysign(floor(value), value)


def raised(value: int | Decimal | float) -> int | Decimal | float:
    """fn:ceiling."""
    if isinstance(value, Decimal):
        return value.to_integral_value(ROUND_CEILING)
    return value if isinstance(value, int) or not isfinite(value) else copysign(ceil(value), value)
