"""Whether a deposit may be taken now, by whatever door: room on our disk, the partner's daily quota; it takes nothing.

A door that answers on the wire says no itself (`refusal`); at one that cannot, the file waits and a notice says so (`postponement`).
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.catalogue import Worded, finding
from gateway.model import Box, Drop, Finding
from gateway.stages import housekeeping
from gateway.stages.desk import Gateway

_QUOTA = "DEP-007"


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A file that waits at its door (housekeeping.Discard)."""

    partner: str
    box: Box
    name: str
    finding: Finding


def refusal(gw: Gateway, partner: str, size: int) -> Finding | None:
    """Why nothing of that size (bytes) may be taken from a partner now: rows 11 and 12 of reliability.md 3.1; None when it may."""
    if gw.spool.free_bytes() < gw.settings.minimum_free_bytes + size:
        return finding("DEP-006")
    reached = _quota(gw, partner, size)
    return finding(_QUOTA, n=reached, heure="00:00") if reached else None


def postponement(gw: Gateway, drop: Drop, size: int) -> Finding | None:
    """Why a file of that size (bytes) waits at a door that cannot answer, None when it does not. Its partner is told of its quota by the
    first file that waits, once a box and day; of our disk it is not: that is ours to look after."""
    why = refusal(gw, drop.partner, size)
    if why is not None and why.rule == _QUOTA:
        told = finding("DEP-025", nom=drop.name, motif=Worded(why.message_fr), english={"motif": Worded(why.message_en)})
        waiting = _Waiting(drop.partner, drop.box, drop.name, told)
        housekeeping.owe_notices(gw, [waiting], key=f"notice:waiting:{drop.partner}:{drop.box}:{gw.now():%Y-%m-%d}")
    return why


def _quota(gw: Gateway, partner: str, size: int) -> int:
    """The quota of files or bytes that one more would break; 0 when none. A day is a day of receipt in Europe/Paris, both boxes count."""
    settings = gw.partner(partner)
    if not settings.daily_files and not settings.daily_bytes:
        return 0
    midnight = gw.now().replace(hour=0, minute=0, second=0, microsecond=0)
    files, received = gw.store.received(partner, midnight)
    if settings.daily_files and files >= settings.daily_files:
        return settings.daily_files
    if settings.daily_bytes and received + max(size, 1) > settings.daily_bytes:
        return settings.daily_bytes
    return 0
