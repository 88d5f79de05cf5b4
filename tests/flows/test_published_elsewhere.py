"""A broker that is not beside us: declared over its management API, spoken to over TLS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.bootstrap import open_site
from gateway.model import Box, Return, ReturnKind
from tests.broker import Broker
from tests.flows.site import Site, lines
from tests.flows.test_polled_servers import add
from tests.private_broker import PrivateBroker
from tests.ubl_invoices import invoice

pytestmark = pytest.mark.services  # a real RabbitMQ of our own

MAX_MESSAGE_SIZE = 1_000_000


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    started = PrivateBroker(tmp_path_factory.mktemp("rabbitmq"), max_message_size=MAX_MESSAGE_SIZE)
    started.start()
    yield started
    started.stop()


def site_of(folder: Path, node: PrivateBroker, **changes: Any) -> Site:
    site = Site(folder)
    (site.folder / "keys" / "broker").write_text("guest\n")
    (site.folder / "keys" / "acme").write_text("secret\n")
    settings = {
        "port": node.tls_port, "tls": True, "ca_file": str(node.ca), "user": "guest", "password_file": "keys/broker",
        "management": node.management, **changes,
    }  # fmt: skip
    path = site.folder / "gateway.toml"
    path.write_text(path.read_text() + "\n[amqp]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
    add(site, "demo", "", '\n[amqp]\nvhost = "edi/acme"\nuser = "acme"\npassword_file = "keys/acme"\n')
    return site


def test_over_tls_and_the_management_api(tmp_path: Path, node: PrivateBroker) -> None:
    site = site_of(tmp_path / "site", node)
    assert site.run("check").returncode == 3
    for _ in range(2):
        done = site.run("amqp", "declare", "--json")
        assert done.returncode == 0, done.stderr
        assert [step["how"] for step in lines(done.stdout)] == ["management API", "management API", "AMQP"]
    assert site.run("check").returncode == 0
    partner = Broker(name="acme", password="secret", port=node.port, virtual_host="edi/acme")
    partner.publish(invoice(995, number="TLS-1"), name="lot.xml")
    assert site.run("run", "--until-idle").returncode == 0
    (flow,) = site.ask("inspect", "flows")
    assert (flow["file"], flow["state"]) == ("lot.xml", "closed")
    assert {properties.headers["name"] for _, properties, _ in partner.messages()} == site.names("out")


def test_a_return_larger_than_the_broker_takes_keeps_no_other_waiting(tmp_path: Path, node: PrivateBroker) -> None:
    """A control report of very many invoices: told to the administrator, owed until the broker takes it; the next ones go on."""
    site = site_of(tmp_path / "site", node)
    assert site.run("amqp", "declare").returncode == 0
    partner = Broker(name="acme", password="secret", port=node.port, virtual_host="edi/acme")
    partner.all()
    with open_site(site.folder) as gw, gw.store.transaction():
        for name, body in (("NOTICE_1.xml", b"<a/>"), ("NOTICE_2.xml", b" " * (MAX_MESSAGE_SIZE + 1)), ("NOTICE_3.xml", b"<c/>")):
            gw.store.owe(Return("demo", Box.REAL, "", ReturnKind.NOTICE, name, body, name), gw.now())
    done = site.run("run", "--until-idle")
    assert done.returncode == 0
    assert [properties.headers["name"] for _, properties, _ in partner.messages()] == ["NOTICE_1.xml", "NOTICE_3.xml"]
    with open_site(site.folder) as gw:
        assert [one.owed.name for one in gw.store.returns(pending=True)] == ["NOTICE_2.xml"]
    (told, *_) = [line for line in lines(done.stderr) if line["event"] == "return.refused"]
    assert "1000001 bytes are not taken (PRECONDITION_FAILED - message size 1000001" in told["why"]


@pytest.mark.parametrize(("changes", "said"), [
    ({"ca_file": ""}, "certificate verify failed"),
    ({"ca_file": "keys/nosuch.pem"}, "look at ca_file, cert_file and key_file"),
    ({"host": "localhost"}, "certificate verify failed"),
    ({"management": "rabbit:15672"}, "is no address"),
    ({"password_file": "keys/acme"}, "our login must be an administrator there"),
])  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_is_sent(tmp_path: Path, node: PrivateBroker, changes: dict[str, str], said: str) -> None:
    site = site_of(tmp_path / "site", node, **changes)
    done = site.run("amqp", "declare")
    assert done.returncode in (2, 3)
    assert said in done.stderr.decode()
    assert len(done.stderr.decode().splitlines()) == 1
