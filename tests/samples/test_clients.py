"""The operators' clients of samples/clients against a real RabbitMQ: what they publish is taken, what is returned they keep."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import Broker, broker
from tests.faults.calls import required_strace
from tests.published import Published

pytestmark = pytest.mark.services  # a real RabbitMQ
CLIENTS = Path(__file__).resolve().parents[2] / "samples" / "clients"


@pytest.fixture(scope="module")
def shared() -> Iterator[Broker]:
    with broker() as made:
        yield made


@pytest.fixture
def site(tmp_path: Path, shared: Broker) -> Iterator[Published]:
    shared.empty()
    made = Published(tmp_path / "site", shared)
    yield made
    made.close()


def client(*words: str | Path, url: str = "") -> subprocess.CompletedProcess[str]:
    program = [sys.executable] if str(words[0]).endswith(".py") else ["sh"]
    environ = {**os.environ, **({"AMQP_URL": url} if url else {})}
    command = [*program, CLIENTS / words[0], *words[1:]]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environ)


def returned(site: Published) -> dict[str, bytes]:
    return {owed.owed.name: owed.owed.body for owed in site.gw.store.returns()}


def test_a_file_is_published_and_its_receipts_are_kept(site: Published, shared: Broker, tmp_path: Path) -> None:
    (tmp_path / "lot.xml").write_bytes(b"<a/>")
    done = client("publish.py", "--partner", "demo", tmp_path / "lot.xml", url=shared.url)
    assert (done.returncode, "published as" in done.stdout) == (0, True), done.stderr
    site.turn()
    assert [(flow.name, flow.channel) for flow in site.flows()] == [("lot.xml", "amqp")]
    site.send()
    done = client("read.py", "--folder", tmp_path / "returns", url=shared.url)
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "returns").iterdir()} == returned(site)
    assert shared.counts()["edi.out"] == 0


def calls(log: Path, *words: str | Path) -> list[str]:
    """What a client asked of the system, by name and in order: its renames, its syncs, and what it sends to the broker."""
    program = sys.executable if str(words[0]).endswith(".py") else "sh"
    traced = "trace=rename,renameat,renameat2,fsync,fdatasync,sendto,sendmsg,write"
    command = [required_strace(), "-f", "-y", "-o", log, "-e", traced, program, CLIENTS / words[0], *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"(rename|fsync|send|write)\w*\((\S*)", log.read_text())
    return [name for name, where in found if name in ("rename", "fsync", "send") or "TCP:" in where or "socket:" in where]


@pytest.mark.parametrize("reader", ["read.py", "read.sh"])
def test_a_return_is_on_disk_under_its_name_before_it_is_acknowledged(site: Published, shared: Broker, tmp_path: Path, reader: str) -> None:
    """The folder is synced as well: a power cut after the ack would leave a file that nobody finds, and the broker has it no more."""
    shared.send(b"<a/>")
    site.turn()
    site.send()
    where = ["--url", shared.url, "--folder", tmp_path / "r"] if reader.endswith(".py") else [shared.url, tmp_path / "r", "2"]
    seen = calls(tmp_path / "trace", reader, *where)
    renames = [n for n, call in enumerate(seen) if call == "rename"]
    assert len(renames) == 2
    assert [seen[n - 1 : n + 2] for n in renames] == [["fsync", "rename", "fsync"]] * 2


def test_a_large_file_is_left_and_named(site: Published, shared: Broker, tmp_path: Path) -> None:
    large = tmp_path / "large.xml"
    large.write_bytes(b"<a>" + b" " * 16_000_000 + b"</a>")
    assert client("publish.py", "--partner", "demo", large, url=shared.url).returncode != 0
    done = client("publish.py", "--partner", "demo", "--references", site.folder(), large, url=shared.url)
    assert done.returncode == 0, done.stderr
    site.turn()
    site.turn()
    assert [(flow.name, flow.size) for flow in site.flows()] == [("large.xml", large.stat().st_size)]
    assert list(site.folder().iterdir()) == []


def test_a_file_with_a_long_name_is_left_under_one_that_is_taken(site: Published, shared: Broker, tmp_path: Path) -> None:
    """A name of 200 bytes is lawful; the one in the folder needs only be its own."""
    long = tmp_path / f"{'x' * 196}.xml"
    long.write_bytes(b"<a/>")
    assert client("publish.py", "--partner", "demo", "--references", site.folder(), long, url=shared.url).returncode == 0
    site.turn()
    site.turn()
    assert [flow.name for flow in site.flows()] == [long.name]


def test_with_amqp_tools_and_a_shell(site: Published, shared: Broker, tmp_path: Path) -> None:
    (tmp_path / "lot.xml").write_bytes(b"<b/>")
    assert client("publish.sh", shared.url, "demo", tmp_path / "lot.xml", "test.in").returncode == 0
    site.turn()
    assert [flow.name for flow in site.flows()] == ["lot.xml"]
    site.send()
    done = client("read.sh", shared.url, tmp_path / "returns", "2", "edi.test.out")
    assert done.returncode == 0, done.stderr
    assert sorted(path.read_bytes() for path in (tmp_path / "returns").iterdir()) == sorted(returned(site).values())
    told = [json.loads(body) for body in returned(site).values() if body.startswith(b"{")]
    assert [one["test"] for one in told] == [True]


def test_what_no_queue_takes_is_told(site: Published, shared: Broker, tmp_path: Path) -> None:
    (tmp_path / "lot.xml").write_bytes(b"<c/>")
    with shared.channel(shared.ours) as channel:
        channel.queue_unbind("edi.in", "edi.in", "in")
    done = client("publish.py", "--partner", "demo", tmp_path / "lot.xml", url=shared.url)
    assert (done.returncode, "no queue takes it" in done.stderr) == (1, True)
