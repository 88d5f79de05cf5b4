"""What a site could do now, and what waits for a later attempt (for `run --until-idle`): it looks, and does nothing.

*Later* is what its loop put on the board, or a flow that is not due: a destination or a partner's server out of reach, a box that refuses.
"""

from __future__ import annotations

from collections import Counter
from functools import partial

from gateway.back_off import BackOff
from gateway.lifecycle import DeliveryState, State
from gateway.model import Box, Delivery
from gateway.stages.desk import Gateway
from gateway.stages.dispatch import TO_SEND

DESTINATIONS, ENVELOPES, BOXES, SERVERS = "destinations", "envelopes", "boxes", "servers"
"""Topics of the board, each written by one loop; of the last one, by each partner's thread under `servers-<partner>`."""

REFUSAL_SECONDS = 10.0
"""How long a box that refused counts as one that refuses: it is asked again at each turn, which says so anew."""

_WORKED = (State.RECEIVED, State.OPENED, State.VALIDATED, State.INADMISSIBLE)


def back_off(gw: Gateway, topic: str) -> BackOff:
    """One whose waits are on the site's board."""
    return BackOff(gw.clock, partial(gw.board.put, topic))


def servers_of(partner: str) -> str:
    """The topic of one partner's server."""
    return f"{SERVERS}-{partner}"


def nothing_now(gw: Gateway) -> bool:
    """True when no loop has anything to do now."""
    return gw.store.idle(at=gw.now()) or (not _waits(gw) and _confirmed(gw))


def _confirmed(gw: Gateway) -> bool:
    """In one look: what travels from one loop to the next meanwhile would be seen nowhere. It holds the writer, so it comes last."""
    with gw.store.transaction():
        return not _waits(gw)


def _waits(gw: Gateway) -> bool:
    return flows_wait(gw) or envelopes_wait(gw) or deliveries_wait(gw) or returns_wait(gw) or statuses_wait(gw)


def flows_wait(gw: Gateway) -> bool:
    """A flow can be opened, validated, delivered or closed now."""
    return bool(gw.store.flows(states=_WORKED, limit=1, due=gw.now()) or gw.store.closable(limit=1, due=gw.now()))


def envelopes_wait(gw: Gateway) -> bool:
    """A planned delivery is not put together yet, and that was not put off."""
    later = gw.board.postponed(ENVELOPES)
    return any(planned.name not in later for planned in gw.store.deliveries(states=(DeliveryState.PLANNED,)))


def deliveries_wait(gw: Gateway) -> bool:
    """A delivery can be tried now."""
    later = gw.board.postponed(DESTINATIONS)
    return any(delivery.destination not in later for delivery in _to_send(gw))


def returns_wait(gw: Gateway) -> bool:
    """A return can be written or brought now."""
    return bool(gw.store.returns(pending=True, limit=1, without=sorted(_closed(gw))))


def statuses_wait(gw: Gateway) -> bool:
    """A partner whom we know is to be told a status."""
    gone: set[str] = set()
    while kept := gw.store.owed_statuses(limit=1, without=sorted(gone)):
        if kept[0].partner in gw.partners:
            return True
        gone.add(kept[0].partner)
    return False


def left_for_later(gw: Gateway) -> dict[tuple[str, str], int]:
    """How much waits for a later attempt, by what (flows, deliveries, returns) and where."""
    later = gw.board.postponed(DESTINATIONS) | gw.board.postponed(ENVELOPES)
    planned = gw.store.deliveries(states=(DeliveryState.PLANNED,))
    deliveries = [d.destination for d in (*planned, *_to_send(gw)) if d.destination in later or d.name in later]
    closed = _closed(gw)
    returns = [o.owed.partner for o in gw.store.returns(pending=True) if (o.owed.partner, o.owed.box) in closed] if closed else []
    flows = len(gw.store.flows(states=_WORKED)) - len(gw.store.flows(states=_WORKED, due=gw.now()))
    found = Counter([*(("deliveries", name) for name in deliveries), *(("returns", name) for name in returns)])
    return dict(found) | ({("flows", gw.settings.name): flows} if flows else {})


def _to_send(gw: Gateway) -> list[Delivery]:
    return gw.store.deliveries(states=TO_SEND)


def _closed(gw: Gateway) -> set[tuple[str, Box]]:
    """Boxes that refused when they were last asked."""
    refusing = gw.board.postponed(BOXES)
    here = {(partner, box) for partner in gw.partners for box in Box if box_name(partner, box) in refusing}
    silent = [partner for partner in gw.partners.values() if gw.board.postponed(servers_of(partner.name))]
    return here | {(partner.name, box) for partner in silent for box in Box if partner.brings_back(box is Box.TEST)}


def box_name(partner: str, box: Box) -> str:
    """A box on the board."""
    return f"{partner}/{box}"
