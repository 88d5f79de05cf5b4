"""The line to the broker is cut at 200 random bytes, in every step of a deposit and a return: nothing lost, nothing doubled, in what time.

A proxy stands between a real RabbitMQ and both of its clients, the partner's (plain pika, publishing under one id until it is confirmed)
and ours; every third time our process "dies" as well. Waits that the product makes between two attempts are counted, not slept.
"""

from __future__ import annotations

import hashlib
import os
import random
import statistics
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pika.exceptions import AMQPError
from structlog.testing import capture_logs

from adapters.amqp import topology
from adapters.amqp.door import AmqpDoor
from adapters.amqp.returns import AmqpReturns
from adapters.brought_returns import BroughtReturns
from gateway import correspondence, letter
from gateway.correspondence import LetterLine
from gateway.model import Box, ReturnKind
from gateway.polling import ReturnLine
from gateway.stages.letters import Settled
from tests.broker import PORT, Broker, broker
from tests.polled import CutLine
from tests.published import Published

pytestmark = pytest.mark.faults

CUTS = int(os.environ.get("CUTS", "200"))
STEPS = ("publishing", "connecting", "delivery", "ack", "return", "confirm")
WEIGHTS = (5, 2, 3, 4, 4, 2)
ACK_BYTES = 21
"""Frame header (7), class and method (4), tag (8), multiple (1), end (1): ours, which nothing answers, and the broker's, a confirm."""


@dataclass
class Steps:
    """Which step is to be cut, and how many bytes each takes when it is not."""

    line: CutLine
    sizes: dict[str, int] = field(default_factory=lambda: {"ack": ACK_BYTES, "confirm": ACK_BYTES})
    wanted: str = ""
    dice: random.Random = field(default_factory=lambda: random.Random(2026))

    def step(self, name: str, work: Callable[[], object]) -> None:
        before = self.line.passed
        if name == self.wanted:
            self.line.arm(self.dice.randrange(self.sizes[name]))
            self.wanted = ""
        work()
        if name not in self.sizes:
            time.sleep(0.1)  # until the proxy has passed all of it on
            self.sizes[name] = self.line.passed - before


    def answered(self, name: str, work: Callable[[], object]) -> None:
        """A step whose last bytes are the broker's confirm, which can be what is to be cut."""
        if self.wanted == "confirm" and name in self.sizes:
            self.line.arm(self.sizes[name] - ACK_BYTES + self.dice.randrange(ACK_BYTES))
            self.wanted = ""
        elif self.wanted == "return":
            self.wanted = name
        self.step(name, work)


class SteppedDoor(AmqpDoor):
    """The real door; it only says which step begins."""

    steps: Steps

    def pump(self, seconds: float) -> None:
        channel = self._link._channel
        if channel is not None and channel.is_open:
            super().pump(seconds)
        else:
            self.steps.step("connecting", lambda: AmqpDoor.pump(self, seconds))

    def settle(self, settled: Sequence[Settled]) -> None:
        self.steps.step("ack", lambda: AmqpDoor.settle(self, settled))


class SteppedReturns(AmqpReturns):
    """The real replies; they only say which step begins."""

    steps: Steps

    def bring(self, box: Box, name: str, body: bytes) -> None:
        with self._link.calling():  # connecting is the door's step
            pass
        self.steps.answered(f"return of {name[-4:]}", lambda: AmqpReturns.bring(self, box, name, body))


class Play(Published):
    """A published site; `settle` turns its two lines as the threads would, until everything is taken and published."""

    def __init__(self, root: Path, virtual_host: Broker, line: CutLine) -> None:
        self.steps = SteppedDoor.steps = SteppedReturns.steps = Steps(line)
        self.direct, self.files = virtual_host, dict[str, str]()
        self.again = 0
        super().__init__(root, replace(virtual_host, port=line.port), amqp={"connect_seconds": 5.0})

    def start(self) -> None:
        super().start()
        self.door, self.replies = SteppedDoor(self.partner, self.settings), SteppedReturns(self.partner, self.settings)
        self.line = LetterLine(self.gw, self.partner, self.door, report=self.left.append)
        channel = BroughtReturns(self.partner, self.replies.bring, self.gw.channel, local_box=False)
        gw = replace(self.gw, channel=channel)
        self.returns = ReturnLine(gw, self.partner, home=channel.at_home, shut=self.replies.shut, keep=self.replies.keep)

    def publish(self, step: str = "") -> None:
        """One file, under one id until it is confirmed; through the proxy when that is what is cut."""
        name = f"{len(self.files)}.bin"
        body = random.Random(name).randbytes(3_000)
        self.files[hashlib.sha256(body).hexdigest()] = name
        if step == "delivery":
            self.steps.step("delivery", lambda: self.direct.send(body, name=name, message_id=name))
            return
        while True:
            try:
                client = self.broker if step == "publishing" else self.direct
                send = lambda client=client: client.send(body, name=name, message_id=name)  # noqa: E731
                self.steps.step("publishing", send) if step == "publishing" else send()
                return
            except (AMQPError, OSError):
                self.again += 1

    def settle(self) -> float:
        """Seconds that the product would have waited between its attempts."""
        waited, settled = 0.0, 0
        for _ in range(120):
            for one in (self.line, self.returns):
                one.turn()
            settled = settled + 1 if self.settled() else 0
            if settled == 2:
                return max(0.0, waited - 1.0)
            self.clock.turn(seconds=1)
            waited += 1.0
        raise AssertionError(f"120 turns were not enough: {len(self.flows())} flows of {len(self.files)}")

    def settled(self) -> bool:
        assert self.door is not None
        channel = self.door._link._channel
        connected = channel is not None and channel.is_open and not self.door.hand()
        return connected and len(self.flows()) >= len(self.files) and not self.gw.store.returns(pending=True, limit=1)


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    monkeypatch.setattr(correspondence, "WAIT_SECONDS", 0.05)
    with broker() as virtual_host:
        virtual_host.empty()
        line = CutLine(PORT)
        made = Play(tmp_path / "site", virtual_host, line)
        yield made
        made.close()
        line.close()


@dataclass
class Tally:
    """What the cuts led to. Seconds: at work after a cut until all was settled, and of waits between attempts meanwhile."""

    aimed: Counter[str]
    work: list[float]
    waits: list[float]
    lost: int = 0
    doubled: int = 0
    repeated: int = 0  # a second receipt for one file


def cut(play: Play, cuts: int, only: str = "") -> Tally:
    """`only`: aim at that step alone."""
    line, dice, tally = play.steps.line, random.Random(7), Tally(Counter(), [], [])
    measure(play)
    while line.cuts < cuts:
        step, before = only or dice.choices(STEPS, WEIGHTS)[0], line.cuts
        assert sum(tally.aimed.values()) < 3 * cuts, "the cuts miss: the test proves nothing"
        tally.aimed[step] += 1
        if step == "connecting":
            play.door.close()  # type: ignore[union-attr]
        play.steps.wanted = step
        play.publish(step)
        if line.cuts % 3 == 2:
            play.line.turn()
            play.start()  # the process died after the cut, and has forgotten everything
        waited = play.settle()
        if line.cuts > before:
            tally.work.append(time.monotonic() - line.cut_at)
            tally.waits.append(waited)
        line.arm(-1)
    taken = [flow.sha256 for flow in play.flows()]
    tally.lost, tally.doubled = len(set(play.files) - set(taken)), len(taken) - len(set(taken))
    tally.repeated = len(play.gw.store.returns()) // 2 - len(taken)
    return tally


def measure(play: Play) -> None:
    """What each step sends when nothing is cut."""
    play.publish()
    play.settle()
    for step in ("publishing", "delivery"):  # beside the first returns, connecting was measured
        play.steps.sizes = {name: size for name, size in play.steps.sizes.items() if not name.startswith("return")}
        play.publish(step)
        play.settle()
    play.steps.sizes["return"] = max(size for name, size in play.steps.sizes.items() if name.startswith("return"))


def test_cut_anywhere_a_message_is_one_flow_and_its_returns_are_published(play: Play) -> None:
    started = time.monotonic()
    with capture_logs():
        tally = cut(play, CUTS)
    owed = play.gw.store.returns()
    play.close_connections()
    published = [(properties.message_id, properties.headers["name"], body) for _, properties, body in play.direct.messages()]
    twice = len(published) - len({message_id for message_id, *_ in published})
    aimed = ", ".join(f"{step} {tally.aimed[step]} of {play.steps.sizes[step]} bytes" for step in STEPS)
    print(f"\n{play.steps.line.cuts} cuts, seeds 7 and 2026 ({aimed})")
    print(f"{len(play.files)} files: {tally.lost} lost, {tally.doubled} doubled, {tally.repeated} told again; "
          f"{play.again} published again by the partner")  # fmt: skip
    print(f"{len(owed)} returns owed, {len({name for _, name, _ in published})} published, {twice} of them once more under the same id")
    print(f"recovery: median {statistics.median(tally.work):.2f} s, worst {max(tally.work):.2f} s at work; waits between attempts: median "
          f"{statistics.median(tally.waits):.0f} s, worst {max(tally.waits):.0f} s; all in {time.monotonic() - started:.0f} s")  # fmt: skip
    assert (tally.lost, tally.doubled, tally.repeated) == (0, 0, 0)
    assert {one.owed.kind for one in owed} == {ReturnKind.RECEIPT}
    assert {(name, body) for _, name, body in published} == {(one.owed.name, one.owed.body) for one in owed}
    assert play.direct.counts() | {"edi.out": 0} == dict.fromkeys(topology.QUEUES, 0)


def test_a_door_that_acknowledges_at_delivery_is_found_out(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness is not blind."""

    def eager(self: AmqpDoor, channel: Any) -> None:
        self._in_hand.clear()
        topology.ensure(channel)
        for box, queue in topology.DEPOSITS.items():
            channel.basic_consume(queue, self._hearing(box), auto_ack=True)

    monkeypatch.setattr(AmqpDoor, "_prepare", eager)
    monkeypatch.setattr(AmqpDoor, "settle", lambda self, settled: self._in_hand.popleft())
    with capture_logs(), pytest.raises(AssertionError, match="turns were not enough"):
        cut(play, 20, only="delivery")
    assert len(play.flows()) < len(play.files)


def test_a_door_that_forgets_its_acts_is_found_out(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness is not blind."""
    monkeypatch.setattr(letter, "_act", lambda letter, nonce: uuid.uuid4().hex)
    with capture_logs():
        assert cut(play, 12, only="ack").repeated > 0


def test_returns_that_are_not_confirmed_are_found_out(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness is not blind."""
    monkeypatch.setattr("adapters.amqp.returns._prepare", topology.ensure)
    with capture_logs():
        cut(play, 20, only="return")
    play.close_connections()
    published = {properties.headers["name"] for _, properties, _ in play.direct.messages()}
    assert published < {one.owed.name for one in play.gw.store.returns()}
