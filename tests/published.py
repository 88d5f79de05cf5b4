"""A site on disk with a store and one partner that publishes to a real broker, turned by hand; no test stands here."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.amqp.door import AmqpDoor
from adapters.amqp.returns import AmqpReturns
from adapters.brought_returns import BroughtReturns
from adapters.folder import Boxes
from adapters.memory import MemoryBoard
from adapters.spool import DiskSpool
from adapters.sqlite import SqliteStore
from gateway import bootstrap_amqp
from gateway.correspondence import LetterLine
from gateway.model import Flow, ReturnKind
from gateway.stages.desk import Gateway
from gateway.stages.send import send_brought
from tests.broker import Broker
from tests.polled import SilentBell
from tests.sftp_peers import TurnedClock


class Published:
    """One partner of a broker. `door`, `line` and `replies` are a process's: `start` makes them anew, as after a crash."""

    def __init__(self, root: Path, broker: Broker, amqp: dict[str, Any] | None = None, **publisher: Any) -> None:
        self.broker = broker
        self.settings = broker.settings(root, **(amqp or {}))
        self.partner = broker.publisher(**publisher)
        for part in ("spool", "boxes", "ref"):
            (self.settings.var / part).mkdir(parents=True, exist_ok=True)
        self.clock = TurnedClock()
        self.gw = Gateway(
            settings=self.settings, partners={self.partner.name: self.partner}, store=SqliteStore(self.settings.var / "gateway.db"),
            spool=DiskSpool(self.settings.var / "spool"), clock=self.clock, bell=SilentBell(), board=MemoryBoard(self.clock),
            channel=Boxes(self.settings),
        )  # fmt: skip
        self.left: list[int] = []
        self.door: AmqpDoor | None = None
        self.replies: AmqpReturns | None = None
        self.start()

    def start(self) -> None:
        """The process dies (its connections with it) and another one begins; store and spool stay."""
        self.close_connections()
        self.door = bootstrap_amqp.door(self.partner, self.settings)
        self.line = LetterLine(self.gw, self.partner, self.door, report=self.left.append)
        self.replies = bootstrap_amqp.replies(self.partner, self.settings)

    def close_connections(self) -> None:
        for one in (self.door, self.replies):
            if one is not None:
                one.close()

    def turn(self, times: int = 30) -> None:
        """Turns of the line until nothing is left, or so many."""
        for _ in range(times):
            self.line.turn()
            self.clock.turn(seconds=3)
            if self.line.quiet:
                return

    def send(self) -> Exception | None:
        """Publish what is owed; what refuses."""
        assert self.replies is not None
        channel = BroughtReturns(self.partner, self.replies.bring, self.gw.channel, local_box=self.partner.amqp.local_box)
        return send_brought(replace(self.gw, channel=channel), self.partner)

    def flows(self) -> list[Flow]:
        return self.gw.store.flows()

    def notices(self) -> list[str]:
        return [one.owed.body.decode() for one in self.gw.store.returns(kind=ReturnKind.NOTICE)]

    def folder(self) -> Path:
        """Where files that messages name are left."""
        path = self.settings.var / "boxes" / self.partner.name / "ref"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def close(self) -> None:
        with suppress(Exception):
            self.close_connections()
        self.gw.store.close()
