"""What the counter's tests need around it: a site, an intake that records, a clock one can turn, clients, a line that can be cut."""

from __future__ import annotations

import dataclasses
import os
import select
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import paramiko
import pytest

from adapters.folder import Boxes
from adapters.sftp_accounts import generate_key
from adapters.sftp_server import SftpCounter
from gateway.config import Limits, Partner, Settings, Sftp
from gateway.lifecycle import State
from gateway.model import Box, Drop, Flow, Reception

PARIS = ZoneInfo("Europe/Paris")


class TurnedClock:
    """A clock whose hands the test turns."""

    def __init__(self) -> None:
        self.hand = datetime(2026, 11, 22, 10, 0, tzinfo=PARIS)
        self.seconds = 1_000.0

    def now(self) -> datetime:
        return self.hand

    def monotonic(self) -> float:
        return self.seconds

    def turn(self, **delta: float) -> None:
        step = timedelta(**delta)
        self.hand += step
        self.seconds += step.total_seconds()


class Ledger:
    """An intake that keeps what it took: (drop, bytes). `full` and `failing` make it say no; `adopting`: once the spool has the file."""

    def __init__(self, clock: TurnedClock) -> None:
        self._clock = clock
        self.taken: list[tuple[Drop, bytes]] = []
        self.hashes: list[str] = []
        self.full: str | None = None
        self.failing: Exception | None = None
        self.adopting = False
        self.asked: list[int] = []

    @property
    def names(self) -> list[str]:
        return [drop.name for drop, _ in self.taken]

    def refusal(self, partner: str, box: Box, name: str, size: int) -> str | None:
        self.asked.append(size)
        return self.full

    def accepted(self, partner: str, box: Box, name: str) -> str | None:
        numbers = [f"F-{n}" for n, (d, _) in enumerate(self.taken, 1) if (d.partner, d.box, d.name) == (partner, box, name)]
        return numbers[-1] if numbers else None

    def take(self, drop: Drop, path: Path, sha256: str) -> Reception:
        if self.failing:
            if self.adopting:
                path.unlink()
            raise self.failing
        data = path.read_bytes()
        seen = next((n for n, (d, _) in enumerate(self.taken, 1) if d.transport_id == drop.transport_id), 0)
        if not seen:
            self.taken.append((drop, data))
            self.hashes.append(sha256)
        path.unlink()
        number = f"F-{seen or len(self.taken)}"
        flow = Flow(number, drop.partner, drop.box, drop.channel, drop.name, sha256, len(data), State.RECEIVED, 1, self._clock.now())
        return Reception(flow, again=bool(seen))


class CounterSite:
    """A site with two partners, `acme` (French) and `other` (English), and a counter on loopback."""

    def __init__(self, root: Path, **sftp: object) -> None:
        self.root = root
        self.clock = TurnedClock()
        self.ledger = Ledger(self.clock)
        self.keys = {name: root / f"{name}.key" for name in ("host", "acme", "other")}
        public = {name: generate_key(path) for name, path in self.keys.items()}
        self.partners = {
            "acme": Partner(name="acme", keys=(public["acme"],)),
            "other": Partner(name="other", keys=(public["other"],), language="en"),
        }
        table = dataclasses.replace(Sftp(port=0, host_key="host.key"), **sftp)
        self.settings = Settings(site=root, limits=Limits(flow_bytes=4_000_000), sftp=table)
        for name in self.partners:
            Boxes(self.settings).ensure(name)
        self.pauses: list[float] = []
        self.counter = self.new_counter()
        self.port = 0

    def new_counter(self, *, self_test: bool = False) -> SftpCounter:
        return SftpCounter(
            self.settings, lambda: self.partners, self.ledger, self.clock, pause=self.pauses.append, denial_seconds=60, self_test=self_test
        )

    def start(self) -> None:
        self.port = self.counter.start()

    def restart(self) -> None:
        self.counter.stop()
        self.counter = self.new_counter()
        self.start()

    def box(self, partner: str, side: str) -> Path:
        return self.root / "var" / "boxes" / partner / side

    def transport(self, partner: str = "acme", *, port: int = 0) -> paramiko.Transport:
        transport = paramiko.Transport(socket.create_connection(("127.0.0.1", port or self.port), timeout=10))
        try:
            transport.connect(username=partner, pkey=paramiko.Ed25519Key.from_private_key_file(str(self.keys[partner])))
        except (paramiko.SSHException, OSError, EOFError):
            transport.close()
            raise
        return transport

    @contextmanager
    def client(self, partner: str = "acme") -> Iterator[paramiko.SFTPClient]:
        transport = self.transport(partner)
        try:
            yield paramiko.SFTPClient.from_transport(transport)
        finally:
            transport.close()

    def openssh(self, batch: str, partner: str = "acme", *, port: int = 0, program: str = "sftp", options: tuple[str, ...] = (),
                key: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run OpenSSH's client with a batch on its standard input."""
        need(program)
        flag = "-P" if program == "sftp" else "-p"
        tail = ("-b", "-", f"{partner}@127.0.0.1") if program == "sftp" else (f"{partner}@127.0.0.1", batch)
        command = [
            program, flag, str(port or self.port), "-F", "none", "-i", str(key or self.keys[partner]), "-o", "IdentitiesOnly=yes",
            "-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", *options, *tail,
        ]  # fmt: skip
        return subprocess.run(command, input=batch, capture_output=True, text=True, timeout=60, check=False, cwd=self.root)


def need(program: str) -> None:
    """Skip where a program is absent, but never in continuous integration."""
    if shutil.which(program) is None and os.environ.get("CI") != "true":
        pytest.skip(f"{program} is not installed")


def until(condition: object, seconds: float = 5.0) -> bool:
    """Wait for something the other thread does; True when it came."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        select.select([], [], [], 0.005)
    return False


class CuttingLine:
    """A TCP proxy that resets both sides after `limit` bytes from the client."""

    def __init__(self, port: int, limit: int) -> None:
        self._target, self._limit = port, limit
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cut = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        near, _ = self._listener.accept()
        far = socket.create_connection(("127.0.0.1", self._target))
        seen = 0
        while True:
            ready, _, _ = select.select([near, far], [], [], 10)
            for side in ready:
                data = _received(side)
                if side is near:
                    data = data[: self._limit - seen]
                    seen += len(data)
                if data:
                    (far if side is near else near).sendall(data)
                if not data or seen >= self._limit:
                    self.cut = seen >= self._limit
                    _reset(near)
                    _reset(far)
                    return

    def close(self) -> None:
        self._thread.join(10)
        self._listener.close()


def _received(side: socket.socket) -> bytes:
    try:
        return side.recv(65536)
    except ConnectionError:
        return b""


def _reset(side: socket.socket) -> None:
    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    side.close()
