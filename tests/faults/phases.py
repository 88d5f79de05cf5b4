"""What `gateway run` does, cut into phases: the site each begins with, its recording, a kill at one of its points; it judges nothing.

A phase is one loop of the real program (`python -m gateway run LOOP --until-idle`) under strace, on a copy of a site prepared for it. The
phase *counter* is the receive loop with its SFTP counter open and a partner who uploads; a partner without a yes sends again later. In the
phase *polled* the files lie on a real OpenSSH server, which stands beside the workshop (`SERVER`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import paramiko

from gateway import bootstrap, sites
from gateway.stages.send import send_returns
from tests.faults import site as sites_for_faults
from tests.faults.calls import Call, Point, end_group, points, read_log, strace
from tests.faults.site import Verdict

PATIENCE = 60.0
SERVER = "poll.toml"
"""Beside the workshop: how a partner's own server is reached. Without it the phase *polled* cannot be played."""


@dataclass(frozen=True, slots=True)
class Phase:
    """`loop` runs on the site `prepared` (a name under the workshop). `state_first`: the State acts before we are back."""

    name: str
    loop: str
    prepared: str
    follow: bool = False
    state_first: bool = False


PHASES = {
    phase.name: phase
    for phase in (
        Phase("receive", "receive", "dropped"),
        Phase("counter", "receive", "counter", follow=True),
        Phase("polled", "receive", "polled", follow=True),
        Phase("work", "work", "received"),
        Phase("send", "send", "received", follow=True),
        Phase("deposit", "send", "sealed", follow=True),
        Phase("deposit, taken at once", "send", "sealed", follow=True, state_first=True),
        Phase("collect", "collect", "answered"),
        Phase("close", "work", "collected"),
    )
}


def prepare(workshop: Path) -> None:
    """One site for each state in which a phase begins, each a copy of the one before, one loop further."""
    sites_for_faults.make(workshop / "dropped")
    sites_for_faults.copy(workshop / "dropped", workshop / "counter")
    sites_for_faults.run_loop(workshop / "counter", "work")  # its store exists: making one is a matter of the phase *receive*
    sites_for_faults.copy(workshop / "counter", workshop / "polled")
    sites_for_faults.drop(workshop / "polled", sites_for_faults.POLLED)
    sites_for_faults.drop(workshop / "dropped")
    steps: tuple[tuple[str, str, Callable[[Path], None]], ...] = (
        ("dropped", "received", lambda site: sites_for_faults.run_loop(site, "receive")),
        ("received", "sealed", _seal),
        ("sealed", "answered", _answer),
        ("answered", "collected", lambda site: sites_for_faults.run_loop(site, "collect")),
    )
    for before, after, go_on in steps:
        sites_for_faults.copy(workshop / before, workshop / after)
        go_on(workshop / after)


def _seal(site: Path) -> None:
    """Deliveries sealed, the outbox empty: what follows is the deposit alone."""
    sites_for_faults.run_loop(site, "work")
    with bootstrap.open_site(site) as gw:
        while send_returns(gw):
            pass


def _answer(site: Path) -> None:
    sites_for_faults.run_loop(site, "send")
    sites_for_faults.step_state(site)


# --- one run under strace


@dataclass(slots=True)
class Run:
    """What came of one run: `given` are the files whose sender had a yes."""

    calls: list[Call]
    given: list[str]


def run_phase(phase: Phase, site: Path, log: Path, point: Point | None) -> Run:
    """The phase's loop on `site`, killed at `point` (or run to its end)."""
    inject = point.inject if point else ""
    if phase.name == "counter":
        given = _at_the_counter(phase, site, log, inject)
    else:
        process = _start(phase, site, log, inject, "--until-idle")
        try:
            process.wait(PATIENCE)
        finally:
            end_group(process)
        given = list(sites_for_faults.FILES)  # in the folder, or gone: both are a yes to come
    return Run(read_log(log), given)


def _start(phase: Phase, site: Path, log: Path, inject: str, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gateway", "--site", str(site), "run", phase.loop, *options]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with log.with_suffix(".err").open("wb") as errors:
        return subprocess.Popen(
            strace(log, command, follow=phase.follow, inject=inject), env=environment, stdout=errors, stderr=errors, start_new_session=True
        )


def _begin(phase: Phase, workshop: Path, site: Path) -> None:
    """A fresh copy of the site that the phase begins with."""
    sites_for_faults.copy(workshop / phase.prepared, site)
    if phase.name == "counter":
        new_port(site)
    if phase.name == "polled":
        sites_for_faults.poll(site, workshop.with_name(SERVER).read_text())


def record(phase: Phase, workshop: Path, site: Path) -> tuple[list[Call], list[Point], int]:
    """Run the phase to its end on a fresh copy: its calls, its points, how many calls cannot be aimed at."""
    _begin(phase, workshop, site)
    calls = run_phase(phase, site, site.with_suffix(".log"), None).calls
    return calls, *points(calls, site)


def play(phase: Phase, workshop: Path, site: Path, point: Point) -> tuple[Verdict, bool]:
    """Kill there, start again, judge. Also: whether the process died where it was meant to."""
    _begin(phase, workshop, site)
    run = run_phase(phase, site, site.with_suffix(".log"), point)
    hit = any(call.name == point.name and call.nth == point.nth and not call.done for call in run.calls)
    everything = sites_for_faults.dropped(site)
    _send_again(phase, site, [name for name in everything if name not in run.given])
    settled = sites_for_faults.restart(site, state_first=phase.state_first)
    found = sites_for_faults.verdict(site, everything, settled=settled)
    if not found.lost and not found.doubled:
        shutil.rmtree(site)
    return found, hit


def _send_again(phase: Phase, site: Path, names: Sequence[str]) -> None:
    """Without a yes the partner's software sends the same file once more: at the counter, open again."""
    if not names:
        return
    counter = sites_for_faults.fork_loop(site, phase.loop)
    try:
        again = _upload(site, names)
        assert again == list(names), f"uploaded {again} of {names} after the restart"
    finally:
        os.kill(counter, signal.SIGTERM)
        os.waitpid(counter, 0)


# --- the partner at the counter


def new_port(site: Path) -> None:
    """The counter on, at a port that is free now."""
    port = sites.free_port()
    sites_for_faults.write_settings(site, port, sftp=True)
    (site / "keys/port").write_text(str(port))


def _at_the_counter(phase: Phase, site: Path, log: Path, inject: str) -> list[str]:
    process = _start(phase, site, log, inject)
    try:
        given = _upload(site, list(sites_for_faults.FILES), alive=lambda: process.poll() is None)
        if inject and len(given) < len(sites_for_faults.FILES):
            process.wait(PATIENCE)
        return given
    finally:
        if process.poll() is None:
            _stop_traced(process)
        end_group(process)


def _stop_traced(strace_process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the program that strace watches."""
    children = Path(f"/proc/{strace_process.pid}/task/{strace_process.pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        strace_process.wait(10)


def _upload(site: Path, names: Sequence[str], *, alive: Callable[[], bool] = lambda: True) -> list[str]:
    """The names that got a yes: the last by temporary name and rename, the others straight."""
    port = int((site / "keys/port").read_text())
    given: list[str] = []
    files = sites_for_faults.dropped(site)
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException), _knock(port, alive) as line:
        transport = paramiko.Transport(line)
        try:
            transport.connect(username="demo", pkey=paramiko.Ed25519Key.from_private_key_file(str(site / "keys/demo")))
            client = paramiko.SFTPClient.from_transport(transport)
            assert client is not None
            for name in names:
                final = f"/in/{name}"
                under = f"/in/{name}.part" if name == names[-1] else final
                with client.open(under, "w") as handle:
                    handle.set_pipelined(False)
                    handle.write(files[name])
                    handle.close()
                if under != final:
                    client.rename(under, final)
                given.append(name)
        finally:
            transport.close()
    return given


def _knock(port: int, alive: Callable[[], bool]) -> socket.socket:
    """A connection to the counter, once it is open; `OSError` when its process is gone."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=20)
        except OSError:
            if not alive() or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
