"""What is published and cannot be taken, one case a row of reliability.md 3.1 (rows 34 to 40), on a real RabbitMQ."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pika
import pytest
from structlog.testing import capture_logs

from adapters.amqp import topology
from gateway.model import Box, ReturnKind
from tests.broker import Broker, broker, control
from tests.published import Published

pytestmark = pytest.mark.services  # a real RabbitMQ
DATA = b"<a/>"


@pytest.fixture(scope="module")
def shared() -> Iterator[Broker]:
    with broker() as made:
        yield made


@pytest.fixture
def virtual_host(shared: Broker) -> Broker:
    shared.empty()
    return shared


@pytest.fixture
def unmade() -> Iterator[Broker]:
    """A virtual host in which nothing is declared."""
    with broker() as made:
        yield made


@pytest.fixture
def case(tmp_path: Path, virtual_host: Broker) -> Iterator[Callable[..., Published]]:
    made: list[Published] = []

    def build(**amqp: Any) -> Published:
        made.append(Published(tmp_path / "site", virtual_host, amqp))
        made[-1].turn()  # the topology is there from the first connection on
        return made[-1]

    yield build
    for one in made:
        one.close()


def only_notice(one: Published) -> str:
    """The one notice that is owed; a second turn, as after a crash, owes no other."""
    one.turn()
    assert one.flows() == []
    (notice,) = one.notices()
    return notice.replace("&quot;", '"')


def test_row_34_an_empty_body_is_told_and_gone(case: Callable[..., Published], virtual_host: Broker) -> None:
    one = case()
    virtual_host.publish(b"")
    notice = only_notice(one)
    assert 'code="AMQ-001"' in notice
    assert "Le message est vide (0 octet)." in notice
    assert "The message is empty (0 bytes)." in notice
    one.send()
    assert virtual_host.counts() == {**dict.fromkeys(virtual_host.counts(), 0), "edi.out": 1}  # answered over AMQP, no bytes kept


def test_row_35_a_body_over_the_limit_is_told_how_else(case: Callable[..., Published], virtual_host: Broker) -> None:
    one = case()
    virtual_host.publish(b" " * 16_200_000)
    notice = only_notice(one)
    assert "Message de 16.2 Mo : au-delà de 16 Mo, déposez le fichier et publiez sa référence." in notice
    assert "Message of 16.2 MB: above 16 MB, deposit the file and publish its reference." in notice
    assert virtual_host.counts()["edi.dead"] == 0


@pytest.mark.parametrize(("headers", "named"), [
    ({"partner": None}, "partner"), ({"type": None}, "type"), ({"name": None}, "name"), ({"type": "invoice"}, "type"),
    ({"type": "reference", "sha256": "0" * 64, "size": "4"}, "file"), ({"type": "reference", "file": "a", "size": "4"}, "sha256"),
    ({"type": "reference", "file": "a", "sha256": "0" * 64, "size": "-4"}, "size"),
    ({"type": "reference", "file": "../../keys/x", "sha256": "0" * 64, "size": "4"}, "file"),
])  # fmt: skip
def test_row_36_missing_or_unknown_headers_are_named_and_the_bytes_kept(
    case: Callable[..., Published], virtual_host: Broker, headers: dict[str, Any], named: str
) -> None:
    one = case()
    virtual_host.publish(DATA, **headers)
    notice = only_notice(one)
    assert f"En-tête {named} absent ou inconnu." in notice
    assert f"Header {named} is missing or unknown." in notice
    ((_, properties, body),) = virtual_host.messages(virtual_host.ours, "edi.dead")
    assert body == DATA
    assert properties.headers["x-death"][0]["reason"] == "rejected"


def reference(virtual_host: Broker, data: bytes, **headers: object) -> None:
    said = {"type": "reference", "file": "big.tar.gz", "sha256": hashlib.sha256(data).hexdigest(), "size": len(data), **headers}
    virtual_host.publish(b"", **said)


def test_row_37_a_file_with_another_hash_is_told_and_put_aside(case: Callable[..., Published], virtual_host: Broker) -> None:
    one = case()
    (one.folder() / "big.tar.gz").write_bytes(b"<b/>")
    reference(virtual_host, DATA)
    notice = only_notice(one)
    wanted, found = (hashlib.sha256(data).hexdigest() for data in (DATA, b"<b/>"))
    assert f"Empreinte annoncée {wanted}, calculée {found}." in notice
    assert f"Announced hash {wanted}, computed {found}." in notice
    assert [path.name[:9] for path in one.folder().iterdir()] == [".refused-"]
    assert one.gw.store.awaited_files("demo") == []


def test_row_38_a_file_that_never_comes_is_waited_for_a_day_and_told(case: Callable[..., Published], virtual_host: Broker) -> None:
    one = case()
    reference(virtual_host, DATA)
    one.turn()
    one.clock.turn(hours=23)
    one.turn(3)
    assert (one.notices(), virtual_host.counts()["edi.in"]) == ([], 0)  # it waits with us, not at the broker
    one.start()
    one.clock.turn(hours=1)
    notice = only_notice(one)
    assert 'Fichier référencé "big.tar.gz" non reçu sous 24 h.' in notice
    assert 'The referenced file "big.tar.gz" did not come within 24 hours.' in notice


def test_row_39_another_partners_name_is_refused_and_an_administrator_called(case: Callable[..., Published], virtual_host: Broker) -> None:
    one = case()
    virtual_host.publish(DATA, partner="other")
    with capture_logs() as logs:
        notice = only_notice(one)
    assert 'Partenaire "other" non autorisé pour ce compte.' in notice
    assert 'Partner "other" is not allowed for this account.' in notice
    assert [(line["log_level"], line["code"]) for line in logs if line["event"] == "letter.refused"] == [("error", "SEC-011")]
    assert virtual_host.counts()["edi.dead"] == 0


def test_row_39_another_login_by_the_brokers_own_word(case: Callable[..., Published], virtual_host: Broker) -> None:
    one = case()
    virtual_host.send(DATA, user=virtual_host.ours, user_id=virtual_host.ours)
    assert f'Partenaire "{virtual_host.ours}" non autorisé pour ce compte.' in only_notice(one)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker):  # and nobody can lie there
        virtual_host.send(DATA, user=virtual_host.ours, user_id=virtual_host.name)


def test_row_40_a_message_that_comes_for_ever_gets_the_same_receipt(case: Callable[..., Published], virtual_host: Broker) -> None:
    one = case()
    virtual_host.send(DATA)
    logs: list[Any] = []
    for _ in range(5):
        taking_without_ack(one)
        with capture_logs() as heard:
            one.start()
        logs += heard
    with capture_logs() as heard:
        one.turn()
    (flow,) = one.flows()
    told = [line for line in [*logs, *heard] if line["event"] == "letter.repeated"]
    assert told[-1]["code"] == "AMQ-006"
    assert told[-1]["motif"] == "Message redistribué 5 fois ; même accusé."
    receipts = one.gw.store.returns(kind=ReturnKind.RECEIPT)
    assert [(one.owed.name, b'"again": false' in one.owed.body) for one in receipts if one.owed.name.endswith("json")] == [
        (f"RECEIPT_{flow.number}.json", True)
    ]
    assert virtual_host.counts()["edi.in"] == 0


def taking_without_ack(one: Published) -> None:
    """Custody, and the process dies before the ack."""
    from gateway.stages import letters

    assert one.door is not None
    while not one.door.hand():
        one.door.pump(1.0)
    letters.take(one.gw, one.partner, one.door.hand())


def nested(levels: int) -> bytes:
    """Arrays in arrays, as they stand on the wire."""
    value = b""
    for _ in range(levels):
        value = b"A" + struct.pack(">I", len(value)) + value
    return value


@pytest.mark.parametrize("odd", [
    b"T" + struct.pack(">Q", 2**62), b"T" + struct.pack(">Q", 1_795_000_000_000), nested(5000), b"D\xff" + struct.pack(">i", 7),
    b"l" + struct.pack(">q", 2**62), b"x" + struct.pack(">I", 2) + b"\xff\x00", b"V",
], ids=["past all calendars", "milliseconds", "nested", "decimal", "huge", "bytes", "void"])  # fmt: skip
def test_a_header_of_any_type_is_passed_over(
    case: Callable[..., Published], virtual_host: Broker, monkeypatch: pytest.MonkeyPatch, odd: bytes
) -> None:
    """What a client library may write and the broker carries as it is; the message is taken, and what stands behind it."""
    encode = pika.data.encode_value

    def encoded(pieces: list[bytes], value: object) -> int:
        if value is not odd:
            return int(encode(pieces, value))
        pieces.append(odd)
        return len(odd)

    one = case()
    with monkeypatch.context() as patched:
        patched.setattr(pika.data, "encode_value", encoded)
        virtual_host.send(DATA, odd=odd)
    virtual_host.send(b"<b/>", message_id="m-2", name="b.xml")
    with capture_logs() as logs:
        one.turn()
    assert sorted(flow.name for flow in one.flows()) == ["a.xml", "b.xml"]
    assert logs == []


def test_what_no_xml_can_hold_is_shown_in_the_notice(case: Callable[..., Published], virtual_host: Broker) -> None:
    one = case()
    virtual_host.send(DATA, partner="a\uffff")
    assert 'Partenaire "a\\uFFFF" non autorisé pour ce compte.' in only_notice(one)


def test_a_count_of_deliveries_that_the_publisher_wrote_is_not_the_queues(case: Callable[..., Published], virtual_host: Broker) -> None:
    """What is put back from `edi.dead` says there how often it came before."""
    one = case()
    virtual_host.send(DATA, **{"x-delivery-count": 500})
    one.turn()
    assert [flow.name for flow in one.flows()] == ["a.xml"]
    virtual_host.send(b"<b/>", message_id="m-2", **{"x-delivery-count": 500})
    for _ in range(2):
        one.start()
        assert one.door is not None
        while not one.door.hand():
            one.door.pump(1.0)
        (letter,) = one.door.hand()
    assert letter.deliveries in (1, 2), "delivered again, the queue's own count stands there"


def test_an_id_and_names_of_any_bytes_are_answered(case: Callable[..., Published], virtual_host: Broker) -> None:
    one = case()
    with virtual_host.channel() as channel:
        for odd in (b"\xff\xfe", b"\x00", "\u202e".encode()):
            headers = {"partner": "demo", "type": "flow", "name": odd * 400}
            channel.basic_publish("edi.in", "in", DATA, pika.BasicProperties(headers=headers, message_id=odd))
    one.turn()
    assert [notice.split('code="')[1][:7] for notice in one.notices()] == ["DEP-017", "DEP-012", "DEP-011"]


def test_a_deposit_of_the_test_box_comes_by_its_own_key(case: Callable[..., Published], virtual_host: Broker) -> None:
    one = case()
    virtual_host.publish(DATA, key="test.in")
    one.turn()
    assert [(flow.box, flow.channel, flow.name) for flow in one.flows()] == [(Box.TEST, "amqp", "a.xml")]


def test_our_own_returns_are_no_deposits_however_a_partner_leads_them_back(case: Callable[..., Published], virtual_host: Broker) -> None:
    """Permissions are by name, and queues and exchanges share theirs: a partner may bind its deposit queue to the returns. Each notice
    would then be refused with a notice, for ever."""
    one = case()
    with virtual_host.channel() as channel:
        channel.queue_bind("edi.in", topology.RETURNS, "#")
    try:
        virtual_host.send(DATA)
        with capture_logs() as logs:
            for _ in range(5):
                one.turn()
                one.send()
        assert ([flow.name for flow in one.flows()], one.notices()) == (["a.xml"], [])
        assert {(line["log_level"], line["event"]) for line in logs} == {("error", "letter.echoed")}
        assert virtual_host.counts() == {**dict.fromkeys(virtual_host.counts(), 0), "edi.out": 2}
    finally:
        with virtual_host.channel(virtual_host.ours) as channel:
            channel.queue_unbind("edi.in", topology.RETURNS, "#")


def test_a_queue_that_is_deleted_under_us_is_made_anew(case: Callable[..., Published], virtual_host: Broker) -> None:
    """The broker ends our consumer without a word to whoever does not ask."""
    one = case()
    with virtual_host.channel(virtual_host.ours) as channel:
        channel.queue_delete("edi.in")
    for _ in range(10):
        one.turn()
    virtual_host.send(DATA, message_id="after")
    one.turn()
    assert [flow.name for flow in one.flows()] == ["a.xml"]


def test_a_queue_that_is_deleted_and_made_anew_before_we_look_is_consumed(case: Callable[..., Published], virtual_host: Broker) -> None:
    """As an administrator does it, or our own thread of returns."""
    one = case()
    with virtual_host.channel(virtual_host.ours) as channel:
        channel.queue_delete("edi.in")
        control("list_consumers", "-p", virtual_host.name)  # an answer of the broker later
        topology.ensure(channel)
    virtual_host.send(DATA)
    for _ in range(10):
        one.line.turn()
        one.clock.turn(seconds=60)
    assert [flow.name for flow in one.flows()] == ["a.xml"]


def test_a_channel_that_ends_with_messages_in_our_hands_loses_none(case: Callable[..., Published], virtual_host: Broker) -> None:
    """As the broker ends it after half an hour without an ack: what was in our hands comes again."""
    one = case()
    for n in range(6):
        virtual_host.send(b"<a n='%d'/>" % n, message_id=f"m-{n}")
    assert one.door is not None
    while not one.door.hand():
        one.door.pump(1.0)
    one.door._link._channel.basic_ack(9999)  # the broker's *no* ends the channel, and is read at the next turn
    heard: list[str] = []
    for _ in range(30):
        with capture_logs() as logs:
            one.line.turn()
        heard += [line["event"] for line in logs]
        one.clock.turn(seconds=60)
    assert heard == ["door.postponed"]
    assert len(one.flows()) == 6
    assert virtual_host.counts()["edi.in"] == 0


def test_a_queue_without_dead_letters_is_not_consumed(tmp_path: Path, unmade: Broker) -> None:
    with unmade.channel(unmade.ours) as channel:
        channel.exchange_declare("edi.in", "direct", durable=True)
        channel.queue_declare("edi.in", durable=True, arguments={"x-queue-type": "quorum"})
        channel.queue_bind("edi.in", "edi.in", "in")
    unmade.publish(DATA)
    one = Published(tmp_path / "site", unmade)
    with capture_logs() as logs:
        one.line.turn()
    assert "edi.in: is not as amqp declare makes it" in next(line["why"] for line in logs if line["event"] == "door.postponed")
    assert one.flows() == []
    with unmade.channel(unmade.ours) as channel:
        assert channel.queue_declare("edi.in", passive=True).method.message_count == 1
    one.close()


def test_a_login_that_may_not_declare_proves_nothing_and_consumes_nothing(tmp_path: Path, unmade: Broker) -> None:
    control("set_permissions", "-p", unmade.name, unmade.ours, "^$", ".*", ".*")
    one = Published(tmp_path / "site", unmade)
    with capture_logs() as logs:
        one.line.turn()
    assert "cannot be declared, and so not verified" in next(line["why"] for line in logs if line["event"] == "door.postponed")
    one.close()
