"""Returns at the broker: persistent, confirmed, one identity; unroutable, cut or refused they stay owed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.amqp import topology
from gateway.errors import Unreachable
from gateway.model import Box, OwedReturn, Return, ReturnKind
from tests.broker import PORT, Broker, broker
from tests.polled import CutLine
from tests.published import Published

pytestmark = pytest.mark.services  # a real RabbitMQ


@pytest.fixture(scope="module")
def shared() -> Iterator[Broker]:
    with broker() as made:
        yield made


@pytest.fixture
def case(tmp_path: Path, shared: Broker) -> Iterator[Callable[..., Published]]:
    made: list[Published] = []

    def build(**publisher: Any) -> Published:
        shared.empty()
        made.append(Published(tmp_path / "site", shared, **publisher))
        shared.send(b"<a/>")
        made[-1].turn()
        return made[-1]

    yield build
    for one in made:
        one.close()


def pending(one: Published) -> list[OwedReturn]:
    return one.gw.store.returns(pending=True)


def test_a_return_is_persistent_and_says_what_it_is(case: Callable[..., Published], shared: Broker) -> None:
    one = case()
    assert one.send() is None
    found = shared.messages()
    assert [(method.routing_key, properties.headers["name"]) for method, properties, _ in found] == [
        ("real.receipt", owed.owed.name) for owed in one.gw.store.returns()
    ]
    assert {properties.delivery_mode for _, properties, _ in found} == {2}
    assert [body for *_, body in found] == [owed.owed.body for owed in one.gw.store.returns()]
    assert sorted(path.name for path in (one.settings.var / "boxes/demo/out").iterdir()) == sorted(
        properties.headers["name"] for _, properties, _ in found
    )


def test_sent_again_it_has_the_same_id_and_the_same_bytes(case: Callable[..., Published], shared: Broker) -> None:
    one = case(local_box=False)
    one.send()
    first = [(properties.message_id, body) for _, properties, body in shared.messages()]
    with one.gw.store.transaction():
        assert one.gw.store.owe_again(one.flows()[0].number) == 2
    one.send()
    assert [(properties.message_id, body) for _, properties, body in shared.messages()] == first
    assert not (one.settings.var / "boxes/demo/out").exists()


def test_what_no_queue_takes_stays_owed_until_one_does(case: Callable[..., Published], shared: Broker) -> None:
    one = case()
    assert one.replies is not None
    with one.replies._link.calling():  # connected, so that the topology is not mended by connecting
        pass
    with shared.channel(shared.ours) as channel:
        channel.queue_unbind("edi.out", topology.RETURNS, "real.#")
    refused = one.send()
    assert isinstance(refused, Unreachable)
    assert "no queue is bound" in str(refused)
    assert len(pending(one)) == 2
    assert one.send() is None  # connected anew, what is ours is declared anew
    assert (len(pending(one)), len(shared.messages())) == (0, 2)


def test_what_the_broker_refuses_stays_owed(case: Callable[..., Published], shared: Broker) -> None:
    """A reply queue that is full nacks."""
    one = case()
    with shared.channel(shared.ours) as channel:
        channel.queue_delete("edi.out")
        full = {"x-max-length": 0, "x-overflow": "reject-publish", "x-queue-type": "quorum"}
        channel.queue_declare("edi.out", durable=True, arguments=full)
    assert one.replies is not None
    one.replies._link._prepare = lambda channel: channel.confirm_delivery()
    with shared.channel(shared.ours) as channel:
        channel.queue_bind("edi.out", topology.RETURNS, "real.#")
    refusals = [one.send() for _ in range(3)]
    assert any(isinstance(refused, Unreachable) and "not confirmed" in str(refused) for refused in refusals), refusals
    assert pending(one)
    with shared.channel(shared.ours) as channel:
        channel.queue_delete("edi.out")


def test_cut_anywhere_a_return_comes_at_least_once_and_deposits_exactly_once(tmp_path: Path) -> None:
    """A proxy resets the connection after ever more bytes, the answer to a publish among them."""
    with broker() as made:
        made.empty()
        line = CutLine(PORT)
        one = Published(tmp_path / "site", replace(made, port=line.port), amqp={"heartbeat_seconds": 2})
        for n in range(12):
            made.send(b"<a n='%d'/>" % n, message_id=f"m-{n}")
            line.arm(150 + 250 * n)
            for _ in range(20):
                one.turn(4)
                one.send()
                if len(one.flows()) == n + 1 and not pending(one):
                    break
                one.clock.turn(minutes=10)
        assert line.cuts > 3
        one.turn()
        assert (len(one.flows()), pending(one), made.counts()["edi.in"]) == (12, [], 0)
        seen: dict[str, bytes] = {}
        for _, properties, body in made.messages():
            assert seen.setdefault(properties.message_id, body) == body
        assert sorted(seen.values()) == sorted(owed.owed.body for owed in one.gw.store.returns())
        one.close()
        line.close()


def test_a_test_deposits_returns_have_a_queue_of_their_own(case: Callable[..., Published], shared: Broker) -> None:
    one = case()
    shared.send(b"<t/>", key="test.in", message_id="t")
    one.turn()
    one.send()
    (first, *_) = shared.messages(queue=topology.REPLIES[Box.TEST])
    assert (first[0].routing_key, first[1].headers["box"]) == ("test.receipt", "test")


def test_a_broker_that_freezes_is_left_and_what_it_held_comes_once(tmp_path: Path) -> None:
    """A deposit, an ack and a publish on a line that carries nothing: neither waits without an end, nothing is lost or doubled."""
    with broker() as made:
        made.empty()
        line = CutLine(PORT)
        one = Published(tmp_path / "site", replace(made, port=line.port), amqp={"heartbeat_seconds": 1, "connect_seconds": 2.0})
        one.turn()
        assert one.send() is None
        made.send(b"<a/>")
        line.frozen = True
        assert told_within(one, 60) == "door.postponed"
        with one.gw.store.transaction():
            one.gw.store.owe(Return("demo", Box.REAL, "", ReturnKind.NOTICE, "NOTICE_x.xml", b"<n/>", "notice:x"), one.gw.now())
        assert isinstance(one.send(), Unreachable)
        line.frozen = False
        one.clock.turn(minutes=10)
        for _ in range(5):
            one.turn()
            one.clock.turn(minutes=10)
            one.send()
        assert (len(one.flows()), pending(one), made.counts()["edi.in"]) == (1, [], 0)
        one.close()
        line.close()


def told_within(one: Published, turns: int) -> str:
    """The first thing that is logged, which is what heartbeats and connecting find."""
    for _ in range(turns):
        with capture_logs() as logs:
            one.line.turn()
        if logs:
            return str(logs[0]["event"])
    return ""


def test_a_connection_that_nothing_is_brought_over_answers_heartbeats(case: Callable[..., Published]) -> None:
    one = case()
    assert one.replies is not None
    assert one.send() is None
    first = one.replies._link._connection
    one.replies.keep()
    assert one.replies._link._connection is first
    one.broker.cut()
    until_closed(one)
    assert one.replies._link._connection is None  # lost, and not made anew for nothing
    with one.gw.store.transaction():
        one.gw.store.owe_again(one.flows()[0].number)
    assert one.send() is None


def until_closed(one: Published) -> None:
    assert one.replies is not None
    deadline = time.monotonic() + 30
    while one.replies._link._connection is not None and time.monotonic() < deadline:
        one.replies.keep()
        time.sleep(0.05)
