"""What time does to a site: old returns leave the boxes, dead uploads are told, overdue reports noted, spent bytes leave the spool."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from gateway import notice
from gateway.errors import UnknownSubject
from gateway.lifecycle import OVER, DeliveryState
from gateway.log import logger
from gateway.model import Box, Delivery, Finding, Return, ReturnKind
from gateway.stages.desk import Gateway

ORPHAN_HOURS = 36
"""Staging files and blobs without a row are kept that long: far longer than any transaction (reliability.md 2.4)."""


OVERDUE = "report.overdue"


class Discard(Protocol):
    """An upload that came to nothing, or is not taken yet."""

    @property
    def partner(self) -> str: ...
    @property
    def box(self) -> Box: ...
    @property
    def name(self) -> str: ...
    @property
    def finding(self) -> Finding: ...


def owe_notices(gw: Gateway, discards: list[Discard], *, key: str = "") -> int:
    """Tell partners about uploads that were given up (rows 6, 7, 10 of reliability.md 3.1); how many. Who was told leaves the list.

    `key`: the identity of a single one, so that it is told once whenever it comes again; what was told before writes nothing."""
    if key and gw.store.is_owed(key):
        return 0
    count = len(discards)
    while discards:
        discard = discards[0]
        body = notice.notice(discard.partner, discard.name, discard.finding, at=gw.now(), test=discard.box is Box.TEST)
        with gw.store.transaction():
            name = f"NOTICE_{gw.now():%y%m%d}-{gw.store.next_number('notice'):06d}.xml"
            gw.store.owe(Return(discard.partner, discard.box, "", ReturnKind.NOTICE, name, body, key or f"notice:{name}"), gw.now())
        del discards[0]
    if count:
        gw.bell.ring("send")
    return count


def sweep(gw: Gateway, purge: Callable[[datetime], int]) -> None:
    """Remove what is past its time: returns in the boxes, segments of flows that are over, staging leftovers, blobs that no row names."""
    before = gw.now() - timedelta(days=gw.settings.returns.purge_days)
    purged = purge(before)
    orphans = gw.spool.sweep(gw.store.known_blobs(), gw.now() - timedelta(hours=ORPHAN_HOURS))
    segments = sum(_drop_segments(gw, flow, generation, before) for flow, generation in gw.spool.segmented(before))
    overdue = watch_reports(gw)
    if purged or orphans or segments or overdue:
        logger("sweep").info("site.swept", stage="sweep", returns=purged, orphans=orphans, segments=segments, overdue=overdue)


def _drop_segments(gw: Gateway, flow: str, generation: int, before: datetime) -> bool:
    """Within a transaction, which no replay can cut into: a replay that needs them finds them, or finds that they are gone."""
    with gw.store.transaction():
        if not _is_over(gw, flow, before):
            return False
        gw.spool.drop_segments(flow, generation)
    return True


def _is_over(gw: Gateway, number: str, before: datetime) -> bool:
    """Closed for good, nothing of it waits for its envelope, and nothing happened since then; or a flow that nobody knows any more."""
    try:
        flow = gw.store.flow(number)
    except UnknownSubject:
        return True
    if flow.state not in OVER or gw.store.deliveries(states=(DeliveryState.PLANNED,), flow=number):
        return False
    return gw.store.history(number)[-1].at < before


def watch_reports(gw: Gateway) -> int:
    """Say once, in the history of its flows, that a delivery's report is overdue (CHO-008); how many. Nothing is ever sent again for it."""
    late = [delivery for delivery in gw.store.deliveries(states=(DeliveryState.SENT,)) if _is_overdue(gw, delivery)]
    return sum(_tell_overdue(gw, delivery) for delivery in late)


def _is_overdue(gw: Gateway, delivery: Delivery) -> bool:
    settings = gw.settings.destinations.get(delivery.destination)
    if settings is None or delivery.sent_at is None:
        return False
    return gw.now() - delivery.sent_at > timedelta(hours=settings.report_overdue_hours)


def _tell_overdue(gw: Gateway, delivery: Delivery) -> bool:
    flows = [flow for flow in gw.store.flows_of_delivery(delivery.name) if not _told(gw, flow, delivery)]
    with gw.store.transaction():
        for flow in flows:
            gw.store.note(flow, OVERDUE, at=gw.now(), who="sweep", detail={"delivery": delivery.name, "code": "CHO-008"})
    if flows:
        logger("sweep").warning(OVERDUE, flow=delivery.name, stage="deliver", code="CHO-008", sent_at=str(delivery.sent_at))
    return bool(flows)


def _told(gw: Gateway, flow: str, delivery: Delivery) -> bool:
    return any(entry.what == OVERDUE and entry.detail["delivery"] == delivery.name for entry in gw.store.history(flow))
