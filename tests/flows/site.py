"""A site as a stranger uses it: the installed command, files in boxes, `sftp`, HTTP; it knows nothing of the gateway's inside and polls.

A process costs half a second: `inspect` is one the first time, and then asked inside this process, with the same words.

Deadlines are generous (the machine may be busy); where the contract promises seconds, the test itself measures them.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, TypeVar

import pytest
from lxml import etree

COMMAND = str(Path(sys.executable).with_name("gateway"))
ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "schemas"
CPP_STATUT = SCHEMAS / "chorus" / "CPPStatut.xsd"
PATIENCE = 60.0
POLL = 0.03
CONTROL = "{urn:edi-concentrator:control:1}"
RECEIPT = "{urn:edi-concentrator:receipt:1}"

T = TypeVar("T")


def until(look: Callable[[], T], what: str, seconds: float = PATIENCE) -> T:
    """The first truthy answer of `look`; the test fails when none comes in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            pytest.fail(f"after {seconds:g} s: {what}")
        time.sleep(POLL)


def run(
    *words: str | Path, stdin: bytes = b"", environ: dict[str, str] | None = None, cwd: Path | None = None, program: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[bytes]:
    """One command, whatever it answers."""
    given = {k: v for k, v in os.environ.items() if k not in ("GATEWAY_SITE", "LC_ALL", "LANG")} | (environ or {})
    command = [*(program or (COMMAND,)), *map(str, words)]
    return subprocess.run(command, input=stdin, capture_output=True, env=given, cwd=cwd, timeout=120, check=False)


def lines(stdout: bytes) -> list[dict[str, Any]]:
    """JSON Lines and nothing else: every line is an object."""
    found = [json.loads(line) for line in stdout.decode("utf-8").splitlines()]
    assert all(isinstance(one, dict) for one in found)
    return found


def one_line(done: subprocess.CompletedProcess[bytes]) -> str:
    """The error of a command: one line on stderr, `where: what is wrong; what would be right`, no traceback, nothing on stdout."""
    said = done.stderr.decode("utf-8").splitlines()
    assert len(said) == 1, said
    assert ": " in said[0], said[0]
    assert done.stdout == b""
    return said[0]


class Site:
    """One site; `start` runs its loops in the background."""

    def __init__(self, folder: Path) -> None:
        made = run("init", folder, "--demo", "--json")
        assert made.returncode == 0, made.stderr
        self.made = lines(made.stdout)[0]
        self.folder = folder
        self.samples = Path(self.made["samples"])
        self.process: subprocess.Popen[bytes] | None = None
        self._schemas: dict[str, etree.XMLSchema] = {}
        self._asked: set[tuple[str | Path, ...]] = set()

    # --- the command
    def run(self, *words: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
        return run("--site", self.folder, *words, **options)

    def ask(self, *words: str | Path, code: int = 0) -> list[dict[str, Any]]:
        """A reading command with --json; its objects."""
        if words[0] == "inspect" and words[:2] in self._asked and code == 0:
            return lines(self._inside(*words, "--json"))
        self._asked.add(words[:2])
        done = self.run(*words, "--json")
        assert done.returncode == code, (done.returncode, done.stderr.decode())
        return lines(done.stdout)

    def _inside(self, *words: str | Path) -> bytes:
        from gateway.cli import cli

        said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with redirect_stdout(said):
            cli.main(["--site", str(self.folder), *map(str, words)], prog_name="gateway", standalone_mode=False)
        said.flush()
        return bytes(said.buffer.getvalue())  # type: ignore[attr-defined]  # the buffer is the BytesIO above

    def deposit(self, *files: Path, partner: str = "demo", test: bool = False) -> list[dict[str, Any]]:
        return self.ask("deposit", partner, *files, *(["--test"] if test else []))

    def flow(self, number: str) -> dict[str, Any]:
        return self.ask("inspect", "flow", number)[0]

    def invoices(self, flow: str) -> list[dict[str, Any]]:
        return self.ask("inspect", "invoices", "--flow", flow)

    # --- the loops
    def start(self, *words: str) -> None:
        log = (self.folder / "gateway.log").open("ab")
        self.process = subprocess.Popen([COMMAND, "--site", str(self.folder), "run", *words], stdout=subprocess.PIPE, stderr=log)
        until(self.answers, "the SFTP counter does not answer")

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.made["host"], self.made["port"])) == 0

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """(exit code, seconds it took)."""
        assert self.process is not None
        started = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(30)
        return code, time.monotonic() - started

    # --- boxes
    def box(self, side: str, partner: str = "demo") -> Path:
        return self.folder / "var" / "boxes" / partner / side

    def names(self, side: str = "out", partner: str = "demo") -> set[str]:
        folder = self.box(side, partner)
        return {path.name for path in folder.iterdir() if not path.name.startswith(".")} if folder.is_dir() else set()

    def returned(self, name: str, partner: str = "demo", side: str = "out", seconds: float = PATIENCE) -> Path:
        path = self.box(side, partner) / name
        until(path.exists, f"{name} is not in {side}/ of {partner}: {sorted(self.names(side, partner))}", seconds)
        return path

    def receipt(self, flow: str, partner: str = "demo", side: str = "out") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.returned(f"RECEIPT_{flow}.json", partner, side).read_bytes())
        return found

    def control(self, flow: str, generation: int = 1, partner: str = "demo", side: str = "out") -> Any:
        return self.parsed(self.returned(f"CONTROL_{flow}_{generation}.xml", partner, side))

    def finals(self, own: str, partner: str = "demo") -> list[tuple[str, Any]]:
        """Final reports on a flow (by its number, or by the identifier of its Chorus name), in the order of their numbers."""
        found = []
        for name in sorted((n for n in self.names("out", partner) if n.startswith("CSO")), key=lambda n: n[-15:]):
            root = self.parsed(self.box("out", partner) / name)
            if root.findtext(".//IdFlux") == own:
                found.append((name, root))
        return found

    def final(self, own: str, partner: str = "demo", count: int = 1) -> tuple[str, Any]:
        return until(lambda: self.finals(own, partner)[count - 1 : count], f"no final report {count} on {own}")[0]

    def status_codes(self, number: str, partner: str = "demo") -> list[str]:
        """IdStatut told of an invoice so far, in the order of the files."""
        told = []
        for name in sorted(n for n in self.names("out", partner) if n.startswith("FEN1200A")):
            root = self.parsed(self.box("out", partner) / name)
            told += [u.findtext("DonneesStatut/IdStatut") for u in root.iter("CPPFactureStatutUnitaire")
                     if u.findtext("DonneesStatut/IdFacture") == number]  # fmt: skip
        return told

    def drop(self, name: str, data: bytes, partner: str = "demo", side: str = "in") -> None:
        """On disk, by rename."""
        part = self.box(side, partner) / f".{name}.part"
        part.write_bytes(data)
        part.rename(self.box(side, partner) / name)

    # --- what the files must be
    def parsed(self, path: Path) -> Any:
        """A returned XML file, which its schema accepts."""
        data = path.read_bytes()
        assert not data.startswith(b"\xef\xbb\xbf")
        root = etree.fromstring(data)
        self.schema(path.name).assertValid(root)
        return root

    def schema(self, name: str) -> etree.XMLSchema:
        kinds = {"RECEIPT": SCHEMAS / "receipt.xsd", "CONTROL": SCHEMAS / "control.xsd", "NOTICE": SCHEMAS / "notice.xsd"}
        path = kinds.get(name.split("_", 1)[0], CPP_STATUT)
        return self._schemas.setdefault(str(path), etree.XMLSchema(etree.parse(path)))

    # --- the State
    def deposits(self) -> list[dict[str, Any]]:
        """What the double has accepted, over HTTP."""
        port = int((self.folder / "var" / "chorus" / ".double" / "port").read_text())
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/control/deposits", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    def deposited(self) -> int:
        """Invoices that the double was given, doubled ones counted twice."""
        return sum(d["invoices"] for d in self.deposits())

    # --- the wire
    def sftp(self, batch: str, *, user: str = "demo", key: Path | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """OpenSSH's client with a batch; skipped where it is absent, required in CI."""
        if shutil.which("sftp") is None:
            if os.environ.get("CI") == "true":
                pytest.fail("sftp is not installed; CI needs it")
            pytest.skip("sftp is not installed")
        command = [
            "sftp", "-P", str(self.made["port"]), "-F", "none", "-i", str(key or self.made["key"]), "-o", "IdentitiesOnly=yes",
            "-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", "-b", "-", f"{user}@{self.made['host']}",
        ]  # fmt: skip
        return subprocess.run(command, input=batch, capture_output=True, text=True, timeout=60, check=False, cwd=cwd or self.folder)


@contextmanager
def running(folder: Path, prepare: Callable[[Site], None] = lambda site: None) -> Iterator[Site]:
    """A demo site whose loops turn."""
    site = Site(folder)
    prepare(site)
    site.start()
    try:
        yield site
    finally:
        site.stop()


# --- flows


def sample(site: Site, name: str, **changes: str) -> bytes:
    """A sample with texts replaced; `number=` gives it another number."""
    data = (site.samples / name).read_bytes()
    for old, new in changes.items():
        assert old.encode() in data, old
        data = data.replace(old.encode(), new.encode())
    return data


def renumbered(data: bytes, old: str, new: str) -> bytes:
    """The same invoice under another number."""
    assert old.encode() in data
    return data.replace(old.encode(), new.encode())


def tar_gz(*members: tuple[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), mtime=0)


def zipped(*members: tuple[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members:
            made.writestr(name, data)
    return raw.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
