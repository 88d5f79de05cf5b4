"""Arithmetic on atomic values (XPath 2.0 §3.4, F&O §6.2): promotion, and each operator on integers, decimals and doubles.

An untyped value is a double here; whoever wants exact sums writes xs:decimal() in the rule. Dates are not calculated with.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from math import copysign, fmod, inf, isfinite, isnan, nan
from typing import Any, Final

from gateway.schematron.faults import DynamicError, wrong_type
from gateway.schematron.values import Atom, Date, Untyped, double, quotient, text_of

Number = int | Decimal | float


def number(atom: Atom) -> Number:
    """An operand: untyped becomes a double, other texts, booleans and dates are no numbers (XPTY0004)."""
    if isinstance(atom, Untyped):
        return double(atom)
    if isinstance(atom, bool | str | Date):
        raise wrong_type(f"'{text_of(atom)}' is no number")
    return atom


def apply(sign: str, left: Atom, right: Atom) -> Number:
    """`left sign right`, promoted: a double makes both doubles, a decimal makes both decimals."""
    a, b = number(left), number(right)
    if isinstance(a, float) or isinstance(b, float):
        return _DOUBLES[sign](float(a), float(b))
    if sign in _EXACT:
        result: Number = _EXACT[sign](a, b)
        return result
    if not b:
        raise DynamicError("FOAR0001", "division by zero")
    return _DIVISIONS[sign](a, b)


def total(atoms: list[Atom]) -> Number:
    """fn:sum (F&O §15.4.5): 0 of nothing; from left to right, a double makes doubles of what follows."""
    result: Number = 0
    for atom in atoms:
        value = number(atom)
        result = float(result) + float(value) if isinstance(result, float) or isinstance(value, float) else result + value
    return result


def _double_division(a: float, b: float) -> float:
    if b:
        return a / b
    return nan if a == 0 or isnan(a) else copysign(inf, a) * copysign(1, b)


def _double_remainder(a: float, b: float) -> float:
    return nan if b == 0 or not isfinite(a) else fmod(a, b)


def _double_whole(a: float, b: float) -> int:
    if b == 0:
        raise DynamicError("FOAR0001", "division by zero")
    if not isfinite(a) or isnan(b):
        raise DynamicError("FOAR0002", f"{text_of(a)} idiv {text_of(b)} has no value")
    return int(a / b)


def _whole(a: Any, b: Any) -> int:
    """`idiv` goes towards zero."""
    return int(a // b) if isinstance(a, Decimal) or isinstance(b, Decimal) else (abs(a) // abs(b)) * (1 if (a < 0) == (b < 0) else -1)


def _remainder(a: Any, b: Any) -> Any:
    """`mod` has the sign of the dividend."""
    if isinstance(a, Decimal) or isinstance(b, Decimal):
        return Decimal(a) % Decimal(b)
    return abs(a) % abs(b) * (1 if a >= 0 else -1)


_EXACT: Final[dict[str, Callable[[Any, Any], Any]]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_DIVISIONS: Final[dict[str, Callable[[Any, Any], Number]]] = {
    "div": lambda a, b: quotient(Decimal(a), Decimal(b)), "idiv": _whole, "mod": _remainder,
}  # fmt: skip
_DOUBLES: Final[dict[str, Callable[[float, float], Number]]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "div": _double_division, "mod": _double_remainder, "idiv": _double_whole,
}  # fmt: skip
