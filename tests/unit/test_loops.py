"""Whose turn it is, and what becomes of a failure: fairness, postponing, parking, going on after a crash."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from gateway import loops, retry
from gateway.back_off import BackOff
from gateway.cli import run
from gateway.errors import HostKeyChanged, LimitReached, StaleFlow, StorageRefused, StoreDamaged, TransientError, Unreachable
from gateway.lifecycle import DeliveryState, Event, State
from gateway.loops import Receive
from gateway.model import Box, Drop, Flow
from gateway.stages import close, replay
from gateway.stages.validate import FlowUnderValidation
from tests.memory_site import CHORUS, MIXED, MemorySite, archive, invoices
from tests.ubl_invoices import invoice

Fails = Callable[..., None]


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> Fails:
    """Closing a flow fails so many times."""

    def failing(error: BaseException, times: int = 1_000) -> None:
        errors = [error] * times

        def first_fails(*given: Any) -> Any:
            if errors:
                raise errors.pop()
            return close.close(*given)

        monkeypatch.setattr(loops, "close", first_fails)

    return failing


# --- fairness


def batches_by_name(site: MemorySite) -> list[str]:
    turns = (cast("tuple[FlowUnderValidation, int]", token)[0] for token, _ in site.judging.submitted)
    return [turn.flow.name for turn in turns]


def small_batches(site: MemorySite) -> None:
    site.configure(validation=replace(site.settings.validation, batch=2))
    site.judging.places = 1


def test_partners_take_turns_batch_by_batch() -> None:
    site = MemorySite()
    small_batches(site)
    site.flow(invoices(*range(10)), "grand", partner="demo")
    site.flow(invoices(*range(20, 26)), "petit", partner="autre")
    site.worked()
    order = batches_by_name(site)
    assert order[:6] == ["petit", "grand"] * 3 or order[:6] == ["grand", "petit"] * 3
    assert (order.count("grand"), order.count("petit")) == (5, 3)


def test_of_one_partner_what_has_least_left_goes_first() -> None:
    site = MemorySite()
    small_batches(site)
    site.flow(invoices(*range(8)), "grand")
    site.flow(invoices(20, 21), "petit")
    site.worked()
    assert batches_by_name(site) == ["petit", "grand", "grand", "grand", "grand"]


def test_a_giant_under_way_lets_a_small_one_pass() -> None:
    site = MemorySite()
    small_batches(site)
    site.flow(invoices(*range(20)), "grand")
    for _ in range(4):
        site.work.step()
    small = site.flow(invoice(50, lines=1), "petit.xml", partner="autre")
    steps = 0
    while site.present(small).state is not State.DELIVERED:
        site.work.step()
        steps += 1
    assert steps < 8
    assert "validate" not in site.events(site.store.flows()[0])


def test_a_crowd_of_one_partner_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "IN_SIGHT", 10)
    site = MemorySite()
    site.judging.places = 0  # nothing moves on, so that the crowd stays
    for n in range(30):
        site.flow(invoice(n, lines=1), f"{n:02d}.xml")
    last = site.flow(invoice(99, lines=1), "autre.xml", partner="autre")
    site.judging.places = 4
    site.work.step()
    assert site.present(last).state is not State.RECEIVED


def test_nearest_its_end_goes_first_then_each_partners_smallest() -> None:
    states = (State.VALIDATED, State.RECEIVED)

    def flow(number: str, partner: str, size: int, state: State = State.RECEIVED) -> Flow:
        return Flow(number, partner, Box.REAL, "sftp", number, "", size, state, 1, MemorySite().clock.now())

    flows = [flow("a-big", "a", 90), flow("a-small", "a", 10), flow("b-big", "b", 50), flow("b-done", "b", 99, State.VALIDATED)]
    assert [f.number for f in loops._in_turn(flows, states)] == ["b-done", "a-small", "b-big", "a-big"]


# --- what becomes of a failure


def test_a_passing_failure_is_tried_again_with_growing_waits_and_never_parks(fails: Fails) -> None:
    site = MemorySite()
    flow = site.flow(invoices(1), "lot.tar.gz", box=Box.TEST)
    fails(StorageRefused("disk: full; make room"), times=6)
    site.worked()
    assert "disk: full" in site.present(flow).reason
    for expected in (2, 4, 8, 16, 32):
        assert site.present(flow).state is State.DELIVERED
        site.clock.advance(expected - 0.01)
        assert site.work.step() is False
        site.clock.advance(expected / 4 + 0.02)
        site.worked()
    site.clock.advance(100)
    site.worked()
    assert site.present(flow).state is State.CLOSED


def test_a_passing_failure_in_the_middle_of_validation_loses_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of the turn that was let go are still with the children when the flow is begun anew."""
    site = MemorySite()
    site.configure(validation=replace(site.settings.validation, batch=1))
    flow = site.flow(invoices(*range(6)), "lot.tar.gz")
    accept, count = FlowUnderValidation.accept, 0

    def once(self: FlowUnderValidation, *given: Any) -> None:
        nonlocal count
        count += 1
        if count == 2:
            raise StorageRefused("disk: full; make room")
        accept(self, *given)

    monkeypatch.setattr(FlowUnderValidation, "accept", once)
    kept = site.judging.results
    held_back: list[Any] = []

    def late(timeout: float) -> Any:
        """The third answer of the first turn comes after the second turn has begun."""
        given = kept(timeout)
        if count == 0 and len(given) > 2:
            held_back.extend(given[2:])
            return given[:2]
        if held_back and site.present(flow).attempts and site.work._under_way and count > 2:
            given, held_back[:] = [*held_back, *given], []
        return given

    site.judging.results = late  # type: ignore[method-assign]  # a slow child
    for _ in range(20):
        site.worked()
        site.clock.advance(5)
    assert [row.member for row in site.rows(flow)] == [f"{n}.xml" for n in range(6)]
    assert [row.position for row in site.rows(flow)] == [1, 2, 3, 4, 5, 6]


def test_what_needs_a_person_is_parked_with_its_reason(fails: Fails) -> None:
    site = MemorySite()
    flow = site.flow(invoices(1), "lot.tar.gz", box=Box.TEST)
    fails(LimitReached("lot: too much memory; raise the limit"))
    site.worked()
    assert (site.present(flow).state, site.present(flow).reason) == (State.PARKED, "lot: too much memory; raise the limit")
    assert site.store.history(flow.number)[-1].detail["why"] == "lot: too much memory; raise the limit"


def test_a_bug_passes_through(fails: Fails) -> None:
    site = MemorySite()
    site.flow(invoices(1), "lot.tar.gz", box=Box.TEST)
    fails(TypeError("a bug"))
    with pytest.raises(TypeError, match="a bug"):
        site.worked()


def test_a_damaged_store_stops_everything_and_parks_nothing(fails: Fails) -> None:
    site = MemorySite()
    flow = site.flow(invoices(1), "lot.tar.gz", box=Box.TEST)
    fails(StoreDamaged("gateway.db: damaged; restore a backup"))
    with pytest.raises(StoreDamaged):
        site.worked()
    assert site.present(flow).state is State.DELIVERED


def test_a_flow_that_somebody_else_moved_is_left_to_them(fails: Fails) -> None:
    site = MemorySite()
    flow = site.flow(invoices(1), "lot.tar.gz", box=Box.TEST)
    fails(StaleFlow("moved"), times=1)
    site.worked()
    assert "park" not in site.events(flow)
    assert site.present(flow).state is State.CLOSED


def test_an_operator_who_parks_under_our_hands_is_not_contradicted() -> None:
    site = MemorySite()
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    site.work.step()
    present = site.present(flow)
    with site.store.transaction():
        site.store.record(present, Event.PARK, at=site.clock.now(), who="eve", reason="wait")
    site.worked()
    assert (site.present(flow).state, site.present(flow).reason) == (State.PARKED, "wait")


def test_a_replay_under_our_hands_is_begun_anew() -> None:
    site = MemorySite()
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    site.work.step()
    with site.store.transaction():
        site.store.record(site.present(flow), Event.PARK, at=site.clock.now(), who="eve", reason="wait")
    replay.apply(site.gw, replay.plan(site.gw, site.present(flow), "open"), who="eve", reason="again")
    site.confirm()
    assert (site.present(flow).state, site.present(flow).generation) == (State.CLOSED, 2)
    assert [(row.position, row.generation) for row in site.rows(flow)] == [(1, 2), (2, 2)]


# --- attempts


@pytest.mark.parametrize("deaths", [1, 2, 3])
def test_a_flow_that_kills_its_worker_three_times_is_parked_and_not_blamed(deaths: int) -> None:
    site = MemorySite()
    flow = site.flow(invoices(1, 2), "lot.tar.gz")

    def dies(token: object, documents: Any) -> None:
        raise KeyboardInterrupt

    for _ in range(deaths):
        site.judging.submit = dies  # type: ignore[method-assign]  # the process dies on it
        with pytest.raises(KeyboardInterrupt):
            site.worked()
        site.crash()
    site.confirm()
    assert site.present(flow).state is (State.PARKED if deaths == retry.ATTEMPTS_BEFORE_PARKING else State.CLOSED)
    assert all(row.accepted for row in site.rows(flow))
    if deaths == 3:
        assert "3 times" in site.present(flow).reason


def test_what_kills_the_process_parks_nobody_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    site = MemorySite()
    beside = [site.flow(invoices(n, n + 10), f"{n}.tar.gz", partner="autre") for n in range(3)]
    poison = site.flow(invoices(*range(40, 80)), "gros.tar.gz")
    opened = loops.open_flow

    def dies(gw: Any, flow: Flow) -> Any:
        if flow.number == poison.number:
            raise KeyboardInterrupt
        return opened(gw, flow)

    monkeypatch.setattr(loops, "open_flow", dies)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            site.worked()
        site.crash()
    site.confirm()
    assert [site.present(flow).state for flow in (*beside, poison)] == [State.CLOSED] * 3 + [State.PARKED]


def test_a_clean_stop_is_no_failed_attempt() -> None:
    site = MemorySite()
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    for _ in range(5):
        site.judging.places = 1
        site.work.step()
        site.work.close()
        site.crash()
    assert site.present(flow).attempts == 0
    site.confirm()
    assert site.present(flow).state is State.CLOSED


def test_a_replay_starts_with_a_clean_slate() -> None:
    site = MemorySite()
    flow = site.flow(invoices(1), "lot.tar.gz")
    for _ in range(3):
        site.store.begin_attempt(flow)
    site.worked()
    replay.apply(site.gw, replay.plan(site.gw, site.present(flow), None), who="eve", reason="the child is mended")
    site.confirm()
    assert site.present(flow).state is State.CLOSED


def test_many_flows_are_not_all_opened_at_once() -> None:
    site = MemorySite()
    site.judging.places = 1
    site.configure(validation=replace(site.settings.validation, batch=1))
    for n in range(loops.AT_ONCE + 10):
        site.flow(invoices(100 + 2 * n, 101 + 2 * n), f"{n}.tar.gz")
    for _ in range(10):
        site.work.step()
        assert len(site.work._under_way) <= loops.AT_ONCE
    site.worked()
    assert {flow.state for flow in site.store.flows()} == {State.DELIVERED}


# --- idle and waiting


def test_the_work_loop_is_idle_when_nothing_is_left() -> None:
    site = MemorySite(destinations={"chorus": replace(CHORUS, batch_seconds=5.0)})
    assert site.work.idle()
    site.flow(invoices(1), "lot.tar.gz")
    assert not site.work.idle()
    site.worked()
    assert not site.work.idle()  # a batch is still open
    assert site.work.pause() == pytest.approx(1.0)
    site.clock.advance(4.5)
    assert site.work.pause() == pytest.approx(0.5)
    site.clock.advance(5)
    assert site.work.pause() == pytest.approx(0.02)
    site.worked()
    assert site.work.idle()


def test_a_planned_delivery_of_an_unknown_destination_does_not_stop_the_waiting() -> None:
    site = MemorySite(destinations={"gone": replace(CHORUS, batch_seconds=5.0)})
    site.flow(invoices(1), "lot.tar.gz")
    site.worked()
    site.configure(destinations={"chorus": CHORUS})
    assert site.work.pause() == 1.0
    site.settle()
    assert [d.state for d in site.deliveries()] == [DeliveryState.SEALED]


def test_each_loop_says_when_it_has_nothing_to_do() -> None:
    site = MemorySite()
    assert all(loop.idle() for loop in (site.send, site.deposit_loop, site.collect_loop))
    site.flow(invoices(1), "lot.tar.gz")
    assert not site.send.idle()
    site.worked()
    assert not site.deposit_loop.idle()


# --- the deposit loop


def test_the_state_out_of_reach_is_asked_with_growing_waits() -> None:
    site = MemorySite()
    site.flow(invoices(1), "lot.tar.gz")
    site.worked()
    site.chorus.fails["look"] = Unreachable("chorus: no answer; try later")
    assert site.deposit_loop.step() is False
    site.chorus.fails.clear()
    assert site.deposit_loop.step() is False
    site.clock.advance(2.6)
    assert site.deposit_loop.step() is True
    assert [d.state for d in site.deliveries()] == [DeliveryState.SENT]


def test_one_delivery_that_always_fails_does_not_keep_the_next_from_leaving() -> None:
    site = MemorySite()
    for n in range(2):
        site.flow(invoice(n, lines=1), f"{n}.xml")
        site.worked()
    first, second = site.deliveries()
    look = site.chorus.look

    def refuses(delivery: Any, content: Any) -> Any:
        if delivery.name == first.name:
            raise Unreachable("chorus: no such folder; make it")
        return look(delivery, content)

    site.chorus.look = refuses  # type: ignore[method-assign]
    for _ in range(3):
        site.deposit_loop.step()
        site.clock.advance(30)
    assert site.chorus.taken == [second.name]


def test_one_destination_out_of_reach_keeps_no_other_waiting() -> None:
    site = MemorySite(destinations={"mixte": replace(CHORUS, interfaces=("FSO1113A",)), "chorus": CHORUS})
    site.flow(archive(("a.xml", invoice(1, lines=1)), ("b.xml", MIXED)), "lot.tar.gz")
    site.worked()
    site.accounts["mixte"].fails["look"] = Unreachable("mixte: no answer; try later")
    site.deposit_loop.step()
    assert (len(site.chorus.taken), site.accounts["mixte"].taken) == (1, [])


def test_a_changed_host_key_stops_nothing_but_its_destination() -> None:
    site = MemorySite()
    site.flow(invoices(1), "lot.tar.gz")
    site.worked()
    site.chorus.fails["look"] = HostKeyChanged("chorus: another key; compare it")  # type: ignore[assignment]
    assert site.deposit_loop.step() is False
    assert [d.state for d in site.deliveries()] == [DeliveryState.SEALED]


def test_back_off_counts_by_name_and_forgets() -> None:
    site = MemorySite()
    back_off = BackOff(site.clock)
    assert (back_off.waits("a"), back_off.failures("a")) == (False, 0)
    pause = back_off.failed("a")
    assert (back_off.waits("a"), back_off.waits("b"), back_off.failures("a")) == (True, False, 1)
    site.clock.advance(pause.total_seconds())
    assert not back_off.waits("a")
    assert back_off.failed("a") >= retry.delay(2)
    back_off.forget("a")
    assert (back_off.waits("a"), back_off.failures("a")) == (False, 0)


def test_a_jump_of_the_wall_clock_neither_prolongs_nor_ends_a_wait() -> None:
    site = MemorySite()
    back_off = BackOff(site.clock)
    back_off.failed("a")
    site.clock.set(site.clock.now().replace(year=2030))
    assert back_off.waits("a")


# --- the receive loop


class BrokenDoor:
    """A folder that cannot be listed."""

    name = "broken"

    def drops(self) -> Iterator[tuple[Drop, Path]]:
        raise TransientError("boxes: cannot be listed; mount it")

    def waiting(self) -> bool:
        return False

    def release(self, drop: Drop, path: Path) -> None:
        raise AssertionError


class OneDrop(BrokenDoor):
    """A folder with one file."""

    name = "fine"

    def __init__(self, path: Path) -> None:
        self.path = path

    def drops(self) -> Iterator[tuple[Drop, Path]]:
        if self.path.exists():
            yield Drop("demo", Box.REAL, "folder", "1", "a.xml"), self.path

    def waiting(self) -> bool:
        return self.path.exists()

    def release(self, drop: Drop, path: Path) -> None:
        path.unlink()


def test_a_door_that_does_not_open_keeps_no_other_closed(tmp_path: Path) -> None:
    site = MemorySite()
    (tmp_path / "a.xml").write_bytes(invoice(1, lines=1))
    loop = Receive(site.gw, (BrokenDoor(), OneDrop(tmp_path / "a.xml")))
    assert not loop.idle()
    assert (loop.step(), loop.idle(), loop.step()) == (True, True, False)


# --- the turning


def test_a_loop_whose_store_refuses_pauses_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PAUSE_SECONDS", 0.0)
    site = MemorySite()
    monkeypatch.setattr(site.send, "step", lambda: (_ for _ in ()).throw(StorageRefused("gateway.db: disk full; make room")))
    assert run._step(site.send, threading.Event()) is True


def test_a_bug_in_a_loop_beside_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    site, leave, stop = MemorySite(), threading.Event(), threading.Event()
    monkeypatch.setattr(site.deposit_loop, "step", lambda: (_ for _ in ()).throw(TypeError("a bug")))
    with pytest.raises(TypeError):
        run._turn_beside(site.deposit_loop, leave, stop)
    assert stop.is_set()
