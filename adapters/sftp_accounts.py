"""Who may open a session at the SFTP counter: keys, passwords, networks, bans; it opens no socket and speaks no SSH.

Passwords are scrypt strings `scrypt$N$r$p$salt$hash` (hexadecimal). Keys are OpenSSH lines: ed25519, ECDSA (NIST curves), RSA ≥ 3072 bits.

Limits: bans live in memory and end with the process; an IPv6 address counts as its /64.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import ipaddress
import os
import secrets
import threading
from collections import deque
from collections.abc import Callable
from functools import cache
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.config import Partner
from gateway.errors import ConfigError
from gateway.ports import Clock

KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
RSA_BITS = 3072
_N, _R, _P = 2**14, 8, 5
_HASHING = threading.Semaphore(2)  # each hash takes 16 MiB and a core: a flood of passwords must not take the machine
_TRACKED = 10_000


def hash_password(password: str) -> str:
    """A scrypt string for a partner's file."""
    salt = secrets.token_bytes(16)
    return f"scrypt${_N}${_R}${_P}${salt.hex()}${_scrypt(password, salt, _N, _R, _P).hex()}"


def verify_password(password: str, stored: str) -> bool:
    """True when `stored` was made from `password`. `ConfigError` when `stored` is no scrypt string."""
    try:
        kind, n, r, p, salt, wanted = stored.split("$")
        if kind != "scrypt":
            raise ValueError(kind)
        found = _scrypt(password, bytes.fromhex(salt), int(n), int(r), int(p))
        return hmac.compare_digest(found, bytes.fromhex(wanted))
    except ValueError:
        raise ConfigError("password: not a scrypt string; `gateway partner password` makes one") from None


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    with _HASHING:
        return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=32)


def read_public_key(line: str) -> bytes:
    """The binary public key of an OpenSSH line; `ConfigError` when it is none, of another type, or RSA under 3072 bits."""
    kind, _, rest = line.strip().partition(" ")
    if kind not in KEY_TYPES:
        raise ConfigError(f"key {kind[:40]}: type not accepted; one of {', '.join(KEY_TYPES)}")
    try:
        blob = base64.b64decode(rest.split(" ")[0], validate=True)
        key = paramiko.PKey.from_type_string(kind, blob)
    except (binascii.Error, paramiko.SSHException, ValueError, IndexError) as broken:
        raise ConfigError(f"key {kind}: unreadable ({broken}); give the whole line of the .pub file") from broken
    if kind == "ssh-rsa" and key.get_bits() < RSA_BITS:
        raise ConfigError(f"key ssh-rsa: {key.get_bits()} bits; at least {RSA_BITS}, or better ssh-ed25519")
    return blob


def generate_key(path: Path, comment: str = "") -> str:
    """Write a new ed25519 private key (OpenSSH format, mode 0600), never over an existing one; its public line."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    with open(path, "xb", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
        file.write(private)
    return f"{public} {comment}".strip()


@cache
def _decoy() -> str:
    """A hash that no password opens: an unknown login costs as much as a known one."""
    return hash_password(secrets.token_hex(16))


class Accounts:
    """Partners as logins. Every answer is a partner or None; why it was None is told to nobody on the wire."""

    def __init__(self, partners: Callable[[], dict[str, Partner]]) -> None:
        self._partners = partners
        self._blobs: dict[str, bytes | None] = {}

    def reload(self) -> None:
        """Forget keys read before."""
        self._blobs = {}

    def take_passwords(self) -> bool:
        """True when at least one partner logs in by password: what the server offers to everybody alike."""
        return any(p.password for p in self._partners().values())

    def still_welcome(self, name: str) -> bool:
        """True while the partner exists and is enabled."""
        partner = self._partners().get(name)
        return partner is not None and partner.enabled

    def by_key(self, name: str, key: paramiko.PKey, address: str) -> Partner | None:
        """The partner that owns this key, when it may connect from there."""
        partner = self._welcome(name, address)
        offered = key.asbytes()
        known = partner.keys if partner else ()
        found = [hmac.compare_digest(offered, blob) for line in known if (blob := self._blob(line)) is not None]
        return partner if any(found) else None

    def by_password(self, name: str, password: str, address: str) -> Partner | None:
        """The partner with this password, when it may connect from there."""
        partner = self._welcome(name, address)
        stored = partner.password if partner else ""
        matches = verify_password(password, stored or _decoy())
        return partner if stored and matches else None

    def _welcome(self, name: str, address: str) -> Partner | None:
        partner = self._partners().get(name)
        return partner if partner and partner.enabled and _within(address, partner.addresses) else None

    def _blob(self, line: str) -> bytes | None:
        if line not in self._blobs:
            self._blobs[line] = None
            with contextlib.suppress(ConfigError):  # `gateway check` tells of it; at the counter it opens nothing
                self._blobs[line] = read_public_key(line)
        return self._blobs[line]


def _within(address: str, networks: tuple[str, ...]) -> bool:
    if not networks:
        return True
    there = ipaddress.ip_address(address.partition("%")[0])
    there = getattr(there, "ipv4_mapped", None) or there
    return any(there in ipaddress.ip_network(n, strict=False) for n in networks)


class Bans:
    """Addresses that failed too often: `failures` within `window` seconds close the door for `seconds` (reliability.md, row 2)."""

    def __init__(self, clock: Clock, failures: int, window: float, seconds: float) -> None:
        self._clock = clock
        self._failures, self._window, self._seconds = failures, window, seconds
        self._failed: dict[str, deque[float]] = {}
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def banned(self, address: str) -> bool:
        """True while the address is shut out."""
        with self._lock:
            return self._until.get(_prefix(address), 0.0) > self._clock.monotonic()

    def failed(self, address: str) -> bool:
        """Count a failure; True when this one shut the address out."""
        now, key = self._clock.monotonic(), _prefix(address)
        with self._lock:
            self._forget(now)
            times = self._failed.setdefault(key, deque(maxlen=self._failures))
            times.append(now)
            if len(times) < self._failures or now - times[0] > self._window:
                return False
            self._until[key] = now + self._seconds
            del self._failed[key]
            return True

    def _forget(self, now: float) -> None:
        if len(self._failed) + len(self._until) > _TRACKED:
            self._failed = {k: t for k, t in self._failed.items() if now - t[-1] <= self._window}
            self._until = {k: u for k, u in self._until.items() if u > now}


def _prefix(address: str) -> str:
    there = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(there, ipaddress.IPv6Address):
        mapped = there.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((there, 64), strict=False))
    return str(there)
