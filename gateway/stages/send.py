"""The outbox: what is owed to partners is written to their boxes, the same bytes each time; it builds no report."""

from __future__ import annotations

from gateway.config import Partner
from gateway.errors import ReturnRefused, TransientError
from gateway.log import logger
from gateway.model import Box, OwedReturn
from gateway.stages.desk import Gateway

BATCH = 200

Closed = dict[tuple[str, Box], TransientError | None]
"""Boxes that are not to be written to now, and what they answered when they were asked."""

Left = dict[str, ReturnRefused]
"""Returns, by key, that their box would not have this time."""


def send_returns(gw: Gateway, refused: Closed | None = None) -> int:
    """Write what is pending, oldest first; how many were written. A box that refuses holds back its own partner's returns only.

    Boxes on partners' own servers are left to `send_brought`. `refused`: takes the boxes that refuse."""
    closed: Closed = {(p.name, box): None for p in gw.partners.values() for box in Box if p.brings_back(box is Box.TEST)}
    written = _empty(gw, closed, {})
    if refused is not None:
        refused.update({box: why for box, why in closed.items() if why is not None})
    return written


def send_brought(gw: Gateway, partner: Partner) -> TransientError | None:
    """Bring one partner's returns to its own server; what refuses the rest of them, None when nothing is left."""
    closed: Closed = {(partner.name, box): None for box in Box if not partner.brings_back(box is Box.TEST)}
    left: Left = {}
    while _empty(gw, closed, left, partner=partner.name):
        pass
    return next((refused for refused in (*closed.values(), *left.values()) if refused is not None), None)


def _empty(gw: Gateway, closed: Closed, left: Left, *, partner: str = "") -> int:
    while True:
        batch = gw.store.returns(pending=True, limit=BATCH, without=sorted(closed), partner=partner)
        refusing = len(closed)
        written = [owed for owed in batch if _written(gw, owed, closed, left)]
        with gw.store.transaction():
            for owed in written:
                gw.store.mark_written(owed.owed.key, gw.now())
        if written or len(closed) == refusing:
            return len(written)


def _written(gw: Gateway, owed: OwedReturn, closed: Closed, left: Left) -> bool:
    """False when the box refuses; it is asked once, so that a partner's returns come in order. One that it will not have is left out."""
    subject, box = owed.owed, (owed.owed.partner, owed.owed.box)
    if box in closed or subject.key in left:
        return False
    said = {"flow": subject.flow, "stage": "send", "name": subject.name}
    try:
        gw.channel.write(*box, subject.name, subject.body)
    except ReturnRefused as refused:
        logger("send").error("return.refused", why=str(refused), **said)
        left[subject.key] = refused
        return False
    except TransientError as refused:
        logger("send").warning("return.postponed", why=str(refused), **said)
        closed[box] = refused
        return False
    return True
