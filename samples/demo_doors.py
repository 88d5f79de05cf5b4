"""The doors of the demo: the gateway's counter, its watched folder, an operator's own server; how flows come in, where returns are found.

Each is the real thing: OpenSSH's client and server where they are installed. What is absent is said in a line, with its package.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from samples.demo_flows import BY_SERVER, single

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/sbin")
PATIENCE_SECONDS = 180

SERVER = """
[poll]
host = "127.0.0.1"
port = {port}
user = "{user}"
key = "{folder}/login"
known_hosts = "{folder}/known_hosts"
deposit = "{folder}/depot"
returns = "{folder}/retours"
local_box = false
interval_seconds = 0.5
"""

SSHD_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/login.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
LogLevel ERROR
Subsystem sftp internal-sftp
"""

Flows = list[tuple[Path, str]]


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Until it holds; the demo fails past its patience."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"demo: {what} did not come within {PATIENCE_SECONDS} s; see gateway.log in the site")
        time.sleep(0.2)


def greets(host: str, port: int) -> bool:
    """True once an SSH server answers there; a socket that listens before its server is awake is not one yet."""
    with suppress(OSError), socket.create_connection((host, port), timeout=1) as probe:
        return probe.recv(4) == b"SSH-"
    return False


class Counter:
    """The gateway's SFTP counter, with OpenSSH's client where there is one, else paramiko's."""

    def __init__(self, site: dict[str, Any]) -> None:
        self._site = site
        self.how = "OpenSSH's sftp" if shutil.which("sftp") else "paramiko's client (no sftp on the PATH; apt-get install openssh-client)"

    def drop(self, files: list[Path]) -> None:
        """Into the operator's in/."""
        if shutil.which("sftp"):
            self._sftp("".join(f'put "{file}" "in/{file.name}"\n' for file in files))
            return
        with self._client() as client:
            for file in files:
                client.put(str(file), f"/in/{file.name}")

    def collect(self, folder: Path) -> list[Path]:
        """Everything of the operator's out/."""
        folder.mkdir(parents=True, exist_ok=True)
        if shutil.which("sftp"):
            self._sftp(f'get out/* "{folder}/"\n')
        else:
            with self._client() as client:
                for name in client.listdir("/out"):
                    client.get(f"/out/{name}", str(folder / name))
        return sorted(folder.iterdir())

    def _sftp(self, batch: str) -> None:
        site = self._site
        known = Path(site["site"]) / "keys" / "known_hosts"
        options = ["-oBatchMode=yes", "-oStrictHostKeyChecking=yes", f"-oUserKnownHostsFile={known}", "-oIdentitiesOnly=yes"]
        command = ["sftp", "-q", "-b", "-", "-i", site["key"], "-P", str(site["port"]), *options, f"{site['partner']}@{site['host']}"]
        done = subprocess.run(command, input=batch, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"demo: sftp ended with {done.returncode}: {done.stderr}")

    @contextmanager
    def _client(self) -> Iterator[Any]:
        import paramiko

        site, client = self._site, paramiko.SSHClient()
        client.load_host_keys(str(Path(site["site"]) / "keys" / "known_hosts"))
        client.connect(site["host"], site["port"], site["partner"], key_filename=site["key"], allow_agent=False, look_for_keys=False)
        try:
            yield client.open_sftp()
        finally:
            client.close()


class WatchedFolder:
    """The box on disk, as a site has it that puts a server of its own in front: a complete file appears by rename."""

    def __init__(self, home: Path) -> None:
        self._box = home / "var/boxes/demo/in"

    def drop(self, file: Path) -> None:
        """By temporary name and rename: a file under its own name is complete."""
        part = shutil.copyfile(file, self._box / f".{file.name}.part")
        part.rename(self._box / file.name)


class OwnServer:
    """An operator's own SFTP server (OpenSSH's, for this user, on a free port), which the gateway polls."""

    absent = "" if SSHD else "no sshd here (apt-get install openssh-server)"

    def __init__(self, home: Path, gateway: Callable[..., str]) -> None:
        self._folder = home / "operator-server"
        self.deposit, self.returns = self._folder / "depot", self._folder / "retours"
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port = int(listener.getsockname()[1])
        for folder in (self.deposit, self.returns):
            folder.mkdir(parents=True)
        for key in ("host", "login"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._folder / key)], check=True)
        kind, public = (self._folder / "host.pub").read_text(encoding="ascii").split()[:2]
        (self._folder / "known_hosts").write_text(f"[127.0.0.1]:{self._port} {kind} {public}\n", encoding="ascii")
        gateway("--site", str(home), "partner", "add", "serveur", "--application", "DEM002")
        with (home / "partners/serveur.toml").open("a", encoding="utf-8") as partner:
            partner.write(SERVER.format(port=self._port, user=getpass.getuser(), folder=self._folder))

    @contextmanager
    def running(self) -> Iterator[None]:
        """The server, until the block ends."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(parents=True, exist_ok=True)  # OpenSSH's privilege separation wants it
        config = self._folder / "sshd_config"
        config.write_text(SSHD_CONFIG.format(port=self._port, folder=self._folder), encoding="utf-8")
        with (self._folder / "log").open("ab") as log:
            server = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(config)], stderr=log)
            try:
                wait_for(lambda: greets("127.0.0.1", self._port), "the operator's own server")
                yield
            finally:
                server.terminate()
                server.wait(PATIENCE_SECONDS)

    def drop(self, file: Path) -> None:
        """As its owner would: under a temporary name, then by rename."""
        part = shutil.copyfile(file, self.deposit / f".{file.name}.part")
        part.rename(self.deposit / file.name)

    def flow(self, outgoing: Path) -> tuple[Path, str]:
        """What its owner leaves on it."""
        return single(outgoing, BY_SERVER, "serveur-1.xml")
