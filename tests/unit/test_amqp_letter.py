"""pika's messages and ours: what a delivery says, and under which name a return is published."""

from __future__ import annotations

from types import SimpleNamespace

import pika
import pytest

from adapters.amqp import letter
from gateway.model import Box


def delivered(*, redelivered: bool = False, exchange: str = "edi.in", **properties: object) -> letter.Letter:
    method = SimpleNamespace(redelivered=redelivered, delivery_tag=1, exchange=exchange)
    return letter.letter(Box.TEST, method, pika.BasicProperties(**properties), b"<a/>")


def test_a_bare_message_says_nothing() -> None:
    found = delivered()
    assert (found.box, found.body, found.user, found.message_id) == (Box.TEST, b"<a/>", "", "")
    assert (dict(found.headers), found.deliveries) == ({}, 0)


def test_the_broker_says_who_and_how_often() -> None:
    found = delivered(user_id="demo", message_id="m", headers={"name": "a.xml", "x-delivery-count": 7}, redelivered=True)
    assert (found.user, found.message_id, found.deliveries, found.text("name")) == ("demo", "m", 7, "a.xml")
    assert delivered(redelivered=True).deliveries == 1


def test_a_count_that_a_first_delivery_carries_is_the_publishers() -> None:
    assert delivered(headers={"x-delivery-count": 500}).deliveries == 0


@pytest.mark.parametrize(("exchange", "echo"), [("edi.in", False), ("", False), ("edi.out", True)])
def test_what_was_published_to_the_exchange_of_returns_is_an_echo(exchange: str, echo: bool) -> None:
    """To the default exchange an administrator puts back what lay in `edi.dead`."""
    assert delivered(exchange=exchange).echo is echo


def test_a_return_has_one_identity_for_its_name_and_bytes() -> None:
    first = letter.message_id("demo", Box.REAL, "RECEIPT_F1.xml", b"1")
    assert first == letter.message_id("demo", Box.REAL, "RECEIPT_F1.xml", b"1")
    others = [("other", Box.REAL, "RECEIPT_F1.xml", b"1"), ("demo", Box.TEST, "RECEIPT_F1.xml", b"1"),
              ("demo", Box.REAL, "RECEIPT_F2.xml", b"1"), ("demo", Box.REAL, "RECEIPT_F1.xml", b"2")]  # fmt: skip
    assert len({first, *(letter.message_id(*other) for other in others)}) == 5


@pytest.mark.parametrize(("name", "key"), [
    ("RECEIPT_F1.json", "real.receipt"), ("CONTROL_F1_1.xml", "real.control"), ("CSO1100A_DEM001_DEM0011100000000000000001", "real.final"),
    ("FEN1200A_DEM001_DEM0011200000000000000001", "real.status"), ("NOTICE_261122-000001.xml", "real.notice"), ("X", "real.other"),
])  # fmt: skip
def test_the_routing_key_says_what_it_is(name: str, key: str) -> None:
    assert letter.routing_key(Box.REAL, name) == key


@pytest.mark.parametrize(("body", "kind"), [
    (b"<a/>", "application/xml"), (b'{"a":1}', "application/json"), (b"\x1f\x8b..", "application/gzip"),
])  # fmt: skip
def test_a_return_is_persistent_and_says_what_it_holds(body: bytes, kind: str) -> None:
    said = letter.properties("demo", Box.TEST, "CONTROL_T1_1.xml", body)
    assert (said.content_type, said.delivery_mode) == (kind, 2)
    assert {k: v for k, v in said.headers.items() if k != "sha256"} == {
        "partner": "demo", "box": "test", "kind": "control", "name": "CONTROL_T1_1.xml",
    }  # fmt: skip
