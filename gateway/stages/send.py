"""The outbox: what is owed to partners is written to their boxes, the same bytes each time; it builds no report."""

from __future__ import annotations

from gateway.errors import TransientError
from gateway.log import logger
from gateway.model import Box, OwedReturn
from gateway.stages.desk import Gateway

BATCH = 200


def send_returns(gw: Gateway) -> int:
    """Write what is pending, oldest first; how many were written. A box that refuses holds back its own partner only."""
    written: list[OwedReturn] = []
    closed: set[tuple[str, Box]] = set()
    for owed in gw.store.returns(pending=True, limit=BATCH):
        box = (owed.owed.partner, owed.owed.box)
        if box in closed:
            continue
        try:
            gw.channel.write(*box, owed.owed.name, owed.owed.body)
        except TransientError as refused:
            logger("send").warning("return.postponed", flow=owed.owed.flow, stage="send", name=owed.owed.name, why=str(refused))
            closed.add(box)
            continue
        written.append(owed)
    if written:
        with gw.store.transaction():
            for owed in written:
                gw.store.mark_written(owed.owed.key, gw.now())
    return len(written)
