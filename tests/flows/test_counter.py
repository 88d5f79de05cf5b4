"""The SFTP counter as partners meet it: OpenSSH's client and paramiko's over loopback, against a recording intake."""

from __future__ import annotations

import hashlib
import json
import random
import stat
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from paramiko.sftp import CMD_CLOSE

from adapters import sftp_selftest
from adapters.sftp_uploads import Stage
from gateway.config import Limits
from gateway.errors import ConfigError, StorageRefused, StoreBusy, Unreachable
from gateway.model import Box
from tests.sftp_peers import CounterSite, CuttingLine, until

DENIED = "No such file|path is not allowed|Permission denied"
DATA = random.Random(7).randbytes(300_000)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[CounterSite]:
    site = CounterSite(tmp_path)
    site.start()
    (tmp_path / "a.xml").write_bytes(DATA)
    yield site
    site.counter.stop()


def left(site: CounterSite, name: str, box: Box = Box.REAL) -> Stage | None:
    upload = site.counter.uploads.find("acme", box, name)
    return upload.stage if upload else None


def test_put_under_a_final_name_is_custody_with_the_right_hash(site: CounterSite) -> None:
    done = site.openssh("put a.xml in/a.xml\nls -l in\n")
    assert done.returncode == 0, done.stderr
    drop, data = site.ledger.taken[0]
    assert (drop.partner, drop.box, drop.channel, drop.name) == ("acme", Box.REAL, "sftp", "a.xml")
    assert data == DATA
    assert site.ledger.hashes == [hashlib.sha256(DATA).hexdigest()]
    assert "300000" in done.stdout


def test_the_test_box_is_another_box(site: CounterSite) -> None:
    site.openssh("put a.xml test/in/a.xml\n")
    assert site.ledger.taken[0][0].box is Box.TEST


def test_a_temporary_name_is_no_flow_until_it_is_renamed(site: CounterSite) -> None:
    assert site.openssh("put a.xml in/a.xml.part\n").returncode == 0
    assert site.ledger.taken == []
    assert left(site, "a.xml.part") is Stage.PARKED
    assert site.openssh("rename in/a.xml.part in/a.xml\n").returncode == 0
    assert site.ledger.names == ["a.xml"]
    assert left(site, "a.xml.part") is None


def test_a_plain_rename_takes_custody_as_posix_rename_does(site: CounterSite) -> None:
    with site.client() as client:
        for name, rename in (("one", client.rename), ("two", client.posix_rename)):
            client.putfo(open(site.root / "a.xml", "rb"), f"/in/.{name}")  # noqa: SIM115, PTH123
            rename(f"/in/.{name}", f"/in/{name}")
    assert site.ledger.names == ["one", "two"]


def test_an_interrupted_upload_is_resumed_by_reput(site: CounterSite) -> None:
    with site.client() as client:
        handle = client.open("/in/a.xml", "wb")
        handle.write(DATA[:100_000])
        client.get_channel().get_transport().close()
    assert until(lambda: left(site, "a.xml") is Stage.PARTIAL)
    assert site.ledger.taken == []
    done = site.openssh("reput a.xml in/a.xml\n")
    assert done.returncode == 0, done.stderr
    assert site.ledger.taken[0][1] == DATA
    assert site.ledger.hashes == [hashlib.sha256(DATA).hexdigest()]


def test_an_append_goes_on_where_the_upload_stopped(site: CounterSite) -> None:
    with site.client() as client:
        with client.open("/in/.a", "wb") as handle:
            handle.write(DATA[:1000])
        with client.open("/in/.a", "ab") as handle:
            handle.write(DATA[1000:])
        client.rename("/in/.a", "/in/a")
    assert site.ledger.taken[0][1] == DATA


def test_an_upload_outlives_a_restart_of_the_gateway(site: CounterSite) -> None:
    site.openssh("put a.xml in/a.xml.part\n")
    with site.client() as client:
        handle = client.open("/in/b.xml", "wb")
        handle.write(DATA[:50_000])
        site.counter.stop()
    assert left(site, "b.xml") is Stage.PARTIAL
    site.restart()
    assert (left(site, "a.xml.part"), left(site, "b.xml")) == (Stage.PARKED, Stage.PARTIAL)
    done = site.openssh("rename in/a.xml.part in/a.xml\nreput a.xml in/b.xml\n")
    assert done.returncode == 0, done.stderr
    assert [data for _, data in site.ledger.taken] == [DATA, DATA]


def test_custody_asked_for_before_a_crash_is_asked_for_again_as_the_same_act(site: CounterSite) -> None:
    site.ledger.failing = StoreBusy("store: busy; try later")
    assert site.openssh("put a.xml in/a.xml\n").returncode != 0
    site.counter.stop()
    note = next(site.counter.uploads.folder.glob("*.json"))
    record = json.loads(note.read_text())
    note.write_text(json.dumps({**record, "stage": "taking"}))
    site.ledger.failing = None
    site.restart()
    assert site.ledger.names == ["a.xml"]
    assert site.ledger.taken[0][0].transport_id == note.stem
    assert list(site.counter.uploads.folder.iterdir()) == []


def test_custody_refused_after_a_crash_once_the_spool_has_the_bytes_leaves_nothing_to_resume(site: CounterSite) -> None:
    site.ledger.failing = StoreBusy("store: busy; try later")
    assert site.openssh("put a.xml in/a.xml\n").returncode != 0
    site.counter.stop()
    note = next(site.counter.uploads.folder.glob("*.json"))
    note.write_text(json.dumps({**json.loads(note.read_text()), "stage": "taking"}))
    site.ledger.adopting = True
    site.restart()
    assert site.counter.uploads.find("acme", Box.REAL, "a.xml") is None
    assert list(site.counter.uploads.folder.iterdir()) == []
    site.ledger.failing = None
    assert site.openssh("put a.xml in/a.xml\n").returncode == 0
    assert [data for _, data in site.ledger.taken] == [DATA]


def test_cut_at_random_places_nothing_is_ever_taken_short(site: CounterSite) -> None:
    dice = random.Random(2026)
    whole = 0
    for n in range(12):
        line = CuttingLine(site.port, dice.randrange(500, 310_000))
        before = len(site.ledger.taken)
        done = site.openssh(f"put a.xml in/cut{n}\n", port=line.port)
        line.close()
        assert until(lambda n=n: left(site, f"cut{n}") is not Stage.OPEN)
        if done.returncode == 0:
            assert len(site.ledger.taken) == before + 1
        whole += len(site.ledger.taken) - before
    assert all(data == DATA for _, data in site.ledger.taken)
    assert whole < 12, "no line was cut: the test proves nothing"


def test_the_four_endings_are_told_apart(site: CounterSite) -> None:
    sftp_selftest.judge(type(site.counter), site.settings, site.clock)


def test_a_library_that_hides_the_difference_stops_the_start() -> None:
    recorder = sftp_selftest.Recorder(lambda: None)  # type: ignore[arg-type, return-value]
    recorder.names = ["polite", "eof"]
    with pytest.raises(ConfigError, match="self-test"):
        sftp_selftest.verify(recorder, {"reset": Stage.PARTIAL, "disconnect": Stage.PARTIAL})


def test_the_start_refuses_without_a_host_key(site: CounterSite) -> None:
    site.keys["host"].unlink()
    with pytest.raises(ConfigError, match="host key"):
        site.new_counter().start()


def test_the_start_refuses_a_port_that_is_taken(site: CounterSite) -> None:
    object.__setattr__(site.settings.sftp, "port", site.port)
    with pytest.raises(Unreachable, match="cannot listen"):
        site.new_counter().start()


def test_bytes_out_of_order_make_the_same_file(site: CounterSite) -> None:
    pieces = [(n, DATA[n : n + 10_000]) for n in range(0, len(DATA), 10_000)]
    random.Random(1).shuffle(pieces)
    with site.client() as client, client.open("/in/a.xml", "wb") as handle:
        for position, piece in pieces:
            handle.seek(position)
            handle.write(piece)
    assert site.ledger.taken[0][1] == DATA
    assert site.ledger.hashes == [hashlib.sha256(DATA).hexdigest()]


def test_bytes_written_twice_count_as_last_written(site: CounterSite) -> None:
    with site.client() as client, client.open("/in/a.xml", "wb") as handle:
        handle.write(b"x" * 1000)
        handle.seek(10)
        handle.write(b"yy")
    wanted = b"x" * 10 + b"yy" + b"x" * 988
    assert site.ledger.taken[0][1] == wanted
    assert site.ledger.hashes == [hashlib.sha256(wanted).hexdigest()]


def test_after_the_yes_the_name_is_visible_with_its_size_and_then_no_more(site: CounterSite) -> None:
    with site.client() as client:
        client.put(str(site.root / "a.xml"), "/in/a.xml", confirm=True)
        client.utime("/in/a.xml", (1, 1))
        client.chmod("/in/a.xml", 0o600)
        assert client.stat("/in/a.xml").st_size == len(DATA)
        site.clock.turn(seconds=601)
        assert client.listdir("/in") == []
        with pytest.raises(FileNotFoundError):
            client.stat("/in/a.xml")


def test_the_same_name_again_is_a_new_upload(site: CounterSite) -> None:
    with site.client() as client:
        for text in (b"one", b"two"):
            with client.open("/in/a.xml", "wb") as handle:
                handle.write(text)
        with client.open("/in/.b", "wb") as handle:
            handle.write(b"three")
        client.rename("/in/.b", "/in/a.xml")
    assert [data for _, data in site.ledger.taken] == [b"one", b"two", b"three"]


def test_returns_are_listed_fetched_and_removed(site: CounterSite) -> None:
    box = site.box("acme", "out")
    (box / "RECEIPT_F-1.xml").write_bytes(b"<receipt/>")
    (box / ".RECEIPT_F-2.xml.part").write_bytes(b"<rec")
    (box / "link").symlink_to("/etc/passwd")
    done = site.openssh("ls out\nget out/RECEIPT_F-1.xml got.xml\nrm out/RECEIPT_F-1.xml\nls out\n")
    assert done.returncode == 0, done.stderr
    assert (site.root / "got.xml").read_bytes() == b"<receipt/>"
    assert sorted(p.name for p in box.iterdir()) == [".RECEIPT_F-2.xml.part", "link"]
    assert "part" not in done.stdout
    assert "link" not in done.stdout


def test_a_link_in_out_leads_nowhere(site: CounterSite) -> None:
    (site.box("acme", "out") / "link").symlink_to("/etc/passwd")
    with site.client() as client:
        for act in (client.stat, client.open, client.remove):
            with pytest.raises(FileNotFoundError):
                act("/out/link")


def test_nobody_sees_or_touches_another_partners_box(site: CounterSite) -> None:
    (site.box("acme", "out") / "secret").write_bytes(b"s")
    with site.client() as mine, site.client("other") as theirs:
        with mine.open("/in/.parked", "wb") as handle:
            handle.write(b"mine")
        assert theirs.listdir("/out") == []
        assert theirs.listdir("/in") == []
        for path in ("/out/secret", "/in/.parked", "/../acme/out/secret", "/acme/out/secret"):
            with pytest.raises(OSError, match=DENIED):
                theirs.open(path, "rb")
            with pytest.raises(OSError, match=DENIED):
                theirs.remove(path)


def test_the_tree_is_three_folders_deep_and_no_more(site: CounterSite) -> None:
    with site.client() as client:
        assert sorted(client.listdir("/")) == ["in", "out", "test"]
        assert sorted(client.listdir("/test")) == ["in", "out"]
        assert client.normalize("in/../test/./in") == "/test/in"
        assert client.normalize("../../..") == "/"
        mode = client.stat("/test/in").st_mode
        assert mode is not None
        assert stat.S_ISDIR(mode)
        for path in ("/in/sub", "/other"):
            with pytest.raises(PermissionError):
                client.mkdir(path)
        with pytest.raises(PermissionError):
            client.rmdir("/in")
        with pytest.raises(FileNotFoundError):
            client.listdir("/etc")


def test_nothing_is_written_into_out_or_read_from_in(site: CounterSite) -> None:
    with site.client() as client:
        client.put(str(site.root / "a.xml"), "/in/a.xml")
        for path, mode in (("/out/x", "wb"), ("/in/a.xml", "rb"), ("/x", "wb"), ("/in", "wb"), ("/test/x", "wb")):
            with pytest.raises(PermissionError):
                client.open(path, mode)
        with pytest.raises(PermissionError):
            client.rename("/out/x", "/in/x")


def test_a_parked_file_is_removed_moved_and_replaced_by_its_owner(site: CounterSite) -> None:
    with site.client() as client:
        for name in (".a", ".b", ".c"):
            with client.open(f"/in/{name}", "wb") as handle:
                handle.write(name.encode())
        client.remove("/in/.a")
        with pytest.raises(OSError, match="already exists"):
            client.rename("/in/.b", "/in/.c")
        client.posix_rename("/in/.b", "/in/.c")
        assert client.listdir("/in") == [".c"]
        client.rename("/in/.c", "/test/in/c")
    drop, data = site.ledger.taken[0]
    assert (drop.box, drop.name, data) == (Box.TEST, "c", b".b")


def test_an_upload_that_was_cut_cannot_be_renamed_into_a_flow(site: CounterSite) -> None:
    with site.client() as client:
        handle = client.open("/in/a.part", "wb")
        handle.write(b"half")
        client.get_channel().get_transport().close()
    assert until(lambda: left(site, "a.part") is Stage.PARTIAL)
    with site.client() as client, pytest.raises(OSError, match="interrompu à 4 octets"):
        client.rename("/in/a.part", "/in/a.xml")
    assert site.ledger.taken == []


def test_a_rename_that_finds_no_custody_leaves_the_file_parked(site: CounterSite) -> None:
    site.openssh("put a.xml in/.a\n")
    site.ledger.failing = StorageRefused("spool: full; free the disk")
    assert site.openssh("rename in/.a in/a\n").returncode != 0
    assert (left(site, ".a"), left(site, "a")) == (Stage.PARKED, None)
    site.ledger.failing = None
    assert site.openssh("rename in/.a in/a\n").returncode == 0
    assert site.ledger.taken[0][1] == DATA


def test_a_bug_in_the_intake_is_never_a_yes(site: CounterSite) -> None:
    site.ledger.failing = TypeError("a bug")
    done = site.openssh("put a.xml in/a.xml\nput a.xml in/.b\nrename in/.b in/b\n")
    assert done.returncode != 0
    with site.client() as client, pytest.raises(FileNotFoundError):
        client.put(str(site.root / "a.xml"), "/in/a.xml", confirm=True)  # paramiko's client hears no CLOSE: the size must tell it
    assert left(site, "a.xml") is Stage.PARTIAL


def test_what_the_disk_did_not_take_is_never_closed_with_a_yes(site: CounterSite, monkeypatch: pytest.MonkeyPatch) -> None:
    with site.client() as client:
        handle = client.open("/in/a.xml", "wb")
        handle.write(b"first")
        upload = site.counter.uploads.find("acme", Box.REAL, "a.xml")
        assert upload
        monkeypatch.setattr(upload, "write", _full)
        with pytest.raises(OSError, match="Espace insuffisant"):
            handle.write(b"second")
        monkeypatch.undo()
        with pytest.raises(OSError, match="Espace insuffisant"):
            client._request(CMD_CLOSE, handle.handle)
    assert site.ledger.taken == []


def _full(offset: int, data: bytes) -> None:
    raise StorageRefused("staging: no space; free the disk")


def test_every_64_megabytes_room_is_asked_for_and_progress_is_noted(site: CounterSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.sftp_uploads.NOTE_EVERY", 100_000)
    with site.client() as client:
        handle = client.open("/in/a.xml", "wb")
        handle.write(DATA)
        upload = site.counter.uploads.find("acme", Box.REAL, "a.xml")
        assert upload
        noted = json.loads((upload.folder / f"{upload.id}.json").read_text())
        assert noted["spans"][0][1] >= 200_000
        assert len(site.ledger.asked) >= 3
        site.ledger.full = "Quota journalier atteint (3). Prochain dépôt possible à 00:00."
        with pytest.raises(OSError, match="Quota journalier"):
            handle.write(DATA)


def test_sessions_of_a_partner_that_was_disabled_end_at_reload(site: CounterSite) -> None:
    with site.client() as gone, site.client("other") as stays:
        object.__setattr__(site.partners["acme"], "enabled", False)
        site.counter.reload()
        assert until(lambda: not gone.get_channel().get_transport().is_active())
        assert stays.listdir("/") != []


def test_an_idle_session_is_closed(site: CounterSite) -> None:
    with site.client() as client:
        client.listdir("/")
        site.clock.turn(seconds=901)
        assert until(lambda: not client.get_channel().get_transport().is_active())


def test_the_sweep_discards_what_nobody_resumed(site: CounterSite) -> None:
    site.openssh("put a.xml in/a.part\n")
    with site.client() as client:
        handle = client.open("/in/b.xml", "wb")
        handle.write(b"half")
        client.get_channel().get_transport().close()
    assert until(lambda: left(site, "b.xml") is Stage.PARTIAL)
    site.clock.turn(hours=35)
    assert site.counter.sweep() == []
    site.clock.turn(hours=2)
    found = {d.name: d.finding for d in site.counter.sweep()}
    assert {name: f.rule for name, f in found.items()} == {"a.part": "DEP-002", "b.xml": "DEP-001"}
    assert list(site.counter.uploads.folder.iterdir()) == []
    assert site.counter.sweep() == []


def test_a_stopping_counter_takes_no_more(site: CounterSite) -> None:
    site.counter.stop()
    with pytest.raises(ConnectionRefusedError):
        site.transport()


def test_a_flow_of_the_size_limit_is_taken_and_a_byte_more_is_not(tmp_path: Path) -> None:
    site = CounterSite(tmp_path)
    object.__setattr__(site.settings, "limits", Limits(flow_bytes=1000))
    site.counter = site.new_counter()
    site.start()
    with site.client() as client:
        with client.open("/in/a", "wb") as handle:
            handle.write(b"x" * 1000)
        with pytest.raises(OSError, match="taille autorisée"), client.open("/in/b", "wb") as handle:
            handle.write(b"x" * 1001)
    site.counter.stop()
    assert site.ledger.names == ["a"]


def test_a_session_asks_paramiko_for_no_check_file(site: CounterSite) -> None:
    with site.client() as client:
        message = paramiko.Message()
        with pytest.raises(OSError, match="non prise en charge"):
            client._request(200, "check-file", message.asbytes())
