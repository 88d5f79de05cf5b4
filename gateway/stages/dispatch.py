"""One outbound flow to the State, exactly once or not at all: intent committed before, outcome after, a lost answer is *unknown*.

The protocol is reliability.md 2.7; what to do after a look is `delivering.decide`. Nothing is ever sent again under another name.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import BinaryIO

from gateway.delivering import Decision, decide, held_reason, step_before_publish, step_before_upload
from gateway.errors import GatewayError, OutcomeUnknown, ParkError, StoreDamaged, TransientError, UsageError
from gateway.lifecycle import DeliveryState, Event, State
from gateway.log import logger
from gateway.model import Delivery
from gateway.ports import Accounting
from gateway.stages.desk import Gateway

TO_SEND = (DeliveryState.SENDING, DeliveryState.SEALED)

_GONE = "its bytes are no longer in the spool; restore them from a backup"


def dispatch(gw: Gateway, delivery: Delivery) -> Delivery:
    """One attempt, from wherever an earlier one ended. `TransientError`: the State was not reached, try later."""
    gw.destination(delivery.destination)
    account = gw.account(delivery.destination)
    if delivery.state is DeliveryState.SEALED:
        delivery = _begin(gw, delivery)
    if not gw.spool.has(delivery.sha256):
        return _hold(gw, delivery, _GONE)
    try:
        return _attempt(gw, account, delivery)
    except OutcomeUnknown as lost:
        return _unknown(gw, gw.store.delivery(delivery.name), str(lost))
    except ParkError as wrong:  # our own bytes are not what was sealed: nothing of them may leave
        return _hold(gw, gw.store.delivery(delivery.name), str(wrong))
    except (TransientError, UsageError):  # not reached, or refused for a setting: the pinned host key, say
        _back_to_sealed(gw, delivery.name)
        raise


def _begin(gw: Gateway, delivery: Delivery) -> Delivery:
    with gw.store.transaction():
        return gw.store.move_delivery(delivery, DeliveryState.SENDING, at=gw.now(), attempt=delivery.attempt + 1, step="")


def _back_to_sealed(gw: Gateway, name: str) -> None:
    """An attempt that never asked for the final name has changed nothing."""
    delivery = gw.store.delivery(name)
    if delivery.state is DeliveryState.SENDING and not delivery.step:
        with gw.store.transaction():
            gw.store.move_delivery(delivery, DeliveryState.SEALED, at=gw.now())


def _attempt(gw: Gateway, account: Accounting, delivery: Delivery) -> Delivery:
    with gw.spool.open(delivery.sha256) as content:
        decision = decide(delivery.step, account.look(delivery, content), temporary_name=_renames(gw, delivery))
        if decision is Decision.SEND:
            delivery = _upload(gw, account, delivery, content)
            decision = Decision.PUBLISH
        if decision is Decision.PUBLISH:
            delivery = _publish(gw, account, delivery)
            decision = Decision.SENT
    return _conclude(gw, delivery, decision)


def _renames(gw: Gateway, delivery: Delivery) -> bool:
    return gw.destination(delivery.destination).temporary_name


def _upload(gw: Gateway, account: Accounting, delivery: Delivery, content: BinaryIO) -> Delivery:
    delivery = _step(gw, delivery, step_before_upload(_renames(gw, delivery)))
    account.upload(delivery, content)
    return delivery


def _publish(gw: Gateway, account: Accounting, delivery: Delivery) -> Delivery:
    delivery = _step(gw, delivery, step_before_publish(_renames(gw, delivery)))
    account.publish(delivery)
    return delivery


def _step(gw: Gateway, delivery: Delivery, step: str) -> Delivery:
    if delivery.step == step:
        return delivery
    with gw.store.transaction():
        return gw.store.set_step(delivery, step)


def _conclude(gw: Gateway, delivery: Delivery, decision: Decision) -> Delivery:
    if decision is Decision.SENT:
        with gw.store.transaction():
            sent = gw.store.move_delivery(delivery, DeliveryState.SENT, at=gw.now(), sent_at=gw.now())
            _note(gw, sent, "delivery.sent")
        logger("send").info("delivery.sent", flow=delivery.name, stage="deliver", invoices=delivery.invoices)
        return sent
    if decision is Decision.HOLD:
        return _hold(gw, delivery, "the State holds other bytes under our name (CHO-007)")
    return _unknown(gw, delivery, "the final name was asked for and nothing of it is seen: the State may have taken it")


def _unknown(gw: Gateway, delivery: Delivery, why: str) -> Delivery:
    if delivery.state is DeliveryState.UNKNOWN:
        return delivery
    with gw.store.transaction():
        moved = gw.store.move_delivery(delivery, DeliveryState.UNKNOWN, at=gw.now(), detail=why)
        _note(gw, moved, "delivery.unknown", why)
        if gw.destination(delivery.destination).on_unknown == "hold":
            return _hold(gw, moved, why)
    logger("send").warning("delivery.lost_sight", flow=delivery.name, stage="deliver", why=why)
    return moved


def _hold(gw: Gateway, delivery: Delivery, why: str) -> Delivery:
    """Nobody but a person can tell: the delivery is held and the flows on it are parked."""
    with gw.store.transaction():
        held = gw.store.move_delivery(delivery, DeliveryState.HELD, at=gw.now(), detail=why)
        _note(gw, held, "delivery.held", why)
        for number in gw.store.flows_of_delivery(held.name):
            flow = gw.store.flow(number)
            if flow.state is State.DELIVERED:
                detail = {"delivery": held.name, "why": why}
                gw.store.record(flow, Event.PARK, at=gw.now(), who="send", detail=detail, reason=held_reason(held.name, why))
    logger("send").error("delivery.held", flow=delivery.name, stage="deliver", why=why)
    return held


def _note(gw: Gateway, delivery: Delivery, what: str, why: str = "") -> None:
    detail = {"delivery": delivery.name, "attempt": delivery.attempt} | ({"why": why} if why else {})
    for flow in gw.store.flows_of_delivery(delivery.name):
        gw.store.note(flow, what, at=gw.now(), who="send", detail=detail)


def reconcile(gw: Gateway, now: datetime) -> int:
    """Ask about deliveries of unknown outcome, by the same table; how many were settled. What cannot be asked now is asked later."""
    settled = 0
    for delivery in gw.store.deliveries(states=(DeliveryState.UNKNOWN,)):
        try:
            settled += _settle(gw, delivery, now)
        except StoreDamaged:
            raise
        except GatewayError as why:
            logger("send").warning("reconciliation.postponed", flow=delivery.name, stage="deliver", why=str(why))
    return settled


def _settle(gw: Gateway, delivery: Delivery, now: datetime) -> bool:
    account = gw.account(delivery.destination)
    if not gw.spool.has(delivery.sha256):
        _hold(gw, delivery, _GONE)
        return True
    with gw.spool.open(delivery.sha256) as content:
        decision = decide(delivery.step, account.look(delivery, content), temporary_name=_renames(gw, delivery))
    match decision:
        case Decision.PUBLISH:  # the request to rename never came through: the part stands whole
            try:
                account.publish(delivery)
            except OutcomeUnknown as refused:
                return _overdue(gw, delivery, now, f"{refused}; where the State forbids renaming, temporary_name = false")
            _conclude(gw, delivery, Decision.SENT)
        case Decision.SENT | Decision.HOLD:
            _conclude(gw, delivery, decision)
        case Decision.SEND:  # proven absent: the next attempt uploads it anew, under its one name
            with gw.store.transaction():
                gw.store.move_delivery(delivery, DeliveryState.SEALED, at=gw.now())
        case Decision.RECONCILE:
            return _overdue(gw, delivery, now, "no trace of it")
    return True


def _overdue(gw: Gateway, delivery: Delivery, now: datetime, why: str) -> bool:
    hours = gw.destination(delivery.destination).reconcile_hours
    if now - (delivery.changed_at or delivery.opened_at) <= timedelta(hours=hours):
        return False
    _hold(gw, delivery, f"{why} after {hours} h (CHO-004)")
    return True
