"""The counter over the real custody: spool on disk, store on SQLite, the intake of gateway/stages; and a partner's yes is a row."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from paramiko.sftp import CMD_CLOSE

from adapters.folder import WatchedFolder
from adapters.spool import DiskSpool
from adapters.sqlite import SqliteStore
from gateway import bootstrap
from gateway.bootstrap import assemble, deposit_file
from gateway.errors import StorageRefused, StoreBusy
from gateway.model import Box, ReturnKind
from gateway.stages.receive import WireIntake, receive_from
from tests.sftp_peers import CounterSite


class CustodySite(CounterSite):
    """A counter site whose intake is the gateway's own."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.gw = assemble(self.settings, self.partners, bell="test")
        self.ledger = WireIntake(self.gw)  # type: ignore[assignment]  # the real one in place of the recording one
        self.counter = self.new_counter()

    def watched(self) -> WatchedFolder:
        """The folder's door as the receive loop has it."""
        (door,) = bootstrap.sources(lambda: self.gw, tell=True)
        assert isinstance(door, WatchedFolder)
        return door

    def staged(self) -> list[str]:
        return [p.name for p in self.counter.uploads.folder.iterdir()]

    def bytes_of_flows(self) -> list[bytes]:
        return [self.gw.spool.read(flow.sha256) for flow in self.gw.store.flows()]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[CustodySite]:
    site = CustodySite(tmp_path)
    site.start()
    yield site
    site.counter.stop()
    site.gw.store.close()


def test_a_yes_is_a_row_and_a_blob_and_nothing_is_left_in_staging(site: CustodySite) -> None:
    data = random.Random(1).randbytes(1_000_000)
    (site.root / "a.xml").write_bytes(data)
    done = site.openssh("put a.xml in/a.xml\nput a.xml in/b.part\nrename in/b.part in/b.xml\n")
    assert done.returncode == 0, done.stderr
    (flow,) = site.gw.store.flows()
    assert (flow.partner, flow.channel, flow.name, flow.size) == ("acme", "sftp", "a.xml", len(data))
    assert flow.sha256 == hashlib.sha256(data).hexdigest()
    assert isinstance(site.gw.spool, DiskSpool)
    assert site.bytes_of_flows() == [data]
    assert site.staged() == []


def test_the_same_bytes_again_are_answered_with_yes_and_no_second_flow(site: CustodySite) -> None:
    (site.root / "a.xml").write_bytes(b"<a/>")
    assert site.openssh("put a.xml in/a.xml\nput a.xml in/again.xml\n").returncode == 0
    assert len(site.gw.store.flows()) == 1


def test_a_store_that_is_away_is_a_no_and_the_next_try_a_yes(site: CustodySite, monkeypatch: pytest.MonkeyPatch) -> None:
    (site.root / "a.xml").write_bytes(b"<a/>")
    with monkeypatch.context() as away:
        away.setattr(SqliteStore, "transaction", _away)
        assert site.openssh("put a.xml in/a.xml\n").returncode != 0
        with site.client() as client:
            assert client.listdir("/in") == []
    assert site.gw.store.flows() == []
    assert site.openssh("put a.xml in/a.xml\n").returncode == 0
    assert site.bytes_of_flows() == [b"<a/>"]
    assert site.staged() == []


@contextlib.contextmanager
def _away(store: SqliteStore) -> Iterator[None]:
    raise StoreBusy("store: busy; try later")
    yield


def test_many_sessions_at_once_lose_and_double_nothing(site: CustodySite) -> None:
    payloads = {f"{p}-{n}.xml": os.urandom(40_000) for p in range(4) for n in range(4)}
    answers: list[str] = []

    def deposit(p: int) -> None:
        with site.client("acme" if p % 2 else "other") as client:
            for n in range(4):
                handle = client.open(f"/in/{p}-{n}.xml", "wb")
                handle.write(payloads[f"{p}-{n}.xml"])
                client._request(CMD_CLOSE, handle.handle)
                handle._closed = True
                answers.append(f"{p}-{n}.xml")

    threads = [threading.Thread(target=deposit, args=(p,)) for p in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == sorted(payloads)
    assert {f.name: site.gw.spool.read(f.sha256) for f in site.gw.store.flows()} == payloads


def test_a_daily_quota_answers_at_open(site: CustodySite) -> None:
    object.__setattr__(site.partners["acme"], "daily_files", 1)
    (site.root / "a.xml").write_bytes(b"<a/>")
    assert site.openssh("put a.xml in/a.xml\n").returncode == 0
    with site.client() as client, pytest.raises(OSError, match=r"Quota journalier atteint \(1\)\."):
        client.open("/in/b.xml", "wb")
    assert site.gw.store.returns(kind=ReturnKind.NOTICE) == [], "it was answered on the wire"


def test_a_daily_quota_and_a_full_disk_hold_the_watched_folder_and_the_command_line_as_well(site: CustodySite) -> None:
    object.__setattr__(site.partners["acme"], "daily_files", 1)
    for name in ("a.xml", "b.xml"):
        (site.box("acme", "in") / name).write_bytes(name.encode())
    assert receive_from(site.gw, site.watched()) == 1
    assert receive_from(site.gw, site.watched()) == 0
    assert [path.name for path in site.box("acme", "in").iterdir()] == ["b.xml"]
    (told,) = site.gw.store.returns(kind=ReturnKind.NOTICE)
    assert b"<n:name>b.xml</n:name>" in told.owed.body
    with pytest.raises(StorageRefused, match=r"b\.xml: not taken now \(Quota journalier atteint \(1\)\."):
        deposit_file(site.gw, "acme", site.box("acme", "in") / "b.xml", Box.REAL)
    object.__setattr__(site.partners["acme"], "daily_files", 0)
    object.__setattr__(site.settings, "minimum_free_bytes", 1 << 62)
    assert receive_from(site.gw, site.watched()) == 0
    assert site.gw.store.returns(kind=ReturnKind.NOTICE) == [told], "neither the command line nor the full disk gives a notice"
    with pytest.raises(StorageRefused, match=r"b\.xml: not taken now \(Espace insuffisant"):
        deposit_file(site.gw, "acme", site.box("acme", "in") / "b.xml", Box.REAL)
    object.__setattr__(site.settings, "minimum_free_bytes", 1)
    assert receive_from(site.gw, site.watched()) == 1
    assert sorted(site.bytes_of_flows()) == [b"a.xml", b"b.xml"]


def test_the_watched_folder_ends_in_the_same_custody(site: CustodySite) -> None:
    (site.box("acme", "in") / "a.xml").write_bytes(b"<a/>")
    watched = site.watched()
    assert receive_from(site.gw, watched) == 1
    assert receive_from(site.gw, watched) == 0
    (flow,) = site.gw.store.flows()
    assert (flow.channel, flow.name) == ("folder", "a.xml")
    assert list(site.box("acme", "in").iterdir()) == []


def test_a_crash_between_commit_and_release_is_received_once(site: CustodySite) -> None:
    class Crash(Exception):
        pass

    def crash(drop: object, path: Path) -> None:
        raise Crash

    (site.box("acme", "in") / "a.xml").write_bytes(b"<a/>")
    watched = site.watched()
    watched.release = crash  # type: ignore[method-assign]  # the process dies before it
    with pytest.raises(Crash):
        receive_from(site.gw, watched)
    assert receive_from(site.gw, site.watched()) == 1
    assert len(site.gw.store.flows()) == 1
