"""Under load the broker is killed, frozen and wiped, and the gateway killed: each invoice is one flow and one deposit at the State."""

from __future__ import annotations

import os
import random
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.broker_site import Load, counted, publishing_site, receipt_count, receipts, returns, signal_intake, waiting
from tests.flows.site import Site
from tests.private_broker import PrivateBroker

pytestmark = pytest.mark.faults

KILLS = int(os.environ.get("KILLS", "20"))
FREEZE_SECONDS = float(os.environ.get("FREEZE_SECONDS", "20"))
"""The issue's 90 s; this is enough for our side to give the connection up (pika: heartbeat and 5 s, looked at as often)."""

BURST = 12
"""Invoices published as fast as the broker confirms them, while the fault happens."""

SEED = 34


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    made = PrivateBroker(tmp_path_factory.mktemp("rabbitmq"), plain=True)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def site(tmp_path: Path, node: PrivateBroker) -> Iterator[Site]:
    if not node.answers():
        node.start()
    made = publishing_site(tmp_path / "site", node)
    made.start()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.stop()


class Play:
    """A load on a site, and how long it took after each fault until the next receipt came."""

    def __init__(self, site: Site, node: PrivateBroker, start: int) -> None:
        self.site, self.node, self.dice = site, node, random.Random(SEED)
        self.load = Load(node.port, start=start)
        self.recoveries: list[float] = []
        self.load.more(3)
        waiting(lambda: receipt_count(site) >= 3, "no receipt comes")

    def confirm(self, count: int) -> None:
        """So many more, until the broker has them."""
        before = len(self.load.confirmed)
        self.load.more(count)
        waiting(lambda: len(self.load.confirmed) >= before + count, "the broker does not confirm")

    def fault(self, happens: Callable[[], None], after: Callable[[], None]) -> None:
        """At a random moment under load; the clock runs from the moment that what was broken is there again."""
        self.load.more(BURST)
        time.sleep(self.dice.random() * 0.5)
        happens()
        after()
        before = receipt_count(self.site)
        self.load.more(1)
        self.recoveries.append(waiting(lambda: receipt_count(self.site) > before, "no receipt comes"))

    def end(self, what: str, *, again: Callable[[], list[int]] = list) -> None:
        """All is taken, passed on and answered; then it is counted, printed and judged."""
        self.load.end()
        confirmed = self.load.confirmed
        self.load.publish_again(again())
        waiting(lambda: receipt_count(self.site) >= len(confirmed), "not everything is taken")
        self.idle()
        held = self.replay_held()
        found = counted(self.site, confirmed)
        published = returns(self.node.port)
        twice = len(published) - len({message_id for message_id, _ in published})
        print(f"\n{what}, seed {SEED}: {found}; {self.load.again} times published again; {held} held for a person and replayed")
        print(f"{len(published)} returns in the queue, {twice} of them twice")
        print(f"recovery: median {statistics.median(self.recoveries):.1f} s, worst {max(self.recoveries):.1f} s until the next receipt")
        assert (found.lost, found.doubled) == ([], [])
        self.names = {name for _, name in published}

    def replay_held(self) -> int:
        """A flow whose work is cut three times running is held by design (retry.ATTEMPTS_BEFORE_PARKING): there, told, and replayed."""
        held = self.site.ask("inspect", "flows", "--state", "parked", "--limit", "1000")
        assert all("without a result" in str(flow["reason"]) for flow in held), held
        if held:
            done = self.site.run("replay", *(str(flow["flow"]) for flow in held), "--reason", "killed by the test", "--yes")
            assert done.returncode == 0, done.stderr
            self.idle()
        return len(held)

    def idle(self) -> None:
        self.site.stop()
        done = self.site.run("run", "--until-idle")
        assert done.returncode == 0, done.stderr
        self.site.start()

    def all_published(self) -> None:
        """The queue holds what the local box holds."""
        assert self.names == self.site.names("out")


def test_the_broker_is_killed_under_load(site: Site, node: PrivateBroker) -> None:
    play = Play(site, node, 100_000)
    for _ in range(KILLS):
        play.fault(node.stop, node.start)
    play.end(f"broker killed {KILLS} times")
    play.all_published()


def test_the_gateway_is_killed_under_load(site: Site, node: PrivateBroker) -> None:
    play = Play(site, node, 200_000)
    for _ in range(KILLS):
        play.fault(lambda: site.stop(signal.SIGKILL), site.start)
    play.end(f"gateway killed {KILLS} times")
    play.all_published()


def test_the_broker_is_frozen_under_load(site: Site, node: PrivateBroker) -> None:
    play = Play(site, node, 300_000)

    def freeze() -> None:
        node.freeze()
        time.sleep(FREEZE_SECONDS)

    play.fault(freeze, node.thaw)
    assert "door.postponed" in (site.folder / "gateway.log").read_text(), "it was not given up"
    play.end(f"broker frozen {FREEZE_SECONDS:g} s")
    play.all_published()


def test_the_brokers_disk_is_wiped_under_load(site: Site, node: PrivateBroker) -> None:
    """What it had confirmed and we had not taken has no receipt: its sender publishes it again, under the same id."""
    play = Play(site, node, 400_000)

    def wipe() -> None:
        signal_intake(site, signal.SIGSTOP)  # so that something lies in the queue
        play.confirm(BURST)
        node.stop()
        node.wipe()
        signal_intake(site, signal.SIGCONT)

    play.fault(wipe, node.start)
    missing = lambda: [n for n in play.load.confirmed if f"{n}.xml" not in receipts(site)]  # noqa: E731
    play.end("broker's disk wiped", again=missing)
    assert play.names <= site.names("out")
