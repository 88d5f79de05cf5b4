"""The members of a zip, each checked against its central record and its CRC; nothing is extracted to disk.

Local and central records must agree, entries must tile the file up to the directory, deflate must end exactly where the record says.
Memory: one member (at most the limit of a document) and the directory.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

from isal import isal_zlib

from gateway.archives.fault import ArchiveFault, Member, Meter, too_large, too_many
from gateway.archives.zip_directory import DESCRIPTOR, LOCAL_MAGIC, UTF8, Entry, read_directory, widened
from gateway.config import Limits

_LOCAL = struct.Struct("<4s5H3I2H")
_DESCRIPTOR_MAGIC = b"PK\x07\x08"


def read_zip(stream: BinaryIO, limits: Limits, wanted: Callable[[int], int]) -> Iterator[Member]:
    """Every regular file in the order of the bytes. `wanted(index)`: how many bytes of it to give, 0 to pass over it (not given at all)."""
    entries, start = read_directory(stream, limits)
    meter, index = Meter(limits), 0
    _first(entries, start)
    for number, entry in enumerate(entries, start=1):
        following = entries[number].offset if number < len(entries) else start
        if entry.directory:
            _data_span(stream, entry, number, following, limits)
            continue
        if index >= limits.members:
            raise too_many(sum(not e.directory for e in entries), limits)
        if entry.size > limits.document_bytes:
            raise too_large(entry.name, entry.size, limits)
        amount = wanted(index)
        if amount:
            data = _content(stream, entry, number, following, limits)
            meter.add(len(data), following)
            yield index, entry.name, entry.size, data[:amount]
        index += 1


def _first(entries: list[Entry], start: int) -> None:
    """Nothing stands before the first entry."""
    if (entries[0].offset if entries else start) != 0:
        raise ArchiveFault("ARC-011", i=1)


def _data_span(stream: BinaryIO, entry: Entry, number: int, following: int, limits: Limits) -> bytes:
    """The compressed bytes of an entry; its local record, descriptor and end must agree with the directory (row 48)."""
    most = entry.size + entry.size // 100 + 1024  # deflate never grows a content by more
    if entry.compressed > most:
        raise ArchiveFault("ARC-011", i=number)
    stream.seek(entry.offset)
    fixed = stream.read(_LOCAL.size)
    if len(fixed) < _LOCAL.size or fixed[:4] != LOCAL_MAGIC:
        raise ArchiveFault("ARC-011", i=number)
    _, _, flags, method, _, _, crc, compressed, size, name, extra = _LOCAL.unpack(fixed)
    if name + extra > limits.extended_header_bytes:
        raise ArchiveFault("ARC-016", n=name + extra)
    raw_name, extras = stream.read(name), stream.read(extra)
    size, compressed = widened(extras, (size, compressed), number)
    same = (raw_name, method, (flags ^ entry.flags) & (DESCRIPTOR | UTF8 | 1)) == (entry.raw_name, entry.method, 0)
    deferred = bool(flags & DESCRIPTOR)
    if not same or not _agrees((crc, compressed, size), (entry.crc, entry.compressed, entry.size), deferred=deferred):
        raise ArchiveFault("ARC-011", i=number)
    data = stream.read(entry.compressed)
    gap = following - stream.tell()
    if len(data) < entry.compressed or not 0 <= gap <= 24 or not _descriptor(stream.read(gap), entry, deferred=deferred):
        raise ArchiveFault("ARC-011", i=number)
    return data


def _agrees(told: tuple[int, ...], central: tuple[int, ...], *, deferred: bool) -> bool:
    """Local CRC and sizes are the directory's; where a descriptor follows, each may be left at 0 (Info-ZIP to a pipe tells one of them)."""
    return told == central or (deferred and all(value in (0, right) for value, right in zip(told, central, strict=True)))


def _descriptor(trailer: bytes, entry: Entry, *, deferred: bool) -> bool:
    """Whether what stands between this entry and the next is its data descriptor, or nothing where it has none."""
    if not deferred:
        return not trailer
    values = (entry.crc, entry.compressed, entry.size)
    forms = [struct.pack("<IQQ", *values)]
    if max(values) < 1 << 32:
        forms.append(struct.pack("<III", *values))
    return trailer.removeprefix(_DESCRIPTOR_MAGIC) in forms or trailer in forms


def _content(stream: BinaryIO, entry: Entry, number: int, following: int, limits: Limits) -> bytes:
    data = _data_span(stream, entry, number, following, limits)
    content = _inflate(data, entry.size, number) if entry.method else data
    if len(content) != entry.size or isal_zlib.crc32(content) != entry.crc:
        raise ArchiveFault("ARC-011", i=number)
    return content


def _inflate(data: bytes, size: int, number: int) -> bytes:
    """Exactly `size` bytes: one more is asked for, so that a record that tells too little is found out, and never more memory than that."""
    inflater = isal_zlib.decompressobj(wbits=-15)
    try:
        content: bytes = inflater.decompress(data, size + 1)
    except isal_zlib.IsalError as broken:  # type: ignore[misc]  # isal's stubs declare a value where the class is
        raise ArchiveFault("ARC-011", i=number) from broken
    if not inflater.eof or inflater.unused_data:
        raise ArchiveFault("ARC-011", i=number)
    return content
