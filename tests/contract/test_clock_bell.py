"""The contracts of `ports.Clock`, `ports.Bell` and `ports.ReturnChannel`'s twin; and what only the real ones have: signals, locks."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from adapters.memory import MemoryBell, MemoryReturnChannel, SettableClock
from adapters.system import SystemClock, UnixBell, hold_lock, lock_holder
from gateway.errors import LockHeld, StorageRefused
from gateway.model import Box
from gateway.ports import Bell, Clock

NOON = datetime(2026, 11, 22, 12, tzinfo=ZoneInfo("Europe/Paris"))
LONG = 30.0
"""Seconds that no test waits: a bell that does not wake would show."""


@pytest.fixture(params=["system", "settable"])
def clock(request: pytest.FixtureRequest) -> Clock:
    return SystemClock() if request.param == "system" else SettableClock(NOON)


def test_a_clock_tells_the_time_of_paris_with_its_offset(clock: Clock) -> None:
    now = clock.now()
    assert now.utcoffset() == now.astimezone(ZoneInfo("Europe/Paris")).utcoffset()


def test_seconds_never_go_back(clock: Clock) -> None:
    assert clock.monotonic() <= clock.monotonic()


def test_the_systems_clock_is_the_machines() -> None:
    before = datetime.now(UTC)
    assert before <= SystemClock().now() <= datetime.now(UTC)


def test_time_passes_when_told_and_a_jump_is_not_time_that_passes() -> None:
    clock = SettableClock(NOON)
    clock.advance(90)
    clock.set(datetime(2020, 1, 1, tzinfo=UTC))
    assert (clock.monotonic(), clock.now().year) == (90, 2020)


def test_a_time_without_offset_is_no_time() -> None:
    with pytest.raises(ValueError, match="offset"):
        SettableClock(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test


Bells = Callable[[str], Bell]


@pytest.fixture(params=["unix", "memory"])
def bells(request: pytest.FixtureRequest, tmp_path: Path) -> Bells:
    if request.param == "memory":
        return MemoryBell("", SettableClock(NOON)).beside
    deep = tmp_path / ("d" * 100)  # a socket's own path may have 107 bytes only
    deep.mkdir()

    def hung(loop: str) -> Bell:
        bell = UnixBell(deep, loop)
        bell.wait(0)
        return bell

    return hung


def test_a_ring_ends_the_wait_at_once(bells: Bells) -> None:
    work, other = bells("work"), bells("send")
    other.ring("work")
    before = time.monotonic()
    work.wait(LONG)
    assert time.monotonic() - before < LONG / 2


def test_many_rings_are_one(bells: Bells) -> None:
    work = bells("work")
    for _ in range(1000):
        work.ring("work")
    before = time.monotonic()
    work.wait(LONG)
    work.wait(0.01)
    assert time.monotonic() - before < LONG / 2


def test_ringing_for_nobody_harms_nobody(bells: Bells) -> None:
    bells("work").ring("nobody")


def test_a_closed_bell_harms_nobody_who_still_rings(bells: Bells) -> None:
    work, send = bells("work"), bells("send")
    work.close()
    work.close()
    send.ring("work")
    work.ring("send")


def test_without_a_ring_the_wait_ends_by_itself(bells: Bells) -> None:
    work, send = bells("work"), bells("send")
    send.ring("send")
    work.wait(0.01)


def test_waiting_in_memory_lets_the_settable_clock_pass() -> None:
    clock = SettableClock(NOON)
    bell = MemoryBell("work", clock)
    bell.ring("work")
    bell.wait(60)
    assert clock.monotonic() == 0
    bell.wait(60)
    assert clock.monotonic() == 60


def test_the_first_wait_returns_at_once_for_what_was_rung_before_the_bell_hung(tmp_path: Path) -> None:
    before = time.monotonic()
    UnixBell(tmp_path, "work").wait(LONG)
    assert time.monotonic() - before < LONG / 2


def test_a_bell_left_by_a_dead_process_is_replaced(tmp_path: Path) -> None:
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    dead.bind(str(tmp_path / "work.bell"))
    dead.close()
    bell = UnixBell(tmp_path, "work")
    bell.ring("work")  # nobody listens any more
    bell.wait(LONG)
    bell.ring("work")
    before = time.monotonic()
    bell.wait(LONG)
    assert time.monotonic() - before < LONG / 2


def test_a_command_that_only_rings_makes_no_socket(tmp_path: Path) -> None:
    UnixBell(tmp_path, "command").ring("work")
    assert list(tmp_path.iterdir()) == []


def test_a_signal_ends_the_wait_of_the_main_thread(tmp_path: Path) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: heard.append(number))
    bell = UnixBell(tmp_path, "work")
    try:
        bell.wait(0)
        os.kill(os.getpid(), signal.SIGUSR1)  # arrives before the wait: that one must end too
        start = time.monotonic()
        bell.wait(LONG)
        assert time.monotonic() - start < LONG / 2
        assert heard == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, before)
        del bell
    assert signal.set_wakeup_fd(-1) == -1


def test_a_bell_waits_in_any_thread(tmp_path: Path) -> None:
    bell = UnixBell(tmp_path, "deposit")
    thread = threading.Thread(target=lambda: (bell.wait(0), bell.wait(LONG)))
    thread.start()
    while thread.is_alive():
        bell.ring("deposit")
        thread.join(0.01)
    assert (tmp_path / "deposit.bell").is_socket()


# --- locks


def test_a_loop_is_turned_once_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "work.lock"
    with hold_lock(path, what="site: loop work"):
        assert lock_holder(path) == os.getpid()
        with pytest.raises(LockHeld, match=rf"site: loop work: process {os.getpid()} has it"), hold_lock(path, what="site: loop work"):
            pass
        assert lock_holder(path) == os.getpid()
    assert lock_holder(path) is None
    with hold_lock(path):
        pass


def test_nobody_holds_a_lock_that_never_was(tmp_path: Path) -> None:
    assert lock_holder(tmp_path / "work.lock") is None


HOLD = """
import pathlib, sys
from adapters.system import hold_lock
with hold_lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    input()
"""


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "work.lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        assert lock_holder(path) == other.pid
        with pytest.raises(LockHeld, match=str(other.pid)), hold_lock(path):
            pass
        other.kill()
        other.wait()
    with hold_lock(path):
        assert lock_holder(path) == os.getpid()


ORPHAN = """
import subprocess, sys
child = "import os; from adapters.system import die_with_parent; print(die_with_parent(os.getppid()), flush=True); input()"
process = subprocess.Popen([sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
process.stdout.readline()
print(process.pid, flush=True)
sys.stdin.read()
"""


def test_a_supervised_process_dies_with_its_parent() -> None:
    command = [sys.executable, "-c", ORPHAN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    try:
        assert select.select([child], [], [], LONG)[0], "the child lives on"
    finally:
        os.close(child)


def test_a_process_whose_parent_died_before_it_asked_is_told_so() -> None:
    """Nobody kills it any more: a loop must not begin then."""
    nobody = os.getpid()  # our parent it is not
    told = subprocess.run(
        [sys.executable, "-c", f"from adapters.system import die_with_parent; print(die_with_parent({nobody} + 1))"],
        capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True,
    )  # fmt: skip
    assert told.stdout == "False\n"


def test_a_loop_whose_supervisor_is_gone_takes_no_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway", "--site", str(tmp_path / "site")]
    subprocess.run([*command[:3], "init", str(tmp_path / "site")], check=True, capture_output=True, cwd=Path(__file__).parents[2])
    environ = {**os.environ, "GATEWAY_SUPERVISED": str(os.getpid() + 1)}
    command += ["run", "receive"]
    done = subprocess.run(command, env=environ, capture_output=True, cwd=Path(__file__).parents[2], timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert not (tmp_path / "site/var/run/receive.lock").exists()


# --- the return channel's twin


def test_the_twin_of_the_return_channel_keeps_what_was_written_and_can_refuse() -> None:
    channel = MemoryReturnChannel(closed={"shut"})
    channel.write("demo", Box.REAL, "RECEIPT.xml", b"<r/>")
    channel.write("demo", Box.REAL, "RECEIPT.xml", b"<r/>")
    assert channel.files == {("demo", Box.REAL, "RECEIPT.xml"): b"<r/>"}
    assert channel.written == ["RECEIPT.xml"] * 2
    with pytest.raises(StorageRefused):
        channel.write("shut", Box.REAL, "RECEIPT.xml", b"<r/>")
