"""A line that takes what a partner publishes: ack after COMMIT, what cannot be taken is held, a broker that is away waited for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.config import Publisher
from gateway.correspondence import LetterLine
from gateway.errors import StorageRefused, StoreBusy, StoreDamaged, Unreachable
from gateway.letter import Letter
from gateway.model import Blob, Box
from gateway.stages.letters import Settled
from tests.memory_site import MemorySite

HEADERS = {"partner": "demo", "type": "flow", "name": "a.xml"}


def a_letter(body: bytes, message_id: str) -> Letter:
    return Letter(Box.REAL, body, HEADERS, message_id=message_id)


class Queue:
    """The broker's side (LetterSource): what was not settled when the connection is lost comes again."""

    def __init__(self) -> None:
        self.there: list[Letter] = []
        self.in_hand: list[Letter] = []
        self.settled: list[tuple[Letter, Settled]] = []
        self.away: Exception | None = None
        self.on_settle: Callable[[], None] = lambda: None
        self.waited: list[float] = []

    def pump(self, seconds: float) -> None:
        self.waited.append(seconds)
        if self.away:
            self.in_hand = []
            raise self.away
        if not self.in_hand:
            self.in_hand = list(self.there[:4])

    def hand(self) -> list[Letter]:
        return list(self.in_hand)

    def settle(self, settled: Sequence[Settled]) -> None:
        self.on_settle()
        for one in settled:
            letter = self.in_hand.pop(0)
            self.there.remove(letter)
            self.settled.append((letter, one))

    def ready(self) -> int:
        return len(self.there)

    def shut(self) -> None:
        """Nobody waits."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[MemorySite]:
    made = MemorySite(minimum_free_bytes=0)
    made.partner(amqp=Publisher(vhost="v", references=str(tmp_path)))
    yield made
    made.store.close()


class Talk:
    def __init__(self, site: MemorySite) -> None:
        self.site, self.queue = site, Queue()
        self.left: list[int] = []
        self.start()

    def start(self) -> None:
        """Another process."""
        self.queue.in_hand = []
        self.line = LetterLine(self.site.gw, self.site.partners["demo"], self.queue, report=self.left.append)

    def turn(self, seconds: float = 3.0) -> list[str]:
        """Events that were logged."""
        with capture_logs() as logs:
            self.line.turn()
        self.site.clock.advance(seconds)
        return [line["event"] for line in logs]

    def flows(self) -> int:
        return len(self.site.store.flows())


@pytest.fixture
def talk(site: MemorySite) -> Talk:
    return Talk(site)


def test_what_is_published_is_taken_in_order_and_acknowledged(talk: Talk) -> None:
    talk.queue.there = [a_letter(b"<a n='%d'/>" % n, str(n)) for n in range(9)]
    while not talk.line.quiet:
        talk.turn()
    assert [letter.message_id for letter, _ in talk.queue.settled] == [str(n) for n in range(9)]
    assert {settled for _, settled in talk.queue.settled} == {Settled.TAKEN}
    assert [flow.sha256 for flow in talk.site.store.flows()] == [letter_hash(letter) for letter, _ in talk.queue.settled]


def letter_hash(letter: Letter) -> str:
    return hashlib.sha256(letter.body).hexdigest()


def test_nothing_is_acknowledged_before_its_flow_is_committed(talk: Talk) -> None:
    seen: list[int] = []
    talk.queue.there = [a_letter(b"<a/>", "1"), a_letter(b"<b/>", "2")]
    talk.queue.on_settle = lambda: seen.append(talk.flows())
    talk.turn()
    assert (seen, len(talk.queue.settled)) == ([2], 2), "one COMMIT, then one ack for both"


def test_the_order_is_really_seen(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a line that acknowledges first is noticed by the check above."""
    seen: list[int] = []
    talk.queue.there = [a_letter(b"<a/>", "1")]
    talk.queue.on_settle = lambda: seen.append(talk.flows())
    monkeypatch.setattr("gateway.stages.letters.take", lambda gw, partner, group: [Settled.TAKEN] * len(group))
    talk.turn()
    assert seen == [0]


def test_cut_between_commit_and_ack_it_is_the_same_act(talk: Talk) -> None:
    talk.queue.there = [a_letter(b"<a/>", "1")]

    def cut() -> None:
        talk.queue.on_settle = lambda: None
        talk.queue.in_hand = []
        raise Unreachable("broker: reset; it is asked again")

    talk.queue.on_settle = cut
    assert talk.turn() == ["door.postponed"]
    assert (talk.flows(), talk.queue.settled) == (1, [])
    talk.turn()
    assert (talk.flows(), len(talk.queue.settled)) == (1, 1)


@pytest.mark.parametrize("why", [StorageRefused("disk: full; free it"), StoreBusy("store: taken; wait")])
def test_what_cannot_be_taken_now_is_held_and_not_given_back(talk: Talk, monkeypatch: pytest.MonkeyPatch, why: Exception) -> None:
    talk.queue.there = [a_letter(b"<a/>", "1"), a_letter(b"<b/>", "2")]
    with monkeypatch.context() as broken:

        def put(data: bytes) -> None:
            raise why

        broken.setattr(talk.site.spool, "put", put)
        assert talk.turn(0.0) == ["letter.postponed"]
        assert talk.turn(0.0) == []  # kept alive meanwhile, and not tried
        assert talk.queue.in_hand == talk.queue.there
        assert talk.line.quiet  # nothing that could be done now
    talk.site.clock.advance(10)
    talk.turn()
    assert (talk.flows(), len(talk.queue.settled)) == (2, 2)


def test_one_that_cannot_be_taken_holds_no_earlier_one_back(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transaction of all fails; then each is taken alone, in order, as far as it goes."""
    talk.queue.there = [a_letter(b"<a n='%d'/>" % n, str(n)) for n in range(4)]
    put = talk.site.spool.put

    def refuse(data: bytes) -> Blob:
        if b"'2'" in data:
            raise StorageRefused("disk: full; free it")
        return put(data)

    with monkeypatch.context() as broken:
        broken.setattr(talk.site.spool, "put", refuse)
        assert talk.turn(0.0) == ["letter.postponed"]
        assert [letter.message_id for letter, _ in talk.queue.settled] == ["0", "1"]
        assert talk.flows() == 2
    talk.site.clock.advance(10)
    talk.turn()
    assert [letter.message_id for letter, _ in talk.queue.settled] == ["0", "1", "2", "3"]


def test_together_they_keep_a_quota_to_the_file(talk: Talk) -> None:
    talk.site.partner(amqp=talk.site.partners["demo"].amqp, daily_files=3)
    talk.start()
    talk.queue.there = [a_letter(b"<a n='%d'/>" % n, str(n)) for n in range(4)]
    assert talk.turn(0.0) == ["letter.postponed"]
    assert (talk.flows(), len(talk.queue.settled)) == (3, 3)


def test_what_is_left_is_told_once_while_it_is_busy(talk: Talk) -> None:
    talk.queue.there = [a_letter(b"<a n='%d'/>" % n, str(n)) for n in range(12)]
    for _ in range(6):
        talk.turn()
    assert talk.left == [1, 0, 0, 0]


def test_a_broker_that_is_away_is_asked_less_and_less_often(talk: Talk) -> None:
    talk.queue.away = Unreachable("broker: no answer; it is asked again")
    asked = 0
    for _ in range(60):
        asked += "door.postponed" in talk.turn(1.0)
        assert talk.line.quiet
    assert 4 <= asked <= 7
    talk.queue.away, talk.queue.there = None, [a_letter(b"<a/>", "1")]
    talk.site.clock.advance(600)
    talk.turn()
    assert talk.flows() == 1


def test_files_that_messages_name_are_looked_for_while_the_broker_is_away(talk: Talk, tmp_path: Path) -> None:
    data = b"<a/>"
    headers = {**HEADERS, "type": "reference", "file": "a.zip", "sha256": letter_hash(a_letter(data, "")), "size": 4}
    talk.queue.there = [Letter(Box.REAL, b"", headers, message_id="r")]
    talk.turn()
    talk.queue.away = Unreachable("broker: no answer; it is asked again")
    talk.turn()
    (tmp_path / "a.zip").write_bytes(data)
    talk.turn()
    assert talk.flows() == 1


def test_it_is_not_quiet_before_files_that_a_new_message_names_were_looked_for(talk: Talk, tmp_path: Path) -> None:
    """`run --until-idle` would end with a file there that it could have taken."""
    talk.turn(0.0)
    assert talk.line.quiet
    (tmp_path / "a.zip").write_bytes(b"<a/>")
    headers = {**HEADERS, "type": "reference", "file": "a.zip", "sha256": letter_hash(a_letter(b"<a/>", "")), "size": 4}
    talk.queue.there = [Letter(Box.REAL, b"", headers, message_id="r")]
    for _ in range(20):
        talk.turn(0.2)
        if talk.line.quiet:
            break
    assert talk.flows() == 1


def test_a_damaged_store_and_a_bug_come_out(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    for fault in (StoreDamaged("store: damaged; restore"), KeyError("a bug")):
        talk.queue.there = [a_letter(b"<a/>", "1")]
        talk.start()

        def take(*_: object, fault: Exception = fault) -> None:
            raise fault

        monkeypatch.setattr("gateway.stages.letters.take", take)
        with pytest.raises(type(fault)):
            talk.line.turn()


def test_it_is_not_quiet_before_the_broker_says_that_nothing_is_there(talk: Talk) -> None:
    assert not talk.line.quiet
    talk.queue.there = [a_letter(b"<a/>", "1")]
    talk.turn()
    assert not talk.line.quiet
    talk.turn()
    assert (talk.line.quiet, talk.left[-1]) == (True, 0)
