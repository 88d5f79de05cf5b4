"""A whole site whose partner publishes to a node that can be killed, a load on it, and the count from outside; it kills nobody.

The partner's client is plain pika: each invoice has one message id and is published under it until the broker has confirmed it. What became
of it is read from `gateway inspect`, from the local box, and from what the State's double counts.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pika
from pika.exceptions import AMQPError

from adapters.system import lock_holder
from tests.broker import HOST
from tests.flows.site import Site
from tests.private_broker import PrivateBroker
from tests.ubl_invoices import invoice

HEARTBEAT_SECONDS = 2
PATIENCE = 120.0


def publishing_site(folder: Path, node: PrivateBroker) -> Site:
    """A demo site that is not running; its partner has the node's own virtual host and login, which a wiped node makes anew."""
    site = Site(folder)
    (site.folder / "keys" / "broker").write_text("guest\n")
    settings = {"port": node.port, "user": "guest", "password_file": "keys/broker"}
    settings |= {"connect_seconds": 3.0, "heartbeat_seconds": HEARTBEAT_SECONDS}
    path = site.folder / "gateway.toml"
    path.write_text(path.read_text() + "\n[amqp]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
    partner = site.folder / "partners" / "demo.toml"
    partner.write_text(partner.read_text() + '\n[amqp]\nvhost = "/"\nuser = "guest"\n')
    return site


class Load:
    """A partner's client in a thread of its own, which publishes as fast as the broker confirms, as many as it is told to (`more`)."""

    def __init__(self, port: int, *, start: int) -> None:
        self._port, self._next = port, start
        self.confirmed: list[int] = []
        self.again = 0
        self._due: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def more(self, count: int) -> None:
        """So many invoices more."""
        for number in range(self._next, self._next + count):
            self._due.put(number)
        self._next += count

    def end(self) -> None:
        """What is due is confirmed first."""
        self._due.put(0)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the broker does not confirm any more"

    def publish_again(self, numbers: list[int]) -> None:
        """Under the same ids, as a partner does that has no receipt; for a load that has ended."""
        for number in numbers:
            self._until_confirmed(number)

    def _run(self) -> None:
        while number := self._due.get():
            self._until_confirmed(number)
            self.confirmed.append(number)
        self._leave()

    def _until_confirmed(self, number: int) -> None:
        while True:
            try:
                self._publish(number)
                return
            except (AMQPError, OSError):
                self.again += 1
                self._leave()
                time.sleep(0.05)

    _connection: Any = None
    _channel: Any = None

    def _publish(self, number: int) -> None:
        if self._connection is None:
            login = pika.ConnectionParameters(HOST, self._port, heartbeat=HEARTBEAT_SECONDS, socket_timeout=3, stack_timeout=3)
            self._connection = pika.BlockingConnection(login)
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        headers = {"partner": "demo", "type": "flow", "name": f"{number}.xml"}
        properties = pika.BasicProperties(headers=headers, message_id=str(number), delivery_mode=2)
        self._channel.basic_publish("edi.in", "in", invoice(number, number=f"N{number}"), properties, mandatory=True)

    def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(AMQPError, OSError):
                connection.close()


def receipts(site: Site) -> dict[str, Path]:
    """File name of a deposit → its first receipt in the local box."""
    found = {}
    for path in site.box("out").glob("RECEIPT_*.json"):
        found[str(json.loads(path.read_bytes())["name"])] = path
    return found


def receipt_count(site: Site) -> int:
    return sum(1 for _ in site.box("out").glob("RECEIPT_*.json"))


@dataclass
class Counts:
    """What an outsider counts, of the invoices that the broker confirmed."""

    expected: int
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    def count(self, what: str, seen: Counter[str], wanted: set[str]) -> None:
        self.lost += [f"{what} {one}" for one in sorted(wanted - set(seen))]
        self.doubled += [f"{what} {one}: {times} times" for one, times in sorted(seen.items()) if times > 1]

    def __str__(self) -> str:
        return f"{self.expected} flows confirmed: {len(self.lost)} lost, {len(self.doubled)} doubled"


def counted(site: Site, numbers: list[int]) -> Counts:
    """Flows by their files, invoices by what the State was given; the site runs."""
    waiting(lambda: answers(site), "the State's double does not answer")
    found = Counts(len(numbers))
    flows = site.ask("inspect", "flows", "--limit", "100000")
    found.count("flow", Counter(str(flow["file"]) for flow in flows), {f"{number}.xml" for number in numbers})
    given = Counter(str(invoice["number"]) for deposit in site.deposits() for invoice in deposit["numbers"])
    found.count("invoice at the State", given, {f"N{number}" for number in numbers})
    found.lost += [f"flow {flow['flow']}: {flow['state']}" for flow in flows if flow["state"] != "closed"]
    return found


def answers(site: Site) -> bool:
    try:
        site.deposits()
    except OSError:
        return False
    return True


def signal_intake(site: Site, number: signal.Signals) -> None:
    """A signal to the loop that takes messages."""
    holder = lock_holder(site.folder / "var" / "run" / "receive.lock")
    assert holder is not None
    os.kill(holder, number)


def returns(port: int) -> list[tuple[str, str]]:
    """(message id, name) of everything in the reply queue."""
    connection = pika.BlockingConnection(pika.ConnectionParameters(HOST, port))
    channel = connection.channel()
    found = []
    while (message := channel.basic_get("edi.out", auto_ack=True))[0] is not None:
        found.append((str(message[1].message_id), str(message[1].headers["name"])))
    connection.close()
    return found


def waiting(look: Callable[[], bool], what: str) -> float:
    """Seconds until it is so."""
    started = time.monotonic()
    while not look():
        assert time.monotonic() - started < PATIENCE, f"after {PATIENCE:g} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - started
