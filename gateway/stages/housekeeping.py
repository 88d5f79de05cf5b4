"""What time does to a site: old returns leave the boxes, dead uploads are told to their partners, orphan bytes leave the spool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from gateway import notice
from gateway.log import logger
from gateway.model import Box, Finding, Return, ReturnKind
from gateway.stages.desk import Gateway

ORPHAN_HOURS = 36
"""Staging files and blobs without a row are kept that long: far longer than any transaction (reliability.md 2.4)."""


class Discard(Protocol):
    """An upload that came to nothing."""

    @property
    def partner(self) -> str: ...
    @property
    def box(self) -> Box: ...
    @property
    def name(self) -> str: ...
    @property
    def finding(self) -> Finding: ...


def owe_notices(gw: Gateway, discards: Sequence[Discard]) -> int:
    """Tell partners about uploads that were given up (rows 6, 7, 10 of reliability.md 3.1); how many."""
    for discard in discards:
        body = notice.notice(discard.partner, discard.name, discard.finding, at=gw.now(), test=discard.box is Box.TEST)
        with gw.store.transaction():
            name = f"NOTICE_{gw.now():%y%m%d}-{gw.store.next_number('notice'):06d}.xml"
            gw.store.owe(Return(discard.partner, discard.box, "", ReturnKind.NOTICE, name, body, f"notice:{name}"), gw.now())
    if discards:
        gw.bell.ring("send")
    return len(discards)


def sweep(gw: Gateway, purge: Callable[[datetime], int]) -> None:
    """Remove what is past its time: returns in the boxes, staging leftovers, blobs that no row names."""
    before = gw.now() - timedelta(days=gw.settings.returns.purge_days)
    purged = purge(before)
    orphans = gw.spool.sweep(gw.store.known_blobs(), gw.now() - timedelta(hours=ORPHAN_HOURS))
    if purged or orphans:
        logger("sweep").info("site.swept", stage="sweep", returns=purged, orphans=orphans)
