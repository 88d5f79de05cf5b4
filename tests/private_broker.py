"""A RabbitMQ node of a test's own, on free ports, with TLS and the management API or `plain`; no test stands here."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.sshd import free_port

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
START_SECONDS = 180.0


def required() -> None:
    """Skips without Debian's RabbitMQ, except under CI=true."""
    if not SERVER.exists() or shutil.which("openssl") is None:
        said = "no RabbitMQ to start; apt-get install -y rabbitmq-server openssl"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(said)


class PrivateBroker:
    """One node: `port` (AMQP), `tls_port`, `management` (its address), `ca` (what its certificate is checked against); guest/guest.

    `plain`: AMQP alone, which starts in half the time. `max_message_size`: of one body, in bytes."""

    def __init__(self, folder: Path, *, plain: bool = False, max_message_size: int = 128 * 1024 * 1024) -> None:
        required()
        self.folder, self._plain, self._largest = folder, plain, max_message_size
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self.tls_port, self._management_port, self._distribution_port = (free_port() for _ in range(4))
        self.management = f"http://127.0.0.1:{self._management_port}"
        self.ca = folder / "certificate.pem"
        self._process: subprocess.Popen[bytes] | None = None
        self._write()

    def start(self) -> None:
        """Until it answers."""
        place = {
            "HOME": str(self.folder), "RABBITMQ_NODENAME": f"edi{self.port}@localhost", "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"), "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "ERL_EPMD_ADDRESS": "127.0.0.1", "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"), "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none",
        }  # fmt: skip
        with (self.folder / "console.log").open("ab") as log:
            self._process = subprocess.Popen(
                [SERVER], env={**os.environ, **place}, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                pytest.fail(f"the private RabbitMQ does not start: {(self.folder / 'console.log').read_text()[-2000:]}")
            time.sleep(0.2)

    def answers(self) -> bool:
        return all(map(_answers, self._ports()))

    def _ports(self) -> tuple[int, ...]:
        return (self.port,) if self._plain else (self.port, self.tls_port, self._management_port)

    def stop(self) -> None:
        """Killed, with what it started: nobody listens any more."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
            while any(map(_answers, self._ports())):
                time.sleep(0.05)

    def freeze(self) -> None:
        """Silent, its connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._signal(signal.SIGCONT)

    def wipe(self) -> None:
        """Its disk is gone; for a node that was stopped."""
        shutil.rmtree(self.folder / "data")

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def _write(self) -> None:
        if self._plain:
            (self.folder / "plugins").write_text("[].\n")
            (self.folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\nmax_message_size = {self._largest}\n")
        else:
            self._write_all()

    def _write_all(self) -> None:
        key = self.folder / "key.pem"
        words = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=a broker of a test"]
        words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(self.ca)]
        subprocess.run(["openssl", "req", "-x509", *words], check=True, capture_output=True)
        (self.folder / "plugins").write_text("[rabbitmq_management].\n")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nlisteners.ssl.1 = 127.0.0.1:{self.tls_port}\nssl_options.certfile = {self.ca}\n"
            f"ssl_options.keyfile = {key}\nssl_options.cacertfile = {self.ca}\nssl_options.verify = verify_none\n"
            f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self._management_port}\nmax_message_size = {self._largest}\n"
        )


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
