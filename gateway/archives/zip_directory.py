"""The central directory of a zip, read and checked against itself; it inflates nothing.

Source: APPNOTE.TXT 6.3 of PKWARE. Strict on purpose: the directory ends exactly where its end record begins, that record ends the file,
one disk, no encryption, stored or deflated only, entries tile the file without gap or overlap. Two readers can then not
see two archives in one file.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from gateway.archives.fault import ArchiveFault
from gateway.config import Limits
from gateway.flow_names import odd_folder

LOCAL_MAGIC, CENTRAL_MAGIC, END_MAGIC = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END64_MAGIC, _LOCATOR_MAGIC = b"PK\x06\x06", b"PK\x06\x07"
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_WORD, _LONG = 0xFFFF, 0xFFFFFFFF

ENCRYPTED = 0x0001 | 0x0040 | 0x2000
DESCRIPTOR, UTF8 = 0x0008, 0x0800
_KNOWN_FLAGS = ENCRYPTED | DESCRIPTOR | UTF8 | 0x0006  # 0x0006: how hard the deflater tried
_METHODS = {9: "deflate64", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz", 98: "ppmd", 99: "AES"}


class Entry(NamedTuple):
    """One record of the central directory; `offset` of its local header; `raw_name` as in the file."""

    raw_name: bytes
    flags: int
    method: int
    crc: int
    compressed: int
    size: int
    offset: int
    attributes: int

    @property
    def name(self) -> str:
        """UTF-8 where it is that (some writers forget to say so), else the zip's own code page 437."""
        try:
            return self.raw_name.decode("utf-8")
        except UnicodeDecodeError:
            return self.raw_name.decode("cp437")

    @property
    def directory(self) -> bool:
        return self.raw_name.endswith(b"/")


def read_directory(stream: BinaryIO, limits: Limits) -> tuple[list[Entry], int]:
    """Every entry in the order of the bytes, and where the directory begins; `ArchiveFault` on any inconsistency."""
    count, size, start = _end_record(stream)
    if count > 2 * limits.members:
        raise ArchiveFault("ARC-014", n=count, max=limits.members)
    stream.seek(start)
    entries = [_entry(stream, number, limits) for number in range(1, count + 1)]
    if stream.tell() != start + size:
        raise ArchiveFault("ARC-011", i=count)
    for number, entry in enumerate(entries, start=1):
        _acceptable(entry, number)
    entries.sort(key=lambda entry: entry.offset)
    _apart(entries, start)
    return entries, start


def _end_record(stream: BinaryIO) -> tuple[int, int, int]:
    """Number of entries, size and start of the central directory."""
    length = stream.seek(0, 2)
    stream.seek(max(0, length - _END.size - _WORD))
    tail = stream.read()
    base = length - len(tail)
    at = tail.rfind(END_MAGIC)
    while at >= 0 and at + _END.size > len(tail):
        at = tail.rfind(END_MAGIC, 0, at)
    if at < 0:
        raise ArchiveFault("ARC-006")
    _, disk, first_disk, here, count, size, start, comment = _END.unpack_from(tail, at)
    after = len(tail) - at - _END.size - comment
    if after > 0:
        raise ArchiveFault("ARC-003", n=after)
    if after < 0 or here != count or disk != first_disk or disk not in (0, _WORD):
        raise ArchiveFault("ARC-006")
    end = base + at
    wide = _wide(stream, end)
    if wide is not None:
        end, (count, size, start) = _agreed(wide, (count, size, start))
    if start + size != end:
        raise ArchiveFault("ARC-006")
    return count, size, start


def _wide(stream: BinaryIO, end: int) -> tuple[int, tuple[int, int, int]] | None:
    """The zip64 end record when its locator stands before the end record: where it begins, and its values."""
    if end < _LOCATOR.size:
        return None
    stream.seek(end - _LOCATOR.size)
    magic, disk, at, disks = _LOCATOR.unpack(stream.read(_LOCATOR.size))
    if magic != _LOCATOR_MAGIC:
        return None
    if disk or disks != 1 or at + _END64.size != end - _LOCATOR.size:
        raise ArchiveFault("ARC-006")
    stream.seek(at)
    magic, length, _, _, disk, first, here, count, size, start = _END64.unpack(stream.read(_END64.size))
    if magic != _END64_MAGIC or length != _END64.size - 12 or disk or first or here != count:
        raise ArchiveFault("ARC-006")
    return at, (count, size, start)


def _agreed(wide: tuple[int, tuple[int, int, int]], narrow: tuple[int, int, int]) -> tuple[int, tuple[int, int, int]]:
    """The wide values, when each narrow one says the same or sends there."""
    for value, small, sentinel in zip(wide[1], narrow, (_WORD, _LONG, _LONG), strict=True):
        if small not in (value, sentinel):
            raise ArchiveFault("ARC-011", i=0)
    return wide


def _entry(stream: BinaryIO, number: int, limits: Limits) -> Entry:
    fixed = stream.read(_CENTRAL.size)
    if len(fixed) < _CENTRAL.size or fixed[:4] != CENTRAL_MAGIC:
        raise ArchiveFault("ARC-011", i=number)
    (_, _, _, flags, method, _, _, crc, compressed, size, name, extra, comment, disk, _, attributes, offset) = _CENTRAL.unpack(fixed)
    if name + extra + comment > limits.extended_header_bytes:
        raise ArchiveFault("ARC-016", n=name + extra + comment)
    variable = stream.read(name + extra + comment)
    if len(variable) < name + extra + comment or disk not in (0, _WORD):
        raise ArchiveFault("ARC-011", i=number)
    size, compressed, offset = widened(variable[name : name + extra], (size, compressed, offset), number)
    return Entry(variable[:name], flags, method, crc, compressed, size, offset, attributes)


def widened(extra: bytes, values: tuple[int, ...], number: int) -> tuple[int, ...]:
    """The values with each 0xFFFFFFFF replaced from the zip64 extra field, which holds those and no others."""
    wanted = sum(value == _LONG for value in values)
    fields = dict(_extras(extra, number))
    if not wanted:
        return values
    wide = fields.get(1, b"")
    if len(wide) not in (8 * wanted, 8 * wanted + 4):
        raise ArchiveFault("ARC-011", i=number)
    numbers = iter(struct.unpack_from(f"<{wanted}Q", wide))
    return tuple(next(numbers) if value == _LONG else value for value in values)


def _extras(extra: bytes, number: int) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if at + 4 + length > len(extra):
            raise ArchiveFault("ARC-011", i=number)
        yield kind, extra[at + 4 : at + 4 + length]
        at += 4 + length


def _acceptable(entry: Entry, number: int) -> None:
    if entry.flags & ENCRYPTED or entry.method == 99:
        raise ArchiveFault("ARC-022")
    if entry.method not in (0, 8):
        raise ArchiveFault("ARC-023", location=entry.name, m=_METHODS.get(entry.method, entry.method))
    if entry.flags & ~_KNOWN_FLAGS or (entry.method == 0 and entry.size != entry.compressed):
        raise ArchiveFault("ARC-011", i=number)
    kind = stat.S_IFMT(entry.attributes >> 16)
    allowed = (0, stat.S_IFDIR) if entry.directory else (0, stat.S_IFREG)
    if kind not in allowed or (entry.directory and (entry.size or odd_folder(entry.name))):
        raise ArchiveFault("ARC-018", location=entry.name, membre=entry.name)


def _apart(entries: list[Entry], start: int) -> None:
    """No entry may begin before the one before it can have ended (row 47): tested before a byte is inflated."""
    free = 0
    for entry in entries:
        if entry.offset < free:
            raise ArchiveFault("ARC-010")
        free = entry.offset + 30 + len(entry.raw_name) + entry.compressed
    if free > start:
        raise ArchiveFault("ARC-010")
