"""A connection to somebody else's SFTP server (paramiko's client): pinned host key, deadlines, foreign errors as ours; it knows no box.

Both sides use it: the State's (adapters/chorus/remote.py) and the partners' (adapters/polled_server.py). Every silence has a deadline here;
what is said is bounded in adapters/sftp_answers.py.

Limits: a server that sends a byte now and then is never silent; it holds up whoever waits for it, and nobody else has this connection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko

from adapters.border import PARAMIKO, from_paramiko
from adapters.sftp_answers import Client, readable
from gateway.errors import ConfigError, HostKeyChanged, Unreachable

CHUNK = 1 << 20
IO_SECONDS = 60.0
"""How long a connected server may stay silent within one call."""
IDLE_SECONDS = 60.0
"""A connection that nobody used for so long is made anew: its server may have given it up without a word."""


@contextmanager
def foreign(where: str) -> Iterator[None]:
    """Errors of paramiko and of the operating system as ours, the cause kept; bugs pass through."""
    try:
        yield
    except paramiko.BadHostKeyException as other:
        raise HostKeyChanged(
            f"{where}: the host key changed, {other.key.get_name()} {other.key.fingerprint} instead of {other.expected_key.get_name()} "
            f"{other.expected_key.fingerprint}; compare with the owner by another way, then correct known_hosts"
        ) from other
    except paramiko.AuthenticationException as refused:
        raise Unreachable(f"{where}: our login is refused ({refused}); the owner must know our public key or password") from refused
    except tuple(PARAMIKO) as lost:
        raise from_paramiko(lost, where) from lost


@dataclass(frozen=True, slots=True)
class Login:
    """Where to, and as whom: with a private key, or with a password that is read at each connection and kept nowhere."""

    host: str
    port: int
    user: str
    known_hosts: Path
    key: Path | None = None
    password: Callable[[], str] | None = None
    connect_seconds: float = 10.0
    silence_seconds: float = IO_SECONDS


class SftpLink:
    """One connection, made on first use and again after a loss; for one thread, but for `shut`. Paths are relative to `root`, with `/`."""

    def __init__(self, login: Login, root: str = "") -> None:
        self.where = f"sftp://{login.user}@{login.host}:{login.port}/{root.strip('/')}"
        self._login, self._root = login, root.rstrip("/")
        self._ssh: Any = None
        self._sftp: Any = None
        self._used = 0.0
        self._shut = threading.Event()

    @contextmanager
    def calling(self, path: str, going_on: Any = None) -> Iterator[Any]:
        """The connected client; a lost connection is dropped, so that the next call connects anew. `Unreachable`, `ConfigError`.

        `going_on`: the client of an earlier call, whose open files end with its connection: never another one.
        """
        try:
            with foreign(f"{self.where.rstrip('/')}/{readable(path)}"):
                yield self._connected() if going_on is None else self._same(going_on)
        except (Unreachable, ConfigError) as lost:
            if not self.answered(lost):
                self.close()
            raise

    def answered(self, error: BaseException) -> bool:
        """The server said no, on a connection that goes on (a late answer would be taken for the next one's: a timeout ends it)."""
        cause = error.__cause__
        return isinstance(cause, OSError) and not isinstance(cause, TimeoutError) and self.alive()

    def at(self, path: str) -> bytes:
        """A path as the server knows it; bytes that are no UTF-8 come back as they were listed."""
        return (f"{self._root}/{path}" if self._root else path).encode("utf-8", "surrogateescape")

    def alive(self) -> bool:
        """Connected, as far as this side knows."""
        transport = self._ssh.get_transport() if self._ssh else None
        return bool(transport and transport.is_active()) and self._sftp is not None and not self._sftp.sock.closed

    def close(self) -> None:
        """Give the connection back; the next call makes another."""
        ssh, self._ssh, self._sftp = self._ssh, None, None
        if ssh is not None:
            ssh.close()

    def shut(self) -> None:
        """From another thread: end the call under way and every later one."""
        self._shut.set()
        ssh = self._ssh
        if ssh is not None:
            ssh.close()

    def _connected(self) -> Any:
        if not self._shut.is_set() and (not self.alive() or time.monotonic() - self._used > IDLE_SECONDS):
            self.close()
            self._ssh = self._connect()
            self._sftp = self._open()
        if self._shut.is_set():
            self.close()
            raise Unreachable(f"{self.where}: we are stopping; the next start goes on")
        self._used = time.monotonic()
        return self._sftp

    def _same(self, sftp: Any) -> Any:
        if self._sftp is not sftp or not self.alive():
            raise EOFError("the connection was lost")
        self._used = time.monotonic()
        return sftp

    def _open(self) -> Any:
        """paramiko waits for ever for a subsystem and for a greeting: a timer ends the connection, and that wait with it."""
        timer = threading.Timer(self._login.connect_seconds, self._ssh.close)
        timer.daemon = True
        timer.start()
        try:
            sftp = Client.from_transport(self._ssh.get_transport())
            sftp.get_channel().settimeout(self._login.silence_seconds)
        finally:
            timer.cancel()
        return sftp

    def _connect(self) -> Any:
        ssh, login = paramiko.SSHClient(), self._login
        ssh.set_missing_host_key_policy(_Pinned())
        who = self._credentials(ssh)
        try:
            ssh.connect(
                login.host, login.port, login.user, **who, allow_agent=False, look_for_keys=False, timeout=login.connect_seconds,
                banner_timeout=login.connect_seconds, auth_timeout=login.connect_seconds, channel_timeout=login.connect_seconds,
            )  # fmt: skip
        except BaseException:
            ssh.close()
            raise
        return ssh

    def _credentials(self, ssh: Any) -> dict[str, Any]:
        login = self._login
        try:
            ssh.load_host_keys(str(login.known_hosts))
            if login.key is not None:
                return {"pkey": paramiko.PKey.from_path(login.key)}
            return {"password": login.password() if login.password else ""}
        except (OSError, ValueError, TypeError, paramiko.SSHException, paramiko.UnknownKeyType) as unusable:  # TypeError: an encrypted key
            if login.key is None:
                raise ConfigError(f"{self.where}: {unusable}; a readable known_hosts and a password are expected") from unusable
            raise ConfigError(f"{self.where}: {unusable}; a readable known_hosts and an unencrypted private key are expected") from unusable


class _Pinned(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]  # paramiko ships no types
    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
        shown = f"{key.get_name()} {key.fingerprint}"
        raise ConfigError(f"{hostname}: no host key is pinned (it shows {shown}); verify and add it to known_hosts")
