"""Partners' own servers for tests: folders behind a real OpenSSH server, polled; no test stands here."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.brought_returns import BroughtReturns
from adapters.folder import Boxes
from adapters.memory import MemoryBoard
from adapters.polled_door import PolledDoor, Refusal
from adapters.polled_server import PolledServer
from adapters.spool import DiskSpool
from adapters.sqlite import SqliteStore
from gateway.bootstrap_poll import door
from gateway.config import Limits, Partner, Poll, Settings
from gateway.model import Box, Drop, Flow
from gateway.stages import housekeeping
from gateway.stages.desk import Gateway
from gateway.stages.receive import receive_from
from gateway.stages.send import send_brought, send_returns
from tests.sftp_peers import TurnedClock
from tests.sshd import Sshd


def polled_partner(name: str, sshd: Sshd, root: Path, *, port: int = 0, **poll: Any) -> Partner:
    """A partner whose server is `sshd` (behind `port`, a proxy's), with its four folders under `root/<name>`."""
    for folder in ("in", "out", "test/in", "test/out"):
        (root / name / folder).mkdir(parents=True, exist_ok=True)
    port = port or sshd.port
    settings: dict[str, Any] = {
        "host": "127.0.0.1", "port": port, "user": sshd.user, "key": str(sshd.key), "known_hosts": str(sshd.known_hosts(port)),
        "deposit": str(root / name / "in"), "returns": str(root / name / "out"), "test_deposit": str(root / name / "test/in"),
        "test_returns": str(root / name / "test/out"), "connect_seconds": 5.0, "silence_seconds": 5.0,
    }  # fmt: skip
    return Partner(name=name, application=f"{name[:3].upper()}001", poll=Poll(**{**settings, **poll}))


def brought(partner: Partner, server: PolledServer, home: Boxes) -> BroughtReturns:
    """Returns to a partner's server, and at home."""
    return BroughtReturns(partner, server.bring, home, local_box=partner.poll.local_box)


class PolledDoors:
    """The doors of several partners as one, as the folder's is; `acts`: what is in custody."""

    name = "poll"

    def __init__(self, doors: dict[str, PolledDoor]) -> None:
        self.doors = doors

    def drops(self) -> Iterator[tuple[Drop, Path]]:
        for one in self.doors.values():
            yield from one.drops()

    def waiting(self) -> bool:
        return any(one.waiting() for one in self.doors.values())

    def release(self, drop: Drop, path: Path) -> None:
        self.doors[drop.partner].release(drop, path)

    def notices(self) -> list[Refusal]:
        """Taken notice of, and put aside."""
        told = [(one, refusal) for one in self.doors.values() for refusal in one.refusals()]
        for one, refusal in told:
            one.put_aside(refusal)
        return [refusal for _, refusal in told]


class PolledReturns:
    """The channels of several partners as one."""

    def __init__(self, channels: dict[str, BroughtReturns]) -> None:
        self.channels = channels

    def write(self, partner: str, box: Box, name: str, body: bytes) -> None:
        self.channels[partner].write(partner, box, name, body)


class PolledSite:
    """Two partners' folders on a server, and doors over them, without a store: the twin of the folder's site."""

    def __init__(self, root: Path, sshd: Sshd, strategy: str = "rename", **poll: Any) -> None:
        self.root, self.sshd = root / "server", sshd
        self.settings = Settings(site=root / "site", limits=Limits(flow_bytes=4_000_000))
        self.partners = {name: polled_partner(name, sshd, self.root, strategy=strategy, **poll) for name in ("acme", "other")}
        self.clock = TurnedClock()
        self.acts: set[str] = set()
        self._held = ExitStack()
        self.watched = self.new()

    def new(self) -> PolledDoors:
        """Other doors, as after a crash."""
        return PolledDoors({name: self._door(partner) for name, partner in self.partners.items() if partner.enabled})

    def _door(self, partner: Partner) -> PolledDoor:
        server = PolledServer(partner.poll, self.settings)
        self._held.callback(server.close)
        staging = self.settings.var / "poll" / partner.name
        staging.mkdir(parents=True, exist_ok=True)
        return PolledDoor(
            partner, self.settings, server, staging, self.clock, seen=lambda drop: drop.transport_id in self.acts,
            refusal=lambda drop, size: None,
        )  # fmt: skip

    def returns(self) -> PolledReturns:
        """Channels that bring returns to both partners' servers."""
        home = Boxes(self.settings)
        servers = {name: PolledServer(partner.poll, self.settings) for name, partner in self.partners.items()}
        for server in servers.values():
            self._held.callback(server.close)
        return PolledReturns({name: brought(self.partners[name], server, home) for name, server in servers.items()})

    def disable(self, name: str) -> None:
        """As after a reload."""
        self.partners[name] = replace(self.partners[name], enabled=False)
        self.watched = self.new()

    def box(self, name: str = "acme", side: str = "in") -> Path:
        return self.root / name / side

    def take(self, watched: Any = None) -> list[tuple[Drop, bytes]]:
        """Every drop, released after it was read."""
        watched, taken = watched or self.watched, []
        for drop, path in watched.drops():
            taken.append((drop, path.read_bytes()))
            self.acts.add(drop.transport_id)
            watched.release(drop, path)
        return taken

    def close(self) -> None:
        self._held.close()


class SilentBell:
    """Nobody waits."""

    def ring(self, loop: str) -> None:
        """Heard by none."""

    def wait(self, seconds: float) -> None:
        """Not at all."""

    def close(self) -> None:
        """Nothing to give back."""


class Custody:
    """A site on disk with a store, and one polled partner."""

    def __init__(self, root: Path, partner: Partner, client: type[PolledServer] = PolledServer) -> None:
        self.partner, self._client = partner, client
        self.settings = Settings(site=root, minimum_free_bytes=0)
        self.clock = TurnedClock()
        self.boxes = Boxes(self.settings)
        self.gw = Gateway(
            settings=self.settings, partners={partner.name: partner}, store=SqliteStore(self._made("var") / "gateway.db"),
            spool=DiskSpool(self._made("var/spool")), clock=self.clock, bell=SilentBell(),
            board=MemoryBoard(self.clock), channel=self.boxes,
        )  # fmt: skip
        self.start()

    def _made(self, part: str) -> Path:
        (self.settings.site / part).mkdir(parents=True, exist_ok=True)
        return self.settings.site / part

    def start(self) -> None:
        """New doors and channels, as after a crash or a new start; the store and the spool stay."""
        self.server = self._client(self.partner.poll, self.settings)
        self.door = door(self.gw, self.partner, self.server)
        self.bringing = self._client(self.partner.poll, self.settings)
        self.channel = brought(self.partner, self.bringing, self.boxes)

    def poll(self) -> int:
        """One look."""
        taken = receive_from(self.gw, self.door)
        for refusal in self.door.refusals():
            housekeeping.owe_notices(self.gw, [refusal])
            self.door.put_aside(refusal)
        return taken

    def bring(self) -> Exception | None:
        """Bring what is owed, at home by the other loop; what refuses."""
        send_returns(self.gw)
        return send_brought(self.bringing_gateway(), self.partner)

    def bringing_gateway(self) -> Gateway:
        """As the thread that brings has it."""
        return replace(self.gw, channel=self.channel)

    def flows(self) -> list[Flow]:
        return self.gw.store.flows()

    def owed(self) -> dict[str, bytes]:
        """Names and bytes of the real box's returns; of one name written twice, the last."""
        return {one.owed.name: one.owed.body for one in self.gw.store.returns() if one.owed.box is Box.REAL}

    def close(self) -> None:
        self.server.close()
        self.bringing.close()
        self.gw.store.close()


class CutLine:
    """A TCP proxy. Armed, it resets both sides after so many bytes more, whichever way they go; frozen, it is silent."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.passed, self.cuts, self.left = 0, 0, -1
        self.cut_at = 0.0
        self.frozen = False
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, after: int) -> None:
        self.left = after

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        far = socket.create_connection(("127.0.0.1", self._target))
        while True:
            while self.frozen:
                time.sleep(0.01)
            for side in select.select([near, far], [], [])[0]:
                try:
                    data = side.recv(65_536)
                    cut = 0 <= self.left < len(data)
                    share = data[: self.left] if cut else data
                    self._count(len(data))  # before it is passed on: whoever has an answer finds it counted
                    (far if side is near else near).sendall(share)
                except OSError:
                    data, cut = b"", False
                if cut or not data:
                    self._end(near, far, cut=cut)
                    return

    def _count(self, passing: int) -> None:
        self.passed += passing
        self.left = max(-1, self.left - passing)

    def _end(self, near: socket.socket, far: socket.socket, *, cut: bool) -> None:
        if cut:
            self.left, self.cuts, self.cut_at = -1, self.cuts + 1, time.monotonic()
        for side in (near, far):
            if cut:
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            side.close()
