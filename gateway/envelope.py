"""The outbound archive: deterministic tar members, deflated apart, joined into one gzip member; it holds no file and reads no clock.

Children call `tar_entry` and `deflate_segment`; the parent joins their segments with `Envelope`, without inflating anything.
Same documents, same bytes, for ever: no time, owner or random value anywhere (reliability.md 2.1, I4).
"""

from __future__ import annotations

import struct

from isal import isal_zlib
from zlib_ng import zlib_ng

BLOCK = 512
LEVEL = 0
"""isal's level: twice as fast as its level 1 for a seventh more bytes; every document pays for it before its verdict is told."""

_HEADER = b"\x1f\x8b\x08\x00" + bytes(4) + b"\x00\xff"  # no name, no time; system unknown, so that no machine shows
_NAME_BYTES = 100
_OWNER = b"0000644\0" + b"0000000\0" * 2
_TIME = b"00000000000\0"
_REST = bytes(100) + b"ustar\00000" + bytes(64) + b"0000000\0" * 2 + bytes(167)


def tar_entry(name: str, data: bytes) -> bytes:
    """One regular file as finished tar blocks (ustar; a pax header before it when the name is over 100 bytes)."""
    raw = name.encode()
    before = b"" if len(raw) <= _NAME_BYTES else _pax(raw)
    return b"".join((before, _header(raw[:_NAME_BYTES], len(data), b"0"), data, bytes(-len(data) % BLOCK)))


def _pax(name: bytes) -> bytes:
    body = b" path=" + name + b"\n"
    length = len(body) + len(str(len(body)))
    length += len(str(length)) - len(str(len(body)))
    record = str(length).encode() + body
    return _header(b"pax", len(record), b"x") + record + bytes(-len(record) % BLOCK)


def _header(name: bytes, size: int, kind: bytes) -> bytes:
    start = name.ljust(100, b"\0") + _OWNER + b"%011o\0" % size + _TIME
    end = kind + _REST
    return start + b"%06o\0 " % (_sum(start) + _sum(end) + 8 * ord(" ")) + end


def _sum(part: bytes) -> int:
    """The sum of the bytes: the low half of Adler-32 less one, exact below 65,521, which 356 bytes of a header never reach."""
    return int(zlib_ng.adler32(part) & 0xFFFF) - 1


def deflate_segment(parts: bytes, level: int = LEVEL) -> tuple[bytes, int, int]:
    """Raw deflate blocks ended by a sync flush, so that any two can be joined; CRC-32 and size of `parts`."""
    deflater = isal_zlib.compressobj(level, isal_zlib.DEFLATED, -15)
    deflated = deflater.compress(parts) + deflater.flush(isal_zlib.Z_SYNC_FLUSH)
    return deflated, isal_zlib.crc32(parts), len(parts)


class Envelope:
    """Segments joined into one gzip of one tar: `header`, `add` for each, `finish`, each giving the bytes to write next."""

    def __init__(self) -> None:
        self._crc = 0
        self._size = 0

    def header(self) -> bytes:
        """The gzip header (10 bytes, RFC 1952)."""
        return _HEADER

    def add(self, segment: bytes, crc: int, size: int) -> bytes:
        """A segment as `deflate_segment` made it, with its CRC-32 and uncompressed size: given back as it is, and accounted for."""
        self._crc = zlib_ng.crc32_combine(self._crc, crc, size)
        self._size += size
        return segment

    def finish(self) -> bytes:
        """End of the tar, end of deflate, CRC-32 and length of all."""
        deflated, crc, size = deflate_segment(bytes(2 * BLOCK))
        self.add(deflated, crc, size)
        return deflated + b"\x03\x00" + struct.pack("<II", self._crc, self._size & 0xFFFFFFFF)


def member_name(flow: str, ordinal: int, original: str, *, has_sides: bool) -> str:
    """The name of a document in an outbound archive: flow and ordinal, unique across flows and safe everywhere.

    With side files the base name that came is kept: a detached signature names what it signs.
    """
    if has_sides:
        return original.rpartition("/")[2]
    return f"{flow}-{ordinal:06d}.{'pdf' if original[-4:].lower() == '.pdf' else 'xml'}"


def bare(segment: bytes) -> bytes | None:
    """The document of a segment that holds one XML alone, to be sent uncompressed (chorus.md §2.2); None when it holds more, or a PDF."""
    tar: bytes = isal_zlib.decompressobj(wbits=-15).decompress(segment)
    size = int(tar[124:135], 8) if tar[156:157] == b"0" else -1
    if size < 0 or len(tar) != BLOCK + size + -size % BLOCK or tar[BLOCK : BLOCK + 5] == b"%PDF-":
        return None
    return tar[BLOCK : BLOCK + size]


def wrapped(name: str, body: bytes, kind: str) -> bytes:
    """A return as its partner wants it (setting `return_envelope`): bare, or a tar.gz that holds `name`.xml; the file's name stays."""
    if kind == "bare":
        return body
    archive = Envelope()
    segment = deflate_segment(tar_entry(f"{name}.xml", body))
    return archive.header() + archive.add(*segment) + archive.finish()
