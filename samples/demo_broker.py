"""The demo's door through RabbitMQ: an operator publishes with the sample client and reads its returns; a virtual host of the demo's own.

It needs a broker on this machine that root may administer. What is absent is said in a line. The virtual host and its logins go at the end.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from samples.demo_flows import BY_BROKER, SAMPLES, single

HOST, PORT = "127.0.0.1", 5672
NAME = "edi-demo"

SITE = """
[amqp]
user = "{name}-gateway"
password_file = "keys/broker"
"""

PARTNER = """
[amqp]
vhost = "{name}"
user = "{name}"
password_file = "keys/broker"
local_box = false
"""


def absent() -> str:
    """Why this door is left out, "" when it is there."""
    with socket.socket() as probe:
        if probe.connect_ex((HOST, PORT)):
            return "no RabbitMQ here (apt-get install rabbitmq-server)"
    if shutil.which("rabbitmqctl") is None or os.geteuid() != 0:
        return "making a virtual host at this RabbitMQ needs rabbitmqctl, and root"
    return ""


class Broker:
    """A partner that publishes. Made before the gateway starts."""

    def __init__(self, home: Path, gateway: Callable[..., str]) -> None:
        password = secrets.token_urlsafe(16)
        self._url = f"amqp://{NAME}:{password}@{HOST}:{PORT}/{NAME}"
        self.returns = home / "collected-from-the-broker"
        self.remove()  # what an interrupted demo left
        secret = home / "keys/broker"
        secret.touch(mode=0o600)
        secret.write_text(password, encoding="ascii")
        gateway("--site", str(home), "partner", "add", "courtier", "--application", "DEM003")
        for file, text in (("gateway.toml", SITE), ("partners/courtier.toml", PARTNER)):
            with (home / file).open("a", encoding="utf-8") as settings:
                settings.write(text.format(name=NAME))
        gateway("--site", str(home), "amqp", "declare")

    def drop(self, file: Path) -> None:
        """Publish, confirmed by the broker."""
        self._client("publish.py", "--partner", "courtier", str(file))

    def collect(self) -> None:
        """Take the returns that are there into a folder."""
        self._client("read.py", "--folder", str(self.returns))

    def _client(self, script: str, *words: str) -> None:
        command = [sys.executable, str(SAMPLES / "clients" / script), *words]
        done = subprocess.run(command, env={**os.environ, "AMQP_URL": self._url}, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"demo: {script} ended with {done.returncode}: {done.stderr}")

    def remove(self) -> None:
        """The virtual host and both logins, whether they are there or not."""
        for words in (("delete_vhost", NAME), ("delete_user", NAME), ("delete_user", f"{NAME}-gateway")):
            subprocess.run(["rabbitmqctl", "-q", *words], capture_output=True, check=False)

    def flow(self, outgoing: Path) -> tuple[Path, str]:
        """What it publishes."""
        return single(outgoing, BY_BROKER, "courtier-1.xml")
