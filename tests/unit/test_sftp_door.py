"""The door of the counter on the wire: which algorithms it names, how many it lets in, how long it waits."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from adapters import sftp_server
from adapters.sftp_server import host_key
from gateway.errors import ConfigError
from tests.sftp_peers import CounterSite, until

GOLDEN = {
    "kex": (
        "mlkem768x25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
        "diffie-hellman-group16-sha512,kex-strict-s-v00@openssh.com"
    ),
    "host key": "ssh-ed25519",
    "cipher": "aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com",
    "mac": "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512",
    "compression": "none",
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[CounterSite]:
    site = CounterSite(tmp_path, connections_per_host=3, connections_per_partner=2, login_seconds=30)
    site.start()
    yield site
    site.counter.stop()


def exchange(port: int) -> tuple[bytes, paramiko.Message]:
    """The server's greeting and its KEXINIT, read without a library in between."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(b"SSH-2.0-probe\r\n")
        stream = raw.makefile("rb")
        greeting = stream.readline()
        length = int.from_bytes(stream.read(4))
        packet = stream.read(length)
    message = paramiko.Message(packet[1:])
    assert message.get_byte() == b"\x14"
    message.get_bytes(16)
    return greeting, message


def test_the_algorithms_named_on_the_wire_are_the_golden_list(site: CounterSite) -> None:
    greeting, message = exchange(site.port)
    lists = [message.get_text() for _ in range(8)]
    named = {"kex": lists[0], "host key": lists[1], "cipher": lists[2], "mac": lists[4], "compression": lists[6]}
    expected = dict(GOLDEN)
    if "mlkem768x25519-sha256" not in sftp_server.KEX:  # an older OpenSSL behind `cryptography`
        expected["kex"] = expected["kex"].removeprefix("mlkem768x25519-sha256,")
    assert named == expected
    assert (lists[2], lists[4], lists[6]) == (lists[3], lists[5], lists[7])
    assert b"paramiko" not in greeting


@pytest.mark.parametrize("name", [*sftp_server.KEX, *sftp_server.CIPHERS, *sftp_server.MACS, *sftp_server.PUBLIC_KEYS])
def test_nothing_weak_is_in_any_list(name: str) -> None:
    assert not any(weak in name for weak in ("cbc", "md5", "sha1", "3des", "arcfour", "group1-", "group14-", "dss")), name
    assert name != "ssh-rsa"


def test_a_partner_has_so_many_connections_and_no_more(site: CounterSite) -> None:
    held = [site.transport() for _ in range(2)]
    for transport in held:
        transport.open_session()
    third = site.transport()
    with pytest.raises(paramiko.ChannelException):
        third.open_session()
    for transport in (*held, third):
        transport.close()


def test_an_address_has_so_many_connections_and_no_more(site: CounterSite) -> None:
    held = [socket.create_connection(("127.0.0.1", site.port)) for _ in range(3)]
    assert until(lambda: len(site.counter._open()) == 3)
    with pytest.raises((paramiko.SSHException, OSError, EOFError)):
        site.transport()
    for raw in held:
        raw.close()
    assert until(lambda: not site.counter._open())
    site.transport().close()


def test_who_does_not_log_in_in_time_is_shown_out(site: CounterSite) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as raw:
        assert raw.recv(4) == b"SSH-"
        site.clock.turn(seconds=31)
        while raw.recv(4096):
            pass
    assert until(lambda: not site.counter._open())


def test_noise_instead_of_ssh_harms_nobody(site: CounterSite) -> None:
    object.__setattr__(site.settings.sftp, "connections_per_host", 20)
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 2000, b"SSH-1.5-old\r\n", b"SSH-2.0-x\r\n" + b"\xff" * 40_000):
        with socket.create_connection(("127.0.0.1", site.port), timeout=10) as raw:
            raw.sendall(noise)
    with site.client() as client:
        assert "in" in client.listdir("/")


def test_a_host_key_that_is_none_says_how_to_make_one(tmp_path: Path) -> None:
    for text in ("", "nonsense", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"):
        (tmp_path / "key").write_text(text)
        with pytest.raises(ConfigError, match="ssh-keygen"):
            host_key(tmp_path / "key")
