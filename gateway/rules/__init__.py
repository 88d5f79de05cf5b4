"""Our own rules on one invoice: the visible list, run on what a document says alone; it looks no fact up.

Rules that need facts (`duplicate`, `directory`, `mandate`) are called by those who hold them.
Every rule is a pure function; a setting off | warn | reject decides how hard it counts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from gateway.config import Limits, Rules
from gateway.model import Finding, Invoice
from gateway.rules import attachments, dates, framework, identifiers, number, totals, type  # noqa: A004 - the field's own word, as in BT-3

Rule = Callable[[Invoice, Rules, Limits, date], list[Finding]]

PURE_RULES: tuple[Rule, ...] = (
    number.check,
    dates.check,
    type.check,
    framework.check,
    identifiers.check,
    totals.check,
    attachments.check,
)

SETTINGS = (
    "duplicate", "look_alike", "directory", "mandate", "number", "dates", "date_window", "type", "framework", "identifiers", "amounts",
    "totals", "attachments", "uncertain",
)  # fmt: skip
"""Every setting of `Rules` that can be off, in the order in which `gateway check` lists them."""

CHECKS = {
    "NUM-": "number", "BUS-008": "number", "BUS-007": "dates", "DOC-": "type", "CAD-": "framework", "IDT-": "identifiers",
    "BUS-005": "totals", "TOT-": "totals", "ATT-": "attachments",
}  # fmt: skip
"""The setting that decides on a code of the catalogue, by the code or its beginning."""

_LIMITS = Limits()


def check_invoice(invoice: Invoice, rules: Rules, *, today: date, limits: Limits = _LIMITS) -> list[Finding]:
    """Everything that the invoice's own facts break, in the order of `PURE_RULES`."""
    found: list[Finding] = []
    for rule in PURE_RULES:
        found += rule(invoice, rules, limits, today)
    return found


def setting_of(code: str, rules: Rules) -> str:
    """off | warn | reject: how hard the site has the check count that gives a code; reject for a code that no setting decides on."""
    name = next((name for start, name in CHECKS.items() if code.startswith(start)), "")
    return str(getattr(rules, name)) if name else "reject"


def off_checks(rules: Rules, has_directory: bool) -> list[str]:
    """The checks that do not run, worded for `gateway check`: settings that are off, and a directory check without a directory."""
    off = [f"rules.{name}: off" for name in SETTINGS if getattr(rules, name) == "off"]
    if rules.duplicate == "off" and rules.look_alike != "off":
        off.append("rules.look_alike: off with rules.duplicate, which keeps the numbers")
    if not rules.luhn:
        off.append("rules.luhn: off, keys of SIREN and SIRET are not checked")
    if rules.directory != "off" and not has_directory:
        off.append("rules.directory: no directory imported, recipients are not checked; gateway directory import FILE")
    return off
