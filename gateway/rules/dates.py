"""The issue date: is it a day of the calendar, and is it near enough. It reads no clock: today is given.

Source: reliability catalogue row 95; the window is a setting of the site, Chorus's own limits are not published.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from gateway import catalogue
from gateway.config import Limits, Rules
from gateway.model import Finding, Invoice, Severity
from gateway.rules.severity import sure


def check(invoice: Invoice, rules: Rules, _limits: Limits, today: date) -> list[Finding]:
    """A finding on BT-2 when it is unreadable (setting `dates`) or outside the window (setting `date_window`)."""
    earliest, latest = _window(today, rules.date_past_days, rules.date_future_days)
    issued = readable(invoice.issue_date)
    if issued is not None and earliest <= issued <= latest:
        return []
    severity = sure(rules.dates if issued is None else rules.date_window)
    return [] if severity is None else [_finding(invoice.issue_date, earliest, latest, severity)]


@lru_cache(maxsize=64)
def _window(today: date, past: int, future: int) -> tuple[date, date]:
    first, last = today.toordinal() - past, today.toordinal() + future
    return date.fromordinal(max(first, 1)), date.fromordinal(min(last, date.max.toordinal()))


def _finding(text: str, earliest: date, latest: date, severity: Severity) -> Finding:
    return catalogue.finding("BUS-007", severity=severity, pack="CPRO", terms=("BT-2",), d=text, min=earliest, max=latest)


def readable(text: str) -> date | None:
    """The day of a text YYYY-MM-DD; None for anything else, also for a day that no calendar has."""
    if len(text) != 10 or text[4] + text[7] != "--":
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
