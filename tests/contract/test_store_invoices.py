"""The contract of `ports.Store`: verdicts, the keys they reserve, progress of validation, counts, replay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.sqlite import SqliteStore
from gateway.errors import StaleFlow, UnknownSubject
from gateway.lifecycle import DeliveryState, Event
from gateway.model import Attachment, Flow, Invoice, Party, ReportLine
from tests.stored import (
    FATAL,
    SUPPLIER,
    TO_SENT,
    a_rejected_row,
    a_row,
    an_invoice,
    delivered,
    moved,
    opened,
    put,
)  # fmt: skip

REFUSED, PARTIAL, CONFIRMED, UNKNOWN, HELD = (
    DeliveryState.REFUSED, DeliveryState.PARTIAL, DeliveryState.CONFIRMED, DeliveryState.UNKNOWN, DeliveryState.HELD,
)  # fmt: skip
LINES = (ReportLine("F", "G1.45", "doublon", "déjà reçue", "FAC-0001", "12345678901234"),)


def replayed(store: SqliteStore, flow: Flow, event: Event = Event.REPLAY_VALIDATE) -> Flow:
    """The flow parked and put back, as an operator does it."""
    return moved(store, moved(store, flow, Event.PARK), event)


# --- rows


def test_an_invoice_comes_back_as_it_was_given(store: SqliteStore) -> None:
    flow = opened(store)
    full = an_invoice(
        1, preceding=("FAC-0", "FAC-00"), profile="urn:cen.eu:en16931:2017", recipient_name="Mairie d’Évry",
        attachments=(Attachment("plan.pdf", 12, "application/pdf", True, "02", 7, "https://x", 3), Attachment("b", -1)),
    )  # fmt: skip
    rows = [a_row(flow, 1, full), a_rejected_row(flow, 2), a_row(flow, 3, Invoice(), accepted=False, held="limit: memory", packs=())]
    assert put(store, flow, *rows) == []
    assert list(store.invoices(flow=flow.number)) == rows
    assert store.invoice(flow.number, 2) == rows[1]


def test_an_unknown_position_is_said_so(store: SqliteStore) -> None:
    with pytest.raises(UnknownSubject, match="position 7"):
        store.invoice(opened(store).number, 7)


def test_invoices_are_found_by_flow_number_supplier_and_delivery(store: SqliteStore) -> None:
    one, two = opened(store, 1), opened(store, 2)
    other = an_invoice(9, supplier=Party("1", "99999999900011"))
    put(store, one, a_row(one, 1), a_row(one, 2))
    put(store, two, a_row(two, 1, other), a_rejected_row(two, 2, an_invoice(1)))
    delivered(store, a_row(one, 2))
    assert [(r.flow, r.position) for r in store.invoices()] == [(f.number, n) for f in (one, two) for n in (1, 2)]
    assert [(r.flow, r.position) for r in store.invoices(number="FAC-0001")] == [(one.number, 1), (two.number, 2)]
    assert [(r.flow, r.position) for r in store.invoices(number=" FAC-0001 ", flow=two.number)] == [(two.number, 2)]
    assert [(r.flow, r.position) for r in store.invoices(supplier="99999999900011")] == [(two.number, 1)]
    assert [r.position for r in store.invoices(delivery="FSO1110A_DEM001_DEM0011110000000000000001")] == [2]
    assert [r.position for r in store.invoices(flow=one.number, after=1)] == [2]


def test_invoices_come_page_by_page_without_a_gap(store: SqliteStore) -> None:
    flow, other = opened(store, 1), opened(store, 2)
    rows = [a_row(flow, n) for n in range(1, 1203)]
    put(store, flow, *rows)
    put(store, other, a_rejected_row(other))
    assert [r.position for r in store.invoices(flow=flow.number)] == list(range(1, 1203))
    assert [r.position for r in store.invoices(limit=1001)] == list(range(1, 1002))
    assert len(list(store.invoices())) == 1203


def test_rows_may_be_written_while_others_are_read(store: SqliteStore) -> None:
    flow = opened(store)
    put(store, flow, *(a_row(flow, n) for n in range(1, 601)))
    for row in store.invoices(flow=flow.number):
        with store.transaction():
            store.update_verdicts([replace(row, accepted=False, findings=(FATAL,))])
    assert store.counts(flow.number)["rejected"] == 600


def test_a_chunk_for_a_flow_that_moved_is_stale(store: SqliteStore) -> None:
    flow = opened(store)
    moved(store, flow, Event.PARK)
    with pytest.raises(StaleFlow):
        put(store, flow, a_row(flow))
    assert list(store.invoices(flow=flow.number)) == []


# --- progress


def test_validation_goes_on_where_the_committed_rows_end(store: SqliteStore) -> None:
    flow = opened(store)
    assert store.validated_documents(flow) == (0, 0)
    put(store, flow, a_row(flow, 1), a_row(flow, 2, document=2), a_row(flow, 3, document=2))
    assert store.validated_documents(flow) == (2, 3)
    put(store, flow, a_row(flow, 4, document=3))
    assert store.validated_documents(flow) == (3, 4)


def test_the_same_chunk_again_counts_its_documents_once(store: SqliteStore) -> None:
    flow = opened(store)
    for _ in range(2):
        put(store, flow, a_row(flow, 1), a_row(flow, 2))
    assert store.validated_documents(flow) == (2, 2)


def test_a_new_generation_starts_from_the_first_document(store: SqliteStore) -> None:
    flow = opened(store)
    put(store, flow, a_row(flow, 1), a_row(flow, 2))
    flow = replayed(store, flow)
    assert store.validated_documents(flow) == (0, 0)
    put(store, flow, a_row(flow, 1))
    assert store.validated_documents(flow) == (1, 1)


# --- keys


def test_a_second_flow_with_the_same_invoice_is_told_who_holds_it(store: SqliteStore) -> None:
    one, two = opened(store, 1), opened(store, 2)
    put(store, one, a_row(one, 1))
    again, new = a_row(two, 1, an_invoice(1)), a_row(two, 2, an_invoice(2))
    assert put(store, two, again, new) == [again]
    assert store.key_holder(two, again, duplicate_key="identifier") == (one, 1)
    assert store.key_holder(two, new, duplicate_key="identifier") is None


def test_the_same_invoice_twice_in_a_chunk_is_the_first_ones(store: SqliteStore) -> None:
    flow = opened(store)
    rows = [a_row(flow, n, an_invoice(1)) for n in (1, 2, 3)]
    assert put(store, flow, *rows) == rows[1:]
    assert store.key_holder(flow, rows[2], duplicate_key="identifier") == (flow, 1)


@pytest.mark.parametrize(
    "other",
    [
        an_invoice(1, number="fac-0001"),
        an_invoice(1, issue_date="2025-11-02"),
        an_invoice(1, supplier=Party("1", "12345678900022")),
        an_invoice(1, supplier=Party("2", "12345678901234")),
    ],
    ids=["case", "year", "establishment", "identifier type"],
)
def test_another_number_year_or_supplier_is_another_invoice(store: SqliteStore, other: Invoice) -> None:
    flow = opened(store)
    assert put(store, flow, a_row(flow, 1), a_row(flow, 2, other)) == []


def test_under_the_siren_key_two_establishments_are_one_supplier(store: SqliteStore) -> None:
    flow = opened(store)
    other = a_row(flow, 2, an_invoice(1, supplier=Party("1", "12345678900022")))
    assert put(store, flow, a_row(flow, 1), other, key="siren") == [other]


def test_numbers_are_compared_composed_and_trimmed(store: SqliteStore) -> None:
    flow = opened(store)
    decomposed = a_row(flow, 2, an_invoice(1, number=" Fe\u0301vrier-1"))
    assert put(store, flow, a_row(flow, 1, an_invoice(1, number="F\u00e9vrier-1 ")), decomposed) == [decomposed]
    assert [r.position for r in store.invoices(number="F\u00e9vrier-1")] == [1, 2]


def test_nothing_is_reserved_for_the_test_box_nor_for_what_is_not_accepted(store: SqliteStore) -> None:
    trial, real, last = opened(store, 1), opened(store, 2), opened(store, 3)
    put(store, trial, a_row(trial, 1), reserve=False)
    assert put(store, real, a_rejected_row(real, 1), a_row(real, 2, an_invoice(1), accepted=False, held="limit")) == []
    assert put(store, last, a_row(last, 1)) == []


def test_an_invoice_without_a_number_holds_no_key(store: SqliteStore) -> None:
    flow = opened(store)
    assert put(store, flow, *(a_row(flow, n, an_invoice(1, number="")) for n in (1, 2))) == []


def test_a_row_that_becomes_rejected_frees_its_key(store: SqliteStore) -> None:
    one, two = opened(store, 1), opened(store, 2)
    put(store, one, a_row(one, 1))
    with store.transaction():
        store.update_verdicts([a_rejected_row(one, 1)])
    assert put(store, two, a_row(two, 1)) == []
    assert (store.invoice(one.number, 1).accepted, store.invoice(one.number, 1).findings) == (False, (FATAL,))


def test_a_chunk_written_again_does_not_accuse_itself(store: SqliteStore) -> None:
    flow = opened(store)
    rows = [a_row(flow, 1), a_row(flow, 2)]
    assert put(store, flow, *rows) == put(store, flow, *rows) == []
    assert store.key_holder(flow, rows[0], duplicate_key="identifier") is None


def test_a_row_judged_anew_under_another_number_leaves_the_old_key(store: SqliteStore) -> None:
    one, two = opened(store, 1), opened(store, 2)
    put(store, one, a_row(one, 1))
    put(store, one, a_row(one, 1, an_invoice(5)))
    assert put(store, two, a_row(two, 1, an_invoice(1)), a_row(two, 2, an_invoice(5))) == [a_row(two, 2, an_invoice(5))]


# --- replay


def test_a_replayed_row_with_a_live_delivery_keeps_verdict_delivery_and_key(store: SqliteStore) -> None:
    flow, other = opened(store, 1), opened(store, 2)
    put(store, flow, a_row(flow, 1), a_row(flow, 2))
    delivery = delivered(store, a_row(flow, 1), states=TO_SENT)
    before = store.invoice(flow.number, 1)
    flow = replayed(store, flow)
    with store.transaction():
        store.drop_invoices(flow)
    assert list(store.invoices(flow=flow.number)) == [before]
    assert put(store, flow, a_rejected_row(flow, 1), a_rejected_row(flow, 2)) == []
    assert store.invoice(flow.number, 1) == before
    assert (before.accepted, before.delivery) == (True, delivery.name)
    assert not store.invoice(flow.number, 2).accepted
    assert put(store, other, a_row(other, 1)) == [a_row(other, 1)]
    assert store.validated_documents(flow) == (2, 2)


def test_update_verdicts_leaves_a_live_delivery_alone(store: SqliteStore) -> None:
    flow = opened(store)
    put(store, flow, a_row(flow, 1))
    delivered(store, a_row(flow, 1))
    with store.transaction():
        store.update_verdicts([a_rejected_row(flow, 1)])
    assert store.invoice(flow.number, 1).accepted


def test_dropped_rows_free_their_keys(store: SqliteStore) -> None:
    flow, other = opened(store, 1), opened(store, 2)
    put(store, flow, a_row(flow, 1))
    with store.transaction():
        store.drop_invoices(flow)
    assert list(store.invoices(flow=flow.number)) == []
    assert store.validated_documents(flow) == (0, 0)
    assert put(store, other, a_row(other, 1)) == []


def test_what_the_state_refused_can_be_judged_and_delivered_anew(store: SqliteStore) -> None:
    flow = opened(store)
    put(store, flow, a_row(flow, 1), a_row(flow, 2))
    delivery = delivered(store, a_row(flow, 1), a_row(flow, 2), states=(*TO_SENT, PARTIAL))
    with store.transaction():
        store.refuse_invoices(delivery, {(flow.number, 1): LINES}, free_keys=False)
    assert store.live_invoices(flow.number) == 1
    assert store.refused(flow.number) == {1: LINES}
    flow = replayed(store, flow)
    assert put(store, flow, a_row(flow, 1), a_row(flow, 2)) == []
    assert [row.delivery for row in store.invoices(flow=flow.number)] == ["", delivery.name]
    assert store.refused(flow.number) == {}
    delivered(store, a_row(flow, 1), n=2)
    assert store.unanswered(flow.number) == 1


def test_a_replay_from_deliver_releases_what_was_refused_and_only_by_force_what_is_live(store: SqliteStore) -> None:
    flow = opened(store)
    put(store, flow, *(a_row(flow, n) for n in (1, 2, 3)))
    delivered(store, a_row(flow, 1), n=1, states=(*TO_SENT, REFUSED))
    sent = delivered(store, a_row(flow, 2), n=2, states=TO_SENT)
    planned = delivered(store, a_row(flow, 3), n=3)
    with store.transaction():
        assert store.release_from_deliveries(flow, live_too=False) == 1
    assert [row.delivery for row in store.invoices(flow=flow.number)] == ["", sent.name, planned.name]
    assert (store.live_invoices(flow.number), store.unanswered(flow.number)) == (2, 2)
    with store.transaction():
        assert store.release_from_deliveries(flow, live_too=True) == 1
    assert [row.delivery for row in store.invoices(flow=flow.number)] == ["", "", planned.name]
    assert store.unanswered(flow.number) == 1


# --- counts


def test_verdicts_are_counted(store: SqliteStore) -> None:
    flow = opened(store)
    assert store.counts(flow.number) == {"invoices": 0, "accepted": 0, "rejected": 0, "held": 0}
    put(store, flow, a_row(flow, 1), a_row(flow, 2), a_rejected_row(flow, 3), a_row(flow, 4, accepted=False, held="crash"))
    assert store.counts(flow.number) == {"invoices": 4, "accepted": 2, "rejected": 1, "held": 1}


@pytest.mark.parametrize(("state", "held"), [(None, 0), (UNKNOWN, 1), (HELD, 1), (CONFIRMED, 0)])
def test_invoices_on_unknown_or_held_deliveries_are_held(store: SqliteStore, state: DeliveryState | None, held: int) -> None:
    flow = opened(store)
    put(store, flow, a_row(flow, 1), a_row(flow, 2))
    delivered(store, a_row(flow, 1), states=(*TO_SENT[:2], *([state] if state else [])))
    assert store.counts(flow.number) == {"invoices": 2, "accepted": 2, "rejected": 0, "held": held}


def test_of_a_parked_flow_everything_that_is_not_final_is_held(store: SqliteStore) -> None:
    flow = opened(store)
    put(store, flow, a_row(flow, 1), a_row(flow, 2), a_rejected_row(flow, 3), a_row(flow, 4, accepted=False, held="crash"))
    delivered(store, a_row(flow, 1), states=(*TO_SENT, CONFIRMED))
    moved(store, flow, Event.PARK)
    assert store.counts(flow.number) == {"invoices": 4, "accepted": 2, "rejected": 1, "held": 2}


def test_a_summary_adds_amounts_exactly_and_by_currency(store: SqliteStore) -> None:
    flow = opened(store)
    amounts = ["0.10", "0.20", "1e3", "pas un montant", "5"]
    rows = [a_row(flow, n, an_invoice(n, total_with_vat=amount)) for n, amount in enumerate(amounts, start=1)]
    put(store, flow, *rows[:4], replace(rows[4], invoice=replace(rows[4].invoice, currency="CHF"), accepted=False, findings=(FATAL,)))
    delivery = delivered(store, *rows[:3], states=(*TO_SENT, PARTIAL))
    with store.transaction():
        store.refuse_invoices(delivery, {(flow.number, 3): LINES}, free_keys=False)
    summary = store.summary(flow.number)
    assert (summary["invoices"], summary["accepted"], summary["deposited"], summary["refused"]) == (5, 4, 2, 1)
    assert summary["amounts"] == {"EUR": {"in": "1000.30", "deposited": "0.30"}, "CHF": {"in": "5", "deposited": "0"}}
    assert summary["deliveries"] == {"partial": 3}


# --- has_unrejected


def test_a_flow_not_judged_yet_answers_for_its_bytes(store: SqliteStore) -> None:
    flow = opened(store)
    assert store.has_unrejected(flow.number)
    moved(store, flow, Event.PARK)
    assert store.has_unrejected(flow.number)


def test_a_flow_whose_invoices_were_all_rejected_does_not(store: SqliteStore) -> None:
    flow = opened(store)
    put(store, flow, a_rejected_row(flow, 1))
    flow = moved(store, flow, Event.VALIDATE, Event.DELIVER)
    assert not store.has_unrejected(flow.number)


def test_an_inadmissible_flow_does_not(store: SqliteStore) -> None:
    assert not store.has_unrejected(moved(store, opened(store), Event.DECLARE_INADMISSIBLE, Event.CLOSE).number)


@pytest.mark.parametrize("row", [{}, {"accepted": False, "held": "limit"}])
def test_one_accepted_or_held_invoice_is_enough(store: SqliteStore, row: dict[str, object]) -> None:
    flow = opened(store)
    put(store, flow, a_rejected_row(flow, 1), replace(a_row(flow, 2), **row))  # type: ignore[arg-type]  # fields of the row
    assert store.has_unrejected(moved(store, flow, Event.VALIDATE).number)


@pytest.mark.parametrize(("state", "expected"), [(REFUSED, False), (CONFIRMED, True)])
def test_what_the_state_refused_as_a_whole_is_not_answered_for(store: SqliteStore, state: DeliveryState, expected: bool) -> None:
    flow = opened(store)
    put(store, flow, a_row(flow, 1))
    delivered(store, a_row(flow, 1), states=(*TO_SENT, state))
    assert store.has_unrejected(moved(store, flow, Event.VALIDATE, Event.DELIVER, Event.CLOSE).number) is expected


def test_what_the_state_refused_by_name_is_not_answered_for(store: SqliteStore) -> None:
    flow = opened(store)
    put(store, flow, a_row(flow, 1))
    delivery = delivered(store, a_row(flow, 1), states=(*TO_SENT, PARTIAL))
    with store.transaction():
        store.refuse_invoices(delivery, {(flow.number, 1): LINES}, free_keys=False)
    assert not store.has_unrejected(moved(store, flow, Event.VALIDATE).number)


def test_an_abandoned_flow_answers_for_what_the_state_has_only(store: SqliteStore) -> None:
    one, two = opened(store, 1), opened(store, 2)
    put(store, one, a_row(one, 1))
    put(store, two, a_row(two, 1, an_invoice(2)))
    delivered(store, a_row(two, 1), states=TO_SENT)
    for flow, expected in ((one, False), (two, True)):
        moved(store, flow, Event.PARK, Event.ABANDON)
        assert store.has_unrejected(flow.number) is expected


# --- what a status may speak of


def test_a_status_finds_accepted_invoices_with_a_delivery(store: SqliteStore) -> None:
    flow = opened(store)
    put(store, flow, a_row(flow, 1), a_row(flow, 2, an_invoice(1, issue_date="2025-01-01")), a_row(flow, 3), a_rejected_row(flow, 4))
    delivered(store, a_row(flow, 1), a_row(flow, 2, an_invoice(1, issue_date="2025-01-01")))
    found = store.find_invoices
    assert [row.position for row in found("FAC-0001", SUPPLIER.id)] == [1, 2]
    assert [row.position for row in found("FAC-0001", "123456789")] == [1, 2]
    assert [row.position for row in found(" FAC-0001", "")] == [1, 2]
    assert [row.position for row in found("FAC-0001", SUPPLIER.id, "2025")] == [2]
    assert found("FAC-0001", "12345678900022") == found("FAC-0003", "") == found("FAC-0004", "") == []


def test_keys_of_what_the_state_does_not_have_can_be_freed(store: SqliteStore) -> None:
    one, two = opened(store, 1), opened(store, 2)
    rows = [a_row(one, n) for n in (1, 2)]
    put(store, one, *rows)
    delivered(store, rows[0])
    with store.transaction():
        store.free_keys(one)
    assert put(store, two, a_row(two, 1), a_row(two, 2)) == [a_row(two, 1)]
    assert len(list(store.invoices(flow=one.number))) == 2
