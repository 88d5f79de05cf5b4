"""An SFTP server that lies: one file `a.xml`, and answers that a test bends; no test stands here.

OpenSSH's server tells the truth, so this one is ours: SSH by paramiko, the SFTP packets by hand.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paramiko

OPEN, CLOSE, READ, LSTAT, OPENDIR, READDIR, REMOVE, RENAME = 3, 4, 5, 7, 11, 12, 13, 18
STATUS, HANDLE, DATA, NAME, ATTRS = 101, 102, 103, 104, 105
OK, EOF, NO_SUCH_FILE, DENIED, FAILURE = 0, 1, 2, 3, 4
REGULAR = 0o100644
CONTENT = b"<a>" + b"x" * 100_000 + b"</a>"


def text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def status(code: int, why: bytes = b"") -> tuple[int, bytes]:
    return STATUS, struct.pack(">I", code) + text(why) + text(b"")


def attributes(size: int | None = len(CONTENT), mode: int | None = REGULAR, mtime: int = 1_700_000_000) -> bytes:
    flags = (1 if size is not None else 0) | (4 if mode is not None else 0) | 8
    sized = struct.pack(">Q", size) if size is not None else b""
    return struct.pack(">I", flags) + sized + (struct.pack(">I", mode) if mode is not None else b"") + struct.pack(">II", mtime, mtime)


def names(*rows: tuple[bytes, bytes], count: int | None = None) -> tuple[int, bytes]:
    body = b"".join(text(name) + text(b"-") + attrs for name, attrs in rows)
    return NAME, struct.pack(">I", len(rows) if count is None else count) + body


class LyingServer:
    """`bend(kind, body)` is asked first; None: the honest answer. `removed`: whether the file is gone."""

    def __init__(self, folder: Path, bend: Callable[[int, bytes], tuple[int, bytes] | None] = lambda kind, body: None) -> None:
        self.bend = bend
        self.removed, self.listed, self.name = False, False, b"a.xml"
        self.silent = ""  # "subsystem" or "greeting": from there on it says no word
        self.sessions = 0
        self._key = paramiko.ECDSAKey.generate()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.key, self.known_hosts = folder / "key", folder / "known_hosts"
        paramiko.RSAKey.generate(2048).write_private_key_file(str(self.key))
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {self._key.get_name()} {self._key.get_base64()}\n")
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(sock)
            transport.add_server_key(self._key)
            transport.set_subsystem_handler("sftp", _Sftp, self)
            transport.start_server(server=_Everybody(self))

    def answer(self, kind: int, body: bytes) -> tuple[int, bytes]:
        bent = self.bend(kind, body)
        return bent if bent is not None else self._honest(kind, body)

    def _honest(self, kind: int, body: bytes) -> tuple[int, bytes]:
        match kind:
            case _ if kind in (OPEN, OPENDIR):
                self.listed = False
                return HANDLE, text(b"h")
            case _ if kind == READDIR:
                if self.listed:
                    return status(EOF)
                self.listed = True
                return names(*([] if self.removed else [(self.name, attributes())]))
            case _ if kind == LSTAT:
                gone = self.removed or not body[4:].endswith(self.name)
                return status(NO_SUCH_FILE) if gone else (ATTRS, attributes())
            case _ if kind == READ:
                offset, length = struct.unpack(">QI", body[-12:])
                data = CONTENT[offset : offset + length]
                return (DATA, text(data)) if data else status(EOF)
            case _ if kind == RENAME:
                (size,) = struct.unpack(">I", body[:4])
                self.name = body[8 + size :].rsplit(b"/", 1)[-1]
            case _ if kind == REMOVE:
                self.removed = self.removed or body[4:].endswith(self.name)
        return status(OK)


class _Everybody(paramiko.ServerInterface):
    def __init__(self, lying: LyingServer) -> None:
        self._lying = lying

    def check_channel_subsystem_request(self, channel: Any, name: str) -> bool:
        self._lying.sessions += 1
        while self._lying.silent == "subsystem" and channel.get_transport().is_active():
            time.sleep(0.05)
        return bool(super().check_channel_subsystem_request(channel, name))

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password"

    def check_auth_publickey(self, username: str, key: Any) -> int:
        return int(paramiko.AUTH_SUCCESSFUL)

    def check_auth_password(self, username: str, password: str) -> int:
        return int(paramiko.AUTH_SUCCESSFUL if password == "pass word" else paramiko.AUTH_FAILED)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED)


class _Sftp(paramiko.SubsystemHandler):
    """Packets in, packets out; an answer with kind 0 is never sent."""

    def __init__(self, channel: Any, name: str, server: Any, lying: LyingServer) -> None:
        super().__init__(channel, name, server)
        self._lying = lying

    def start_subsystem(self, name: str, transport: Any, channel: Any) -> None:
        try:
            self._exactly(channel, struct.unpack(">I", self._exactly(channel, 4))[0])
            if self._lying.silent == "greeting":
                self._exactly(channel, 1)
            channel.sendall(struct.pack(">IBI", 5, 2, 3))
            while True:
                packet = self._exactly(channel, struct.unpack(">I", self._exactly(channel, 4))[0])
                kind, body = self._lying.answer(packet[0], packet[5:])
                if kind:
                    channel.sendall(struct.pack(">IB", len(body) + 5, kind) + packet[1:5] + body)
        except (EOFError, OSError):
            return

    def _exactly(self, channel: Any, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = channel.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data
