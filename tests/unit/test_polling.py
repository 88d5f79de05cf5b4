"""The threads of polled partners: one each, bound to the configuration; a bug in one comes out, a stuck one delays no stop and no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.bootstrap_poll import silent
from gateway.config import Configuration, Partner, Poll, Publisher, Settings
from gateway.errors import StoreBusy, StoreDamaged, Unreachable
from gateway.loops import Send
from gateway.model import Box, Drop, Return, ReturnKind
from gateway.polling import DropLine, Line, Lines, ReturnLine
from gateway.stages import idle, send
from gateway.stages.desk import Gateway
from tests.memory_site import MemorySite

POLL = Poll(host="h", user="u", key="k", known_hosts="n", interval_seconds=7.0)


def configuration(*names: str, **settings: Any) -> Configuration:
    return Configuration(Settings(**settings), {name: Partner(name=name, poll=POLL) for name in names})


class Turning:
    """A line that turns, and what became of it."""

    def __init__(self, partner: str, lines: list[Turning]) -> None:
        self.partner, self.quiet, self.turns, self.ended = partner, False, 0, False
        self.pause = 0.01
        self.fault: Exception | None = None
        self.stuck = threading.Event()
        self.block = False
        lines.append(self)

    def turn(self) -> float:
        self.turns += 1
        if self.fault:
            raise self.fault
        if self.block:
            self.stuck.wait(20)
        self.quiet = True
        return self.pause

    def shut(self) -> None:
        self.stuck.set()


class Opened:
    """Lines that were opened, in order."""

    def __init__(self) -> None:
        self.made: list[Turning] = []

    @contextmanager
    def open(self, _: Configuration, partner: Partner) -> Iterator[Line]:
        line = Turning(partner.name, self.made)
        try:
            yield line
        finally:
            line.ended = True

    def until(self, condition: Any) -> None:
        deadline = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.005)


@pytest.fixture
def opened() -> Opened:
    return Opened()


@pytest.fixture
def lines(opened: Opened) -> Iterator[Lines]:
    made = Lines("poll", configuration("a", "b"), lambda partner: bool(partner.poll.host), opened.open)
    yield made
    made.close()


def test_each_polled_partner_has_one_thread(lines: Lines, opened: Opened) -> None:
    assert not lines.idle()
    for _ in range(3):
        assert lines.step() is False
    opened.until(lines.idle)
    assert sorted(line.partner for line in opened.made) == ["a", "b"]


def test_a_reload_ends_and_begins_what_changed_and_leaves_the_others(lines: Lines, opened: Opened) -> None:
    lines.step()
    opened.until(lines.idle)
    changed = configuration("a", "c")
    changed.partners["a"] = replace(changed.partners["a"], enabled=False)
    assert lines.reload(changed) is True
    lines.step()
    opened.until(lines.idle)
    assert sorted((line.partner, line.ended) for line in opened.made) == [("a", False), ("a", True), ("b", True), ("c", False)]
    assert lines.reload(replace(changed)) is True
    lines.step()
    assert len(opened.made) == 4
    lines.reload(replace(changed, settings=Settings(name="other")))
    assert all(line.ended for line in opened.made)


def test_nobody_polled_is_idle(opened: Opened) -> None:
    nobody = Lines("poll", Configuration(Settings(), {"x": Partner(name="x")}), lambda partner: bool(partner.poll.host), opened.open)
    nobody.step()
    assert nobody.idle()
    assert opened.made == []


def test_a_bug_in_one_thread_comes_out_in_the_loop(lines: Lines, opened: Opened) -> None:
    lines.step()
    opened.until(lines.idle)
    opened.made[0].fault = KeyError("a bug")

    def came_out() -> bool:
        try:
            lines.step()
        except KeyError:
            return True
        return False

    opened.until(came_out)


def test_a_line_whose_store_refuses_to_be_opened_is_opened_again(opened: Opened) -> None:
    refusing = [StoreBusy("store: taken")]

    @contextmanager
    def open_line(now: Configuration, partner: Partner) -> Iterator[Line]:
        if refusing:
            raise refusing.pop()
        with opened.open(now, partner) as line:
            yield line

    lines = Lines("poll", configuration("a"), lambda partner: True, open_line)
    lines.step()
    opened.until(lambda: not refusing and lines._threads["a"].fault is not None)
    with pytest.raises(StoreBusy):
        lines.step()
    lines.step()
    opened.until(lines.idle)
    lines.close()


def test_a_thread_that_is_stuck_delays_neither_the_others_nor_a_stop(lines: Lines, opened: Opened) -> None:
    lines.step()
    opened.until(lines.idle)
    stuck, other = opened.made
    stuck.block = True
    stuck.shut = lambda: None  # type: ignore[method-assign]  # a connection that is being made cannot be ended
    turns = other.turns
    opened.until(lambda: other.turns > turns + 5)
    started = time.monotonic()
    lines.close()
    assert time.monotonic() - started < 2
    assert other.ended
    stuck.stuck.set()


def test_waiting_ends_when_it_is_woken(lines: Lines) -> None:
    lines.wake()
    started = time.monotonic()
    lines.wait()
    assert time.monotonic() - started < 0.9


def test_a_nudge_begins_the_next_turn_now_and_its_loss_costs_an_interval_only(lines: Lines, opened: Opened) -> None:
    lines.step()
    opened.until(lines.idle)
    line = opened.made[0]
    turns = line.turns
    opened.until(lambda: line.turns > turns + 2)  # un-nudged, it turns in its own time
    line.pause = 3600.0
    for _ in range(3):
        turns = line.turns
        lines.nudge()
        opened.until(lambda turns=turns: line.turns > turns)


def test_the_loop_that_hears_the_ring_nudges_what_brings() -> None:
    site, nudges = MemorySite(), list[int]()
    Send(site.gw, lambda: nudges.append(len(site.store.returns(pending=True)))).step()
    owed(site, "first")
    Send(site.gw, lambda: nudges.append(len(site.store.returns(pending=True)))).step()
    assert nudges == [0, 1], "before anything is written at home"


# --- one line that fetches


class Shelf:
    """A door (polling.PolledSource) that fails as told."""

    name = "poll"

    def __init__(self) -> None:
        self.failing: Exception | None = None
        self.left, self.more = 0, False

    def drops(self) -> Iterator[tuple[Drop, Path]]:
        if self.failing:
            raise self.failing
        return iter(())

    def waiting(self) -> bool:
        return self.left > 0

    def release(self, drop: Drop, path: Path) -> None:
        """Nothing was taken."""

    def refusals(self) -> Sequence[Any]:
        return []

    def put_aside(self, refusal: Any) -> None:
        """Nothing was refused."""


def drop_line(site: MemorySite, shelf: Shelf, left: list[int]) -> DropLine:
    return DropLine(site.gw, Partner(name="demo", poll=POLL), shelf, report=left.append, shut=lambda: None)


def test_a_server_that_fails_is_asked_again_with_growing_waits_and_its_line_is_quiet_meanwhile() -> None:
    site, shelf, left = MemorySite(), Shelf(), list[int]()
    line = drop_line(site, shelf, left)
    shelf.failing = Unreachable("there: no answer")
    with capture_logs() as logs:
        waits = [line.turn() for _ in range(12)]
    assert waits[0] < 3
    assert waits[-1] >= 600
    assert {entry["event"] for entry in logs} == {"door.postponed"}
    assert {entry["source"] for entry in logs} == {"demo"}
    assert (line.quiet, left) == (True, [0] * 12)
    shelf.failing = None
    assert line.turn() == 7.0
    shelf.failing = Unreachable("there: no answer")
    assert line.turn() < 3, "the failures before the success are forgotten"


def test_what_is_left_is_no_quiet() -> None:
    site, shelf, left = MemorySite(), Shelf(), list[int]()
    line = drop_line(site, shelf, left)
    shelf.left = 2
    line.turn()
    assert (line.quiet, left) == (False, [2])


def test_the_doors_of_others_are_silent_once_each_was_looked_at_and_left_nothing() -> None:
    site = MemorySite()
    site.partner("demo", poll=POLL)
    site.partner("autre", amqp=Publisher(vhost="autre"))
    since = site.clock.monotonic()
    assert not silent(site.gw, since)
    for topic, left, wanted in (("polled-demo", 0, False), ("published-autre", 2, False), ("published-autre", 0, True)):
        site.board.report(topic, left)
        assert silent(site.gw, since) is wanted
    site.clock.advance(1)
    assert not silent(site.gw, site.clock.monotonic())
    site.partner("demo", enabled=False)
    site.partner("autre", enabled=False)
    assert silent(site.gw, site.clock.monotonic()), "disabled, they are not looked at"


def test_a_damaged_store_stops_everything() -> None:
    shelf = Shelf()
    shelf.failing = StoreDamaged("store: broken")
    with pytest.raises(StoreDamaged):
        drop_line(MemorySite(), shelf, []).turn()


# --- one line that brings


def owed(site: MemorySite, name: str, box: Box = Box.REAL, partner: str = "demo") -> None:
    with site.store.transaction():
        site.store.owe(Return(partner, box, "", ReturnKind.NOTICE, name, name.encode(), f"{partner}:{name}"), site.clock.now())


def brought(site: MemorySite) -> Gateway:
    """The partner `demo` has its real returns brought to its own server."""
    partner = replace(site.gw.partners["demo"], poll=POLL)
    return replace(site.gw, partners={**site.gw.partners, "demo": partner})


def test_returns_that_are_brought_are_not_the_send_loops() -> None:
    site = MemorySite()
    gw = brought(site)
    for name, box, whose in (("real", Box.REAL, "demo"), ("test", Box.TEST, "demo"), ("other", Box.REAL, "autre")):
        owed(site, name, box, whose)
    assert send.send_returns(gw) == 2
    assert sorted(site.channel.written) == ["other", "test"]
    assert send.send_brought(gw, gw.partners["demo"]) is None
    assert sorted(site.channel.written) == ["other", "real", "test"]
    assert site.store.returns(pending=True) == []


def test_a_server_that_refuses_keeps_what_it_is_owed_and_the_local_box_has_it() -> None:
    site, home = MemorySite(), list[str]()
    gw = brought(site)
    line = ReturnLine(gw, gw.partners["demo"], home=lambda box, name, body: home.append(name), shut=lambda: None)
    site.channel.closed.add("demo")
    owed(site, "first")
    with capture_logs():
        line.turn()
        owed(site, "second")
        line.turn()
    assert home == ["first", "second"]
    assert (line.quiet, len(site.store.returns(pending=True))) == (True, 2)
    assert (idle.nothing_now(gw), idle.left_for_later(gw)) == (True, {("returns", "demo"): 2}), "for a later attempt"
    site.channel.closed.clear()
    site.clock.advance(10)
    line.turn()
    assert (line.quiet, site.channel.written, home) == (True, ["first", "second"], ["first", "second"])
    assert idle.left_for_later(gw) == {}
