"""The members of a tar, strictly: ustar, GNU long names and pax paths; nothing is extracted, links and special files are refused.

Source: POSIX.1-2017, pax, "ustar interchange format" and "pax header block"; the long names of GNU tar's manual.
Directories are passed over. The archive ends with two zero blocks and nothing but zeros after, else it is incomplete.

Limits: only unsigned header checksums; no base-256 numbers (a member of 8 GB is over every limit); no headers older than ustar.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

from zlib_ng import zlib_ng

from gateway.archives.fault import ArchiveFault, Member, too_large, too_many
from gateway.config import Limits
from gateway.flow_names import odd_folder

BLOCK = 512
HEADER = struct.Struct("100s24x12s12x8s1s100x8s80x155s12x")
"""name, size, checksum, type, magic and version, prefix."""

_ZEROS = bytes(BLOCK)
_DIRECTORY = b"5"
_EXTENSIONS = frozenset((b"L", b"K", b"x", b"g"))
_SPECIAL = (b"1", b"2", b"3", b"4", b"6")
_POSIX, _GNU = b"ustar\x0000", b"ustar  \0"
_BLANK_CHECKSUM = 8 * ord(" ")
_RECORD = re.compile(rb"([1-9][0-9]{0,6}) ([^=]+)=")


class _Source:
    """Bytes taken in order from chunks, without joining more than what is taken."""

    __slots__ = ("_chunk", "_chunks", "_pos", "count")

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk = b""
        self._pos = 0
        self.count = 0  # bytes taken so far

    def take(self, size: int) -> bytes:
        """`size` bytes, fewer only when the content ends."""
        start = self._pos
        end = start + size
        self.count += size
        if end <= len(self._chunk):
            self._pos = end
            return self._chunk[start:end]
        return self._gather(size)

    def _gather(self, size: int) -> bytes:
        parts = [self._chunk[self._pos :]]
        got = len(parts[0])
        while got < size:
            self._chunk, self._pos = next(self._chunks, b""), 0
            if not self._chunk:
                break
            self._pos = min(size - got, len(self._chunk))
            parts.append(self._chunk[: self._pos])
            got += self._pos
        self.count += got - size
        return b"".join(parts)

    def skip(self, size: int) -> int:
        """Pass over `size` bytes; how many there were."""
        end = self._pos + size
        self.count += size
        if end <= len(self._chunk):
            self._pos = end
            return size
        left = end - len(self._chunk)
        while left > 0:
            self._chunk = next(self._chunks, b"")
            if not self._chunk:
                self._pos = 0
                self.count -= left
                return size - left
            self._pos = min(left, len(self._chunk))
            left -= self._pos
        return size

    def rest(self) -> Iterator[bytes]:
        """What remains, chunk by chunk: reading it to its end lets the source prove its own end."""
        if self._pos < len(self._chunk):
            yield self._chunk[self._pos :]
        self._chunk, self._pos = b"", 0
        yield from self._chunks


def read_tar(chunks: Iterator[bytes], limits: Limits, wanted: Callable[[int], int]) -> Iterator[Member]:
    """Every regular file in order. `wanted(index)`: how many bytes of it to give, 0 to pass over it (it is then not given at all)."""
    source = _Source(chunks)
    index = entries = 0
    long_name, extended = b"", 0
    while True:
        offset = source.count
        header = source.take(BLOCK)
        if header == _ZEROS:
            return _end(source, index, dangling=bool(extended), offset=offset)
        if len(header) < BLOCK:
            raise ArchiveFault("ARC-004", n=index)
        name, size, kind = _fields(header, offset)
        if kind in _EXTENSIONS:
            if size > limits.extended_header_bytes or extended >= 3:
                raise ArchiveFault("ARC-016", n=size)
            extended += kind != b"g"
            long_name = _extension(source, kind, size, index, offset) or long_name
            entries = _count(entries, limits)
            continue
        shown = text(long_name or name, index)
        if extended:
            long_name, extended = b"", 0
        if (kind != b"0" and kind != b"\0") or shown[-1:] == "/":  # noqa: PLR1714  # a set costs more than both tests
            entries = _count(entries, limits)
            _pass_over(kind, size, shown, offset)
            continue
        if size > limits.document_bytes:
            raise too_large(shown, size, limits)
        amount = wanted(index)
        data = source.take(min(size, amount)) if amount else b""
        left = size - len(data) + -size % BLOCK
        if left and source.skip(left) < left:
            raise ArchiveFault("ARC-004", n=index)
        if amount:
            yield index, shown, size, data
        index += 1


def _count(entries: int, limits: Limits) -> int:
    if entries >= 2 * limits.members:  # directories and headers of headers are counted apart: they cost as much to read
        raise too_many(entries + 1, limits)
    return entries + 1


def _fields(header: bytes, offset: int) -> tuple[bytes, int, bytes]:
    """Name, size and type of a header block; ARC-005 when it is not one.

    The checksum is the sum of the 512 bytes, its own eight counted as spaces. The low half of Adler-32 is 1 + that sum modulo 65,521, and
    twenty times faster than `sum`; a sum reaches 130,560 at most, so only a header told wrong by exactly 65,521 would pass.
    """
    name, size, checksum, kind, magic, prefix = HEADER.unpack(header)
    rest = (zlib_ng.adler32(header) & 0xFFFF) - 1 - sum(checksum) + _BLANK_CHECKSUM - _octal(checksum, offset)
    if rest % 65521 or (magic != _POSIX and magic != _GNU):  # noqa: PLR1714  # a set costs more than both tests
        raise ArchiveFault("ARC-005", p=offset)
    name = name.partition(b"\0")[0]
    if prefix[0] and magic == _POSIX:
        name = prefix.partition(b"\0")[0] + b"/" + name
    return name, _octal(size, offset), kind


def _octal(field: bytes, offset: int) -> int:
    digits = field.strip(b" \0")
    if digits.isdigit():
        try:
            return int(digits, 8)
        except ValueError:
            pass
    raise ArchiveFault("ARC-005", p=offset)


def _pass_over(kind: bytes, size: int, name: str, offset: int) -> None:
    """Directories of size 0 are nothing to us; every other type is refused (rows 54 and 55)."""
    if kind in (b"0", _DIRECTORY, *_SPECIAL):
        if kind != _DIRECTORY or odd_folder(name):
            raise ArchiveFault("ARC-018", location=name, membre=name)
    elif kind != b"\0":
        raise ArchiveFault("ARC-017", location=name, t=kind.decode("latin-1"), membre=name)
    if size:
        raise ArchiveFault("ARC-005", p=offset)


def _extension(source: _Source, kind: bytes, size: int, index: int, offset: int) -> bytes:
    """The name that a GNU `L` or pax `x` entry gives to the next one, b"" when it gives none (`K` names where a link leads)."""
    body = source.take(size)
    padding = -size % BLOCK
    if len(body) < size or source.skip(padding) < padding:
        raise ArchiveFault("ARC-004", n=index)
    if kind in (b"L", b"K"):
        return body.rstrip(b"\0") if kind == b"L" else b""
    records = _records(body, offset)
    if any(key.startswith(b"GNU.sparse") for key in records) or (kind == b"g" and records.keys() & {b"path", b"size", b"linkpath"}):
        raise ArchiveFault("ARC-017", t=kind.decode(), membre=_shown(records))
    if b"size" in records:  # only a member over 8 GB needs it
        raise ArchiveFault("ARC-005", p=offset)
    return records.get(b"path", b"")


def _shown(records: dict[bytes, bytes]) -> str:
    """What a pax header calls its file: a sparse one has a name of its own."""
    return records.get(b"GNU.sparse.name", records.get(b"path", b"")).decode("utf-8", "replace")


def _records(body: bytes, offset: int) -> dict[bytes, bytes]:
    """The records of a pax header: `length key=value\\n`, lengths exact."""
    records: dict[bytes, bytes] = {}
    at = 0
    while at < len(body):
        found = _RECORD.match(body, at)
        end = at + int(found[1]) if found else 0
        if found is None or end > len(body) or end <= found.end() or body[end - 1 : end] != b"\n":
            raise ArchiveFault("ARC-005", p=offset)
        records[found[2]] = body[found.end() : end - 1]
        at = end
    return records


def text(name: bytes, index: int) -> str:
    """A member's name; one that is not UTF-8 is unreadable (row 58)."""
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        raise ArchiveFault("ARC-021", i=index + 1) from None


def _end(source: _Source, index: int, *, dangling: bool, offset: int) -> None:
    """The second zero block, then zeros to the very end; reading them makes the gzip below prove its own end."""
    second = source.take(BLOCK)
    if len(second) < BLOCK:
        for _ in source.rest():
            pass
        raise ArchiveFault("ARC-004", n=index)
    if second != _ZEROS or dangling:
        raise ArchiveFault("ARC-005", p=offset)
    after = unexpected = 0
    for chunk in source.rest():
        if unexpected or chunk.count(0) != len(chunk):
            unexpected += len(chunk) if unexpected else len(chunk.lstrip(b"\0"))
        after += len(chunk)
    if unexpected:
        raise ArchiveFault("ARC-003", n=unexpected)
