"""Whether a deposit may be taken now, by whatever door: room on our disk, the partner's daily quota; it takes nothing."""

from __future__ import annotations

from gateway.catalogue import finding
from gateway.model import Finding
from gateway.stages.desk import Gateway


def refusal(gw: Gateway, partner: str, size: int) -> Finding | None:
    """Why nothing of that size (bytes) may be taken from a partner now: rows 11 and 12 of reliability.md 3.1; None when it may."""
    if gw.spool.free_bytes() < gw.settings.minimum_free_bytes + size:
        return finding("DEP-006")
    reached = _quota(gw, partner, size)
    return finding("DEP-007", n=reached, heure="00:00") if reached else None


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
