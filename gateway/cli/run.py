"""`gateway run`: one loop in this process, or a supervisor with one process a loop; it knows no stage.

A supervised loop dies with its supervisor (a killed gateway leaves nobody behind) and is started again when it dies alone.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway import bootstrap, bootstrap_idle, log
from gateway.cli.options import SiteCommand, chosen
from gateway.config import Configuration
from gateway.errors import GatewayError, TransientError

if TYPE_CHECKING:
    from gateway.loops import Loop

LOOPS = ("receive", "work", "send", "collect")
SUPERVISED = "GATEWAY_SUPERVISED"
"""Holds the supervisor's process id."""

GRACE_SECONDS = 4.0
"""A stop is asked for, then enforced: SIGTERM ends within 5 s (contract.md)."""
PAUSE_SECONDS = 1.0
"""Between two steps of a loop whose store or disk refuses."""


@click.command(cls=SiteCommand)
@click.argument("loops", nargs=-1, type=click.Choice([*LOOPS, "double"]))
@click.option("--until-idle", is_flag=True, help="End with 0 when nothing is left to do now.")
@click.pass_context
def run(ctx: click.Context, loops: tuple[str, ...], until_idle: bool) -> None:
    """Run the LOOPS (all by default, the demo's double included) until SIGTERM."""
    site = chosen(ctx).site_folder
    named = tuple(dict.fromkeys(loops))
    if len(named) == 1:
        ctx.exit(run_one(site, named[0], until_idle=until_idle))
    ctx.exit(Supervisor(site, bootstrap.loops_of(site, named)).run(until_idle=until_idle))


def run_one(site: Path, name: str, *, until_idle: bool) -> int:
    """Turn one loop in this process; after a reload that it cannot take in place it is built anew, here."""
    supervisor = os.environ.pop(SUPERVISED, "")
    if supervisor and not bootstrap.die_with_parent(int(supervisor)):
        return 0
    stop, reload = threading.Event(), threading.Event()
    _listen(stop, reload)
    with bootstrap.loop_lock(site, name):
        configuration: Configuration | None = bootstrap.configuration(site)
        while configuration is not None:
            with bootstrap.loops(configuration, name) as turning:
                configuration = _turn_together(site, turning, stop, reload, until_idle=until_idle)
    return 0


def _turn_together(
    site: Path, loops: tuple[Loop, ...], stop: threading.Event, reload: threading.Event, *, until_idle: bool
) -> Configuration | None:
    """The first loop in the main thread, the others beside it; the configuration that they are to be built anew with, None at the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)  # a turn makes many short-lived objects and few cycles
    leave = threading.Event()
    others = [threading.Thread(target=_turn_beside, args=(loop, leave, stop), daemon=True) for loop in loops[1:]]
    for thread in others:
        thread.start()
    try:
        while not stop.is_set():
            if reload.is_set() and (fresh := _reload(site, loops, reload)) is not None:
                return fresh
            if _step(loops[0], stop):
                continue
            if until_idle and all(loop.idle() for loop in loops):
                bootstrap_idle.tell_later(site)
                break
            loops[0].wait()
        return None
    finally:
        leave.set()
        for thread in others:
            thread.join(GRACE_SECONDS)


def _step(loop: Loop, leave: threading.Event) -> bool:
    """One step; where the store or the disk refuses, a pause, then again."""
    try:
        return loop.step()
    except TransientError as why:
        log.logger("run").error("loop.postponed", loop=loop.name, why=str(why))
        leave.wait(PAUSE_SECONDS)
        return True


def _turn_beside(loop: Loop, leave: threading.Event, stop: threading.Event) -> None:
    """A loop in a thread of its own. Its bug ends the whole process, which is then started again: never a half-dead gateway."""
    try:
        while not leave.is_set():
            if not _step(loop, leave):
                loop.wait()
    except BaseException:
        stop.set()
        raise


def _reload(site: Path, loops: tuple[Loop, ...], reload: threading.Event) -> Configuration | None:
    """New settings and partners, validated before anything changes. None: taken in place (open sessions go on), or refused."""
    reload.clear()
    try:
        configuration = bootstrap.configuration(site)
        in_place = [loop.reload(configuration) for loop in loops]
    except GatewayError as wrong:
        log.logger("run").error("configuration.refused", why=str(wrong))
        return None
    log.logger("run").info("configuration.reloaded", loops=[loop.name for loop in loops])
    return None if all(in_place) else configuration


def _listen(stop: threading.Event, reload: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: reload.set())


class Supervisor:
    """One process a loop. A loop that ends by itself is started again, one second later."""

    def __init__(self, site: Path, names: tuple[str, ...]) -> None:
        self.site = site
        self.names = names
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._again_at: dict[str, float] = {}

    def run(self, *, until_idle: bool) -> int:
        """Until SIGTERM, or until idle: 0; a loop that cannot start for its configuration ends all with its code."""
        stop, reload = threading.Event(), threading.Event()
        _listen(stop, reload)
        self._refuse_a_second()
        try:
            for name in self.names:
                self._start(name)
            return self._watch(stop, reload, until_idle=until_idle)
        finally:
            self._stop_all()

    def _refuse_a_second(self) -> None:
        for name in self.names:
            with bootstrap.loop_lock(self.site, name):
                pass

    def _start(self, name: str) -> None:
        command = [sys.executable, "-m", "gateway", "--site", str(self.site), "run", name]
        self._children[name] = subprocess.Popen(command, env={**os.environ, SUPERVISED: str(os.getpid())}, stdin=subprocess.DEVNULL)

    def _watch(self, stop: threading.Event, reload: threading.Event, *, until_idle: bool) -> int:
        idle = bootstrap_idle.IdleWatch(self.site, self.names) if until_idle else None
        try:
            while not stop.wait(0.1):
                code = self._revive()
                if code is not None:
                    return code
                if reload.is_set():
                    reload.clear()
                    self._signal(signal.SIGHUP)
                if idle is not None and idle.idle():
                    bootstrap_idle.tell_later(self.site)
                    return 0
        finally:
            if idle is not None:
                idle.close()
        return 0

    def _revive(self) -> int | None:
        for name, child in self._children.items():
            code = child.poll()
            if code is None:
                continue
            if code in (2, 4):
                return code
            if self._again_at.setdefault(name, time.monotonic() + 1.0) <= time.monotonic():
                log.logger("run").error("loop.restarted", loop=name, code=code)
                del self._again_at[name]
                self._start(name)
                break
        return None

    def _signal(self, number: signal.Signals) -> None:
        for child in self._children.values():
            if child.poll() is None:
                child.send_signal(number)

    def _stop_all(self) -> None:
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        for child in self._children.values():
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
