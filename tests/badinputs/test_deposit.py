"""Bad deposits, one case a row of reliability.md 3.1, with the exact sentence where the row gives one (rows 1–20, 28, 29).

Rows 9, 10's report and 14 are the gate's (tests of gateway/gate.py); here is what the counter and the folder answer.
"""

from __future__ import annotations

import hashlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from paramiko.sftp import CMD_CLOSE, CMD_OPEN
from structlog.testing import capture_logs

from adapters.folder import WatchedFolder
from adapters.sftp_accounts import generate_key, hash_password
from adapters.sftp_uploads import Stage
from gateway.config import Folder
from gateway.errors import StorageRefused, StoreBusy
from gateway.model import Box
from tests.sftp_peers import CounterSite, until


@pytest.fixture
def site(tmp_path: Path) -> Iterator[CounterSite]:
    site = CounterSite(tmp_path)
    site.start()
    yield site
    site.counter.stop()


def put(client: paramiko.SFTPClient, path: str, data: bytes = b"<a/>") -> None:
    """Open, write and close, and hear the answer to the CLOSE (paramiko's own close swallows it)."""
    handle = client.open(path, "wb")
    try:
        if data:
            handle.write(data)
        client._request(CMD_CLOSE, handle.handle)
    finally:
        handle._closed = True


def login(site: CounterSite, name: str, *, key: Path | None = None, password: str = "") -> paramiko.Transport:
    transport = paramiko.Transport(socket.create_connection(("127.0.0.1", site.port), timeout=10))
    private = paramiko.Ed25519Key.from_private_key_file(str(key)) if key else None
    try:
        transport.connect(username=name, password=password, pkey=private)
    except paramiko.SSHException:
        transport.close()
        raise
    return transport


def codes(logs: list[dict[str, object]]) -> list[object]:
    return [row["code"] for row in logs if "code" in row]


def test_row_1_unknown_login_wrong_key_and_disabled_account_hear_the_same(site: CounterSite) -> None:
    stranger = site.root / "stranger.key"
    generate_key(stranger)
    object.__setattr__(site.partners["other"], "enabled", False)
    heard = set()
    for name, key in (("nobody", stranger), ("acme", stranger), ("other", site.keys["other"])):
        with pytest.raises(paramiko.AuthenticationException) as no:
            login(site, name, key=key)
        heard.add(str(no.value))
    assert len(heard) == 1
    assert site.pauses == [60.0, 60.0, 60.0]  # the clock stands still in this test: the whole delay, each time


def test_row_1_openssh_says_permission_denied(site: CounterSite) -> None:
    stranger = site.root / "stranger.key"
    generate_key(stranger)
    done = site.openssh("ls\n", key=stranger)
    assert done.returncode != 0
    assert "Permission denied" in done.stderr


def test_row_1_a_partner_from_a_foreign_network_is_a_stranger(site: CounterSite) -> None:
    object.__setattr__(site.partners["acme"], "addresses", ("192.0.2.0/24",))
    with pytest.raises(paramiko.AuthenticationException):
        site.transport()
    object.__setattr__(site.partners["acme"], "addresses", ("192.0.2.0/24", "127.0.0.0/8"))
    site.transport().close()


def test_a_password_opens_where_a_partner_has_one_and_only_there(site: CounterSite) -> None:
    object.__setattr__(site.partners["acme"], "password", hash_password("correct horse"))
    login(site, "acme", password="correct horse").close()
    for name, password in (("acme", "wrong"), ("other", "correct horse"), ("nobody", "correct horse")):
        with pytest.raises(paramiko.AuthenticationException):
            login(site, name, password=password)


def test_row_2_five_failures_in_a_minute_close_the_door_for_a_quarter_of_an_hour(site: CounterSite) -> None:
    stranger = site.root / "stranger.key"
    generate_key(stranger)
    with capture_logs() as logs:
        for _ in range(5):
            with pytest.raises(paramiko.AuthenticationException):
                login(site, "acme", key=stranger)
        assert until(lambda: any(row["event"] == "address.banned" for row in logs))
    with pytest.raises((paramiko.SSHException, OSError, EOFError)):
        site.transport()
    site.clock.turn(seconds=899)
    with pytest.raises((paramiko.SSHException, OSError, EOFError)):
        site.transport()
    site.clock.turn(seconds=2)
    site.transport().close()


@pytest.mark.parametrize("ask", ["exec", "scp", "shell", "subsystem", "forwarding", "reverse", "agent"])
def test_row_3_nothing_but_sftp(site: CounterSite, ask: str) -> None:
    transport = site.transport()
    try:
        if ask == "forwarding":
            with pytest.raises(paramiko.ChannelException):
                transport.open_channel("direct-tcpip", ("127.0.0.1", 22), ("127.0.0.1", 1))
            return
        if ask == "reverse":
            with pytest.raises(paramiko.SSHException):
                transport.request_port_forward("127.0.0.1", 0)
            return
        channel = transport.open_session()
        acts = {
            "exec": lambda: channel.exec_command("id"), "scp": lambda: channel.exec_command("scp -t /in"), "shell": channel.invoke_shell,
            "subsystem": lambda: channel.invoke_subsystem("netconf"), "agent": lambda: channel.request_forward_agent(lambda c: None),
        }  # fmt: skip
        if ask != "agent":
            with pytest.raises(paramiko.SSHException):
                acts[ask]()
        else:
            acts[ask]()
        assert until(channel.recv_stderr_ready)
        assert channel.recv_stderr(200).decode().strip() == "Seul le sous-système sftp est disponible."
    finally:
        transport.close()


def test_row_3_openssh_shows_the_sentence(site: CounterSite) -> None:
    done = site.openssh("id", program="ssh")
    assert done.returncode != 0
    assert "Seul le sous-système sftp est disponible." in done.stderr
    assert "Only the sftp subsystem is available." in site.openssh("id", "other", program="ssh").stderr


@pytest.mark.parametrize(
    "weak",
    ["Ciphers=aes128-cbc", "MACs=hmac-sha1", "KexAlgorithms=diffie-hellman-group14-sha1", "KexAlgorithms=diffie-hellman-group1-sha1"],
)
def test_row_4_weak_algorithms_find_no_match(site: CounterSite, weak: str) -> None:
    assert site.openssh("ls\n", options=("-o", weak)).returncode != 0


@pytest.mark.parametrize(
    "strong", ["Ciphers=aes256-gcm@openssh.com", "MACs=hmac-sha2-512-etm@openssh.com", "KexAlgorithms=ecdh-sha2-nistp521"]
)
def test_row_4_strong_algorithms_do(site: CounterSite, strong: str) -> None:
    assert site.openssh("ls\n", options=("-o", strong)).returncode == 0


def test_row_5_a_request_before_login_ends_the_connection(site: CounterSite) -> None:
    transport = paramiko.Transport(socket.create_connection(("127.0.0.1", site.port), timeout=10))
    transport.start_client(timeout=10)
    with capture_logs() as logs:
        with pytest.raises((paramiko.SSHException, EOFError)):
            transport.open_session(timeout=5)
        assert until(lambda: not transport.is_active())
        assert until(lambda: "SEC-005" in codes(logs))
    transport.close()


def interrupted(site: CounterSite, path: str, data: bytes) -> None:
    with site.client() as client:
        handle = client.open(path, "wb")
        handle.write(data)
        client.get_channel().get_transport().close()
    box, name = (Box.TEST, path[9:]) if path.startswith("/test") else (Box.REAL, path[4:])

    def stopped() -> bool:
        upload = site.counter.uploads.find("acme", box, name)
        return upload is not None and upload.stage is Stage.PARTIAL

    assert until(stopped)


def test_row_6_a_cut_upload_is_no_flow_and_the_partner_is_owed_a_notice(site: CounterSite) -> None:
    interrupted(site, "/in/flux.xml", b"x" * 1234)
    assert site.ledger.taken == []
    site.clock.turn(hours=37)
    (notice,) = site.counter.sweep()
    assert (notice.partner, notice.box, notice.name, notice.size) == ("acme", Box.REAL, "flux.xml", 1234)
    assert notice.finding.message_fr == (
        "Dépôt \"flux.xml\" interrompu à 1234 octets le 22/11/2026 10:00. Aucun flux n'a été créé. Recommencez le dépôt."
    )


def test_row_7_a_temporary_name_never_renamed(site: CounterSite) -> None:
    with site.client() as client:
        put(client, "/test/in/flux.xml.part")
    site.clock.turn(hours=37)
    (notice,) = site.counter.sweep()
    assert notice.box is Box.TEST
    assert notice.finding.message_fr == (
        'Fichier temporaire "flux.xml.part" jamais renommé, supprimé le 23/11/2026 23:00. Renommez le fichier en fin de dépôt.'
    )


def test_row_8_a_hole_is_answered_with_no_though_the_size_is_right(site: CounterSite) -> None:
    with site.client() as client:
        handle = client.open("/in/flux.xml", "wb")
        handle.write(b"x" * 100)
        handle.seek(150)
        handle.write(b"x" * 100)
        with pytest.raises(OSError, match=r"Envoi incomplet : 50 octets manquent à la position 100\."):
            client._request(CMD_CLOSE, handle.handle)
        handle._closed = True
        assert client.stat("/in/flux.xml").st_size == 100
    assert site.ledger.taken == []


def test_row_9_an_empty_file_is_taken_and_left_to_the_gate(site: CounterSite) -> None:
    with site.client() as client:
        put(client, "/in/vide.xml", b"")
    assert site.ledger.taken[0][1] == b""


def test_row_10_a_file_over_the_accounts_limit(site: CounterSite) -> None:
    object.__setattr__(site.partners["acme"], "flow_bytes", 2_000_000)
    sentence = r'Le fichier "gros.xml" dépasse la taille autorisée \(2 Mo\)\. Découpez le flux\.'
    with site.client() as client:
        handle = client.open("/in/gros.xml", "wb")
        handle.write(b"x" * 2_000_000)
        with pytest.raises(OSError, match=sentence):
            handle.write(b"x")
        with pytest.raises(OSError, match=sentence):
            client._request(CMD_CLOSE, handle.handle)
        handle._closed = True
        assert client.listdir("/in") == []
    (notice,) = site.counter.sweep()
    assert (notice.finding.rule, notice.name) == ("DEP-005", "gros.xml")
    assert site.ledger.taken == []


def test_row_11_the_disk_is_nearly_full(site: CounterSite) -> None:
    site.ledger.full = "Espace insuffisant chez le concentrateur. Dépôt NON pris en compte, réessayez plus tard."
    with site.client() as client, pytest.raises(OSError, match=r"Dépôt NON pris en compte, réessayez plus tard\."):
        put(client, "/in/a.xml")


def test_row_11_the_disk_fills_up_at_the_last_moment(site: CounterSite) -> None:
    site.ledger.failing = StorageRefused("spool: no space; free the disk")
    with site.client() as client:
        with pytest.raises(OSError, match=r"Espace insuffisant chez le concentrateur\. Dépôt NON pris en compte, réessayez plus tard\."):
            put(client, "/in/a.xml")
        assert client.listdir("/in") == []  # a client that compares sizes must not find its file there


def test_row_12_the_daily_quota(site: CounterSite) -> None:
    site.ledger.full = "Quota journalier atteint (3). Prochain dépôt possible à 00:00."
    with site.client() as client, pytest.raises(OSError, match=r"Quota journalier atteint \(3\)\."):
        put(client, "/in/a.xml")


def test_row_13_the_store_is_away_at_open_and_at_close(site: CounterSite, monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = r"Service momentanément indisponible\. Dépôt NON pris en compte\."
    with site.client() as client:
        site.ledger.failing = StoreBusy("store: busy; try later")
        with pytest.raises(OSError, match=sentence):
            put(client, "/in/a.xml")
        monkeypatch.setattr(site.ledger, "refusal", _away)
        with pytest.raises(OSError, match=sentence):
            client.open("/in/b.xml", "wb")
    assert site.ledger.taken == []


def _away(*facts: object) -> None:
    raise StoreBusy("store: busy; try later")


@pytest.mark.parametrize("name", ["a\nb.xml", "a\x1b[31m.xml", "a\u202etxt.xml", "a\u0085.xml", "tab\there"])
def test_row_15_control_and_bidirectional_characters(site: CounterSite, name: str) -> None:
    with site.client() as client:
        with pytest.raises(OSError, match="caractère de contrôle ou de sens d'écriture"):
            client.open(f"/in/{name}", "wb")
        put(client, "/in/.parked")
        with pytest.raises(OSError, match="caractère de contrôle"):
            client.rename("/in/.parked", f"/in/{name}")


@pytest.mark.parametrize(
    "path", ["/in/../../etc/passwd", "/etc/passwd", "/in/a\\b.xml", "/in/a\0.xml", "/in/sub/a.xml", "../x", "/test/../../x"]
)
def test_row_16_paths_that_lead_elsewhere(site: CounterSite, path: str) -> None:
    with site.client() as client, pytest.raises(PermissionError):
        client.open(path, "wb")
    assert not (site.root / "var" / "etc").exists()


def test_row_17_links_and_special_bits_are_not_supported(site: CounterSite) -> None:
    with site.client() as client:
        put(client, "/in/a.xml")
        for act in (
            lambda: client.symlink("/etc/passwd", "/in/x"), lambda: client.readlink("/in/a.xml"), lambda: client.chmod("/in/a.xml", 0o4755),
        ):  # fmt: skip
            with pytest.raises(OSError, match=r"Opération non prise en charge\."):
                act()
        client.chmod("/in/a.xml", 0o600)
        client.utime("/in/a.xml", None)


def test_row_18_a_name_too_long_or_not_in_utf_8(site: CounterSite) -> None:
    with site.client() as client:
        put(client, "/in/" + "é" * 100)
        with pytest.raises(OSError, match="Nom trop long"):
            client.open("/in/" + "é" * 100 + "x", "wb")
        with pytest.raises(OSError, match=r"Nom illisible \(UTF-8 attendu\)"):
            client._request(CMD_OPEN, b"/in/caf\xe9.xml", 0x1A, paramiko.SFTPAttributes())


def test_row_19_a_second_writer(site: CounterSite) -> None:
    with site.client() as one, site.client() as two:
        handle = one.open("/in/a.xml", "wb")
        handle.write(b"x")
        for mode in ("wb", "ab", "r+b"):
            with pytest.raises(OSError, match=r"Dépôt déjà en cours par une autre session\."):
                two.open("/in/a.xml", mode)
        for act in (lambda: two.remove("/in/a.xml"), lambda: two.rename("/in/a.xml", "/in/b.xml")):
            with pytest.raises(OSError, match=r"Dépôt déjà en cours par une autre session\."):
                act()
        handle.close()
    assert site.ledger.names == ["a.xml"]


def test_row_20_an_accepted_file_is_not_removed_renamed_or_written_into(site: CounterSite) -> None:
    with site.client() as client:
        put(client, "/in/a.xml")
        for act in (
            lambda: client.remove("/in/a.xml"), lambda: client.rename("/in/a.xml", "/in/b.xml"),
            lambda: client.posix_rename("/in/a.xml", "/in/b.xml"), lambda: client.open("/in/a.xml", "ab"),
            lambda: client.open("/in/a.xml", "r+b"),
        ):  # fmt: skip
            with pytest.raises(PermissionError):
                act()
        site.clock.turn(seconds=601)
        with pytest.raises(FileNotFoundError):
            client.remove("/in/a.xml")
        assert site.ledger.names == ["a.xml"]


def test_row_20_names_the_flow_even_when_the_name_is_no_longer_listed(site: CounterSite) -> None:
    with site.client() as client:
        put(client, "/in/a.xml")
        client._convert_status = _raise_text
        for seconds in (0, 601):
            site.clock.turn(seconds=seconds)
            with pytest.raises(OSError, match=r"Flux déjà pris en charge sous le numéro F-1\."):
                client.remove("/in/a.xml")


def _raise_text(message: paramiko.Message) -> None:
    """The status message, which paramiko's client drops for "permission denied" and "no such file"."""
    message.get_int()
    raise OSError(message.get_text())


def test_exclusive_and_plain_opens_follow_the_protocol(site: CounterSite) -> None:
    with site.client() as client:
        put(client, "/in/.a")
        with pytest.raises(OSError, match="already exists"):
            client.open("/in/.a", "wx")
        with pytest.raises(FileNotFoundError):
            client.open("/in/none", "r+b")
        with pytest.raises(FileNotFoundError):
            client.rename("/in/none", "/in/other")


def test_a_packet_of_nonsense_ends_the_session_and_takes_nothing(site: CounterSite) -> None:
    transport = site.transport()
    channel = transport.open_session()
    channel.invoke_subsystem("sftp")
    channel.sendall(struct.pack(">IB", 0xFFFFFFFF, 1))
    assert until(lambda: channel.closed or channel.eof_received)
    transport.close()
    assert site.ledger.taken == []


def folder(site: CounterSite, strategy: str) -> WatchedFolder:
    object.__setattr__(site.settings, "folder", Folder(strategy=strategy))
    return WatchedFolder(site.settings, lambda: site.partners, site.clock, seen=lambda _: False, refusal=lambda *_: None)


@pytest.mark.parametrize("announced", ["00" * 32, "99", f"4 {'00' * 32}"])
def test_row_28_a_done_file_that_says_otherwise(site: CounterSite, announced: str) -> None:
    box = site.box("acme", "in")
    (box / "a.xml").write_bytes(b"<a/>")
    os.utime(box / "a.xml", (1, 1))
    (box / "a.xml.ok").write_text(announced)
    watched = folder(site, "done-file")
    assert list(watched.drops()) == []
    (notice,) = watched.notices()
    found = "4 octets" if announced == "99" else hashlib.sha256(b"<a/>").hexdigest()
    wanted = "99 octets" if announced == "99" else "00" * 32
    assert notice.finding.message_fr == f"Empreinte annoncée {wanted}, calculée {found} : fichier altéré ou incomplet."
    assert notice.kept.read_bytes() == b"<a/>"
    assert list(watched.drops()) == []
    assert watched.notices() == []


def test_row_29_what_is_no_file_is_skipped_and_told_once(site: CounterSite) -> None:
    box = site.box("acme", "in")
    os.mkfifo(box / "fifo")
    (box / "link.xml").symlink_to("/etc/passwd")
    (box / "sub").mkdir()
    watched = folder(site, "rename")
    with capture_logs() as logs:
        assert list(watched.drops()) == []
        assert list(watched.drops()) == []
    assert sorted(str(row["file"]) for row in logs) == ["fifo", "link.xml", "sub"]
    assert set(codes(logs)) == {"DEP-021"}
    assert (box / "link.xml").is_symlink()
