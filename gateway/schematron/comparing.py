"""Comparison of atomic values (XPath 2.0 §3.5, F&O §6.3, §7.3, §10.4): what is compared as what; it knows neither nodes nor forms."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from gateway.schematron.faults import wrong_type
from gateway.schematron.values import Atom, Date, Untyped, boolean, day, double, text_of

Holds = Callable[[Any, Any], bool]

SIGNS: Final[dict[str, Holds]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def general(holds: Holds, left: Atom, right: Atom) -> bool:
    """One pair of a general comparison (§3.5.2): an untyped value becomes what the other is, two are compared as strings."""
    if isinstance(left, Untyped):
        if not isinstance(right, str):
            left = _as(left, right)
    elif isinstance(right, Untyped) and not isinstance(left, str):
        right = _as(right, left)
    return value(holds, left, right)


def _as(untyped: Untyped, other: Atom) -> Atom:
    if isinstance(other, bool):
        return boolean(untyped)
    return day(untyped) if isinstance(other, Date) else double(untyped)


def value(holds: Holds, left: Atom, right: Atom) -> bool:
    """A value comparison (§3.5.1): untyped values are strings; values of different families do not compare (XPTY0004)."""
    if isinstance(left, str) and isinstance(right, str):
        return holds(str(left), str(right))
    if isinstance(left, bool) or isinstance(right, bool):
        if isinstance(left, bool) and isinstance(right, bool):
            return holds(left, right)
    elif isinstance(left, Date) or isinstance(right, Date):
        if isinstance(left, Date) and isinstance(right, Date):
            return holds(left.minutes, right.minutes)
    elif not isinstance(left, str) and not isinstance(right, str):
        return numbers(holds, left, right)
    raise wrong_type(f"'{text_of(left)}' and '{text_of(right)}' are of types that do not compare")


def numbers(holds: Holds, left: int | Decimal | float, right: int | Decimal | float) -> bool:
    """Numbers by value; beside a double the other becomes one (XPath 2.0 B.1)."""
    if isinstance(left, float) or isinstance(right, float):
        return holds(float(left), float(right))
    return holds(left, right)


def distinct(atoms: list[Atom]) -> list[Atom]:
    """fn:distinct-values (F&O §15.1.6): untyped as strings, numbers by value, one NaN."""
    found: dict[object, Atom] = {}
    for atom in atoms:
        if isinstance(atom, str):
            key: object = str(atom)
        elif isinstance(atom, bool | Date):
            key = (type(atom), atom)
        else:
            key = ("NaN",) if atom != atom else float(atom) if isinstance(atom, float) else atom  # noqa: PLR0124
        found.setdefault(key, atom)
    return list(found.values())
