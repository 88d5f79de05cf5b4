"""Proof, at every start, that the counter tells a CLOSE request from every other end of an upload; it serves no partner.

Four uploads over loopback, each ended another way: polite CLOSE, reset, disconnect, channel EOF (reliability.md 2.5.4). Only the
first may reach the intake. The library could change under us; then the counter refuses to start.
"""

from __future__ import annotations

import dataclasses
import logging
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import paramiko
import structlog

from adapters.border import paramiko_border
from adapters.sftp_accounts import generate_key
from adapters.sftp_uploads import Stage
from gateway.config import Partner, Settings
from gateway.errors import ConfigError
from gateway.lifecycle import State
from gateway.model import Box, Drop, Flow, Reception
from gateway.ports import Clock

BYTES = b"self-test " * 5_000
_WAIT = 10.0


class Recorder:
    """An intake that keeps nothing but the names it was given."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.names: list[str] = []

    def refusal(self, partner: str, box: Box, name: str, size: int) -> str | None:
        return None

    def accepted(self, partner: str, box: Box, name: str) -> str | None:
        return None

    def take(self, drop: Drop, path: Path, sha256: str) -> Reception:
        size = path.stat().st_size
        path.unlink()
        self.names.append(drop.name)
        flow = Flow("SELFTEST", drop.partner, drop.box, drop.channel, drop.name, sha256, size, State.RECEIVED, 1, self._now())
        return Reception(flow, again=False)


def _polite(transport: paramiko.Transport, client: paramiko.SFTPClient, handle: paramiko.SFTPFile) -> None:
    handle.close()


def _reset(transport: paramiko.Transport, client: paramiko.SFTPClient, handle: paramiko.SFTPFile) -> None:
    transport.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.sock.close()


def _disconnect(transport: paramiko.Transport, client: paramiko.SFTPClient, handle: paramiko.SFTPFile) -> None:
    transport.close()


def _channel_eof(transport: paramiko.Transport, client: paramiko.SFTPClient, handle: paramiko.SFTPFile) -> None:
    client.get_channel().shutdown_write()


Ending = Callable[[paramiko.Transport, paramiko.SFTPClient, paramiko.SFTPFile], None]
ENDINGS: dict[str, Ending] = {"polite": _polite, "reset": _reset, "disconnect": _disconnect, "eof": _channel_eof}


def judge(make: Callable[..., Any], settings: Settings, clock: Clock) -> None:
    """Run the four endings on a counter of their own; `ConfigError` when one is misjudged."""
    settings.var.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.var, prefix=".selftest-") as scratch:
        site = Path(scratch)
        public = generate_key(site / "key")
        sftp = dataclasses.replace(settings.sftp, host="127.0.0.1", port=0, host_key="key")
        partner = Partner(name="selftest", keys=(public,))
        recorder = Recorder(clock.now)
        quiet = structlog.wrap_logger(None, wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        inner = dataclasses.replace(settings, site=site, sftp=sftp)
        counter = make(inner, lambda: {"selftest": partner}, recorder, clock, log=quiet, self_test=False)
        port = counter.start()
        try:
            _run(port, paramiko.Ed25519Key.from_private_key_file(str(site / "key")), counter)
        finally:
            counter.stop()
        verify(recorder, {u.name: u.stage for u in counter.uploads.of("selftest", Box.REAL)})


def verify(recorder: Recorder, left: dict[str, Stage]) -> None:
    """The polite upload was taken and it alone; the three others are there, interrupted."""
    wanted = {name: Stage.PARTIAL for name in ENDINGS if name != "polite"}
    if recorder.names != ["polite"] or left != wanted:
        raise ConfigError(
            f"sftp self-test: taken {recorder.names}, left {left}; only a CLOSE request may end an upload; install the pinned paramiko"
        )


def _run(port: int, key: paramiko.PKey, counter: Any) -> None:
    for name, ending in ENDINGS.items():
        with paramiko_border("sftp self-test"):
            transport = paramiko.Transport(socket.create_connection(("127.0.0.1", port), timeout=_WAIT))
            try:
                _upload(transport, key, name, ending)
                _settled(counter, name)
            finally:
                transport.close()


def _upload(transport: paramiko.Transport, key: paramiko.PKey, name: str, ending: Ending) -> None:
    transport.connect(username="selftest", pkey=key)
    client = paramiko.SFTPClient.from_transport(transport)
    handle = client.open(f"/in/{name}", "wb")
    handle.write(BYTES)
    ending(transport, client, handle)


def _settled(counter: Any, name: str) -> None:
    """Wait until the server has seen the end."""
    deadline = time.monotonic() + _WAIT
    tick = threading.Event()
    while time.monotonic() < deadline:
        upload = counter.uploads.find("selftest", Box.REAL, name)
        if upload is None or upload.stage is not Stage.OPEN:
            return
        tick.wait(0.005)
