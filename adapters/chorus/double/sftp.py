"""The double's SFTP counter on 127.0.0.1 for boxes in/ and out/: plain rename refuses an existing target; nothing else is seen.

Limits: a test tool, without quotas, bans or `fsync@openssh.com`; an upload under a final name is visible to the double while it grows.
"""

from __future__ import annotations

import base64
import os
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import paramiko

from adapters.chorus.remote import move_refusing
from gateway.errors import ConfigError

BOXES = ("in", "out")
LOGIN_SECONDS = 10.0


class SftpPort:
    """Serves until `close`. `keys`: OpenSSH public keys, one line each; any user name. The host key is made once, under .double/."""

    def __init__(self, root: Path, keys: Sequence[str], port: int = 0) -> None:
        self._root = root
        self._keys = [_public(line) for line in keys]
        self._host_key = _host_key(root / ".double" / "ssh_host_ecdsa_key")
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = int(self._listener.getsockname()[1])
        self._transports: list[Any] = []
        self._closed = False
        (root / ".double" / "known_hosts").write_text(self.known_hosts + "\n", encoding="ascii")
        self._thread = threading.Thread(target=self._accept, name="chorus-sftp", daemon=True)
        self._thread.start()

    @property
    def known_hosts(self) -> str:
        """The line that pins this server."""
        return f"[127.0.0.1]:{self.port} {self._host_key.get_name()} {self._host_key.get_base64()}"

    def close(self) -> None:
        """Every session is cut."""
        self._closed = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._listener.close()
        self._thread.join()
        for transport in self._transports:
            transport.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed under us
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(LOGIN_SECONDS)
        transport = paramiko.Transport(connection)
        self._transports = [t for t in self._transports if t.is_active()] + [transport]
        transport.add_server_key(self._host_key)
        transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Boxes, root=self._root)
        with suppress(paramiko.SSHException, EOFError, OSError):  # a client that leaves during the handshake
            transport.start_server(server=_Login(self._keys))


class _Login(paramiko.ServerInterface):  # type: ignore[misc]  # paramiko ships no types
    def __init__(self, keys: list[Any]) -> None:
        self._keys = keys

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: Any) -> int:
        return int(paramiko.AUTH_SUCCESSFUL if key in self._keys else paramiko.AUTH_FAILED)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED)


class _Boxes(paramiko.SFTPServerInterface):  # type: ignore[misc]  # paramiko ships no types
    """in/ and out/ of the double's folder."""

    def __init__(self, server: Any, root: Path) -> None:
        super().__init__(server)
        self._root = root

    def _at(self, path: str) -> Path:
        """The place on disk; `PermissionError` outside the boxes."""
        parts = PurePosixPath("/" + path).parts[1:]
        if len(parts) not in (1, 2) or parts[0] not in BOXES or ".." in parts:
            raise PermissionError(13, "outside the boxes")
        return self._root.joinpath(*parts)

    def list_folder(self, path: str) -> Any:
        if path in ("", "/", "."):
            return [paramiko.SFTPAttributes.from_stat((self._root / box).stat(), box) for box in BOXES]
        return _tried(lambda: [paramiko.SFTPAttributes.from_stat(p.stat(), p.name) for p in sorted(self._at(path).iterdir())])

    def stat(self, path: str) -> Any:
        if path in ("", "/", "."):
            return paramiko.SFTPAttributes.from_stat(self._root.stat())
        return _tried(lambda: paramiko.SFTPAttributes.from_stat(self._at(path).stat()))

    lstat = stat

    def open(self, path: str, flags: int, attr: Any) -> Any:
        return _tried(lambda: _handle(self._at(path), flags))

    def remove(self, path: str) -> Any:
        return _tried(lambda: self._at(path).unlink())

    def rename(self, oldpath: str, newpath: str) -> Any:
        return _tried(lambda: move_refusing(self._at(oldpath), self._at(newpath)))


def _tried(act: Any) -> Any:
    """The answer, or SFTP's status for what the operating system says."""
    try:
        answer = act()
    except OSError as refused:
        return paramiko.SFTPServer.convert_errno(refused.errno)
    return paramiko.SFTP_OK if answer is None else answer


def _handle(path: Path, flags: int) -> Any:
    fd = os.open(path, flags | os.O_CLOEXEC, 0o640)
    handle = paramiko.SFTPHandle(flags)
    file = os.fdopen(fd, "r+b" if flags & os.O_RDWR else "wb" if flags & os.O_WRONLY else "rb")
    handle.readfile = handle.writefile = file
    handle.stat = lambda: paramiko.SFTPAttributes.from_stat(os.fstat(fd))
    return handle


def _host_key(path: Path) -> Any:
    if not path.exists():
        paramiko.ECDSAKey.generate().write_private_key_file(str(path))
    return paramiko.ECDSAKey.from_private_key_file(str(path))


def _public(line: str) -> Any:
    try:
        return paramiko.PKey.from_type_string(line.split(maxsplit=1)[0], base64.b64decode(line.split()[1], validate=True))
    except (IndexError, ValueError, paramiko.SSHException, paramiko.UnknownKeyType) as unusable:
        raise ConfigError(f"public key {line[:60]!r}: {unusable}; a line such as 'ssh-ed25519 AAAA… comment' is expected") from unusable
