"""The contract of `ports.Store`: outbound flows, their attempts and what the State answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.sqlite import SqliteStore
from gateway.errors import IllegalTransition, StaleFlow, UnknownSubject
from gateway.lifecycle import DeliveryState
from gateway.model import Delivery, ReportLine
from tests.stored import (
    NOON,
    SEALED,
    SENDING,
    SENT,
    TO_SENT,
    a_delivery,
    a_rejected_row,
    a_row,
    after_noon,
    an_invoice,
    delivered,
    opened,
    put,
)  # fmt: skip

LINES = (ReportLine("F", "G1.45", "doublon"),)


def add(store: SqliteStore, *deliveries: Delivery) -> None:
    with store.transaction():
        for delivery in deliveries:
            store.add_delivery(delivery)


def move(store: SqliteStore, delivery: Delivery, state: DeliveryState, **changes: object) -> Delivery:
    with store.transaction():
        return store.move_delivery(delivery, state, at=NOON, **changes)


def test_a_delivery_comes_back_by_name_and_by_number(store: SqliteStore) -> None:
    add(store, a_delivery(1), a_delivery(2))
    assert store.delivery(a_delivery(2).name) == a_delivery(2)
    assert store.delivery_numbered(a_delivery(1).number) == a_delivery(1)
    assert store.delivery_numbered("nobody") is None
    with pytest.raises(UnknownSubject):
        store.delivery("nobody")


def test_only_the_latest_planned_delivery_of_the_same_route_takes_invoices(store: SqliteStore) -> None:
    add(store, a_delivery(1), a_delivery(2))
    add(store, a_delivery(3, interface="FSO1100A"), a_delivery(4, partner="x"), a_delivery(5, destination="y"))
    assert store.open_delivery("chorus", "demo", "FSO1110A") == a_delivery(2)
    move(store, a_delivery(2), SEALED)
    assert store.open_delivery("chorus", "demo", "FSO1110A") == a_delivery(1)
    assert store.open_delivery("chorus", "nobody", "FSO1110A") is None


def test_deliveries_are_filtered_by_state_flow_and_destination(store: SqliteStore) -> None:
    one, two = opened(store, 1), opened(store, 2)
    put(store, one, a_row(one, 1), a_row(one, 2))
    put(store, two, a_row(two, 1, an_invoice(7)))
    first = delivered(store, a_row(one, 1), a_row(two, 1), n=1, states=(SEALED,))
    second = delivered(store, a_row(one, 2), n=2)
    assert store.deliveries() == [first, second]
    assert store.deliveries(states=(SEALED,)) == [first]
    assert store.deliveries(states=(SEALED, DeliveryState.PLANNED)) == [first, second]
    assert store.deliveries(flow=two.number) == [first]
    assert store.deliveries(flow=one.number, destination="elsewhere") == []
    assert store.flows_of_delivery(first.name) == [one.number, two.number]


def test_assigned_invoices_count_on_the_delivery(store: SqliteStore) -> None:
    flow = opened(store)
    put(store, flow, a_row(flow, 1), a_row(flow, 2, document=1), a_row(flow, 3))
    add(store, a_delivery())
    with store.transaction():
        store.assign(a_delivery(), [a_row(flow, 1), a_row(flow, 2)], documents=1, size=20)
        store.assign(a_delivery(), [a_row(flow, 3)], documents=1, size=20)
    planned = store.delivery(a_delivery().name)
    assert (planned.invoices, planned.documents, planned.size) == (3, 2, 40)
    assert {row.delivery for row in store.invoices(flow=flow.number)} == {planned.name}


def test_a_sealed_delivery_takes_nothing_more(store: SqliteStore) -> None:
    flow = opened(store)
    put(store, flow, a_row(flow, 1))
    add(store, a_delivery())
    move(store, a_delivery(), SEALED)
    with pytest.raises(StaleFlow, match="no more"), store.transaction():
        store.assign(a_delivery(), [a_row(flow, 1)], documents=1, size=1)
    assert store.invoice(flow.number, 1).delivery == ""


def test_an_invoice_goes_on_one_delivery_only(store: SqliteStore) -> None:
    flow = opened(store)
    put(store, flow, a_row(flow, 1), a_rejected_row(flow, 2))
    delivered(store, a_row(flow, 1), n=1)
    add(store, a_delivery(2))
    for row in (a_row(flow, 1), a_rejected_row(flow, 2)):
        with pytest.raises(StaleFlow), store.transaction():
            store.assign(a_delivery(2), [row], documents=1, size=1)
    assert store.delivery(a_delivery(2).name).invoices == 0


def test_a_delivery_moves_along_its_table_with_its_values(store: SqliteStore) -> None:
    add(store, a_delivery())
    sealed = move(store, a_delivery(), SEALED, sha256="c" * 64, size=99)
    assert (sealed.sha256, sealed.size, sealed.changed_at) == ("c" * 64, 99, NOON)
    sending = move(store, sealed, SENDING, attempt=1)
    sent = move(store, sending, SENT, sent_at=after_noon(3), detail="ok")
    assert store.delivery(sent.name) == sent
    assert (sent.state, sent.sent_at, sent.detail, sent.attempt) == (SENT, after_noon(3), "ok", 1)
    with pytest.raises(IllegalTransition):
        move(store, sent, SEALED)


def test_name_and_number_cannot_be_changed_by_a_move(store: SqliteStore) -> None:
    add(store, a_delivery())
    with pytest.raises(TypeError, match="name"):
        move(store, a_delivery(), SEALED, name="other")


def test_who_comes_second_at_a_delivery_is_stale(store: SqliteStore) -> None:
    add(store, a_delivery())
    sealed = move(store, a_delivery(), SEALED)
    sending = move(store, sealed, SENDING, attempt=1)
    with pytest.raises(StaleFlow):
        move(store, sealed, SENDING, attempt=1)
    back = move(store, sending, SEALED)
    move(store, back, SENDING, attempt=2)
    with pytest.raises(StaleFlow, match="attempt 2"):
        move(store, sending, SENT)
    with pytest.raises(StaleFlow):
        store.set_step(sending, "renaming")


def test_a_step_is_committed_before_it_is_taken(store: SqliteStore) -> None:
    add(store, a_delivery())
    sending = move(store, move(store, a_delivery(), SEALED), SENDING, attempt=1)
    assert store.set_step(sending, "renaming") == replace(sending, step="renaming") == store.delivery(sending.name)


def test_each_attempt_keeps_its_step_and_outcome(store: SqliteStore) -> None:
    add(store, a_delivery())
    sending = move(store, move(store, a_delivery(), SEALED), SENDING, attempt=1)
    store.set_step(sending, "uploading")
    back = move(store, replace(sending, step="uploading"), SEALED, step="", detail="link lost")
    again = move(store, back, SENDING, attempt=2, detail="")
    unknown = move(store, again, DeliveryState.UNKNOWN, detail="no trace")
    move(store, unknown, DeliveryState.HELD, detail="4 h")
    told = [(a["n"], a["step"], a["outcome"], a["detail"]) for a in store.attempts(back.name)]
    assert told == [(1, "uploading", "sealed", "link lost"), (2, "", "held", "4 h")]


def test_a_flow_waits_for_every_delivery_that_holds_one_of_its_invoices(store: SqliteStore) -> None:
    one, two = opened(store, 1), opened(store, 2)
    put(store, one, a_row(one, 1), a_row(one, 2))
    put(store, two, a_row(two, 1, an_invoice(9)))
    first = delivered(store, a_row(one, 1), n=1, states=TO_SENT)
    second = delivered(store, a_row(one, 2), a_row(two, 1), n=2, states=TO_SENT)
    assert [store.unanswered(flow.number) for flow in (one, two)] == [2, 1]
    move(store, first, DeliveryState.CONFIRMED)
    assert [store.unanswered(flow.number) for flow in (one, two)] == [1, 1]
    move(store, second, DeliveryState.REFUSED)
    assert [store.unanswered(flow.number) for flow in (one, two)] == [0, 0]


def test_the_states_refusal_stands_beside_our_verdict(store: SqliteStore) -> None:
    one, two = opened(store, 1), opened(store, 2)
    put(store, one, a_row(one, 1), a_row(one, 2))
    delivery = delivered(store, a_row(one, 1), a_row(one, 2), states=(*TO_SENT, DeliveryState.PARTIAL))
    with store.transaction():
        store.refuse_invoices(delivery, {(one.number, 2): LINES}, free_keys=False)
    assert store.refused(one.number) == {2: LINES}
    assert store.invoice(one.number, 2).accepted
    assert put(store, two, a_row(two, 1, an_invoice(2))) == [a_row(two, 1, an_invoice(2))]


def test_a_refusal_frees_the_key_when_the_setting_says_so(store: SqliteStore) -> None:
    one, two = opened(store, 1), opened(store, 2)
    put(store, one, a_row(one, 1))
    delivery = delivered(store, a_row(one, 1), states=(*TO_SENT, DeliveryState.REFUSED))
    with store.transaction():
        store.refuse_invoices(delivery, {(one.number, 1): LINES}, free_keys=True)
    assert put(store, two, a_row(two, 1)) == []


def test_refusals_of_a_delivery_are_counted_even_when_the_invoice_went_elsewhere(store: SqliteStore) -> None:
    flow = opened(store)
    rows = [a_row(flow, n) for n in (1, 2)]
    put(store, flow, *rows)
    first = delivered(store, *rows, states=TO_SENT)
    with store.transaction():
        answered = store.move_delivery(first, DeliveryState.PARTIAL, at=NOON)
        store.refuse_invoices(answered, {(flow.number, 2): ()}, free_keys=False)
        store.release_from_deliveries(flow, live_too=False)
    delivered(store, store.invoice(flow.number, 2), n=2)
    assert (store.refusals(first.name), store.refusals(a_delivery(2).name), store.refused(flow.number)) == (1, 0, {})
