"""Whole sites whose partner publishes to a real RabbitMQ with amqp-publish: the answers of any door, and what `gateway amqp` makes."""

from __future__ import annotations

import hashlib
import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.broker import Broker, broker, control
from tests.flows.site import Site, lines, running, until
from tests.flows.test_polled_servers import add, comparable, drop, logged, poll_table
from tests.sshd import Sshd
from tests.ubl_invoices import invoice

pytestmark = pytest.mark.services  # a real RabbitMQ, a real OpenSSH server


@pytest.fixture(scope="module")
def shared() -> Iterator[Broker]:
    with broker() as made:
        yield made


@pytest.fixture
def virtual_host(shared: Broker) -> Broker:
    shared.empty()
    return shared


def publishing(site: Site, one: Broker, name: str = "demo", application: str = "", *, amqp: str = "", **site_amqp: Any) -> None:
    """The partner publishes there; `amqp`: more lines of its table, `site_amqp`: more of the site's."""
    (site.folder / "keys" / "broker").write_text(one.password)
    settings = {"port": one.port, "user": one.ours, "password_file": "keys/broker", "connect_seconds": 3.0, **site_amqp}
    path = site.folder / "gateway.toml"
    if "[amqp]" not in path.read_text():
        path.write_text(path.read_text() + "\n[amqp]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
    add(site, name, application, f'\n[amqp]\nvhost = "{one.name}"\nuser = "{one.name}"\n{amqp}')


def answered(site: Site) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The one flow, over, and the files in the local box."""
    done = site.run("run", "--until-idle")
    assert done.returncode == 0, done.stderr.decode()
    (flow,) = site.ask("inspect", "flows")
    assert (flow["file"], flow["accepted"], flow["state"]) == ("lot.xml", 1, "closed")
    return flow, {path.name: path.read_bytes() for path in site.box("out").iterdir()}


def test_published_dropped_and_polled_a_flow_gets_the_same_answers_byte_for_byte(
    tmp_path: Path, virtual_host: Broker, sshd: Sshd
) -> None:
    """But for number, door and time (issue of the other doors)."""
    data = invoice(960, number="DOORS-1", lines=3) + b"\n"
    answers = []
    for door in ("amqp", "sftp", "polled"):
        site = Site(tmp_path / door)
        if door == "amqp":
            publishing(site, virtual_host)
            virtual_host.publish(data, name="lot.xml")
        elif door == "polled":
            add(site, "demo", "", poll_table(sshd, tmp_path / "server", "demo"))
            drop(tmp_path / "server" / "demo" / "in", "lot.xml", data)
        else:
            over_sftp(site, tmp_path, data)
        flow, files = answered(site)
        answers.append(comparable(files, flow["flow"]))
        if door == "amqp":
            published = {properties.headers["name"]: body for _, properties, body in virtual_host.messages()}
            assert published == files, "the reply queue and the local box hold the same"
    assert answers[0] == answers[1] == answers[2]
    assert {name.split("_")[0] for name in answers[0]} >= {"RECEIPT", "CONTROL", "CSO1100A"}


def test_until_idle_takes_a_file_that_a_message_names_and_that_is_there(tmp_path: Path, virtual_host: Broker) -> None:
    data = invoice(961, number="NAMED-1") + b"\n"
    site = Site(tmp_path / "site")
    publishing(site, virtual_host)
    left = site.folder / "var" / "boxes" / "demo" / "ref" / "big.xml"
    left.parent.mkdir(parents=True)
    left.write_bytes(data)
    said = {"type": "reference", "file": left.name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "name": "lot.xml"}
    virtual_host.publish(b"", **said)
    answered(site)
    assert not left.exists()


def over_sftp(site: Site, folder: Path, data: bytes) -> None:
    (folder / "lot.xml").write_bytes(data)
    site.start("receive")
    done = site.sftp(f"put {folder / 'lot.xml'} /in/.lot.part\nrename /in/.lot.part /in/lot.xml\n")
    assert done.returncode == 0, done.stderr
    site.stop()


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    server = Sshd(tmp_path_factory.mktemp("sshd"))
    server.start()
    yield server
    server.stop()


def test_killed_at_any_moment_every_message_gives_one_flow(tmp_path: Path, virtual_host: Broker) -> None:
    """With message ids: SIGKILL again and again while messages are taken; none is lost, none is taken twice."""
    site = Site(tmp_path / "site")
    publishing(site, virtual_host)
    site.start()
    until(lambda: "edi.in" in declared(virtual_host), "the topology is not declared")
    count = 0
    for _ in range(4):
        for _ in range(15):
            count += 1
            virtual_host.send(invoice(1000 + count, number=f"KILL-{count}"), message_id=f"k-{count}", name=f"k{count}.xml")
        site.stop(signal.SIGKILL)
        virtual_host.cut()
        site.start()
    until(lambda: len(site.ask("inspect", "flows", "--limit", "1000")) >= count, "messages are not taken")
    until(lambda: virtual_host.counts()["edi.in"] == 0, "messages are not acknowledged")
    site.stop()
    flows = site.ask("inspect", "flows", "--limit", "1000")
    assert sorted(flow["file"] for flow in flows) == sorted(f"k{n}.xml" for n in range(1, count + 1))
    assert not any(json.loads(body).get("again") for body in bodies(virtual_host) if body.startswith(b"{"))


def bodies(one: Broker) -> list[bytes]:
    return [body for _, _, body in one.messages()]


def declared(one: Broker) -> set[str]:
    return set(control("list_queues", "-p", one.name, "--no-table-headers", "name").split())


def test_declare_makes_and_check_verifies_it(tmp_path: Path) -> None:
    with broker() as one:
        one.remove()  # nothing is there: no virtual host, no login
        site = Site(tmp_path / "site")
        publishing(site, one, amqp='password_file = "keys/broker"\n')
        check = site.run("check", "--json")
        assert (check.returncode, failing(check.stdout)) == (3, {"amqp demo"})
        for _ in range(2):
            done = site.run("amqp", "declare", "--json")
            assert done.returncode == 0, done.stderr
            assert [(step["what"].split(",")[0], step["done"]) for step in lines(done.stdout)] == [
                ("virtual host", True), ("virtual host", True), ("exchanges", True),
            ]  # fmt: skip
        assert site.run("check", "--json").returncode == 0
        one.publish(invoice(970, number="DECLARED-1"))
        with one.channel(one.ours) as channel:
            channel.queue_delete("edi.test.in")
        said = next(line for line in lines(site.run("check", "--json").stdout) if line["check"] == "amqp demo")
        assert "queue edi.test.in missing, nothing is consumed; run gateway amqp declare" in said["answer"]
        assert site.run("run", "--until-idle").returncode == 0  # a running gateway declares it again
        assert site.run("check").returncode == 0
        assert len(site.ask("inspect", "flows")) == 1


def failing(stdout: bytes) -> set[str]:
    return {line["check"] for line in lines(stdout) if not line["ok"]}


def test_where_nobody_may_make_logins_the_line_to_run_is_told(tmp_path: Path, virtual_host: Broker) -> None:
    site = Site(tmp_path / "site")
    publishing(site, virtual_host)
    done = site.run("amqp", "declare", "--json", environ={"PATH": "/nonexistent"})
    assert done.returncode == 0, done.stderr
    first, second = lines(done.stdout)
    assert (first["done"], second["done"]) == (False, True)
    assert first["run"].startswith(f"rabbitmqctl add_vhost {virtual_host.name} ; rabbitmqctl add_user")


def test_a_broker_that_lost_everything_is_made_anew_and_what_was_taken_goes_on(tmp_path: Path) -> None:
    with broker() as one:

        def prepare(site: Site) -> None:
            publishing(site, one, amqp='password_file = "keys/broker"\n', restore=True)

        with running(tmp_path / "site", prepare) as site:
            until(lambda: "edi.in" in declared(one), "the topology is not declared")
            one.send(invoice(980, number="WIPED-1"), name="before.xml")
            until(lambda: site.ask("inspect", "flows"), "it is not taken")
            one.remove()
            until(lambda: "broker.restored" in {line["event"] for line in logged(site)}, "it is not made anew")
            until(lambda: published(one), "the topology is not made anew")
            until(lambda: len(site.ask("inspect", "flows")) == 2, "the next is not taken")
            until(lambda: {flow["state"] for flow in site.ask("inspect", "flows")} == {"closed"}, "flows do not end")


def published(one: Broker) -> bool:
    """True once the broker takes a message again."""
    try:
        one.send(invoice(981, number="WIPED-2"), name="after.xml")
    except Exception:  # noqa: BLE001 - whatever is not there yet
        return False
    return True


def test_a_stop_is_quick_and_other_partners_do_not_wait_for_a_dead_broker(tmp_path: Path, virtual_host: Broker) -> None:
    def prepare(site: Site) -> None:
        publishing(site, virtual_host, "far", "FAR001", port=9)

    with running(tmp_path / "site", prepare) as site:
        site.drop("a.xml", invoice(990, number="DEAD-1"))
        until(lambda: any(name.startswith("RECEIPT") for name in site.names()), "no receipt")
        until(lambda: ("far", "door.postponed") in {(line.get("source"), line["event"]) for line in logged(site)}, "nothing is told")
        check = site.run("check", "--json")
        assert (check.returncode, failing(check.stdout)) == (3, {"amqp far"})
        code, took = site.stop(signal.SIGTERM)
        assert (code, took < 5.0) == (0, True), took
        site.start()
    assert not re.search(r"Traceback|pika", (site.folder / "gateway.log").read_text())
