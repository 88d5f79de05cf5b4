"""A real OpenSSH server and a proxy that cuts, for tests; no test stands here."""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config import Destination

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/sbin")


def required() -> str:
    """sshd's path; skips without it, except under CI=true."""
    if SSHD is None:
        if os.environ.get("CI") == "true":
            pytest.fail("sshd is absent; apt-get install -y openssh-server")
        pytest.skip("sshd is absent; apt-get install -y openssh-server")
    return SSHD


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Sshd:
    """`internal-sftp` for the current user on a free port of 127.0.0.1, with its own host key and one allowed key.

    `denied`: SFTP requests that it refuses (`rename`, `remove`, `posix-rename` …), as a server with fewer rights does."""

    def __init__(self, folder: Path, denied: str = "") -> None:
        self.program = required()
        self.denied = f" -P {denied}" if denied else ""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.key = _keygen(folder / "client_key")
        self.host_key = _keygen(folder / "host_key")
        self.user = subprocess.run(["id", "-un"], check=True, capture_output=True, text=True).stdout.strip()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(parents=True, exist_ok=True)  # privilege separation wants it
        config = self.folder / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.host_key}\nAuthorizedKeysFile {self.key}.pub\nPidFile none\n"
            "UsePAM no\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
            f"LogLevel ERROR\nMaxStartups 50\nSubsystem sftp internal-sftp{self.denied}\n"
        )
        self._process = subprocess.Popen([self.program, "-D", "-e", "-f", str(config)], stderr=(self.folder / "log").open("ab"))
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.02)
        raise AssertionError("sshd does not listen")

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def known_hosts(self, port: int) -> Path:
        """A file that pins this server's key for `port` (its own, or a proxy's)."""
        kind, key = Path(f"{self.host_key}.pub").read_text().split()[:2]
        path = self.folder / f"known_hosts_{port}"
        path.write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
        return path

    def change_host_key(self) -> None:
        """Restarted with another key, as after a reinstallation or an interception."""
        self.stop()
        self.host_key = _keygen(self.folder / "other_host_key")
        self.start()


def _keygen(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def openssh_destination(server: Sshd, root: Path, port: int) -> Destination:
    """The boxes under `root`, reached through `port` (the server's, or a proxy's)."""
    known = str(server.known_hosts(port))
    where = Destination(kind="sftp", host="127.0.0.1", port=port, path=str(root), connect_seconds=5.0)
    return replace(where, user=server.user, key=str(server.key), known_hosts=known)


class CuttingProxy:
    """A TCP proxy: cuts before the client's next byte, after so many of its bytes, or when the server answers next."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.cut_next_request = False
        self.cut_next_reply = False
        self.bytes_left: int | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            while True:
                for side in select.select([client, server], [], [])[0]:
                    data = _received(side)
                    if not data or (self._cut_request(data) if side is client else self._cut_reply()):
                        return
                    (server if side is client else client).sendall(data)

    def _cut_request(self, data: bytes) -> bool:
        if self.cut_next_request:
            self.cut_next_request = False
            return True
        if self.bytes_left is not None:
            self.bytes_left -= len(data)
            if self.bytes_left < 0:
                self.bytes_left = None
                return True
        return False

    def _cut_reply(self) -> bool:
        cut, self.cut_next_reply = self.cut_next_reply, False
        return cut


def _received(side: socket.socket) -> bytes:
    try:
        return side.recv(65_536)
    except OSError:
        return b""
