"""The SFTP protocol (version 3) of one session: requests in, answers out; what a request means is the tree's (adapters/sftp_tree.py).

paramiko's server answers OK to every CLOSE and calls `close()` for a request and for a cut link alike (reliability.md, finding 3), so the
requests that matter are answered here: a CLOSE *request* reaches a handle's `commit`, everything else that ends it reaches `close`.
adapters/sftp_selftest.py proves at every start that the two are told apart.

Limits: our sentences reach only clients that show the status message (OpenSSH's sftp shows the code alone).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import paramiko
from paramiko import sftp

from adapters.sftp_tree import READ_BYTES, Counter, Refusal, Tree, UploadHandle, canonical
from gateway.catalogue import sentence
from gateway.errors import GatewayError, StorageRefused

HANDLES = 64
PACKET_BYTES = 262_144  # as OpenSSH's server: fewer, larger packets than the 32 KiB a client must assume


class Session(paramiko.SFTPServer):  # type: ignore[misc]  # paramiko ships no types
    """The protocol: requests in, answers out, each *no* with its sentence."""

    def __init__(self, channel: Any, name: str, door: Any, counter: Counter) -> None:
        super().__init__(channel, name, door, Tree, counter)
        self.tree: Tree = self.server
        self._door = door
        self._steps: dict[int, Callable[[int, Any], None]] = {
            sftp.CMD_OPEN: self._open, sftp.CMD_CLOSE: self._close_asked, sftp.CMD_OPENDIR: self._open_listing,
            sftp.CMD_STAT: self._look, sftp.CMD_LSTAT: self._look, sftp.CMD_REMOVE: self._remove, sftp.CMD_RENAME: self._rename,
            sftp.CMD_SETSTAT: self._set_attributes, sftp.CMD_FSETSTAT: self._set_handle_attributes, sftp.CMD_REALPATH: self._real_path,
            sftp.CMD_MKDIR: self._denied, sftp.CMD_RMDIR: self._denied, sftp.CMD_READLINK: self._unsupported,
            sftp.CMD_SYMLINK: self._unsupported, sftp.CMD_EXTENDED: self._extended,
        }  # fmt: skip
        door.joined(self)

    def _send_server_version(self) -> int:
        """As paramiko's, without the MD5 and SHA-1 of `check-file`, with the rename and fsync that OpenSSH's client looks for."""
        kind, data = self._read_packet()
        if kind != sftp.CMD_INIT:
            raise sftp.SFTPError("the first packet must be INIT")
        answer = paramiko.Message()
        answer.add_int(3)
        for extension in ("posix-rename@openssh.com", "fsync@openssh.com", "limits@openssh.com"):
            answer.add_string(extension)
            answer.add_string("1")
        self._send_packet(sftp.CMD_VERSION, answer)
        return int(struct.unpack(">I", data[:4])[0])

    def finish_subsystem(self) -> None:
        """Handles first: the library closes the channel before them, and when that fails on a dead link it forgets them."""
        for handle in self.file_table.values():
            handle.close()
        self.file_table.clear()
        super().finish_subsystem()

    def _process(self, kind: int, number: int, message: Any) -> None:
        self._door.alive()
        try:
            step = self._steps.get(kind)
            if step:
                step(number, message)
            else:
                super()._process(kind, number, message)
        except Refusal as no:
            self._send_status(number, no.code, no.text)
        except GatewayError as failed:
            code = "DEP-006" if isinstance(failed, StorageRefused) else "DEP-008"
            self.tree.log.error("request.failed", code=code, error=str(failed))
            self._send_status(number, sftp.SFTP_FAILURE, sentence(code, self.tree.partner.language))
        except Exception as bug:
            self.tree.log.error("request.failed", error=repr(bug))
            raise  # the library answers FAILURE and goes on

    def _path(self, message: Any) -> str:
        try:
            path: str = message.get_binary().decode()
        except UnicodeDecodeError:
            raise self.tree.refusal(sftp.SFTP_FAILURE, "DEP-017") from None
        return path

    def _done(self, number: int) -> None:
        self._send_status(number, sftp.SFTP_OK)

    def _open(self, number: int, message: Any) -> None:
        if len(self.file_table) >= HANDLES:
            raise Refusal(sftp.SFTP_FAILURE, "Too many open files")
        path = self._path(message)
        self._send_handle_response(number, self.tree.begin(path, message.get_int()))

    def _close_asked(self, number: int, message: Any) -> None:
        name = message.get_binary()
        if self.folder_table.pop(name, None) is None:
            handle = self.file_table.pop(name, None)
            if handle is None:
                raise Refusal(sftp.SFTP_BAD_MESSAGE, "Invalid handle")
            handle.commit()
        self._done(number)

    def _open_listing(self, number: int, message: Any) -> None:
        if len(self.folder_table) >= HANDLES:
            raise Refusal(sftp.SFTP_FAILURE, "Too many open folders")
        folder = paramiko.SFTPHandle()
        folder._set_files(self.tree.entries(self._path(message)))
        self._send_handle_response(number, folder, True)

    def _look(self, number: int, message: Any) -> None:
        self._response(number, sftp.CMD_ATTRS, self.tree.look(self._path(message)))

    def _remove(self, number: int, message: Any) -> None:
        self.tree.remove_name(self._path(message))
        self._done(number)

    def _rename(self, number: int, message: Any) -> None:
        self.tree.rename_name(self._path(message), self._path(message), replace=False)
        self._done(number)

    def _set_attributes(self, number: int, message: Any) -> None:
        self.tree.look(self._path(message))
        self._harmless(message)
        self._done(number)

    def _set_handle_attributes(self, number: int, message: Any) -> None:
        handle = self.file_table.get(message.get_binary())
        if handle is None:
            raise Refusal(sftp.SFTP_BAD_MESSAGE, "Invalid handle")
        size = self._harmless(message)
        if size is not None and isinstance(handle, UploadHandle):
            handle.shrink(size)
        self._done(number)

    def _harmless(self, message: Any) -> int | None:
        """Times and modes are accepted and ignored, special bits refused (row 17); the size asked for, if any."""
        flags = message.get_int()
        size: int | None = message.get_int64() if flags & 1 else None
        if flags & 2:
            message.get_int64()
        if flags & 4 and message.get_int() & 0o7000:
            raise self.tree.refusal(sftp.SFTP_OP_UNSUPPORTED, "DEP-013")
        return size

    def _real_path(self, number: int, message: Any) -> None:
        self._response(number, sftp.CMD_NAME, 1, canonical(self._path(message)), "", paramiko.SFTPAttributes())

    def _denied(self, number: int, message: Any) -> None:
        raise Refusal(sftp.SFTP_PERMISSION_DENIED, "Permission denied")

    def _unsupported(self, number: int, message: Any) -> None:
        raise self.tree.refusal(sftp.SFTP_OP_UNSUPPORTED, "DEP-013")

    def _extended(self, number: int, message: Any) -> None:
        tag = message.get_binary()
        if tag == b"posix-rename@openssh.com":
            self.tree.rename_name(self._path(message), self._path(message), replace=True)
            self._done(number)
        elif tag == b"fsync@openssh.com":
            handle = self.file_table.get(message.get_binary())
            if not isinstance(handle, UploadHandle):
                raise Refusal(sftp.SFTP_BAD_MESSAGE, "Invalid handle")
            handle.upload.note()
            self._done(number)
        elif tag == b"limits@openssh.com":
            self._response(number, sftp.CMD_EXTENDED_REPLY, *(sftp.int64(n) for n in (PACKET_BYTES, READ_BYTES, READ_BYTES, HANDLES)))
        else:
            raise self.tree.refusal(sftp.SFTP_OP_UNSUPPORTED, "DEP-013")
