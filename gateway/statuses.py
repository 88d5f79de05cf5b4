"""The State's statuses of an invoice: codes, labels, which may follow which, and which of two is the present one; it stores nothing.

The State's own date decides; at the same instant the later place in the table does. So the present status never depends on the order in
which messages arrive: a late, repeated or older one changes nothing. A step that the table does not expect is still the State's word and is
taken (07–10 are optional, recipients come back to 03); `expected` tells people that it was a surprise.

Limits: labels of IdStatut 13–41 are not public (chorus.md §10): they are kept, shown by their number and, at the same instant, rank below
the known ones. A date without a zone is read as Europe/Paris, as Chorus writes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.model import StatusNews


@dataclass(frozen=True, slots=True)
class Status:
    """One line of chorus.md §5.2; `follows`: IdStatut after which it is expected ("" the beginning), §5.3."""

    code: str
    api: str
    fr: str
    en: str
    follows: frozenset[str]
    final: bool = False


_BEFORE_RECIPIENT: Final = ("03", "07", "08", "12")
"""Statuses from which the recipient chooses freely among 03 to 11."""


def _status(code: str, api: str, fr: str, en: str, *follows: str, final: bool = False) -> Status:
    return Status(code, api, fr, en, frozenset(follows), final)


TABLE: Final = (
    _status("01", "DEPOSEE", "Déposée", "Deposited", ""),
    _status("02", "EN_COURS_ACHEMINEMENT", "En cours d'acheminement", "Being forwarded", "01"),
    _status("03", "MISE_A_DISPOSITION", "Mise à disposition", "Made available", "01", "02", "04", *_BEFORE_RECIPIENT),
    _status("06", "SUSPENDUE", "Suspendue", "Suspended", *_BEFORE_RECIPIENT),
    _status("12", "COMPLETEE", "Complétée", "Completed", "06"),
    _status("04", "A_RECYCLER", "À recycler", "To be redirected", *_BEFORE_RECIPIENT),
    _status("07", "SERVICE_FAIT", "Service fait", "Service rendered", *_BEFORE_RECIPIENT),
    _status("08", "MANDATEE", "Mandatée", "Payment ordered", *_BEFORE_RECIPIENT),
    _status("09", "MISE_A_DISPOSITION_COMPTABLE", "Mise à disposition du comptable", "With the accountant", *_BEFORE_RECIPIENT),
    _status("10", "COMPTABILISEE", "Comptabilisée", "Booked", *_BEFORE_RECIPIENT, "09"),
    _status("05", "REJETEE", "Rejetée", "Rejected by the recipient", *_BEFORE_RECIPIENT, final=True),
    _status("11", "MISE_EN_PAIEMENT", "Mise en paiement", "Put into payment", *_BEFORE_RECIPIENT, "09", "10", final=True),
)
"""In the order of an invoice's life: the place is the rank."""

BY_CODE: Final = {status.code: status for status in TABLE}
_RANK: Final = {status.code: rank for rank, status in enumerate(TABLE)}

CODES: Final = frozenset(f"{n:02d}" for n in range(1, 42))
"""Every IdStatut of the invoice branch."""

_DATE_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,12})?(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00)?", re.ASCII
).fullmatch
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
PARIS: Final = ZoneInfo("Europe/Paris")


def label(code: str, lang: str) -> str:
    """The status in words, in "fr" or "en"; of one we do not know, its number."""
    known = BY_CODE.get(code)
    if known is None:
        return f"Statut {code}" if lang == "fr" else f"Status {code}"
    return known.fr if lang == "fr" else known.en


def instant(at: str) -> datetime | None:
    """An xs:dateTime as an aware time; None when it is none (year 1 to 9999, fractions beyond the microsecond dropped)."""
    if not _DATE_TIME(at):
        return None
    try:
        found = datetime.fromisoformat(at)
        return (found if found.tzinfo else found.replace(tzinfo=PARIS)).astimezone(UTC)
    except (ValueError, OverflowError):  # 30 February; an offset beyond year 1 or 9999
        return None


def expected(current: str, code: str) -> bool:
    """True when the table knows the step from one IdStatut ("" none yet) to the next."""
    known = BY_CODE.get(code)
    return known is not None and current in known.follows


def moves(current: str, current_at: str, news: StatusNews) -> bool:
    """True when the news becomes the present status of an invoice whose present one is `current` ("" none) of `current_at`.

    A date that cannot be read counts as older than any.
    """
    return not current or _weight(news.code, news.at) > _weight(current, current_at)


def repeated(current: str, current_at: str, news: StatusNews) -> bool:
    """True when the news tells the present status again: same code, same time."""
    return current == news.code and (current_at == news.at or (instant(news.at) or _NEVER) == instant(current_at))


def _weight(code: str, at: str) -> tuple[datetime, int, str]:
    return instant(at) or _NEVER, _RANK.get(code, -1), code
