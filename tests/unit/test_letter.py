"""What a published message is, without a broker: rows 34 to 39 of reliability.md 3.1 as pure decisions, and the identity of its act."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.config import Amqp, Limits, Partner, Publisher, Settings
from gateway.letter import POISON_AFTER, Deposit, Letter, Reference, Refusal, altered, judge, late, poisoned
from gateway.model import Box

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DEMO = Partner(name="demo", amqp=Publisher(vhost="v"))
SETTINGS = Settings(limits=Limits(flow_bytes=1_000_000), amqp=Amqp(body_bytes=100))
HEADERS = {"partner": "demo", "type": "flow", "name": "a.xml"}
SHA = "ab" * 32
FILE = {"type": "reference", "file": "lot.tar.gz", "sha256": SHA, "size": 4}


def a_letter(body: bytes = b"<a/>", *, box: Box = Box.REAL, user: str = "", message_id: str = "", **headers: Any) -> Letter:
    said = {name: value for name, value in {**HEADERS, **headers}.items() if value is not None}
    return Letter(box, body, said, user=user, message_id=message_id)


def judged(letter: Letter, partner: Partner = DEMO, nonce: str = "n") -> Deposit | Reference | Refusal:
    return judge(letter, partner, SETTINGS, at=NOON, nonce=nonce)


def act(letter: Letter, nonce: str = "n") -> str:
    found = judged(letter, nonce=nonce)
    assert not isinstance(found, Refusal)
    return found.drop.transport_id


def refused(letter: Letter, partner: Partner = DEMO) -> Refusal:
    found = judged(letter, partner)
    assert isinstance(found, Refusal), found
    return found


@pytest.mark.parametrize("box", list(Box))
def test_a_body_with_its_headers_is_a_deposit_in_the_box_of_its_queue(box: Box) -> None:
    found = judged(a_letter(box=box))
    assert isinstance(found, Deposit)
    assert (found.body, found.drop.partner, found.drop.box, found.drop.channel, found.drop.name) == (b"<a/>", "demo", box, "amqp", "a.xml")


def test_headers_that_we_do_not_know_are_passed_over_and_bytes_are_text() -> None:
    assert isinstance(judged(a_letter(name=b"a.xml", traceparent="00-1", more=[1, {}])), Deposit)


# --- rows


def test_row_34() -> None:
    found = refused(a_letter(b""))
    assert (found.finding.rule, found.kept) == ("AMQ-001", False)


@pytest.mark.parametrize(("size", "taken"), [(100, True), (101, False)])
def test_row_35(size: int, taken: bool) -> None:
    found = judged(a_letter(b"x" * size))
    assert isinstance(found, Deposit if taken else Refusal)
    assert taken or found.finding.message_fr.startswith("Message de 0.0 Mo : au-delà de 0.0001 Mo")  # type: ignore[union-attr]


@pytest.mark.parametrize(("headers", "named"), [
    ({"partner": None}, "partner"), ({"partner": ""}, "partner"), ({"type": None}, "type"), ({"type": "FLOW"}, "type"),
    ({"name": None}, "name"), ({"name": True}, "name"), ({"name": [1]}, "name"),
    ({**FILE, "file": None}, "file"), ({**FILE, "file": "a/b"}, "file"), ({**FILE, "file": ".."}, "file"),
    ({**FILE, "file": "x.part"}, "file"), ({**FILE, "file": ".hidden"}, "file"),
    ({**FILE, "sha256": SHA.upper()}, "sha256"), ({**FILE, "sha256": None}, "sha256"),
    ({**FILE, "size": None}, "size"), ({**FILE, "size": "4.0"}, "size"), ({**FILE, "size": 0}, "size"), ({**FILE, "size": True}, "size"),
    ({**FILE, "size": "٤"}, "size"),
])  # fmt: skip
def test_row_36_the_header_is_named_and_the_bytes_are_kept(headers: dict[str, Any], named: str) -> None:
    found = refused(a_letter(**headers))
    assert (found.finding.rule, found.finding.message_en, found.kept) == ("AMQ-003", f"Header {named} is missing or unknown.", True)


@pytest.mark.parametrize(("name", "code"), [("../x", "DEP-012"), ("a\nb", "DEP-011"), ("x" * 201, "DEP-014"), (b"\xff.xml", "DEP-017")])
def test_a_name_is_judged_as_at_every_door(name: str | bytes, code: str) -> None:
    assert refused(a_letter(name=name)).finding.rule == code


def test_row_37_says_hashes_or_sizes() -> None:
    reference = judged(a_letter(b"", **FILE))
    assert isinstance(reference, Reference)
    assert altered(reference, "cd" * 32).finding.message_fr == f"Empreinte annoncée {SHA}, calculée {'cd' * 32}."
    assert altered(reference, "9 octets").finding.message_fr == "Empreinte annoncée 4 octets, calculée 9 octets."


def test_row_38_names_the_file() -> None:
    reference = judged(a_letter(b"", **FILE))
    assert isinstance(reference, Reference)
    assert late(reference).finding.message_fr == 'Fichier référencé "lot.tar.gz" non reçu sous 24 h.'


@pytest.mark.parametrize(("letter", "claimed"), [
    (a_letter(partner="other"), "other"), (a_letter(user="guest"), "guest"), (a_letter(b"", partner="other"), "other"),
])  # fmt: skip
def test_row_39(letter: Letter, claimed: str) -> None:
    found = refused(letter)
    assert (found.finding.rule, found.finding.message_en) == ("SEC-011", f'Partner "{claimed}" is not allowed for this account.')
    assert (found.partner, found.kept) == ("demo", False)


def test_row_39_the_login_is_the_partners_name_or_the_one_of_its_file() -> None:
    assert isinstance(judged(a_letter(user="demo")), Deposit)
    other = replace(DEMO, amqp=Publisher(vhost="v", user="login"))
    assert isinstance(judged(a_letter(user="login"), other), Deposit)
    assert refused(a_letter(user="demo"), other).finding.rule == "SEC-011"


@pytest.mark.parametrize(("limit", "size", "taken"), [(0, 1_000_000, True), (0, 1_000_001, False), (10, 11, False), (10, 10, True)])
def test_a_file_over_the_partners_limit_is_refused_before_it_is_waited_for(limit: int, size: int, taken: bool) -> None:
    found = judged(a_letter(b"", **{**FILE, "size": str(size)}), replace(DEMO, flow_bytes=limit))
    assert isinstance(found, Reference if taken else Refusal)
    assert taken or found.finding.rule == "DEP-005"  # type: ignore[union-attr]


# --- identity


def test_the_message_id_with_the_bytes_is_the_act() -> None:
    first = act(a_letter(message_id="m"))
    assert act(a_letter(message_id="m"), nonce="other") == first
    assert act(a_letter(message_id="m2")) != first
    assert act(a_letter(b"<b/>", message_id="m")) != first, "an id used twice must lose nothing"
    assert act(a_letter(message_id="m", box=Box.TEST)) != first


def test_without_an_id_each_delivery_is_an_act() -> None:
    assert act(a_letter(), nonce="1") != act(a_letter(), nonce="2")
    assert act(a_letter(b"", **FILE), nonce="1") != act(a_letter(b"", **FILE), nonce="2")


def test_with_an_id_a_reference_is_the_file_that_it_names() -> None:
    first = act(a_letter(b"", message_id="m", **FILE), nonce="1")
    assert act(a_letter(b"", message_id="m", **FILE), nonce="2") == first
    assert act(a_letter(b"", message_id="m", **{**FILE, "file": "other.zip"})) != first


@pytest.mark.parametrize(("deliveries", "is_poison"), [(POISON_AFTER - 1, False), (POISON_AFTER, True)])
def test_what_never_comes_into_custody_is_answered_in_the_end(deliveries: int, is_poison: bool) -> None:
    letter = replace(a_letter(message_id="m"), deliveries=deliveries)
    found = judged(letter)
    assert isinstance(found, Deposit)
    refusal = poisoned(letter, found, DEMO)
    assert (refusal is not None) == is_poison
    assert refusal is None or (refusal.finding.rule, refusal.kept) == ("AMQ-007", True)
