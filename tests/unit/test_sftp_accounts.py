"""Keys, passwords, networks and bans of the SFTP counter."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import paramiko
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sftp_accounts import Accounts, Bans, generate_key, hash_password, read_public_key, verify_password
from gateway.config import Partner
from gateway.errors import ConfigError
from tests.sftp_peers import TurnedClock, need

HOME = "203.0.113.7"


def key_line(path: Path, *options: str) -> str:
    need("ssh-keygen")
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-f", str(path), *options], check=True)
    return path.with_suffix(".pub").read_text()


def test_a_password_opens_its_own_hash_and_no_other() -> None:
    stored = hash_password("mot de passe é")
    assert stored.startswith("scrypt$")
    assert "mot" not in stored
    assert verify_password("mot de passe é", stored)
    assert not verify_password("mot de passe e", stored)
    assert hash_password("mot de passe é") != stored


@pytest.mark.parametrize("stored", ["", "plain", "bcrypt$1$2$3$aa$bb", "scrypt$x$8$1$aa$bb", "scrypt$16384$8$1$zz$bb"])
def test_a_stored_password_that_is_no_scrypt_string_is_a_setting_to_correct(stored: str) -> None:
    with pytest.raises(ConfigError, match="scrypt"):
        verify_password("x", stored)


@pytest.mark.parametrize(
    "options", [("-t", "ed25519"), ("-t", "ecdsa", "-b", "256"), ("-t", "ecdsa", "-b", "521"), ("-t", "rsa", "-b", "3072")]
)
def test_keys_that_open(tmp_path: Path, options: tuple[str, ...]) -> None:
    line = key_line(tmp_path / "k", *options)
    private = paramiko.PKey.from_path(tmp_path / "k")
    assert read_public_key(line) == private.asbytes()
    accounts = Accounts(lambda: {"acme": Partner(name="acme", keys=("ssh-ed25519 broken", line))})
    assert accounts.by_key("acme", private, HOME) is not None
    assert accounts.by_key("other", private, HOME) is None


def test_a_short_rsa_key_opens_nothing(tmp_path: Path) -> None:
    line = key_line(tmp_path / "k", "-t", "rsa", "-b", "2048")
    with pytest.raises(ConfigError, match="2048 bits; at least 3072"):
        read_public_key(line)
    accounts = Accounts(lambda: {"acme": Partner(name="acme", keys=(line,))})
    assert accounts.by_key("acme", paramiko.PKey.from_path(tmp_path / "k"), HOME) is None


@pytest.mark.parametrize("line", ["", "ssh-dss AAAA", "ssh-ed25519", "ssh-ed25519 !!!", "ssh-ed25519 AAAA", "ssh-rsa AAAAC3NzaC1lZDI1NTE5"])
def test_a_line_that_is_no_public_key_is_refused_with_what_would_be_right(line: str) -> None:
    with pytest.raises(ConfigError, match="key"):
        read_public_key(line)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_no_text_at_all_makes_reading_a_key_crash(text: str) -> None:
    for prefix in ("", "ssh-ed25519 ", "ssh-rsa ", "ecdsa-sha2-nistp256 "):
        with pytest.raises(ConfigError):
            read_public_key(prefix + text)


def test_a_made_key_is_private_and_never_overwrites(tmp_path: Path) -> None:
    line = generate_key(tmp_path / "key", "demo")
    assert line.endswith(" demo")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert read_public_key(line) == paramiko.PKey.from_path(tmp_path / "key").asbytes()
    with pytest.raises(FileExistsError):
        generate_key(tmp_path / "key")


def test_openssh_reads_a_key_we_made(tmp_path: Path) -> None:
    need("ssh-keygen")
    line = generate_key(tmp_path / "key")
    found = subprocess.run(["ssh-keygen", "-y", "-f", str(tmp_path / "key")], capture_output=True, text=True, check=True)
    assert found.stdout.split()[:2] == line.split()[:2]


def test_a_disabled_partner_and_a_foreign_address_open_nothing() -> None:
    partner = Partner(name="acme", password=hash_password("p"), addresses=("203.0.113.0/24", "2001:db8::/32"))
    there = {"acme": partner}
    accounts = Accounts(lambda: there)
    assert accounts.by_password("acme", "p", HOME) == partner
    assert accounts.by_password("acme", "p", "::ffff:203.0.113.7") == partner
    assert accounts.by_password("acme", "p", "2001:db8::1") == partner
    assert accounts.by_password("acme", "p", "198.51.100.1") is None
    assert accounts.by_password("acme", "x", HOME) is None
    there["acme"] = dataclasses.replace(partner, enabled=False)
    assert accounts.by_password("acme", "p", HOME) is None
    assert not accounts.still_welcome("acme")


def test_passwords_are_offered_to_all_or_to_nobody() -> None:
    there = {"acme": Partner(name="acme")}
    accounts = Accounts(lambda: there)
    assert not accounts.take_passwords()
    there["b"] = Partner(name="b", password=hash_password("p"))
    assert accounts.take_passwords()


def test_five_failures_within_the_window_ban_and_the_ban_ends() -> None:
    clock = TurnedClock()
    bans = Bans(clock, 5, 60, 900)
    assert [bans.failed(HOME) for _ in range(5)] == [False] * 4 + [True]
    assert bans.banned(HOME)
    assert not bans.banned("203.0.113.8")
    clock.turn(seconds=899)
    assert bans.banned(HOME)
    clock.turn(seconds=1)
    assert not bans.banned(HOME)


def test_slow_failures_do_not_ban() -> None:
    clock = TurnedClock()
    bans = Bans(clock, 5, 60, 900)
    for _ in range(20):
        assert not bans.failed(HOME)
        clock.turn(seconds=16)


def test_an_ipv6_neighbourhood_is_one_address() -> None:
    bans = Bans(TurnedClock(), 2, 60, 900)
    bans.failed("2001:db8::1")
    assert bans.failed("2001:db8::2")
    assert bans.banned("2001:db8::3")
    assert not bans.banned("2001:db8:0:1::3")


def test_a_flood_of_addresses_does_not_grow_for_ever() -> None:
    clock = TurnedClock()
    bans = Bans(clock, 5, 60, 900)
    for n in range(10_001):
        bans.failed(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")
    clock.turn(seconds=61)
    bans.failed(HOME)
    assert len(bans._failed) == 1
