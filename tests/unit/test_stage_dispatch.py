"""Exactly once or not at all: an attempt cut after each of its commits, every decision, lost answers, what is held."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest

from gateway.delivering import RENAMING, UPLOADING
from gateway.errors import HostKeyChanged, OutcomeUnknown, ParkError, TransientError, Unreachable
from gateway.lifecycle import DeliveryState, State
from gateway.model import Delivery
from gateway.stages import dispatch
from tests.memory_site import CHORUS, MemorySite
from tests.ubl_invoices import invoice

SENT, SEALED, UNKNOWN, HELD, SENDING = (
    DeliveryState.SENT, DeliveryState.SEALED, DeliveryState.UNKNOWN, DeliveryState.HELD, DeliveryState.SENDING,
)  # fmt: skip


class CutError(BaseException):
    """The process dies here."""


def sealed(**destination: Any) -> tuple[MemorySite, Delivery]:
    site = MemorySite(destinations={"chorus": replace(CHORUS, **destination)})
    site.flow(invoice(1, lines=1), "a.xml")
    site.worked()
    return site, site.deliveries()[0]


def present(site: MemorySite) -> Delivery:
    (delivery,) = site.deliveries()
    return delivery


def step(site: MemorySite) -> Delivery:
    return dispatch.dispatch(site.gw, present(site))


def test_an_attempt_sends_once_and_records_it() -> None:
    site, delivery = sealed()
    sent = step(site)
    assert (sent.state, sent.attempt, sent.step, sent.sent_at) == (SENT, 1, RENAMING, site.clock.now())
    assert site.chorus.taken == [delivery.name]
    assert site.chorus.files[delivery.name] == site.spool.read(sent.sha256)
    assert "delivery.sent" in site.events(site.store.flows()[0])


@pytest.mark.parametrize("method", ["_begin", "_attempt", "_upload", "_publish", "_conclude"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_cut_anywhere_it_is_sent_once_under_its_one_name(method: str, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    site, delivery = sealed()
    whole = getattr(dispatch, method)

    def cut(*given: Any) -> Any:
        if when == "after":
            whole(*given)
        raise CutError

    monkeypatch.setattr(dispatch, method, cut)
    with pytest.raises(CutError):
        step(site)
    monkeypatch.undo()
    site.crash()
    site.settle()
    assert site.chorus.taken == [delivery.name]
    assert present(site).state is SENT


@pytest.mark.parametrize("commit", range(1, 5))
def test_cut_after_each_commit_it_is_sent_once(commit: int) -> None:
    """SENDING, RENAMING, SENT and the note: the commits of one attempt."""
    site, delivery = sealed()
    transaction, count = site.store.transaction, 0

    def counted() -> Any:
        nonlocal count
        count += 1
        if count > commit:
            raise CutError
        return transaction()

    site.store.transaction = counted  # type: ignore[method-assign]  # the process dies before the next commit
    with contextlib.suppress(CutError):
        step(site)
    site.store.transaction = transaction  # type: ignore[method-assign]
    site.settle()
    assert site.chorus.taken == [delivery.name]
    assert present(site).state is SENT


# --- every decision after an attempt that asked for the final name


def asked(**destination: Any) -> tuple[MemorySite, Delivery]:
    """Cut between the commit of RENAMING and the rename."""
    site, _ = sealed(**destination)
    site.chorus.fails["publish"] = Unreachable("chorus: the line is down; try later")
    with pytest.raises(TransientError):
        step(site)
    site.chorus.fails.clear()
    assert (present(site).state, present(site).step) == (SENDING, RENAMING)
    return site, present(site)


def test_the_part_stands_whole_it_is_renamed_again() -> None:
    site, delivery = asked()
    uploads = dict(site.chorus.parts)
    assert step(site).state is SENT
    assert (site.chorus.taken, list(uploads)) == ([delivery.name], [delivery.name])


def test_the_part_is_torn_it_is_uploaded_anew() -> None:
    site, delivery = asked()
    site.chorus.parts[delivery.name] = b"half"
    assert step(site).state is SENT
    assert site.chorus.files[delivery.name] == site.spool.read(delivery.sha256)


def test_it_is_there_already() -> None:
    site, delivery = asked()
    site.chorus.publish(delivery)
    assert step(site).state is SENT
    assert site.chorus.taken == [delivery.name]


def test_other_bytes_stand_under_our_name() -> None:
    site, delivery = asked()
    site.chorus.files[delivery.name] = b"of somebody else"
    held = step(site)
    assert (held.state, "CHO-007" in held.detail) == (HELD, True)
    assert site.chorus.taken == []
    assert site.present(site.store.flows()[0]).state is State.PARKED


def test_nothing_is_seen_it_is_unknown_and_not_sent_again() -> None:
    site, _ = asked()
    site.chorus.parts.clear()
    assert step(site).state is UNKNOWN
    for _ in range(5):
        site.clock.advance(60)
        site.settle()
    assert (present(site).state, site.chorus.taken) == (UNKNOWN, [])


def test_on_unknown_hold_asks_a_person_at_once() -> None:
    site, _ = asked(on_unknown="hold")
    site.chorus.parts.clear()
    assert step(site).state is HELD
    assert site.events(site.store.flows()[0])[-3:] == ["delivery.unknown", "delivery.held", "park"]


# --- reconciliation


def unknown(**destination: Any) -> tuple[MemorySite, Delivery]:
    site, _ = asked(**destination)
    site.chorus.parts.clear()
    return site, step(site)


def reconciled(site: MemorySite) -> int:
    return dispatch.reconcile(site.gw, site.clock.now())


def test_seen_later_it_is_sent() -> None:
    site, delivery = unknown()
    site.chorus.files[delivery.name] = site.spool.read(delivery.sha256)
    assert (reconciled(site), present(site).state) == (1, SENT)


def test_its_part_is_seen_later_it_is_published() -> None:
    site, delivery = unknown()
    site.chorus.parts[delivery.name] = site.spool.read(delivery.sha256)
    assert (reconciled(site), present(site).state) == (1, SENT)
    assert site.chorus.taken == [delivery.name]


def test_where_renaming_turns_out_to_be_forbidden_its_final_name_is_written() -> None:
    site, delivery = unknown()
    site.chorus.parts[delivery.name] = site.spool.read(delivery.sha256)
    site.configure(destinations={"chorus": replace(site.settings.destinations["chorus"], temporary_name=False)})
    assert (reconciled(site), present(site).state, site.chorus.taken) == (1, SEALED, [])
    sent = step(site)
    assert (sent.state, sent.step, site.chorus.taken) == (SENT, UPLOADING, [delivery.name])


def test_a_renaming_that_is_refused_for_hours_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    site, delivery = unknown(reconcile_hours=4.0)
    site.chorus.parts[delivery.name] = site.spool.read(delivery.sha256)
    monkeypatch.setattr(site.chorus, "publish", _forbidden)
    assert (reconciled(site), present(site).state) == (0, UNKNOWN)
    site.clock.advance(4 * 3600 + 1)
    assert (reconciled(site), present(site).state) == (1, HELD)
    assert "temporary_name = false" in site.store.flows()[0].reason


def _forbidden(delivery: Delivery) -> None:
    raise OutcomeUnknown("in: renaming failed (permission denied)")


def test_a_torn_part_proves_that_it_was_not_taken() -> None:
    site, delivery = unknown()
    site.chorus.parts[delivery.name] = b"half"
    assert (reconciled(site), present(site).state) == (1, SEALED)
    site.settle()
    assert (present(site).state, present(site).attempt, site.chorus.taken) == (SENT, 2, [delivery.name])


def test_somebody_elses_bytes_hold_it() -> None:
    site, delivery = unknown()
    site.chorus.files[delivery.name] = b"of somebody else"
    assert (reconciled(site), present(site).state) == (1, HELD)


def test_no_trace_of_it_is_waited_for_then_held() -> None:
    site, _ = unknown(reconcile_hours=4.0)
    site.clock.advance(4 * 3600)
    assert (reconciled(site), present(site).state) == (0, UNKNOWN)
    site.clock.advance(1)
    assert (reconciled(site), present(site).state) == (1, HELD)
    assert "CHO-004" in present(site).detail


def test_the_report_settles_what_is_unknown() -> None:
    site, delivery = unknown()
    site.report(delivery, "90")
    site.settle()
    assert present(site).state is DeliveryState.CONFIRMED
    assert site.store.flows()[0].state is State.CLOSED


def test_a_destination_out_of_reach_keeps_no_other_from_being_asked() -> None:
    site, delivery = unknown()
    other = replace(delivery, name="FSO1100A_DEM001_DEM0011100000000000000999", number="DEM0011100000000000000999", destination="away")
    with site.store.transaction():
        site.store.add_delivery(replace(other, state=UNKNOWN))
    site.chorus.files[delivery.name] = site.spool.read(delivery.sha256)
    first_asked = site.store.deliveries
    site.store.deliveries = lambda **given: first_asked(**given)[::-1]  # type: ignore[method-assign]  # the unreachable one first
    assert reconciled(site) == 1
    assert site.store.delivery(delivery.name).state is SENT


# --- errors on the way


@pytest.mark.parametrize("where", ["look", "upload"])
def test_not_reached_before_the_name_was_asked_for_changes_nothing(where: str) -> None:
    site, _ = sealed()
    site.chorus.fails[where] = Unreachable("chorus: no answer; try later")
    with pytest.raises(Unreachable):
        step(site)
    assert (present(site).state, site.chorus.taken) == (SEALED, [])


def test_a_lost_answer_is_unknown_and_then_found() -> None:
    site, delivery = sealed()
    site.chorus.fails["publish"] = OutcomeUnknown("chorus: the answer to the rename was lost; look before asking again")
    assert step(site).state is UNKNOWN
    site.chorus.fails.clear()
    assert reconciled(site) == 1
    assert (present(site).state, site.chorus.taken) == (SENT, [delivery.name])


def test_our_own_bytes_gone_wrong_are_held() -> None:
    site, _ = sealed()
    site.chorus.fails["upload"] = ParkError("our bytes are not what was sealed")  # type: ignore[assignment]  # what edi.py raises
    assert step(site).state is HELD


def test_our_own_bytes_gone_are_held() -> None:
    site, delivery = sealed()
    del site.spool._blobs[delivery.sha256]
    assert step(site).state is HELD
    assert "backup" in present(site).detail


def test_a_changed_host_key_leaves_the_delivery_as_it_was() -> None:
    site, _ = sealed()
    site.chorus.fails["look"] = HostKeyChanged("chorus: another host key; compare it")  # type: ignore[assignment]  # what remote.py raises
    with pytest.raises(HostKeyChanged):
        step(site)
    assert present(site).state is SEALED


def test_a_held_delivery_is_not_touched_again() -> None:
    site, delivery = asked()
    site.chorus.files[delivery.name] = b"of somebody else"
    step(site)
    site.chorus.files.clear()
    site.clock.advance(100_000)
    site.settle()
    assert (present(site).state, site.chorus.taken) == (HELD, [])


# --- where no temporary name is allowed


def test_without_temporary_name_the_intent_is_committed_before_the_first_byte() -> None:
    site, _ = sealed(temporary_name=False)
    site.chorus.fails["upload"] = OutcomeUnknown("chorus: cut after the first byte; look before asking again")
    assert (step(site).state, present(site).step) == (UNKNOWN, UPLOADING)
    site.chorus.fails.clear()
    reconciled(site)
    assert (present(site).state, site.chorus.taken) == (UNKNOWN, [])


def test_each_attempt_has_its_row() -> None:
    site, delivery = sealed()
    site.chorus.fails["look"] = Unreachable("chorus: no answer; try later")
    with pytest.raises(Unreachable):
        step(site)
    site.chorus.fails.clear()
    step(site)
    assert [(a["n"], a["outcome"]) for a in site.store.attempts(delivery.name)] == [(1, "sealed"), (2, "sent")]
