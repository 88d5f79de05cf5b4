"""Boards: what `ports.Board` promises, on disk and in memory."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from adapters.board import DiskBoard
from adapters.memory import MemoryBoard, SettableClock
from gateway.ports import Board
from tests.memory_site import NOON

CLOCK = SettableClock(NOON)
CLOCK.advance(100.0)


@pytest.fixture(params=["disk", "memory"])
def board(request: pytest.FixtureRequest, tmp_path: Path) -> Board:
    return DiskBoard(tmp_path / "board", CLOCK) if request.param == "disk" else MemoryBoard(CLOCK)


def test_what_is_put_off_is_told_until_its_time(board: Board) -> None:
    board.put("destinations", {"chorus": 110.0, "tried": 100.0})
    assert board.postponed("destinations") == {"chorus": 10.0}
    assert board.postponed("servers") == {}


def test_all_of_a_topic_is_put_in_place_of_what_was_before(board: Board) -> None:
    board.put("servers-a", {"a": 110.0})
    board.put("servers-b", {"b": 110.0})
    board.put("servers-a", {})
    assert [board.postponed(f"servers-{name}") for name in "ab"] == [{}, {"b": 10.0}]


def test_the_last_look_says_what_it_left_to_those_who_began_to_watch_before_it(board: Board) -> None:
    assert board.left("polled-a", 0.0) is None
    board.report("polled-a", 3)
    board.report("polled-b", 1)
    board.report("polled-a", 0)
    assert [board.left(f"polled-{name}", CLOCK.monotonic()) for name in "ab"] == [0, 1]
    assert board.left("polled-a", CLOCK.monotonic() + 0.5) is None, "nobody has looked since"


def test_what_is_put_off_says_nothing_of_what_is_left_nor_the_other_way_round(board: Board) -> None:
    board.put("boxes", {"a/real": 110.0})
    board.report("polled-a", 2)
    assert (board.left("boxes", 0.0), board.postponed("polled-a")) == (None, {})


def test_another_process_reads_it(tmp_path: Path) -> None:
    DiskBoard(tmp_path, CLOCK).put("boxes", {"démo/real": 101.0})
    DiskBoard(tmp_path, CLOCK).report("polled-démo", 2)
    assert DiskBoard(tmp_path, CLOCK).postponed("boxes") == {"démo/real": 1.0}
    assert DiskBoard(tmp_path, CLOCK).left("polled-démo", 0.0) == 2


@pytest.mark.parametrize("text", ["", "{", None])
def test_what_a_dead_process_left_or_cut_short_says_nothing(tmp_path: Path, text: str | None) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    dead = json.dumps({"pid": ended.pid, "due": {"chorus": 110.0}, "at": 110.0, "left": 0})
    (tmp_path / "destinations.json").write_text(dead if text is None else text)
    assert DiskBoard(tmp_path, CLOCK).postponed("destinations") == {}
    assert DiskBoard(tmp_path, CLOCK).left("destinations", 0.0) is None


def test_a_full_disk_loses_a_hint_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "board").write_text("no folder")
    DiskBoard(tmp_path / "board", CLOCK).put("boxes", {"a/real": 110.0})
    DiskBoard(tmp_path / "board", CLOCK).report("polled-a", 1)
