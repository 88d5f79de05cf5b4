"""The contract of `ports.Store`: deposits, flows, chained events, returns, the State's news, the directory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.sqlite import SqliteStore
from gateway import retry
from gateway.errors import IllegalTransition, StaleFlow, UnknownSubject
from gateway.lifecycle import Event, State
from gateway.model import Blob, Box, Party, Recipient, RecipientService, ReturnKind, StatusNews
from tests.stored import (
    FATAL,
    NOON,
    TO_SENT,
    a_delivery,
    a_drop,
    a_flow,
    a_return,
    a_row,
    after_noon,
    delivered,
    moved,
    opened,
    put,
    received,
)  # fmt: skip

# --- transactions


WRITERS: dict[str, Callable[[SqliteStore], Any]] = {
    "next_number": lambda s: s.next_number("flow"),
    "add_flow": lambda s: s.add_flow(a_flow(9), a_drop(9), who="x"),
    "add_repeat": lambda s: s.add_repeat(a_flow(), a_drop(9), NOON),
    "record": lambda s: s.record(a_flow(), Event.OPEN, at=NOON, who="x"),
    "note": lambda s: s.note(a_flow().number, "x", at=NOON, who="x"),
    "postpone": lambda s: s.postpone(a_flow(), NOON, "x"),
    "put_invoices": lambda s: s.put_invoices(a_flow(), [a_row(a_flow())], duplicate_key="siren", reserve=True),
    "update_verdicts": lambda s: s.update_verdicts([a_row(a_flow())]),
    "drop_invoices": lambda s: s.drop_invoices(a_flow()),
    "release_from_deliveries": lambda s: s.release_from_deliveries(a_flow(), live_too=False),
    "add_delivery": lambda s: s.add_delivery(a_delivery(9)),
    "assign": lambda s: s.assign(a_delivery(), [a_row(a_flow())], documents=1, size=1),
    "move_delivery": lambda s: s.move_delivery(a_delivery(), TO_SENT[0], at=NOON),
    "refuse_invoices": lambda s: s.refuse_invoices(a_delivery(), {(a_flow().number, 1): ()}, free_keys=False),
    "owe": lambda s: s.owe(a_return(a_flow()), NOON),
    "mark_written": lambda s: s.mark_written("x", NOON),
    "owe_again": lambda s: s.owe_again("x"),
    "taken": lambda s: s.taken("chorus", "x", Blob("a", 1), NOON),
    "add_status": lambda s: s.add_status(a_row(a_flow()), news(), source="x", current=True, at=NOON),
    "keep_stray": lambda s: s.keep_stray("chorus", "x", {}, NOON),
    "import_directory": lambda s: s.import_directory([], at=NOON, file="x", sha256="x"),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_method_that_writes_outside_a_transaction_is_a_bug_and_writes_nothing(store: SqliteStore, writer: str) -> None:
    received(store)
    before = store.history(a_flow().number)
    with pytest.raises(RuntimeError, match="outside a transaction"):
        WRITERS[writer](store)
    assert store.history(a_flow().number) == before


def broken_off(store: SqliteStore, work: Callable[[], object]) -> None:
    """Do the work in a transaction that then fails."""

    def work_and_fail() -> None:
        with store.transaction():
            work()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work_and_fail()


def test_a_transaction_that_raises_leaves_nothing(store: SqliteStore) -> None:
    broken_off(store, lambda: (store.add_flow(a_flow(), a_drop(), who="receive"), store.owe(a_return(a_flow()), NOON)))
    assert store.flows() == []
    assert store.returns() == []
    assert store.deposit_seen(a_drop()) is None


def test_a_transaction_inside_another_is_part_of_it(store: SqliteStore) -> None:
    def nested() -> None:
        with store.transaction():
            store.next_number("flow")

    broken_off(store, nested)
    with store.transaction():
        assert store.next_number("flow") == 1


def test_an_inner_block_that_raises_leaves_nothing_of_its_own_and_the_outer_one_goes_on(store: SqliteStore) -> None:
    with store.transaction():
        store.owe(a_return(a_flow(), "first"), NOON)
        broken_off(store, lambda: store.owe(a_return(a_flow(), "second"), NOON))
        store.owe(a_return(a_flow(), "third"), NOON)
    assert [kept.owed.name for kept in store.returns()] == ["first.xml", "third.xml"]


def test_sequences_count_from_one_each_for_itself(store: SqliteStore) -> None:
    with store.transaction():
        assert [store.next_number("flow"), store.next_number("flow"), store.next_number("flow-test")] == [1, 2, 1]


# --- deposits


def test_the_same_transport_act_finds_its_flow_again(store: SqliteStore) -> None:
    flow = received(store)
    assert store.deposit_seen(a_drop(1)) == flow
    assert store.deposit_seen(a_drop(2)) is None
    assert store.deposit_seen(a_drop(1, partner="other")) is None
    assert store.deposit_seen(a_drop(1, channel="folder")) is None


def test_a_transport_act_cannot_be_given_two_flows(store: SqliteStore) -> None:
    received(store, 1)
    with pytest.raises(StaleFlow), store.transaction():
        store.add_flow(a_flow(2), a_drop(1), who="receive")
    assert [flow.number for flow in store.flows()] == [a_flow(1).number]


def test_a_repeat_is_another_act_of_the_same_flow_and_an_event_on_it(store: SqliteStore) -> None:
    flow = received(store)
    with store.transaction():
        store.add_repeat(flow, a_drop(2), after_noon(60))
    assert store.deposit_seen(a_drop(2)) == flow
    assert [entry.what for entry in store.history(flow.number)] == ["receive", "receive_again"]


def test_the_same_bytes_are_found_per_partner_and_box_oldest_first(store: SqliteStore) -> None:
    same = {"sha256": "c" * 64}
    first, second = received(store, 1, **same), received(store, 2, **same)
    received(store, 3, box=Box.TEST, **same)
    received(store, 4, partner="other", **same)
    assert store.flows_of_bytes("demo", Box.REAL, "c" * 64) == [first, second]


def test_a_name_finds_its_first_and_its_latest_flow(store: SqliteStore) -> None:
    first, _, latest = received(store, 1), received(store, 2, name="other"), received(store, 3)
    assert store.first_named("demo", Box.REAL, "flux.tar.gz") == first
    assert store.flow_named("demo", Box.REAL, "flux.tar.gz") == latest
    assert store.flow_named("demo", Box.TEST, "flux.tar.gz") is None


# --- flows


def test_a_flow_comes_back_as_it_was_given(store: SqliteStore) -> None:
    flow = received(store, 1, linked_to="F261121-000001", findings=(FATAL,), interface="FSO1110A", members=3)
    assert store.flow(flow.number) == flow


def test_an_unknown_flow_is_said_so(store: SqliteStore) -> None:
    with pytest.raises(UnknownSubject, match="F0"):
        store.flow("F0")


def test_flows_are_filtered_by_state_partner_and_day_and_come_in_order_of_reception(store: SqliteStore) -> None:
    one, two, three = received(store, 1), opened(store, 2), received(store, 3, partner="other")
    assert [f.number for f in store.flows()] == [one.number, two.number, three.number]
    assert store.flows(states=(State.RECEIVED,)) == [one, three]
    assert store.flows(states=(State.RECEIVED, State.OPENED), limit=2) == [one, two]
    assert store.flows(partner="other") == [three]
    assert store.flows(since=after_noon(2)) == [two, three]
    assert store.flows(newest_first=True, limit=1) == [three]


def test_a_postponed_flow_is_not_due_before_its_time_and_says_why(store: SqliteStore) -> None:
    flow = received(store)
    with store.transaction():
        store.postpone(flow, after_noon(60), "disk full")
    assert store.flows(due=after_noon(59)) == []
    assert [f.reason for f in store.flows(due=after_noon(60))] == ["disk full"]


def test_a_clock_set_back_keeps_no_postponed_flow_waiting(store: SqliteStore) -> None:
    flow = received(store)
    with store.transaction():
        store.postpone(flow, after_noon(60) + retry.CEILING * 1.25, "disk full")
    assert store.flows(due=after_noon(60)) == []
    assert store.flows(due=after_noon(60) - timedelta(hours=1)) == [replace(flow, reason="disk full")]


def test_a_move_makes_a_postponed_flow_due_and_forgets_the_reason(store: SqliteStore) -> None:
    flow = received(store)
    with store.transaction():
        store.postpone(flow, after_noon(60), "disk full")
    moved(store, flow, Event.OPEN)
    assert [f.reason for f in store.flows(due=NOON)] == [""]


def test_a_move_sets_state_and_values_and_tells_them(store: SqliteStore) -> None:
    flow = moved(store, received(store), Event.OPEN, interface="FSO1110A", members=3, findings=(FATAL,))
    assert (flow.state, flow.interface, flow.members, flow.findings) == (State.OPENED, "FSO1110A", 3, (FATAL,))
    assert store.flow(flow.number) == flow


def test_who_comes_second_is_stale_and_changes_nothing(store: SqliteStore) -> None:
    flow = received(store)
    opened_flow = moved(store, flow, Event.OPEN)
    with pytest.raises(StaleFlow, match="is opened"):
        moved(store, flow, Event.PARK, reason="late")
    assert store.flow(flow.number) == opened_flow
    assert [entry.what for entry in store.history(flow.number)] == ["receive", "open"]


def test_a_flow_of_an_earlier_generation_is_stale(store: SqliteStore) -> None:
    parked = moved(store, opened(store), Event.PARK, reason="child died")
    replayed = moved(store, parked, Event.REPLAY_VALIDATE)
    assert (replayed.generation, replayed.state, replayed.reason) == (2, State.OPENED, "")
    with pytest.raises(StaleFlow, match="generation 2"):
        moved(store, replayed.moved(generation=1), Event.VALIDATE)


def test_a_step_that_the_table_does_not_know_is_refused(store: SqliteStore) -> None:
    with pytest.raises(IllegalTransition):
        moved(store, received(store), Event.CLOSE)


def test_a_fact_of_reception_cannot_be_changed_by_a_move(store: SqliteStore) -> None:
    with pytest.raises(TypeError, match="sha256"):
        moved(store, received(store), Event.OPEN, sha256="0" * 64)


def test_an_abandoned_flow_keeps_the_reason_for_which_it_was_parked(store: SqliteStore) -> None:
    flow = moved(store, moved(store, opened(store), Event.PARK, reason="child died"), Event.ABANDON)
    assert store.flow(flow.number).reason == "child died"


def test_an_attempt_is_counted_before_the_work_in_its_own_transaction(store: SqliteStore) -> None:
    flow = received(store)
    assert [store.begin_attempt(flow), store.begin_attempt(flow)] == [1, 2]
    assert store.flow(flow.number).attempts == 2
    assert moved(store, flow, Event.OPEN).attempts == 2
    store.forgive(flow.number)
    assert store.flow(flow.number).attempts == 0


def test_an_attempt_at_a_flow_that_moved_is_stale(store: SqliteStore) -> None:
    flow = received(store)
    moved(store, flow, Event.OPEN)
    with pytest.raises(StaleFlow):
        store.begin_attempt(flow)


def test_a_place_in_line_counts_what_waits_for_us_only(store: SqliteStore) -> None:
    delivered_flow = moved(store, opened(store, 1), Event.VALIDATE, Event.DELIVER)
    moved(store, opened(store, 2), Event.PARK)
    third, fourth = received(store, 3), opened(store, 4)
    received(store, 5)
    assert [store.waiting_before(f) for f in (delivered_flow, third, fourth)] == [0, 0, 1]


# --- history


def test_history_is_chained_from_the_first_event(store: SqliteStore) -> None:
    flow = opened(store)
    with store.transaction():
        store.note(flow.number, "returns.resent", at=after_noon(5), who="marie", detail={"b": 1, "a": "é"})
    first, second, third = store.history(flow.number)
    assert (first.previous, second.previous, third.previous) == ("", first.hash, second.hash)
    assert (third.n, third.who, third.what, third.at, third.detail) == (3, "marie", "returns.resent", after_noon(5), {"a": "é", "b": 1})
    assert store.verify_chain(flow.number) is None


def test_chains_of_two_flows_do_not_touch(store: SqliteStore) -> None:
    one, two = opened(store, 1), opened(store, 2)
    assert [entry.n for entry in store.history(one.number)] == [entry.n for entry in store.history(two.number)] == [1, 2]
    assert list(store.flow_numbers()) == [one.number, two.number]


# --- outbox


def test_the_same_fact_is_owed_once_and_its_bytes_stay(store: SqliteStore) -> None:
    flow = received(store)
    with store.transaction():
        assert store.owe(a_return(flow), NOON)
        assert not store.owe(a_return(flow, body=b"other"), after_noon(1))
    assert [(kept.owed, kept.owed_at, kept.written_at) for kept in store.returns()] == [(a_return(flow), NOON, None)]


def test_returns_are_pending_until_written_and_again_when_asked(store: SqliteStore) -> None:
    flow = received(store)
    with store.transaction():
        store.owe(a_return(flow, "a"), NOON)
        store.owe(a_return(flow, "b", kind=ReturnKind.CONTROL), NOON)
        store.owe(replace(a_return(flow, "c"), flow=""), NOON)
        store.mark_written(f"{flow.number}:a", after_noon(2))
    assert [kept.owed.name for kept in store.returns(pending=True)] == ["b.xml", "c.xml"]
    assert [kept.owed.name for kept in store.returns(pending=True, limit=1)] == ["b.xml"]
    assert [kept.written_at for kept in store.returns(flow=flow.number)] == [after_noon(2), None]
    assert [kept.owed.name for kept in store.returns(kind=ReturnKind.CONTROL)] == ["b.xml"]
    with store.transaction():
        assert store.owe_again(flow.number) == 2
    assert [kept.owed.name for kept in store.returns(pending=True)] == ["a.xml", "b.xml", "c.xml"]


def test_what_was_owed_is_known_by_its_key_written_or_not(store: SqliteStore) -> None:
    flow = a_flow()
    with store.transaction():
        assert not store.is_owed(a_return(flow).key)
        store.owe(a_return(flow), NOON)
        assert store.is_owed(a_return(flow).key)
        store.mark_written(a_return(flow).key, NOON)
    assert (store.is_owed(a_return(flow).key), store.is_owed("another")) == (True, False)


def test_what_is_not_owed_cannot_be_marked_as_written(store: SqliteStore) -> None:
    with pytest.raises(UnknownSubject), store.transaction():
        store.mark_written("nothing", NOON)


# --- what the State tells


def news(code: str = "13", at: str = "2026-11-23T10:00:00", **changes: Any) -> StatusNews:
    return replace(StatusNews(code, at, "FAC-0001", Party("1", "12345678901234"), label="Mise à disposition"), **changes)


def test_a_file_of_the_state_is_taken_once_per_source(store: SqliteStore) -> None:
    with store.transaction():
        assert store.taken("chorus", "CPP1:abc", Blob("a" * 64, 3), NOON)
        assert not store.taken("chorus", "CPP1:abc", Blob("a" * 64, 3), NOON)
        assert store.taken("other", "CPP1:abc", Blob("b" * 64, 3), NOON)
    assert {"a" * 64, "b" * 64} <= set(store.known_blobs())


def test_a_status_is_kept_once_and_becomes_the_present_one_when_told(store: SqliteStore) -> None:
    flow = opened(store)
    put(store, flow, a_row(flow))
    row = store.invoice(flow.number, 1)
    with store.transaction():
        assert store.add_status(row, news("13"), source="f1", current=True, at=NOON)
        assert store.add_status(row, news("01", "2026-11-22T08:00:00"), source="f2", current=False, at=NOON)
        assert not store.add_status(row, news("13", comment="again"), source="f3", current=True, at=NOON)
    present = store.invoice(flow.number, 1)
    assert (present.status, present.status_at) == ("13", "2026-11-23T10:00:00")
    kept = store.statuses(flow.number, 1)
    assert [(k.news, k.source, k.partner, k.received_at) for k in kept] == [
        (news("13"), "f1", "demo", NOON), (news("01", "2026-11-22T08:00:00"), "f2", "demo", NOON),
    ]  # fmt: skip
    assert [r.position for r in store.invoices(status="13")] == [1]
    assert list(store.invoices(status="01")) == []


def test_statuses_are_owed_to_the_partner_until_told(store: SqliteStore) -> None:
    flow = opened(store)
    put(store, flow, a_row(flow))
    row = store.invoice(flow.number, 1)
    with store.transaction():
        for hour in range(3):
            store.add_status(row, news("13", f"2026-11-23T0{hour}:00:00"), source="f", current=True, at=NOON)
    first, *rest = store.owed_statuses()
    assert len(store.owed_statuses(limit=2)) == 2
    with store.transaction():
        store.mark_told([first], "status:1")
    assert store.owed_statuses() == rest
    assert [kept.told for kept in store.statuses(flow.number, 1)] == ["status:1", "", ""]


def test_strays_are_kept_and_shown(store: SqliteStore) -> None:
    with store.transaction():
        store.keep_stray("chorus", "CHO-010", {"file": "x"}, NOON)
        store.keep_stray("chorus", "CHO-011", {"file": "y"}, after_noon(10))
    assert [(s["source"], s["kind"], s["detail"], s["at"]) for s in store.strays(since=after_noon(5))] == [
        ("chorus", "CHO-011", {"file": "y"}, after_noon(10).isoformat())
    ]
    assert len(store.strays()) == 2


# --- directory


def test_an_import_replaces_the_directory(store: SqliteStore) -> None:
    services = (RecipientService("S1", "Achats", True, True), RecipientService("S2", active=False))
    one = Recipient("11000101300017", "Mairie", True, True, False, services)
    assert store.directory_age() is None
    assert store.directory_status() is None
    load(store, one, Recipient("2" * 14, "Lycée", False, False, True))
    assert store.recipient(one.siret) == one
    assert load(store, replace(one, name="avant"), replace(one, name="Mairie de X"), at=after_noon(9)) == 1
    assert store.recipient(one.siret) == replace(one, name="Mairie de X")
    assert store.recipient("2" * 14) is None
    assert store.directory_age() == after_noon(9)
    assert store.directory_status() == {"at": after_noon(9).isoformat(), "file": "annuaire.csv", "sha256": "f" * 64, "recipients": 1}


def load(store: SqliteStore, *recipients: Recipient, at: datetime = NOON) -> int:
    with store.transaction():
        return store.import_directory(iter(recipients), at=at, file="annuaire.csv", sha256="f" * 64)


# --- idle


def test_an_empty_store_is_idle_and_a_received_flow_is_not(store: SqliteStore) -> None:
    assert store.idle()
    flow = received(store)
    assert not store.idle()
    with store.transaction():
        store.postpone(flow, after_noon(60), "later")
    assert not store.idle()
    assert store.idle(at=after_noon(59))
    assert not store.idle(at=after_noon(60))


@pytest.mark.parametrize("end", [(Event.PARK,), (Event.PARK, Event.ABANDON), (Event.VALIDATE, Event.DELIVER, Event.CLOSE)])
def test_a_flow_at_rest_leaves_the_store_idle(store: SqliteStore, end: tuple[Event, ...]) -> None:
    moved(store, opened(store), *end)
    assert store.idle()


def test_what_is_owed_to_a_partner_keeps_the_store_from_being_idle(store: SqliteStore) -> None:
    with store.transaction():
        store.owe(a_return(a_flow()), NOON)
    assert not store.idle()
    with store.transaction():
        store.mark_written(a_return(a_flow()).key, NOON)
    assert store.idle()


def test_a_delivered_flow_waits_for_us_once_the_state_has_answered(store: SqliteStore) -> None:
    flow = opened(store)
    put(store, flow, a_row(flow))
    delivery = delivered(store, a_row(flow))
    flow = moved(store, flow, Event.VALIDATE, Event.DELIVER)
    assert not store.idle()
    for state in TO_SENT:
        with store.transaction():
            delivery = store.move_delivery(delivery, state, at=NOON)
    assert store.idle()
    assert store.closable(limit=10) == []
    with store.transaction():
        store.move_delivery(delivery, delivery.state.CONFIRMED, at=NOON)
    assert not store.idle()
    assert store.closable(limit=10) == [flow]


def test_returns_of_some_boxes_can_be_left_out(store: SqliteStore) -> None:
    flow = received(store)
    owed = [a_return(flow, "a"), a_return(flow, "b", box=Box.TEST), a_return(flow, "c", partner="autre")]
    with store.transaction():
        for one in owed:
            store.owe(one, NOON)
    without = [("demo", Box.REAL)]
    assert [one.owed.key for one in store.returns(pending=True, without=without)] == [owed[1].key, owed[2].key]
    assert [one.owed.key for one in store.returns(without=[*without, ("autre", Box.REAL)], limit=5)] == [owed[1].key]
    assert len(store.returns(without=[])) == 3
    assert [one.owed.key for one in store.returns(partner="autre")] == [owed[2].key]
    first = store.returns(limit=1)[0].sequence
    assert [one.owed.key for one in store.returns(partner="demo", after=first)] == [owed[1].key]


def test_a_postponed_flow_is_closable_once_it_is_due(store: SqliteStore) -> None:
    flow = moved(store, received(store), Event.OPEN, Event.VALIDATE, Event.DELIVER)
    with store.transaction():
        store.postpone(flow, after_noon(60), "the disk is full")
    assert store.closable(limit=5, due=after_noon(59)) == []
    assert [f.number for f in store.closable(limit=5, due=after_noon(60))] == [flow.number]
    assert [f.number for f in store.closable(limit=5)] == [flow.number]
