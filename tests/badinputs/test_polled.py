"""What goes wrong on a partner's own server, one case a row of reliability.md 3.1 (rows 28 to 33) and of 2.5, on a real OpenSSH server."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.polled_server import Answer, PolledServer
from gateway.config import Limits
from gateway.errors import ConfigError, HostKeyChanged, StorageRefused, Unreachable
from gateway.model import ReturnKind
from gateway.polling import DropLine, ReturnLine, tell_failure
from gateway.stages import housekeeping
from tests.polled import Custody, CutLine, polled_partner
from tests.sshd import Sshd, free_port

pytestmark = pytest.mark.services  # a real OpenSSH server
DATA = b"<a/>"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Sshd]]:
    """A server for each set of refused requests."""
    made: dict[str, Sshd] = {}

    def server(denied: str = "") -> Sshd:
        if denied not in made:
            made[denied] = Sshd(tmp_path_factory.mktemp("sshd"), denied)
            made[denied].start()
        return made[denied]

    yield server
    for one in made.values():
        one.stop()


class Watched(PolledServer):
    """The real client, which counts what it fetches and lets the test act between two of its requests."""

    fetched: list[str] = []  # noqa: RUF012 - shared on purpose: it outlives a crash
    before_move: Callable[[], None] | None = None
    within: Callable[[], None] | None = None

    def move(self, source: str, target: str) -> Answer:
        if Watched.before_move:
            Watched.before_move()
        return super().move(source, target)

    def blocks(self, path: str, size: int, offset: int = 0) -> Iterator[bytes]:
        Watched.fetched.append(path.rsplit("/", 1)[-1])
        for data in super().blocks(path, size, offset):
            yield data
            if Watched.within:
                Watched.within()


class Case:
    """A partner's folders on a server, and our site."""

    def __init__(self, tmp_path: Path, sshd: Sshd, **poll: Any) -> None:
        self.root = tmp_path / "server" / "acme"
        Watched.fetched, Watched.before_move, Watched.within = [], None, None
        self.custody = Custody(tmp_path / "site", polled_partner("acme", sshd, tmp_path / "server", **poll), client=Watched)
        self.logs: list[dict[str, Any]] = []

    def drop(self, name: str = "a.xml", data: bytes = DATA) -> Path:
        path = self.root / "in" / name
        path.write_bytes(data)
        return path

    def poll(self, times: int = 1) -> int:
        with capture_logs() as logs:
            taken = sum(self.custody.poll() for _ in range(times))
        self.logs += [dict(line) for line in logs]
        return taken

    def there(self) -> list[str]:
        return sorted(path.name for path in (self.root / "in").iterdir())

    def told(self, code: str) -> list[dict[str, Any]]:
        return [line for line in self.logs if line.get("code") == code]

    def notices(self) -> list[str]:
        return [one.owed.body.decode() for one in self.custody.gw.store.returns(kind=ReturnKind.NOTICE)]

    def taken(self) -> list[str]:
        return [flow.name for flow in self.custody.flows()]


@pytest.fixture
def case(tmp_path: Path, servers: Callable[[str], Sshd]) -> Iterator[Callable[..., Case]]:
    made: list[Case] = []

    def build(denied: str = "", **poll: Any) -> Case:
        made.append(Case(tmp_path, servers(denied), **poll))
        return made[-1]

    yield build
    for one in made:
        one.custody.close()


# --- row 28


def test_row_28_a_done_file_that_disagrees_is_told_once_and_put_aside(case: Callable[..., Case]) -> None:
    one = case(strategy="done-file")
    one.drop()
    one.drop("a.xml.ok", b"0" * 64)
    assert one.poll(3) == 0
    (notice,) = one.notices()
    found = hashlib.sha256(DATA).hexdigest()
    assert f"Empreinte annoncée {'0' * 64}, calculée {found} : fichier altéré ou incomplet." in notice
    assert f"Announced hash {'0' * 64}, computed {found}: the file was altered or is incomplete." in notice
    assert [name[:9] for name in one.there()] == [".refused-"]


def test_row_28_the_notice_is_owed_before_the_file_is_put_aside(case: Callable[..., Case]) -> None:
    """A crash between the two tells twice; never not at all."""
    one = case(strategy="done-file")
    one.drop()
    one.drop("a.xml.ok", b"3")
    with capture_logs():
        assert list(one.custody.door.drops()) == []
    one.custody.start()
    one.poll(2)
    assert len(one.notices()) == 1


# --- row 29, names, sizes, numbers


def test_row_29_links_folders_and_special_files_are_left_alone_and_told_once(case: Callable[..., Case]) -> None:
    one = case()
    (one.root / "in" / "link.xml").symlink_to("/etc/passwd")
    (one.root / "in" / "folder").mkdir()
    os.mkfifo(one.root / "in" / "pipe.xml")
    assert one.poll(3) == 0
    assert sorted((line["file"].rsplit("/", 1)[-1], line["kind"][0]) for line in one.told("DEP-021")) == [
        ("folder", "d"), ("link.xml", "l"), ("pipe.xml", "p"),
    ]  # fmt: skip
    assert one.custody.door.left == 0
    assert Watched.fetched == []


def test_a_link_put_there_between_listing_and_claim_is_not_followed(case: Callable[..., Case]) -> None:
    one = case()
    path = one.drop()

    def swap() -> None:
        path.unlink()
        path.symlink_to("/etc/passwd")

    Watched.before_move = swap
    assert one.poll() == 0
    Watched.before_move = None
    assert one.poll(2) == 0
    assert Watched.fetched == []


def test_a_file_we_may_not_open_is_told_once_and_holds_no_other_back(case: Callable[..., Case]) -> None:
    one = case("open")
    one.drop()
    assert one.poll(2) == 0
    assert len(one.told("DEP-021")) == 1


def test_a_file_that_is_too_large_is_not_fetched_and_its_partner_is_told(case: Callable[..., Case]) -> None:
    one = case()
    one.custody.gw = replace(one.custody.gw, settings=replace(one.custody.settings, limits=Limits(flow_bytes=1_000_000)))
    one.custody.start()
    one.drop("big.xml", bytes(1_000_001))
    one.drop("fits.xml")
    assert one.poll(3) == 1
    (notice,) = one.notices()
    assert "Le fichier &quot;big.xml&quot; dépasse la taille autorisée (1 Mo). Découpez le flux." in notice.replace('"', "&quot;")
    assert len(Watched.fetched) == 1
    assert [name[:9] for name in one.there()] == [".refused-"]


def test_what_was_put_aside_stays_when_the_sweep_removes_what_is_in_our_own_boxes(case: Callable[..., Case]) -> None:
    """The bytes were never in our custody (decision 0008): they and their time stay as they are, and nothing is asked of them again."""
    one = case(strategy="done-file")
    one.drop()
    one.drop("a.xml.ok", b"0" * 64)
    one.poll()
    (aside,) = (one.root / "in").iterdir()
    os.utime(aside, (1, 1))
    ours = one.custody.settings.var / "boxes" / "acme" / "in" / ".refused-0-a.xml"
    ours.parent.mkdir(parents=True)
    ours.write_bytes(DATA)
    one.custody.clock.hand = datetime.now(UTC) + timedelta(days=31)  # ours was put aside by the disk's clock
    for _ in range(2):
        housekeeping.sweep(one.custody.gw, one.custody.boxes.purge)
        assert one.poll(2) == 0
        one.custody.start()  # a new start remembers nothing of it
    assert not ours.exists()
    assert (list((one.root / "in").iterdir()), aside.read_bytes(), aside.stat().st_mtime) == ([aside], DATA, 1)
    assert (len(one.notices()), Watched.fetched.count(aside.name)) == (1, 0)


def test_where_nothing_can_be_put_aside_it_is_remembered(case: Callable[..., Case]) -> None:
    one = case("rename,remove")
    one.custody.gw = replace(one.custody.gw, settings=replace(one.custody.settings, limits=Limits(flow_bytes=10)))
    one.custody.start()
    one.drop("big.xml", bytes(11))
    assert one.poll(3) == 0
    assert len(one.notices()) == 1
    assert (one.there(), Watched.fetched) == (["big.xml"], [])


def test_more_names_than_are_looked_at_are_taken_one_look_after_the_other(case: Callable[..., Case]) -> None:
    one = case(max_names=4)
    for n in range(10):
        one.drop(f"{n}.xml", b"%d" % n)
    looks = [one.poll() for _ in range(5)]
    assert (sum(looks), max(looks), one.there()) == (10, 4, [])
    assert [line["names"] for line in one.logs if line["event"] == "door.crowded"] == [4]


def test_an_empty_file_is_taken_and_left_to_the_gate(case: Callable[..., Case]) -> None:
    one = case()
    one.drop("empty.xml", b"")
    assert one.poll() == 1
    assert one.custody.flows()[0].size == 0


@pytest.mark.parametrize("strategy", ["rename", "stable", "done-file"])
def test_nothing_is_remembered_of_files_that_are_gone(case: Callable[..., Case], strategy: str) -> None:
    one = case(strategy=strategy)
    for n in range(5):
        one.drop(f"{n}.xml", b"%d" % n)
        one.drop(f"{n}.xml.ok", b"1")
    (one.root / "in" / "link.xml").symlink_to("/etc/passwd")
    one.poll()
    one.custody.clock.turn(seconds=11)
    one.poll()
    (one.root / "in" / "link.xml").unlink()
    one.poll(2)
    watch = one.custody.door._watch
    assert (watch._looks, watch._changes, watch._stuck, watch.refused, watch._told) == ({}, {}, {}, set(), set())
    assert len(one.custody.flows()) == 5


# --- row 30


def test_row_30_a_file_that_changes_while_it_is_read_is_thrown_away_and_read_again(case: Callable[..., Case]) -> None:
    one = case()
    one.drop()

    def grow() -> None:
        (claimed,) = (one.root / "in").iterdir()
        with claimed.open("ab") as file:
            file.write(b" ")

    Watched.within = grow
    assert one.poll(10) == 0
    assert one.custody.flows() == []
    told = one.told("DEP-022")
    assert [line["log_level"] for line in told] == ["warning"] * 9 + ["error"]  # an administrator is called after ten times
    assert told[0]["motif"] == 'Fichier "a.xml" modifié pendant sa lecture ; il sera relu.'
    assert told[0]["why"] == 'File "a.xml" changed while it was read; it will be read again.'
    Watched.within = None
    assert one.poll(2) == 1
    assert one.custody.gw.spool.read(one.custody.flows()[0].sha256) == DATA + b" " * 10
    assert one.custody.settings.var.joinpath("poll/acme").is_dir()
    assert list(one.custody.settings.var.joinpath("poll/acme").iterdir()) == []


def test_row_30_a_file_replaced_while_it_is_read_where_it_lies_is_read_again(case: Callable[..., Case]) -> None:
    one = case("rename")
    path = one.drop()
    Watched.within = lambda: path.write_bytes(b"<other/>") and None
    assert one.poll() == 0
    Watched.within = None
    assert one.poll() == 1
    assert one.custody.gw.spool.read(one.custody.flows()[0].sha256) == b"<other/>"


def test_a_file_that_came_under_the_name_of_one_just_taken_is_a_drop_of_its_own(case: Callable[..., Case]) -> None:
    """Where nothing can be claimed."""
    one = case("rename")
    path = one.drop()
    with capture_logs():
        for drop, local in one.custody.door.drops():
            one.custody.gw.spool.put(local.read_bytes())
            path.write_bytes(b"<second/>")
            one.custody.door.release(drop, local)
    assert one.there() == ["a.xml"]
    assert one.poll() == 1
    assert one.there() == []


# --- row 31


def test_row_31_a_file_that_disappears_before_its_claim(case: Callable[..., Case]) -> None:
    one = case()
    path = one.drop()
    Watched.before_move = lambda: path.unlink(missing_ok=True)
    assert one.poll(2) == 0
    (told,) = one.told("DEP-023")
    assert told["motif"] == 'Fichier "a.xml" disparu avant la fin de sa lecture.'
    assert told["why"] == 'File "a.xml" disappeared before it was read to its end.'


def test_row_31_a_file_that_disappears_while_it_is_read_was_taken_back(case: Callable[..., Case]) -> None:
    one = case("rename")
    path = one.drop()
    Watched.within = lambda: path.unlink(missing_ok=True)
    assert one.poll(2) == 0
    assert len(one.told("DEP-023")) == 1
    assert one.custody.flows() == []


# --- row 32


def test_row_32_a_claimed_file_that_cannot_be_removed_is_taken_once_for_ever(case: Callable[..., Case]) -> None:
    one = case("remove")
    one.drop()
    assert one.poll(5) == 1
    one.custody.clock.turn(hours=1)
    assert one.poll(2) == 0  # removal is asked for again, in vain
    one.custody.start()
    assert one.poll(5) == 0
    assert one.taken() == ["a.xml"]
    assert len(Watched.fetched) == 1, "fetched again, although its act is known"
    first, second = one.told("DEP-024")  # once for each start
    assert first["log_level"] == "error"
    assert first["motif"] == 'Suppression du fichier "a.xml" refusée par le serveur ; il ne sera pas repris.'
    assert second["why"] == 'The server refused to remove the file "a.xml"; it will not be taken twice.'
    assert one.custody.door.left == 0


def test_row_32_on_a_server_where_nothing_can_be_changed_each_file_is_taken_once(case: Callable[..., Case]) -> None:
    one = case("rename,remove")
    path = one.drop()
    assert one.poll(5) == 1
    assert Watched.fetched == ["a.xml"]
    one.custody.clock.turn(hours=1)
    assert one.poll(2) == 0
    assert Watched.fetched == ["a.xml"]
    one.custody.start()
    one.poll(3)
    assert Watched.fetched == ["a.xml"] * 2  # once after a new start: only its bytes tell that it is the same
    assert one.taken() == ["a.xml"]
    assert len(one.custody.gw.store.returns()) == 2, "the act was taken for another"
    path.write_bytes(b"<second/>")
    assert one.poll() == 1
    assert len(one.custody.flows()) == 2


# --- row 33


def test_row_33_a_changed_host_key_has_its_own_code(tmp_path: Path) -> None:
    server = Sshd(tmp_path / "sshd")
    server.start()
    one = Case(tmp_path, server)
    try:
        one.drop()
        server.change_host_key()
        line = DropLine(one.custody.gw, one.custody.partner, one.custody.door, report=lambda left: None, shut=lambda: None)
        with capture_logs() as logs:
            waits = [line.turn() for _ in range(3)]
        assert waits == sorted(waits)
        assert [entry["code"] for entry in logs] == ["SEC-010"] * 3
        assert logs[0]["log_level"] == "error"
        assert "SHA256:" in logs[0]["detail"]
        assert (line.quiet, one.there()) == (True, ["a.xml"])
    finally:
        one.custody.close()
        server.stop()


def test_a_host_that_is_not_pinned_is_never_trusted(case: Callable[..., Case], tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    one = case(known_hosts=str(tmp_path / "empty"))
    one.drop()
    with pytest.raises(ConfigError, match="no host key is pinned"):
        one.poll()
    assert not issubclass(ConfigError, HostKeyChanged)
    with capture_logs() as logs:
        tell_failure("door.postponed", "receive", one.custody.partner, ConfigError("x"), 2.0)
    assert "code" not in logs[0]


# --- custody, crashes, the same again


def test_a_crash_between_custody_and_removal_leaves_only_the_removal_to_do(
    case: Callable[..., Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = case()
    one.drop()
    with monkeypatch.context() as patch:
        patch.setattr(one.custody.door, "release", lambda drop, path: None)
        assert one.poll() == 1
    assert [name[:9] for name in one.there()] == [".claimed-"]
    one.custody.start()
    assert one.poll() == 0
    assert (one.there(), one.taken(), len(Watched.fetched)) == ([], ["a.xml"], 1)
    assert len(one.custody.gw.store.returns()) == 2


@pytest.mark.parametrize("changed", [False, True])
def test_a_large_file_whose_fetch_is_cut_goes_on_where_it_stopped_unless_it_changed(
    servers: Callable[[str], Sshd], tmp_path: Path, changed: bool
) -> None:
    line = CutLine(servers("").port)
    one = Case(tmp_path, servers(""), port=line.port)
    data = random.Random(3).randbytes(6_000_000)
    one.drop("big.tar.gz", data)
    line.arm(4_000_000)
    with pytest.raises(Unreachable):
        one.poll()
    (part,) = one.custody.settings.var.joinpath("poll/acme").iterdir()
    passed, came = line.passed, part.stat().st_size
    assert 1_500_000 < came < 4_000_000  # what was asked for ahead is lost with the line
    if changed:
        (claimed,) = (one.root / "in").iterdir()
        data = bytes(6_000_000)
        claimed.write_bytes(data)
        os.utime(claimed, (1, 1))
    assert one.poll() == 1
    assert (line.passed - passed < 6_100_000 - came) is not changed
    assert one.custody.gw.spool.read(one.custody.flows()[0].sha256) == data
    assert list(one.custody.settings.var.joinpath("poll/acme").iterdir()) == []
    one.custody.close()
    line.close()


def test_the_same_file_again_is_answered_by_the_first_receipt(case: Callable[..., Case]) -> None:
    one = case()
    for name in ("a.xml", "a.xml", "b.xml"):
        one.drop(name)
        assert one.poll() == 1
    (flow,) = one.custody.flows()
    assert one.custody.bring() is None
    brought = {path.name: path.read_bytes() for path in (one.root / "out").iterdir()}
    assert json.loads(brought[f"RECEIPT_{flow.number}.json"])["again"] is True
    assert brought == one.custody.owed()


def test_a_full_disk_fetches_nothing_and_goes_on_when_there_is_room(case: Callable[..., Case]) -> None:
    one = case()
    settings = replace(one.custody.settings, minimum_free_bytes=1 << 62)
    one.custody.gw = replace(one.custody.gw, settings=settings)
    one.custody.start()
    one.drop()
    with pytest.raises(StorageRefused, match="short of disk space"):
        one.poll()
    assert one.notices() == []
    assert Watched.fetched == []
    one.custody.gw = replace(one.custody.gw, settings=one.custody.settings)
    one.custody.start()
    assert one.poll() == 1


def test_a_daily_quota_counts_at_this_door_too(case: Callable[..., Case]) -> None:
    one = case()
    partner = replace(one.custody.partner, daily_files=1)
    one.custody.gw = replace(one.custody.gw, partners={"acme": partner})
    one.custody.start()
    one.drop("a.xml")
    one.drop("b.xml", b"<b/>")
    for _ in range(3):
        with pytest.raises(StorageRefused, match="Daily quota reached"):
            one.poll()
        one.custody.start()
    assert one.taken() == ["a.xml"]
    (notice,) = one.notices()
    assert 'Le fichier "b.xml" et ceux qui viennent après lui attendent où ils sont' in notice
    one.custody.clock.turn(days=1)
    assert one.poll() == 1
    assert len(one.notices()) == 1


def test_what_is_refused_is_told_once_and_put_aside_although_the_quota_ends_every_look(case: Callable[..., Case]) -> None:
    one = case()
    partner = replace(one.custody.partner, daily_files=1)
    settings = replace(one.custody.settings, limits=Limits(flow_bytes=10))
    one.custody.gw = replace(one.custody.gw, partners={"acme": partner}, settings=settings)
    one.custody.start()
    for name, data in (("a.xml", DATA), ("big.xml", bytes(11)), ("c.xml", b"<c/>")):
        one.drop(name, data)
    line = DropLine(one.custody.gw, partner, one.custody.door, report=lambda left: None, shut=lambda: None)
    with capture_logs():
        for _ in range(3):
            line.turn()
    assert [notice.split('code="')[1][:7] for notice in one.notices()] == ["DEP-025", "DEP-005"]
    assert [name[:9] for name in one.there()] == [".claimed-", ".refused-"]


# --- returns


@pytest.mark.parametrize("denied", ["", "posix-rename", "posix-rename,rename"])
def test_returns_are_brought_whole_and_the_same_again_where_the_server_can(case: Callable[..., Case], denied: str) -> None:
    one = case(denied)
    one.drop()
    one.poll()
    out = one.root / "out"
    with capture_logs():
        refused = one.custody.bring()
    if denied == "posix-rename,rename":
        assert "not permitted" in str(refused).lower() or "denied" in str(refused).lower()
        assert [path.name for path in out.iterdir() if not path.name.startswith(".")] == []
        return
    assert refused is None
    assert {path.name: path.read_bytes() for path in out.iterdir()} == one.custody.owed()
    with one.custody.gw.store.transaction():
        one.custody.gw.store.owe_again(one.custody.flows()[0].number)
    assert one.custody.bring() is None
    assert {path.name: path.read_bytes() for path in out.iterdir()} == one.custody.owed()


def test_the_local_box_waits_for_no_server_and_is_not_given_twice_what_it_has(case: Callable[..., Case]) -> None:
    one = case()
    custody, there = one.custody, one.custody.partner
    one.drop()
    one.poll()
    custody.partner = replace(there, poll=replace(there.poll, port=free_port()))
    custody.start()
    box = custody.settings.var / "boxes/acme/out"
    line = ReturnLine(custody.bringing_gateway(), custody.partner, home=custody.channel.at_home, shut=lambda: None)
    with capture_logs() as logs:
        line.turn()
        assert {path.name: path.read_bytes() for path in box.iterdir()} == custody.owed()
        for path in box.iterdir():
            path.unlink()  # its partner fetched them
        for _ in range(20):
            line.turn()
            custody.clock.turn(seconds=1)
    assert (line.quiet, list(box.iterdir())) == (True, []), "put off until later"
    assert 2 < len([entry for entry in logs if entry["event"] == "returns.postponed"]) < 6  # with growing waits
    custody.partner = there
    custody.start()
    assert custody.bring() is None
    assert {path.name: path.read_bytes() for path in (one.root / "out").iterdir()} == custody.owed()
