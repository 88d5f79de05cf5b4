"""The outbox: what is owed to partners is written to their boxes, the same bytes each time; it builds no report."""

from __future__ import annotations

from gateway.errors import TransientError
from gateway.log import logger
from gateway.model import Box, OwedReturn
from gateway.stages.desk import Gateway

BATCH = 200


def send_returns(gw: Gateway) -> int:
    """Write what is pending, oldest first; how many were written. A box that refuses holds back its own partner's returns only."""
    closed: set[tuple[str, Box]] = set()
    while True:
        batch = gw.store.returns(pending=True, limit=BATCH, without=sorted(closed))
        refusing = len(closed)
        written = [owed for owed in batch if _written(gw, owed, closed)]
        with gw.store.transaction():
            for owed in written:
                gw.store.mark_written(owed.owed.key, gw.now())
        if written or len(closed) == refusing:
            return len(written)


def _written(gw: Gateway, owed: OwedReturn, closed: set[tuple[str, Box]]) -> bool:
    """False when the box refuses; it is asked once, so that a partner's returns come in order."""
    subject, box = owed.owed, (owed.owed.partner, owed.owed.box)
    if box in closed:
        return False
    try:
        gw.channel.write(*box, subject.name, subject.body)
    except TransientError as refused:
        logger("send").warning("return.postponed", flow=subject.flow, stage="send", name=subject.name, why=str(refused))
        closed.add(box)
        return False
    return True
