"""Our SFTP counter: the listener, the door of each connection, limits and the sweep; the tree and the protocol are its neighbours'.

Keys and passwords: adapters/sftp_accounts.py. Requests: adapters/sftp_session.py. What a partner may do: adapters/sftp_tree.py.
Only sftp is served: no shell, exec, scp, forwarding, agent, X11. `Intake` is called from the sessions' threads.

Limits: one thread waits for connections, two serve each of them. The counter stops by closing every session: what was being uploaded is
then an interrupted upload and can be resumed.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter as Tally
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import paramiko
from paramiko.kex_mlkem import KexMLKEM768X25519

from adapters import sftp_selftest
from adapters.sftp_accounts import Accounts, Bans
from adapters.sftp_session import Session
from adapters.sftp_tree import Counter, take
from adapters.sftp_uploads import Stage, Upload, Uploads
from gateway.catalogue import finding, sentence
from gateway.config import Partner, Settings
from gateway.errors import ConfigError, GatewayError, Unreachable
from gateway.log import logger
from gateway.model import Box, Finding
from gateway.ports import Clock, Intake

KEX = (
    *(("mlkem768x25519-sha256",) if KexMLKEM768X25519.is_available() else ()),
    "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521", "diffie-hellman-group16-sha512",
)  # fmt: skip
CIPHERS = ("aes128-ctr", "aes192-ctr", "aes256-ctr", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
PUBLIC_KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256")

DENIAL_SECONDS = 0.75  # longer than a scrypt of ours takes, so that every denial takes the same
_CONNECTIONS = 256
_TICK = 0.25
_STOP_SECONDS = 4.0
_KEEPALIVE = 15
_HEARD = 0.1  # OpenSSH's client leaves at the refusal: it has to read the sentence before


@dataclass(frozen=True, slots=True)
class Discarded:
    """An upload that came to nothing: the caller owes the partner its finding (DEP-001, DEP-002, DEP-005)."""

    partner: str
    box: Box
    name: str
    size: int
    at: datetime
    finding: Finding


class Connection(paramiko.Transport):  # type: ignore[misc]  # paramiko ships no types
    """One SSH connection: our algorithms only, and whoever asks for anything before logging in is shown out (row 5)."""

    _preferred_kex = KEX
    _preferred_ciphers = CIPHERS
    _preferred_macs = MACS
    _preferred_pubkeys = PUBLIC_KEYS

    def __init__(self, sock: socket.socket, address: str, ended: Callable[[Connection], None]) -> None:
        super().__init__(sock)
        self.local_version = "SSH-2.0-concentrator"
        self.address, self._ended = address, ended
        self.door: Door | None = None

    def run(self) -> None:
        try:
            super().run()
        finally:
            self._ended(self)

    def _ensure_authed(self, ptype: int, message: Any) -> None:
        if super()._ensure_authed(ptype, message) is not None:
            if self.door:
                self.door.log.warning("session.refused", code="SEC-005")
            raise paramiko.SSHException("request before authentication")


class Door(paramiko.ServerInterface):  # type: ignore[misc]  # paramiko ships no types
    """Who stands before the counter on one connection: logs in by key or password, then asks for sftp and nothing else."""

    def __init__(self, counter: SftpCounter, connection: Connection) -> None:
        self._counter, self._connection = counter, connection
        self.partner: Partner | None = None
        self.sessions: list[Session] = []
        self.attempted = False
        self.since = self.active_at = counter.clock.monotonic()
        self.log = counter.log.bind(address=connection.address)

    # --- logging in
    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password" if self._counter.accounts.take_passwords() else "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        accounts, address = self._counter.accounts, self._connection.address
        return self._decide(username, lambda: accounts.by_key(username, key, address), password=False)

    def check_auth_password(self, username: str, password: str) -> int:
        accounts, address = self._counter.accounts, self._connection.address
        return self._decide(username, lambda: accounts.by_password(username, password, address), password=True)

    def _decide(self, login: str, find: Callable[[], Partner | None], *, password: bool) -> int:
        began = self._counter.clock.monotonic()
        self.attempted = True
        partner = find()
        if partner is not None:
            self.partner = partner
            self._connection.set_keepalive(_KEEPALIVE)  # not before: a client that is asked for a password does not expect it
            return int(paramiko.AUTH_SUCCESSFUL)
        self.log.warning("session.denied", code="SEC-001", login=login[:64], method="password" if password else "publickey")
        if password:
            self._counter.failed(self)
        self._counter.pause(max(0.0, self._counter.denial_seconds - (self._counter.clock.monotonic() - began)))
        return int(paramiko.AUTH_FAILED)

    # --- asking
    def check_channel_request(self, kind: str, chanid: int) -> int:
        if kind != "session":
            return self._turned_away(kind)
        if self.partner is None or not self._counter.room_for(self.partner.name):
            self.log.warning("session.refused", why="too many sessions of this partner")
            return int(paramiko.OPEN_FAILED_RESOURCE_SHORTAGE)
        return int(paramiko.OPEN_SUCCEEDED)

    def check_channel_direct_tcpip_request(self, chanid: int, origin: Any, destination: Any) -> int:
        return self._turned_away("direct-tcpip")

    def check_port_forward_request(self, address: str, port: int) -> bool:
        self._turned_away("port forwarding")
        return False

    def check_channel_shell_request(self, channel: Any) -> bool:
        return self._only_sftp(channel, "shell")

    def check_channel_exec_request(self, channel: Any, command: bytes) -> bool:
        return self._only_sftp(channel, "exec")

    def check_channel_forward_agent_request(self, channel: Any) -> bool:
        return self._only_sftp(channel, "agent")

    def check_channel_x11_request(self, channel: Any, *details: Any) -> bool:
        return self._only_sftp(channel, "x11")

    def check_channel_pty_request(self, channel: Any, *details: Any) -> bool:
        return False  # no text: a client that asks for a terminal asks for a shell next

    def check_channel_subsystem_request(self, channel: Any, name: str) -> bool:
        if name != "sftp" or len(self.sessions) >= self._counter.settings.sftp.connections_per_partner:
            return self._only_sftp(channel, f"subsystem {name[:32]}")
        return bool(super().check_channel_subsystem_request(channel, name))

    def _turned_away(self, what: str) -> int:
        self.log.warning("session.refused", code="SEC-003", asked=what)
        return int(paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED)

    def _only_sftp(self, channel: Any, what: str) -> bool:
        """Row 3: the sentence goes to the channel's standard error, then the request is refused."""
        self._turned_away(what)
        language = self.partner.language if self.partner else "fr"
        channel.sendall_stderr(f"{sentence('SEC-003', language)}\r\n".encode())
        time.sleep(_HEARD)
        return False

    # --- told by the session
    def joined(self, session: Session) -> None:
        """A session began on this connection."""
        self.sessions.append(session)
        self.log.info("session.opened", partner=self.partner.name if self.partner else "")

    def alive(self) -> None:
        """A request came."""
        self.active_at = self._counter.clock.monotonic()


class SftpCounter:
    """Where partners deposit and fetch over SFTP.

    `partners` is asked anew at every login; `intake` takes custody; `pause` waits out a denial. `self_test=False` is for the self-test.
    """

    def __init__(self, settings: Settings, partners: Callable[[], dict[str, Partner]], intake: Intake, clock: Clock, *,
                 log: Any = None, pause: Callable[[float], None] = time.sleep, denial_seconds: float = DENIAL_SECONDS,
                 self_test: bool = True) -> None:
        self.settings, self.intake, self.clock = settings, intake, clock
        self.log = log or logger("sftp")
        self.pause, self.denial_seconds = pause, denial_seconds
        self.accounts = Accounts(partners)
        limits = settings.sftp
        self._bans = Bans(clock, limits.failures_before_ban, limits.failure_window_seconds, limits.ban_seconds)
        self.uploads = Uploads(settings.var / "spool" / "sftp" / "staging", clock, limits.keep_visible_seconds)
        self._parts = Counter(settings, intake, self.uploads, self.log, self._oversized)
        self._notices: list[Discarded] = []
        self._connections: set[Connection] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._self_test = self_test

    # --- life
    def start(self) -> int:
        """Prove the four endings, take up what a crash left, listen; the port. `ConfigError`, `Unreachable` when it cannot."""
        self._host_key = host_key(self.settings.under(self.settings.sftp.host_key))
        if self._self_test:
            sftp_selftest.judge(SftpCounter, self.settings, self.clock)
        for upload in self.uploads.recover():
            self._take_up(upload)
        self._listener = _listen(self.settings.sftp.host, self.settings.sftp.port)
        self._thread = threading.Thread(target=self._serve, name="sftp-counter", daemon=True)
        self._thread.start()
        port = int(self._listener.getsockname()[1])
        self.log.info("counter.opened", host=self.settings.sftp.host, port=port)
        return port

    def stop(self) -> None:
        """Close listener and sessions, and wait (4 s at most in all) until none of them touches the intake any more."""
        self._stopping.set()
        if self._listener and self._thread:
            with suppress(OSError):  # not connected: it is the waking of `accept` that counts
                self._listener.shutdown(socket.SHUT_RDWR)
            self._thread.join(_STOP_SECONDS)
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.close()
        deadline = time.monotonic() + _STOP_SECONDS
        for session in [s for c in connections if c.door for s in c.door.sessions]:
            session.join(max(0.0, deadline - time.monotonic()))

    def reload(self) -> None:
        """Settings of partners changed: open sessions go on, those of partners that left or were disabled end."""
        self.accounts.reload()
        for connection in self._open():
            partner = connection.door.partner if connection.door else None
            if partner and not self.accounts.still_welcome(partner.name):
                connection.close()

    def sweep(self) -> list[Discarded]:
        """Throw away uploads that nobody resumed; rows 6, 7 and 10: the caller owes each partner the finding."""
        now = self.clock.now()
        old = self.uploads.stale(now - timedelta(hours=self.settings.sftp.partial_hours))
        with self._lock:
            notices, self._notices = self._notices, []
        return notices + [_discarded(upload, now) for upload in old]

    def _take_up(self, upload: Upload) -> None:
        """The process died between the sender's CLOSE and our answer: custody is asked for again, under the same transport id."""
        try:
            take(self.intake, self.uploads, upload, self.log.bind(partner=upload.partner))
        except GatewayError as failed:
            self.log.error("upload.interrupted", file=upload.name, error=str(failed))
            if upload.path.exists():
                self.uploads.settle(upload, Stage.PARTIAL)
            else:  # the spool has the bytes and nobody was told yes: the sender starts anew
                self.uploads.discard(upload)

    # --- connections
    def _serve(self) -> None:
        listener = self._listener
        assert listener is not None
        with listener:
            while not self._stopping.is_set():
                try:
                    sock, address = listener.accept()
                except TimeoutError:
                    pass
                except OSError as failed:  # no descriptor left: the next tick tries again (or `stop` woke us)
                    if not self._stopping.wait(_TICK):
                        self.log.error("connection.refused", error=str(failed))
                else:
                    self._welcome(sock, str(address[0]))
                self._close_idle()

    def _welcome(self, sock: socket.socket, address: str) -> None:
        why = self._unwelcome(address)
        if why:
            self.log.info("connection.refused", address=address, why=why)
            sock.close()
            return
        try:
            self._open_connection(sock, address)
        except (paramiko.SSHException, OSError, RuntimeError) as failed:  # the peer left at once, or no thread is left
            self.log.warning("connection.refused", address=address, error=str(failed))
            sock.close()

    def _unwelcome(self, address: str) -> str:
        here = Tally(c.address for c in self._open())
        if self._bans.banned(address):
            return "SEC-002"
        if here[address] >= self.settings.sftp.connections_per_host:
            return "too many connections of this address"
        return "too many connections" if here.total() >= _CONNECTIONS else ""

    def _open_connection(self, sock: socket.socket, address: str) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)  # a peer that vanished must not hold its upload
        connection = Connection(sock, address, self._ended)
        connection.add_server_key(self._host_key)
        connection.set_subsystem_handler("sftp", Session, self._parts)
        connection.door = Door(self, connection)
        with self._lock:
            self._connections.add(connection)
        try:
            connection.start_server(event=threading.Event(), server=connection.door)
        except BaseException:
            self._ended(connection)
            raise

    def _ended(self, connection: Connection) -> None:
        with self._lock:
            self._connections.discard(connection)
        door = connection.door
        if door and door.attempted and door.partner is None:
            self.failed(door)

    def _open(self) -> list[Connection]:
        with self._lock:
            return list(self._connections)

    def _close_idle(self) -> None:
        now, limits = self.clock.monotonic(), self.settings.sftp
        for connection in self._open():
            door = connection.door
            if door and now - door.since > limits.login_seconds and not connection.is_authenticated():
                connection.close()
            elif door and now - door.active_at > limits.idle_seconds:
                door.log.info("session.closed", why="idle")
                connection.close()

    # --- asked by doors
    def room_for(self, partner: str) -> bool:
        """True while the partner has fewer connections than it may."""
        mine = [c for c in self._open() if c.door and c.door.partner and c.door.partner.name == partner]
        return len(mine) <= self.settings.sftp.connections_per_partner

    def failed(self, door: Door) -> None:
        """Count a failed login against its address."""
        door.attempted = False
        address = door._connection.address
        if self._bans.failed(address):
            self.log.warning("address.banned", address=address, code="SEC-002", seconds=self.settings.sftp.ban_seconds)

    def _oversized(self, upload: Upload, limit: str) -> None:
        notice = finding("DEP-005", nom=upload.name, max=limit)
        discarded = Discarded(upload.partner, upload.box, upload.name, upload.size, self.clock.now(), notice)
        with self._lock:
            self._notices.append(discarded)


def _discarded(upload: Upload, now: datetime) -> Discarded:
    if upload.stage is Stage.PARKED:
        notice = finding("DEP-002", nom=upload.name, date=f"{now:%d/%m/%Y %H:%M}")
    else:
        notice = finding("DEP-001", nom=upload.name, n=upload.size, date=f"{upload.touched:%d/%m/%Y %H:%M}")
    return Discarded(upload.partner, upload.box, upload.name, upload.size, upload.touched, notice)


def _listen(host: str, port: int) -> socket.socket:
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128)
    except OSError as failed:
        raise Unreachable(f"sftp: cannot listen on {host}:{port} ({failed.strerror}); choose a free [sftp] host and port") from failed
    listener.settimeout(_TICK)
    return listener


def host_key(path: Path) -> paramiko.PKey:
    """The counter's private host key; `ConfigError` when there is none or it cannot be read."""
    try:
        return paramiko.PKey.from_path(path)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no host key; `gateway init` makes one, or ssh-keygen -t ed25519") from None
    except (paramiko.SSHException, paramiko.UnknownKeyType, ValueError, OSError) as broken:
        raise ConfigError(f"{path}: unreadable host key ({broken}); `gateway init` makes one, or ssh-keygen -t ed25519") from broken
