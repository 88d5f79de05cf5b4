"""One gzip member, inflated in chunks, its end proven (RFC 1952); it knows nothing of tar.

Header checked (with its CRC where there is one), raw deflate by isal, then CRC-32 and length compared and nothing left after them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from isal import isal_zlib

from gateway.archives.fault import ArchiveFault, Meter
from gateway.config import Limits

MAGIC = b"\x1f\x8b"
READ = 64 * 1024
CHUNK = 512 * 1024
"""Largest chunk given out, whatever the ratio: small enough that what is taken from it is still in the processor's cache."""

_HCRC, _EXTRA, _NAME, _COMMENT, _RESERVED = 2, 4, 8, 16, 0xE0


class GzipStream:
    """Chunks of the content of a gzip file. It keeps its own position, so that several may read the same stream by turns."""

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        self._stream = stream
        self._limits = limits
        self._at = 0
        self._rest = b""

    def chunks(self) -> Iterator[bytes]:
        """The content in order; raises `ArchiveFault` at the fault, at the latest instead of ending."""
        self._header()
        inflater, meter, crc = isal_zlib.decompressobj(wbits=-15), Meter(self._limits), 0
        while not inflater.eof:
            if not self._rest:
                self._more()
            try:
                chunk = inflater.decompress(self._rest, CHUNK)
            except isal_zlib.IsalError as broken:  # type: ignore[misc]  # isal's stubs declare a value where the class is
                raise ArchiveFault("ARC-002") from broken
            self._rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
            meter.add(len(chunk), self._at - len(self._rest))
            crc = isal_zlib.crc32(chunk, crc)
            if chunk:
                yield chunk
        self._trailer(crc, meter.total)

    def _more(self) -> None:
        self._stream.seek(self._at)
        data = self._stream.read(READ)
        if not data:
            raise ArchiveFault("ARC-001", n=self._at)
        self._at += len(data)
        self._rest += data

    def _take(self, count: int) -> bytes:
        while len(self._rest) < count:
            self._more()
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken

    def _header(self) -> None:
        head = self._take(10)
        flags = head[3]
        if head[:2] != MAGIC or head[2] != 8 or flags & _RESERVED:
            raise ArchiveFault("ARC-002")
        if flags & _EXTRA:
            head += (length := self._take(2))
            head += self._take(int.from_bytes(length, "little"))
        for flag in (_NAME, _COMMENT):
            if flags & flag:
                head += self._text()
        if flags & _HCRC and int.from_bytes(self._take(2), "little") != isal_zlib.crc32(head) & 0xFFFF:
            raise ArchiveFault("ARC-002")

    def _text(self) -> bytes:
        limit = self._limits.extended_header_bytes
        while (end := self._rest.find(b"\0", 0, limit + 1)) < 0:
            if len(self._rest) > limit:
                raise ArchiveFault("ARC-016", n=len(self._rest))
            self._more()
        return self._take(end + 1)

    def _trailer(self, crc: int, total: int) -> None:
        expected: tuple[int, int] = struct.unpack("<II", self._take(8))
        if expected != (crc, total & 0xFFFFFFFF):
            raise ArchiveFault("ARC-002")
        extra = len(self._rest) + self._stream.seek(0, 2) - self._at
        if extra:
            raise ArchiveFault("ARC-003", n=extra)
