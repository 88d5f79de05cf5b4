"""Wrong operators, planted one at a time: a comparison that stays green with one of them proves nothing."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from gateway.schematron import calling, comparing, linking, values
from gateway.schematron.closures import TEST, Closure


def _less_for_at_most() -> None:
    comparing.SIGNS["<="] = operator.lt


def _equal_for_unequal() -> None:
    comparing.SIGNS["!="] = operator.eq


def _and_for_or() -> None:
    def wrong(self: linking.Linker, form: list[Any]) -> Closure:
        left, right = self.test(form[1]), self.test(form[2])
        return Closure(TEST, lambda n, e: left(n, e) and right(n, e))

    linking.Linker._or = wrong  # type: ignore[method-assign]


def _decimals_as_doubles() -> None:
    values._OF_TEXT["decimal"] = lambda text: float(values.decimal(text))


def _half_to_even() -> None:
    def wrong(value: int | Decimal | float) -> int | Decimal | float:
        return value.to_integral_value(ROUND_HALF_EVEN) if isinstance(value, Decimal) else round(value)

    calling._FUNCTIONS["round"] = lambda linker, a: calling.numeric(linker.link(a[0]), wrong)


def _some_for_every() -> None:
    linking.Linker._every = linking.Linker._some  # type: ignore[method-assign]


PLANTED: dict[str, Callable[[], None]] = {
    "'<' for '<='": _less_for_at_most,
    "'=' for '!='": _equal_for_unequal,
    "'and' for 'or'": _and_for_or,
    "'some' for 'every'": _some_for_every,
    "decimals as doubles": _decimals_as_doubles,
    "halves rounded to even": _half_to_even,
}
