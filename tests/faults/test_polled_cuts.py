"""A partner's server is cut at 200 random bytes, in every step of a look and of a return: nothing lost, nothing doubled, in what time.

The line between us and a real OpenSSH server is cut by a proxy, at a byte of what passes in either direction during one step; every third
time our process "dies" as well (all that it remembers is gone). Waits that the product makes between two attempts are counted, not slept.
"""

from __future__ import annotations

import hashlib
import os
import random
import statistics
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from adapters.polled_door import Held, PolledDoor
from adapters.polled_fetch import Fetched
from adapters.polled_server import Answer, PolledServer
from adapters.sftp_answers import Row
from gateway.model import ReturnKind
from gateway.polling import DropLine, ReturnLine
from tests.polled import Custody, CutLine, polled_partner
from tests.sshd import Sshd

pytestmark = pytest.mark.faults

CUTS = int(os.environ.get("CUTS", "200"))
STEPS = ("connecting", "listing", "claim", "look", "download", "removal", "upload")
WEIGHTS = (2, 2, 1, 1, 6, 2, 4)


@dataclass
class Steps:
    """Which step is to be cut, and how many bytes each step takes when it is not."""

    line: CutLine
    sizes: dict[str, int] = field(default_factory=dict)
    wanted: str = ""
    dice: random.Random = field(default_factory=lambda: random.Random(2026))

    def begin(self, step: str) -> int:
        if step == self.wanted:
            self.line.arm(self.dice.randrange(self.sizes[step]))
            self.wanted = ""
        return self.line.passed

    def end(self, step: str, before: int) -> None:
        self.sizes.setdefault(step, self.line.passed - before)


class SteppedServer(PolledServer):
    """The real client; it only says which step begins."""

    steps: Steps

    def rows(self, folder: str, limit: int) -> tuple[list[Row], bool]:
        step = "listing" if self._link.alive() else "connecting"
        before = self.steps.begin(step)
        found = super().rows(folder, limit)
        self.steps.end(step, before)
        return found

    def move(self, source: str, target: str) -> Answer:
        before = self.steps.begin("claim")
        answer = super().move(source, target)
        self.steps.end("claim", before)
        return answer

    def row(self, path: str) -> Row | None:
        before = self.steps.begin("look")
        found = super().row(path)
        self.steps.end("look", before)
        return found

    def blocks(self, path: str, size: int, offset: int = 0) -> Iterator[bytes]:
        before = self.steps.begin("download")
        yield from super().blocks(path, size, offset)
        self.steps.end("download", before)

    def remove(self, path: str) -> Answer:
        before = self.steps.begin("removal")
        answer = super().remove(path)
        self.steps.end("removal", before)
        return answer

    def write(self, folder: str, name: str, body: bytes) -> None:
        before = self.steps.begin("upload")
        super().write(folder, name, body)
        self.steps.end("upload", before)


class Play:
    """A polled site; `settle` turns its two lines as the threads would, until everything is taken and brought."""

    def __init__(self, tmp_path: Path, sshd: Sshd, line: CutLine) -> None:
        self.steps = SteppedServer.steps = Steps(line)
        self.server = tmp_path / "server" / "acme"
        partner = polled_partner("acme", sshd, tmp_path / "server", port=line.port, local_box=False, test_deposit="", test_returns="")
        self.custody = Custody(tmp_path / "site", partner, client=SteppedServer)
        self.files: dict[str, str] = {}
        self.turn_on()

    def turn_on(self) -> None:
        custody = self.custody
        custody.start()
        nothing = lambda *_: None  # noqa: E731 - nobody watches
        self.drops = DropLine(custody.gw, custody.partner, custody.door, report=nothing, shut=nothing)
        self.returns = ReturnLine(custody.bringing_gateway(), custody.partner, home=custody.channel.at_home, shut=nothing)

    def drop(self) -> None:
        name = f"{len(self.files)}.bin"
        body = random.Random(name).randbytes(60_000)
        self.files[hashlib.sha256(body).hexdigest()] = name
        (self.server / "in" / f"{name}.part").write_bytes(body)
        (self.server / "in" / f"{name}.part").rename(self.server / "in" / name)

    def settle(self) -> float:
        """Seconds that the product would have waited between its attempts."""
        waited = 0.0
        for _ in range(40):
            for one in (self.drops, self.returns):
                pause = one.turn()
                if not one.quiet or pause not in (30.0, 1.0):
                    waited += pause
                self.custody.clock.turn(seconds=pause)
            if self.settled():
                return waited
        raise AssertionError("forty turns were not enough")

    def settled(self) -> bool:
        pending = self.custody.gw.store.returns(pending=True, limit=1)
        return not list((self.server / "in").iterdir()) and not pending and len(self.custody.flows()) == len(self.files)


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    sshd = Sshd(tmp_path / "sshd")
    sshd.start()
    line = CutLine(sshd.port)
    made = Play(tmp_path, sshd, line)
    yield made
    made.custody.close()
    line.close()
    sshd.stop()


@dataclass
class Tally:
    """What the cuts led to. Seconds: at work after a cut until all was settled, and of waits between attempts meanwhile."""

    aimed: dict[str, int]
    work: list[float]
    waits: list[float]
    lost: int = 0
    doubled: int = 0
    repeated: int = 0


def cut(play: Play, cuts: int, only: str = "") -> Tally:
    """`only`: aim at that step alone."""
    line, dice, tally = play.steps.line, random.Random(7), Tally(dict.fromkeys(STEPS, 0), [], [])
    for _ in range(3):  # what an uncut cycle sends
        play.drop()
        play.settle()
    while line.cuts < cuts:
        step, before = only or dice.choices(STEPS, WEIGHTS)[0], line.cuts
        tally.aimed[step] += 1
        if step == "connecting":
            play.custody.server.close()
        play.steps.wanted = step
        play.drop()
        if line.cuts % 3 == 2:
            play.drops.turn()
            play.turn_on()  # the process died after the cut, and has forgotten everything
        waited = play.settle()
        if line.cuts > before:
            tally.work.append(time.monotonic() - line.cut_at)
            tally.waits.append(waited)
    taken = [flow.sha256 for flow in play.custody.flows()]
    tally.lost, tally.doubled = len(set(play.files) - set(taken)), len(taken) - len(set(taken))
    tally.repeated = len(play.custody.gw.store.returns()) // 2 - len(taken)
    return tally


def test_cut_anywhere_a_polled_file_is_one_flow_and_its_returns_are_brought(play: Play) -> None:
    started = time.monotonic()
    with capture_logs():
        tally = cut(play, CUTS)
    owed = play.custody.gw.store.returns()
    brought = {path.name: path.read_bytes() for path in (play.server / "out").iterdir()}
    aimed = ", ".join(f"{step} {count}" for step, count in tally.aimed.items())
    print(f"\n{play.steps.line.cuts} cuts (aimed at {aimed}) of {len(play.files)} files: {tally.lost} lost, {tally.doubled} doubled, "
          f"{tally.repeated} told again; {len(brought)} returns brought of {len(owed)} owed")  # fmt: skip
    print(f"recovery: median {statistics.median(tally.work):.2f} s, worst {max(tally.work):.2f} s at work; waits between attempts: median "
          f"{statistics.median(tally.waits):.1f} s, worst {max(tally.waits):.1f} s; all in {time.monotonic() - started:.0f} s")  # fmt: skip
    assert (tally.lost, tally.doubled, tally.repeated) == (0, 0, 0)
    assert {one.owed.kind for one in owed} == {ReturnKind.RECEIPT}
    assert brought == {one.owed.name: one.owed.body for one in owed}


def test_a_door_that_removes_before_custody_is_found_out(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness is not blind."""
    whole = PolledDoor._whole

    def eager(self: PolledDoor, held: Held, part: Fetched) -> bool:
        found = whole(self, held, part)
        self._server.remove(held.path)
        return found

    monkeypatch.setattr(PolledDoor, "_whole", eager)
    with capture_logs(), pytest.raises(AssertionError, match="forty turns"):
        cut(play, 30, only="removal")
    assert len(play.custody.flows()) < len(play.files)


def test_a_door_that_forgets_its_acts_is_found_out(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness is not blind."""
    drop = PolledDoor._drop
    monkeypatch.setattr(PolledDoor, "_drop", lambda self, held, act: drop(self, held, uuid.uuid4().hex))
    with capture_logs():
        assert cut(play, 30, only="removal").repeated > 0
