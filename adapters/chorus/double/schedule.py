"""When which status of which invoice is due; it writes nothing and reads no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from adapters.chorus.double.reading import Seen

LABELS = {
    "01": "Déposée", "03": "Mise à disposition", "05": "Rejetée", "06": "Suspendue", "11": "Mise en paiement", "12": "Complétée",
}  # fmt: skip
"""IdStatut and French label (chorus.md §5.2)."""


@dataclass(frozen=True, slots=True)
class Due:
    """One status for several invoices of a flow, at one time."""

    at: datetime
    code: str
    invoices: tuple[Seen, ...]


def course(number: str) -> tuple[str, ...]:
    """The statuses an integrated invoice goes through, by its number."""
    if "SUSP" in number.upper():
        return "01", "03", "06", "12"
    return ("01", "03", "05") if "REJ" in number.upper() else ("01", "03", "11")


def plan(invoices: Sequence[Seen], taken_at: datetime, seconds: Sequence[float]) -> list[Due]:
    """Statuses in order: the n-th of an invoice's course is due `seconds[n]` after the deposit (the last delay serves all further ones).

    Times rise by a millisecond with each place in the course, so that two statuses of an invoice never bear the same date.
    """
    groups: dict[tuple[int, str], list[Seen]] = {}
    for seen in invoices:
        for place, code in enumerate(course(seen.number)):
            groups.setdefault((place, code), []).append(seen)
    return [Due(_at(taken_at, place, seconds), code, tuple(group)) for (place, code), group in sorted(groups.items(), key=lambda g: g[0])]


def _at(taken_at: datetime, place: int, seconds: Sequence[float]) -> datetime:
    delay = seconds[min(place, len(seconds) - 1)] if seconds else 0.0
    return taken_at + timedelta(seconds=delay, milliseconds=place + 1)
