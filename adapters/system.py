"""The machine's own clock, bells and locks, and the death of a parent; it knows no loop's work.

Limits: Linux (abstract paths of /proc, flock, prctl), one machine: bells and locks do not cross a network file system.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.errors import ConfigError, LockHeld

PARIS = "Europe/Paris"
_PR_SET_PDEATHSIG = 1
_TRIES, _PAUSE = 3, 0.02
"""A look at a lock (`lock_holder`) takes it for an instant: a start that falls on that instant tries again."""


class SystemClock:
    """The time of this machine, told in Paris."""

    def __init__(self) -> None:
        try:
            self._zone = ZoneInfo(PARIS)
        except ZoneInfoNotFoundError as missing:
            raise ConfigError(f"{PARIS}: this machine has no time zones; install the package tzdata") from missing

    def now(self) -> datetime:
        """The current time with its offset, Europe/Paris."""
        return datetime.now(self._zone)

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()


class UnixBell:
    """A bell as a datagram socket `<folder>/<loop>.bell`. Ringing never waits and never fails: a lost ring costs a poll interval.

    The socket is made at the first `wait`, which returns at once as if rung, so that nothing rung before is missed; a bell that only rings
    (a command's) makes none. In the main thread a signal ends the wait too.
    """

    def __init__(self, folder: Path, loop: str) -> None:
        self._folder = folder
        self._loop = loop
        self._own: socket.socket | None = None
        self._signals: int | None = None
        self._ringer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ringer.setblocking(False)

    def ring(self, loop: str) -> None:
        """Wake a loop, if it waits."""
        with contextlib.suppress(OSError), _short(self._folder, f"{loop}.bell") as address:
            self._ringer.sendto(b"!", address)

    def wait(self, seconds: float) -> None:
        """Until rung, a signal, or that many seconds have passed."""
        self._heed_signals()
        if self._own is None:
            self._own = self._hang()
            return
        ears = [self._own.fileno(), *([self._signals] if self._signals is not None else [])]
        for heard in select.select(ears, [], [], max(0.0, seconds))[0]:
            _drain(heard)

    def close(self) -> None:
        """It rings no more and hears no more; safe to repeat."""
        self._ringer.close()
        if self._own is not None:
            self._own.close()

    def _hang(self) -> socket.socket:
        """Make the socket; one left by a dead process is replaced."""
        own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        own.setblocking(False)
        with contextlib.suppress(FileNotFoundError):
            (self._folder / f"{self._loop}.bell").unlink()
        with _short(self._folder, f"{self._loop}.bell") as address:
            own.bind(address)
        return own

    def _heed_signals(self) -> None:
        """Python goes on waiting after a signal's handler (PEP 475); its wake-up descriptor ends the wait."""
        if self._signals is not None or threading.current_thread() is not threading.main_thread():
            return
        self._signals, written = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(written, warn_on_full_buffer=False)
        weakref.finalize(self, _deafen, self._signals, written)


def _drain(descriptor: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(descriptor, 4096):
            pass


def _deafen(heard: int, written: int) -> None:
    if threading.current_thread() is threading.main_thread():
        current = signal.set_wakeup_fd(-1)
        if current not in (-1, written):
            signal.set_wakeup_fd(current)
    os.close(written)
    os.close(heard)


@contextlib.contextmanager
def _short(folder: Path, name: str) -> Iterator[str]:
    """An address of at most 107 bytes for a socket in a folder of any depth."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def hold_lock(path: Path, *, what: str = "") -> Iterator[None]:
    """Hold a lock file for the block; `LockHeld` when another process (or another block of this one) has it. The kernel frees it when the
    process dies, however it dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not any(_taken(descriptor, attempt) for attempt in range(_TRIES)):
            holder = _pid(descriptor)
            raise LockHeld(f"{what or path.name}: process {holder or 'unknown'} has it; stop that one first")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def lock_holder(path: Path) -> int | None:
    """The process that holds a lock file now, None when nobody does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if _lock(descriptor) else _pid(descriptor)
    finally:
        os.close(descriptor)


def _taken(descriptor: int, attempt: int) -> bool:
    if attempt:
        time.sleep(_PAUSE)
    return _lock(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid(descriptor: int) -> int | None:
    written = os.pread(descriptor, 20, 0).strip()
    return int(written) if written.isdigit() else None


def die_with_parent(parent: int) -> bool:
    """Ask the kernel to kill this process when the thread that started it is gone (prctl PR_SET_PDEATHSIG); `parent`: that one's process.
    False when it was gone before we asked: nobody will kill us then."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    return os.getppid() == parent
