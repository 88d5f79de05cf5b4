"""The document's totals: can every amount be read, and do they add up. It does not add lines or VAT categories: EN 16931 packs do.

Source: reliability catalogue rows 90 and 91. Exact decimals; a sum is checked only where all its amounts are there.

Limits: the 19 positions and 6 decimals of Chorus Pro are second-hand and so follow the setting `uncertain`.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from gateway import catalogue
from gateway.config import Limits, Rules
from gateway.model import Finding, Invoice
from gateway.rules.severity import sure, unsure

DECIMALS = 6

_AMOUNT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_fits = re.compile(rf"[+-]?(?:[0-9]+(?:\.[0-9]{{0,{DECIMALS}}})?|\.[0-9]{{1,{DECIMALS}}})").fullmatch
_ZERO = Decimal(0)

TERMS = (
    ("BT-109", "total_without_vat"),
    ("BT-110", "total_vat"),
    ("BT-112", "total_with_vat"),
    ("BT-113", "prepaid"),
    ("BT-114", "rounding"),
    ("BT-115", "payable"),
)


def check(invoice: Invoice, rules: Rules, limits: Limits, _today: date) -> list[Finding]:
    """Findings on BT-109 to BT-115. An amount that cannot be read is left out of the sums."""
    texts = (
        invoice.total_without_vat, invoice.total_vat, invoice.total_with_vat, invoice.prepaid, invoice.rounding, invoice.payable,
    )  # fmt: skip
    amounts = [read(text, limits.amount_digits) for text in texts]
    found = _unreadable(texts, amounts, rules, limits) if len(texts) - texts.count("") > len(amounts) - amounts.count(None) else []
    return found if rules.totals == "off" else found + _sums(amounts, texts, rules)


def read(text: str, digits: int) -> Decimal | None:
    """The exact amount; None for an absent text, for anything but a plain decimal (no exponent, NaN, INF) and past `digits` positions."""
    if not text or _fits(text) is None:
        return None
    if len(text) > digits and sum(map(str.isdigit, text)) > digits:
        return None
    return Decimal(text)


def _unreadable(texts: tuple[str, ...], amounts: list[Decimal | None], rules: Rules, limits: Limits) -> list[Finding]:
    found = []
    for (term, _), text, amount in zip(TERMS, texts, amounts, strict=True):
        if not text or amount is not None:
            continue
        too_long = _AMOUNT.fullmatch(text) is not None
        severity = unsure(rules.amounts, rules) if too_long else sure(rules.amounts)
        if severity is not None:
            fields: dict[str, Any] = {"v": text, "xpath": term, "n": limits.amount_digits, "max": DECIMALS}
            found.append(catalogue.finding("TOT-001" if too_long else "BUS-006", severity=severity, pack="CPRO", terms=(term,), **fields))
    return found


@lru_cache(maxsize=16)
def _tolerance(text: str) -> Decimal:
    return Decimal(text)


def _sums(amounts: list[Decimal | None], texts: tuple[str, ...], rules: Rules) -> list[Finding]:
    net, tax, gross, prepaid, rounding, payable = amounts
    tolerance = _tolerance(rules.tolerance)
    found = []
    if net is not None and tax is not None and gross is not None and abs(net + tax - gross) > tolerance:
        found.append(_sum("BT-109 + BT-110 = BT-112", ("BT-109", "BT-110", "BT-112"), net + tax, gross, rules))
    complete = (prepaid is not None or not texts[3]) and (rounding is not None or not texts[4])
    if gross is not None and payable is not None and complete:
        due = gross - (prepaid or _ZERO) + (rounding or _ZERO)
        if abs(due - payable) > tolerance:
            found.append(_sum("BT-112 - BT-113 + BT-114 = BT-115", ("BT-112", "BT-113", "BT-114", "BT-115"), due, payable, rules))
    return found


def _sum(formula: str, terms: tuple[str, ...], computed: Decimal, declared: Decimal, rules: Rules) -> Finding:
    fields: dict[str, Any] = {"règle": formula, "calculé": computed, "déclaré": declared}
    return catalogue.finding("BUS-005", severity=sure(rules.totals), pack="CPRO", terms=terms, **fields)
