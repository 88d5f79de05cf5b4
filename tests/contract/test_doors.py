"""Doors and return channels: what `ports.DropSource` and `ports.ReturnChannel` promise, on real folders."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from adapters import folder as folders
from adapters.folder import Boxes, WatchedFolder
from adapters.memory import MemoryReturnChannel
from gateway.catalogue import finding
from gateway.config import Folder, Partner, Settings
from gateway.errors import StorageRefused, Unreachable
from gateway.model import Box, Drop, Finding
from gateway.ports import DropSource, ReturnChannel
from tests.polled import PolledSite
from tests.sftp_peers import TurnedClock
from tests.sshd import Sshd


class Site:
    """Two partners' boxes and a watched folder over them."""

    def __init__(self, root: Path, strategy: str = "rename") -> None:
        self.settings = Settings(site=root, folder=Folder(strategy=strategy))
        self.partners = {name: Partner(name=name) for name in ("acme", "other")}
        self.clock = TurnedClock()
        self.refusals: dict[str, Finding] = {}
        self.seen: set[str] = set()
        self.boxes = Boxes(self.settings)
        for name in self.partners:
            self.boxes.ensure(name)
        self.watched = self.new()

    def new(self) -> WatchedFolder:
        return WatchedFolder(
            self.settings, lambda: self.partners, self.clock,
            seen=lambda drop: drop.transport_id in self.seen, refusal=lambda drop, size: self.refusals.get(drop.partner),
        )  # fmt: skip

    def disable(self, name: str) -> None:
        self.partners[name] = dataclasses.replace(self.partners[name], enabled=False)

    def box(self, name: str = "acme", side: str = "in") -> Path:
        return self.settings.var / "boxes" / name / side

    def take(self, watched: WatchedFolder | None = None) -> list[tuple[Drop, bytes]]:
        """Every drop, released after it was read."""
        watched, taken = watched or self.watched, []
        for drop, path in watched.drops():
            taken.append((drop, path.read_bytes()))
            watched.release(drop, path)
        return taken


DOORS = ["folder", pytest.param("polled", marks=pytest.mark.services)]  # a real OpenSSH server


def opened(request: pytest.FixtureRequest, tmp_path: Path, strategy: str) -> Iterator[Site | PolledSite]:
    if request.param == "folder":
        yield Site(tmp_path, strategy)
        return
    polled = PolledSite(tmp_path, request.getfixturevalue("sshd"), strategy)
    yield polled
    polled.close()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site | PolledSite]:
    yield from opened(request, tmp_path, "rename")


def test_the_adapters_are_what_the_ports_ask_for(site: Site) -> None:
    door: DropSource = site.watched
    channel: ReturnChannel = site.boxes
    assert door.name == "folder"
    assert callable(channel.write)


# --- doors


def test_every_partner_and_both_boxes_are_looked_at(door: Site | PolledSite) -> None:
    for name, side in (("acme", "in"), ("acme", "test/in"), ("other", "in")):
        (door.box(name, side) / "a.xml").write_text(f"{name} {side}")
    found = {(d.partner, d.box, d.name, data) for d, data in door.take()}
    assert found == {
        ("acme", Box.REAL, "a.xml", b"acme in"), ("acme", Box.TEST, "a.xml", b"acme test/in"), ("other", Box.REAL, "a.xml", b"other in"),
    }  # fmt: skip
    assert door.take() == []
    assert list(door.box().iterdir()) == []


def test_a_disabled_partner_is_passed_over(door: Site | PolledSite) -> None:
    (door.box() / "a.xml").write_text("a")
    door.disable("acme")
    assert door.take() == []
    assert (door.box() / "a.xml").exists()


@pytest.mark.parametrize("name", [".a.xml", "a.xml.part", "a.xml.tmp", "a.xml.filepart", "A.XML.PART"])
def test_temporary_names_are_never_taken(door: Site | PolledSite, name: str) -> None:
    (door.box() / name).write_text("a")
    assert door.take() == []
    (door.box() / name).rename(door.box() / "a.xml")
    assert [d.name for d, _ in door.take()] == ["a.xml"]


def test_a_missing_box_is_no_error(site: Site) -> None:
    (site.box() / "x").mkdir()
    (site.box() / "x").rmdir()
    site.box().rmdir()
    assert site.take() == []


def test_a_drop_is_claimed_before_it_is_given(door: Site | PolledSite) -> None:
    (door.box() / "a.xml").write_text("first")
    drops = door.watched.drops()
    drop, path = next(drops)
    (door.box() / "a.xml").write_text("second")
    door.watched.release(drop, path)
    drops.close()
    assert [data for _, data in door.take()] == [b"second"]


def test_what_a_crash_left_claimed_comes_again_as_the_same_act(door: Site | PolledSite) -> None:
    (door.box() / "a.xml").write_text("a")
    drop, _ = next(door.watched.drops())
    again = door.new()
    (found, path) = next(again.drops())
    assert found == drop
    again.release(found, path)
    assert door.take(again) == []


def test_what_may_not_be_taken_now_stays_under_its_name_and_holds_no_other_partner_back(site: Site) -> None:
    for name in site.partners:
        (site.box(name) / "a.xml").write_text("a")
    site.refusals["acme"] = finding("DEP-007", n=1, heure="00:00")
    with capture_logs() as logs:
        assert [d.partner for d, _ in site.take()] == ["other"]
        assert site.take() == []
    assert [(row["event"], row["code"], row["file"]) for row in logs] == [("drop.postponed", "DEP-007", "a.xml")]
    assert [path.name for path in site.box().iterdir()] == ["a.xml"]
    assert not site.watched.waiting(), "nothing that may be taken now"
    site.refusals.clear()
    assert site.watched.waiting()
    assert [d.partner for d, _ in site.take()] == ["acme"]


def test_what_is_in_custody_is_released_however_full_the_day_is(site: Site) -> None:
    (site.box() / "a.xml").write_text("a")
    drop, _ = next(site.watched.drops())
    site.refusals["acme"] = finding("DEP-007", n=1, heure="00:00")
    again = site.new()
    assert site.take(again) == [], "claimed and not in custody: it waits"
    site.seen.add(drop.transport_id)
    assert again.waiting()
    assert [d for d, _ in site.take(again)] == [drop]


def test_two_drops_never_share_a_transport_id(door: Site | PolledSite) -> None:
    seen = set()
    for n in range(5):
        for m in range(3):
            path = door.box() / f"{m}.xml"
            path.write_text("same")
            os.utime(path, ns=(n * 10, n * 10))
        seen |= {d.transport_id for d, _ in door.take()}
    assert len(seen) == 15


def test_release_twice_is_as_good_as_once(door: Site | PolledSite) -> None:
    (door.box() / "a.xml").write_text("a")
    drop, path = next(door.watched.drops())
    door.watched.release(drop, path)
    door.watched.release(drop, path)


def test_a_name_that_is_no_utf_8_or_too_long_still_reaches_the_gate(door: Site | PolledSite) -> None:
    with open(os.fsencode(door.box()) + b"/caf\xe9.xml", "wb") as file:  # noqa: PTH123  # a name that Path cannot say
        file.write(b"a")
    (door.box() / ("n" * 255)).write_text("b")
    names = sorted(d.name for d, _ in door.take())
    assert names[0] == "caf\ufffd.xml"
    assert len(names[1].encode()) > door.settings.limits.name_bytes


def test_a_file_taken_back_between_scan_and_claim_is_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WatchedFolder, "_names", lambda self, folder: ["gone.xml", f".claimed-{'0' * 32}-gone.xml"])
    assert site.take() == []
    monkeypatch.setattr(WatchedFolder, "_regular", lambda self, path: True)
    assert site.take() == []


def test_a_box_that_the_disk_refuses_is_told_once_and_holds_no_other_back(site: Site) -> None:
    site.box().rmdir()
    site.box().write_text("no folder")
    (site.box("other") / "b.xml").write_text("b")
    with capture_logs() as logs:
        assert [d.name for d, _ in site.take()] == ["b.xml"]
        assert not site.watched.waiting()
        assert site.take() == []
    assert [row["event"] for row in logs] == ["drop.postponed"]


def test_a_file_that_the_disk_refuses_holds_no_other_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def renaming(path: Path, target: Path) -> Path:
        if path.name == "a.xml":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(path, target)

    real = Path.rename
    monkeypatch.setattr(Path, "rename", renaming)
    for name in ("a.xml", "b.xml"):
        (site.box() / name).write_text(name)
    assert [d.name for d, _ in site.take()] == ["b.xml"]
    assert (site.box() / "a.xml").exists()


def test_only_what_the_gateway_claimed_itself_is_taken_up_again(site: Site) -> None:
    (site.box() / ".claimed-mine").write_text("a partner's own temporary name")
    (site.box() / ".claimed-folder").mkdir()
    (site.box() / ".refused-folder" / "full").mkdir(parents=True)
    (site.box("other") / "b.xml").write_text("b")
    assert [d.name for d, _ in site.take()] == ["b.xml"]
    assert not site.watched.waiting()
    assert (site.box() / ".claimed-mine").exists()


def test_a_drop_that_cannot_be_removed_is_unreachable_and_comes_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    (site.box() / "a.xml").write_text("a")
    drop, path = next(site.watched.drops())
    with monkeypatch.context() as refusing:
        refusing.setattr(Path, "unlink", _read_only)
        with pytest.raises(Unreachable, match="Read-only file system"):
            site.watched.release(drop, path)
    assert [found for found, _ in site.take()] == [drop]


def _read_only(path: Path, missing_ok: bool = False) -> None:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def test_a_link_swapped_in_before_the_claim_is_put_aside(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    (site.box() / "a.xml").symlink_to("/etc/passwd")
    monkeypatch.setattr(WatchedFolder, "_regular", lambda self, path: True)
    assert site.take() == []
    assert [p.name.startswith(".refused-") for p in site.box().iterdir()] == [True]


# --- done-files


@pytest.fixture(params=DOORS)
def done(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site | PolledSite]:
    yield from opened(request, tmp_path, "done-file")


@pytest.mark.parametrize("text", ["", "4", hashlib.sha256(b"<a/>").hexdigest(), f"4 {hashlib.sha256(b'<a/>').hexdigest().upper()}",
                                  f"{hashlib.sha256(b'<a/>').hexdigest()}  a.xml\n"])  # fmt: skip
def test_a_done_file_that_agrees_makes_a_drop(done: Site | PolledSite, text: str) -> None:
    (done.box() / "a.xml").write_text("<a/>")
    assert done.take() == []
    (done.box() / "a.xml.ok").write_text(text)
    assert [d.name for d, _ in done.take()] == ["a.xml"]
    assert list(done.box().iterdir()) == []


def test_a_file_still_shorter_than_announced_is_waited_for(done: Site | PolledSite) -> None:
    path = done.box() / "a.xml"
    path.write_text("<a")
    now = done.clock.now().timestamp()
    os.utime(path, (now, now))
    (done.box() / "a.xml.ok").write_text("4")
    assert done.take() == []
    assert done.watched.notices() == []
    path.write_text("<a/>")
    os.utime(path, (now, now))
    assert [data for _, data in done.take()] == [b"<a/>"]


def test_and_given_up_after_a_quarter_of_an_hour(done: Site | PolledSite) -> None:
    path = done.box() / "a.xml"
    path.write_text("<a")
    now = done.clock.now().timestamp()
    os.utime(path, (now, now))
    (done.box() / "a.xml.ok").write_text("4")
    assert done.take() == []  # a polled server's clock is not ours: its file is waited for from our first look on
    done.clock.turn(minutes=16)
    assert done.take() == []
    (notice,) = done.watched.notices()
    assert (notice.partner, notice.name, notice.finding.rule) == ("acme", "a.xml", "DEP-020")


def test_a_crash_between_claim_and_proof_proves_again(tmp_path: Path) -> None:
    done = Site(tmp_path, "done-file")
    (done.box() / "a.xml").write_text("<a/>")
    (done.box() / "a.xml.ok").write_text("0" * 64)
    claimed = done.watched._claim(done.box() / "a.xml")
    assert claimed is not None
    assert done.take(done.new()) == []


def test_the_done_file_of_the_next_drop_is_not_taken_away(done: Site | PolledSite) -> None:
    for text in ("<a/>", "<b/>"):
        (done.box() / "a.xml").write_text(text)
        (done.box() / "a.xml.ok").write_text("4")
        if text == "<a/>":
            drop, path = next(done.watched.drops())
    done.watched.release(drop, path)
    assert [data for _, data in done.take()] == [b"<b/>"]


# --- stable


@pytest.fixture(params=DOORS)
def stable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site | PolledSite]:
    yield from opened(request, tmp_path, "stable")


def test_a_file_is_taken_once_it_has_not_changed_for_ten_seconds(stable: Site | PolledSite) -> None:
    path = stable.box() / "a.xml"
    path.write_text("a")
    assert stable.take() == []
    stable.clock.turn(seconds=9)
    assert stable.take() == []
    path.write_text("ab")
    stable.clock.turn(seconds=2)
    assert stable.take() == []
    stable.clock.turn(seconds=10)
    assert [data for _, data in stable.take()] == [b"ab"]


def test_a_file_somebody_has_open_for_writing_is_left_alone(tmp_path: Path) -> None:
    stable = Site(tmp_path, "stable")
    path = stable.box() / "a.xml"
    path.write_text("a")
    stable.take()
    stable.clock.turn(seconds=60)
    with path.open("ab"):
        assert stable.take() == []
    assert [data for _, data in stable.take()] == [b"a"]


# --- return channels


@pytest.fixture(params=["disk", "memory", pytest.param("polled", marks=pytest.mark.services)])
def channel(request: pytest.FixtureRequest, site: Site, tmp_path: Path) -> Iterator[tuple[ReturnChannel, Callable[[], dict[str, bytes]]]]:
    """A return channel, and how to see what is in acme's real box."""
    twin = MemoryReturnChannel()
    match request.param:
        case "disk":
            yield site.boxes, lambda: files(site.box(side="out"))
        case "memory":
            yield twin, lambda: {name: body for (partner, box, name), body in twin.files.items() if (partner, box) == ("acme", Box.REAL)}
        case _:
            polled = PolledSite(tmp_path / "polled", request.getfixturevalue("sshd"))
            yield polled.returns(), lambda: files(polled.box(side="out"))
            polled.close()


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_channel_keeps_boxes_apart_and_takes_the_same_again(channel: tuple[ReturnChannel, Callable[[], dict[str, bytes]]]) -> None:
    returns, seen = channel
    for _ in range(2):
        returns.write("acme", Box.REAL, "R.xml", b"<r/>")
        returns.write("acme", Box.TEST, "T.xml", b"<t/>")
        returns.write("other", Box.REAL, "O.xml", b"<o/>")
    assert seen() == {"R.xml": b"<r/>"}


def test_a_return_is_written_whole_and_the_same_again_changes_nothing(site: Site) -> None:
    for _ in range(2):
        site.boxes.write("acme", Box.REAL, "RECEIPT_F1.xml", b"<r/>")
        site.boxes.write("acme", Box.TEST, "RECEIPT_T1.xml", b"<t/>")
    assert [(p.name, p.read_bytes()) for p in site.box(side="out").iterdir()] == [("RECEIPT_F1.xml", b"<r/>")]
    assert [(p.name, p.read_bytes()) for p in site.box(side="test/out").iterdir()] == [("RECEIPT_T1.xml", b"<t/>")]


def test_what_an_interrupted_write_left_is_written_over(site: Site) -> None:
    (site.box(side="out") / ".R.xml.part").write_bytes(b"half of something longer")
    site.boxes.write("acme", Box.REAL, "R.xml", b"<r/>")
    assert [(p.name, p.read_bytes()) for p in site.box(side="out").iterdir()] == [("R.xml", b"<r/>")]


def test_a_link_in_the_box_is_never_written_through(site: Site, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    for name in (".R.xml.part", "R.xml"):
        (site.box(side="out") / name).symlink_to(victim)
    site.boxes.write("acme", Box.REAL, "R.xml", b"<r/>")
    assert victim.read_text() == "untouched"
    assert not (site.box(side="out") / "R.xml").is_symlink()


def test_a_box_that_is_gone_is_made_again(site: Site) -> None:
    site.box(side="out").rmdir()
    site.boxes.write("acme", Box.REAL, "R.xml", b"<r/>")
    assert (site.box(side="out") / "R.xml").read_bytes() == b"<r/>"


def test_a_box_that_cannot_be_written_is_tried_later(site: Site) -> None:
    site.box(side="out").rmdir()
    site.box(side="out").write_text("a file where the folder should be")
    with pytest.raises(Unreachable, match="box of acme"):
        site.boxes.write("acme", Box.REAL, "R.xml", b"<r/>")


def test_a_full_disk_is_storage_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(folders, "write_whole", full)
    with pytest.raises(StorageRefused, match="box of acme"):
        site.boxes.write("acme", Box.REAL, "R.xml", b"<r/>")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden"])
def test_a_return_with_a_name_that_leads_elsewhere_is_our_bug(site: Site, name: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        site.boxes.write("acme", Box.REAL, name, b"")


@pytest.mark.services
@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden"])
def test_neither_is_it_brought_to_a_server(sshd: Sshd, tmp_path: Path, name: str) -> None:
    polled = PolledSite(tmp_path, sshd)
    with pytest.raises(ValueError, match=r".*"):
        polled.returns().write("acme", Box.REAL, name, b"")
    polled.close()


def test_a_return_that_cannot_be_removed_holds_no_purge_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def removing(path: Path, missing_ok: bool = False) -> None:
        if path.parent == site.box("acme", "out"):
            _read_only(path)
        real(path, missing_ok)

    real = Path.unlink
    for name in ("acme", "other"):
        (site.box(name, "out") / "old.xml").write_text("old")
        os.utime(site.box(name, "out") / "old.xml", (1, 1))
    monkeypatch.setattr(Path, "unlink", removing)
    with capture_logs() as logs:
        assert site.boxes.purge(site.clock.now() - timedelta(days=30)) == 1
    assert [(row["event"], row["file"].split("/")[-3]) for row in logs] == [("return.kept", "acme")]


def test_a_partners_folders_that_cannot_be_made_are_unreachable(site: Site) -> None:
    (site.settings.var / "boxes" / "third").write_text("no folder")
    with pytest.raises(Unreachable, match="box of third: Not a directory"):
        site.boxes.ensure("third")


def test_returns_are_purged_by_age_and_nothing_else_is(site: Site) -> None:
    now = site.clock.now()
    for box, name in ((Box.REAL, "old"), (Box.REAL, "new"), (Box.TEST, "old")):
        site.boxes.write("acme", box, name, b"x")
    (site.box() / "deposit").write_text("x")
    for path in (site.box(side="out") / "old", site.box(side="test/out") / "old", site.box() / "deposit"):
        os.utime(path, ((now - timedelta(days=31)).timestamp(),) * 2)
    os.utime(site.box(side="out") / "new", (now.timestamp(),) * 2)
    assert site.boxes.purge(now - timedelta(days=30)) == 2
    assert [p.name for p in site.box(side="out").iterdir()] == ["new"]
    assert (site.box() / "deposit").exists()


def test_refused_drops_are_purged_by_the_time_they_were_put_aside(site: Site) -> None:
    for box in (boxes := [site.box(side=side) for side in ("in", "test/in")]):
        (box / ".refused-0-old.xml").write_text("refused")
        (box / ".refused-0-link.xml").symlink_to("/etc/hostname")
        (box / ".refused-0-folder").mkdir()
        (box / "waits.xml").write_text("not yet taken")
        os.utime(box / ".refused-0-old.xml", (1, 1))  # the sender's own time
    now = datetime.now(UTC)
    assert site.boxes.purge(now - timedelta(hours=1)) == 0
    assert site.boxes.purge(now + timedelta(hours=1)) == 4
    assert [sorted(path.name for path in box.iterdir()) for box in boxes] == [[".refused-0-folder", "waits.xml"]] * 2
