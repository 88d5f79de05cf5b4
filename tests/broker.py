"""A real RabbitMQ broker for tests: virtual hosts and logins of their own, removed afterwards; no test stands here.

What publishes and reads here is Debian's `amqp-tools`, no code of ours; with it, everything that comes out is looked at from outside.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pika
import pytest

from adapters.amqp import topology
from adapters.amqp.administration import THEIRS
from gateway.config import Amqp, Partner, Publisher, Settings
from gateway.model import Box

HOST, PORT = "127.0.0.1", 5672
PROGRAMS = ("rabbitmqctl", "amqp-publish", "amqp-get")


def required() -> None:
    """Skips without a broker that root may administer, except under CI=true."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if os.geteuid() != 0:
        absent.append("root, for rabbitmqctl")
    with socket.socket() as probe:
        if probe.connect_ex((HOST, PORT)):
            absent.append(f"a broker on {HOST}:{PORT}")
    if absent:
        said = f"no RabbitMQ to test with: {', '.join(absent)}; apt-get install -y rabbitmq-server amqp-tools"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(said)


def control(*words: str, given: str = "") -> str:
    """rabbitmqctl, as the broker's administrator."""
    done = subprocess.run(["rabbitmqctl", "-q", *words], input=f"{given}\n", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Broker:
    """One virtual host with our login and a partner's; both may do there what `gateway amqp declare` lets them."""

    partner: str = "demo"
    name: str = field(default_factory=lambda: f"edi-test-{uuid.uuid4().hex[:12]}")
    password: str = "test"
    port: int = PORT
    virtual_host: str = ""  # "" = the same name

    @property
    def ours(self) -> str:
        return f"{self.name}-gateway"

    @property
    def url(self) -> str:
        return f"amqp://{self.name}:{self.password}@{HOST}:{self.port}/{quote(self.virtual_host or self.name, safe='')}"

    def make(self) -> None:
        control("add_vhost", self.name)
        for user, rights in ((self.ours, (".*", ".*", ".*")), (self.name, THEIRS)):
            control("add_user", user, given=self.password)
            control("set_permissions", "-p", self.name, user, *rights)

    def remove(self) -> None:
        for words in (("delete_vhost", self.name), ("delete_user", self.ours), ("delete_user", self.name)):
            subprocess.run(["rabbitmqctl", "-q", *words], capture_output=True, timeout=60, check=False)

    # --- what a site says of it
    def site_settings(self, folder: Path, **amqp: Any) -> Amqp:
        folder.mkdir(parents=True, exist_ok=True)
        secret = folder / "broker-password"
        secret.write_text(f"{self.password}\n")
        given: dict[str, Any] = {"port": self.port, "user": self.ours, "password_file": str(secret), "connect_seconds": 5.0}
        return Amqp(**{**given, **amqp})

    def settings(self, folder: Path, **amqp: Any) -> Settings:
        return Settings(site=folder, minimum_free_bytes=0, amqp=self.site_settings(folder, **amqp))

    def publisher(self, **amqp: Any) -> Partner:
        given: dict[str, Any] = {"vhost": self.name, "user": self.name}
        return Partner(name=self.partner, application="DEM001", amqp=Publisher(**{**given, **amqp}))

    # --- an independent client
    def publish(self, body: bytes, *, key: str = "in", **headers: object) -> None:
        """amqp-publish: persistent, with the given headers beside the three usual ones (None: without that one)."""
        said = {"partner": self.partner, "type": "flow", "name": "a.xml", **headers}
        words = [word for name, value in said.items() if value is not None for word in ("-H", f"{name}: {value}")]
        command = ["amqp-publish", "-u", self.url, "-e", topology.INTAKE, "-r", key, "-p", *words]
        subprocess.run([*command, *(["-b", ""] if not body else [])], input=body, check=True, timeout=30)

    def get(self, queue: str = topology.REPLIES[Box.REAL]) -> bytes | None:
        """amqp-get: the next message's body, None when there is none."""
        done = subprocess.run(["amqp-get", "-u", self.url, "-q", queue], capture_output=True, timeout=30, check=False)
        assert done.returncode in (0, 2), done.stderr
        return done.stdout if done.returncode == 0 else None

    def all(self, queue: str = topology.REPLIES[Box.REAL]) -> list[bytes]:
        return list(iter(lambda: self.get(queue), None))

    # --- what amqp-tools cannot say: properties
    @contextmanager
    def channel(self, user: str = "") -> Iterator[Any]:
        """A plain channel, as the partner or as another login."""
        login = pika.PlainCredentials(user or self.name, self.password)
        connection = pika.BlockingConnection(pika.ConnectionParameters(HOST, self.port, self.virtual_host or self.name, login))
        try:
            yield connection.channel()
        finally:
            if connection.is_open:
                connection.close()

    def send(self, body: bytes, *, key: str = "in", user: str = "", message_id: str = "m-1", user_id: str = "", **headers: object) -> None:
        """One message with properties, confirmed."""
        said = {"partner": self.partner, "type": "flow", "name": "a.xml", **headers}
        headers = {name: value for name, value in said.items() if value is not None}
        properties = pika.BasicProperties(headers=headers, message_id=message_id or None, user_id=user_id or None, delivery_mode=2)
        with self.channel(user) as channel:
            channel.confirm_delivery()
            channel.basic_publish(topology.INTAKE, key, body, properties, mandatory=True)

    def messages(self, user: str = "", queue: str = topology.REPLIES[Box.REAL]) -> list[tuple[Any, Any, bytes]]:
        """Everything in a queue with its properties, taken."""
        with self.channel(user) as channel:
            return list(iter(lambda: _next(channel, queue), None))

    def counts(self) -> dict[str, int]:
        """Messages ready in each queue, by the queue itself (rabbitmqctl's figures are seconds old)."""
        with self.channel(self.ours) as channel:
            return {name: int(channel.queue_declare(name, passive=True).method.message_count) for name in topology.QUEUES}

    def empty(self) -> None:
        """As it was declared; nothing happens where it never was."""
        with self.channel(self.ours) as channel:
            topology.ensure(channel)
            for name in topology.QUEUES:
                channel.queue_purge(name)

    def cut(self) -> None:
        """The broker ends our connections."""
        control("close_all_connections", "--vhost", self.name, "cut by a test")


def _next(channel: Any, queue: str) -> tuple[Any, Any, bytes] | None:
    method, properties, body = channel.basic_get(queue, auto_ack=True)
    return None if method is None else (method, properties, body)


@contextmanager
def broker(**given: Any) -> Iterator[Broker]:
    """A virtual host of its own."""
    required()
    made = Broker(**given)
    made.make()
    try:
        yield made
    finally:
        made.remove()
