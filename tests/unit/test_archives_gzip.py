"""One gzip member, strictly: every lawful header, and no end that is not proven."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import zlib

import pytest

from gateway.archives.fault import ArchiveFault
from gateway.archives.gzip_stream import CHUNK, GzipStream
from gateway.config import Limits

DATA = b"<invoice/>" * 5000


def header(flags: int, *optional: bytes) -> bytes:
    return b"\x1f\x8b\x08" + bytes([flags]) + bytes(6) + b"".join(optional)


def member(head: bytes, data: bytes = DATA) -> bytes:
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    return head + deflater.compress(data) + deflater.flush() + struct.pack("<II", zlib.crc32(data), len(data))


def content(raw: bytes, limits: Limits | None = None) -> bytes:
    return b"".join(GzipStream(io.BytesIO(raw), limits or Limits()).chunks())


def fault(raw: bytes) -> str:
    with pytest.raises(ArchiveFault) as caught:
        content(raw)
    return caught.value.finding.rule


def with_crc(head: bytes) -> bytes:
    return head + struct.pack("<H", zlib.crc32(head) & 0xFFFF)


@pytest.mark.parametrize("head", [
    header(0), header(8, b"lot.tar\0"), header(16, b"a comment\0"), header(4, b"\x03\x00abc"),
    header(31 & ~2, b"\x01\x00x", b"name\0", b"comment\0"),
    with_crc(header(2)), with_crc(header(2 | 8, b"lot.tar\0")),
])  # fmt: skip
def test_every_lawful_header_is_read(head: bytes) -> None:
    assert content(member(head)) == DATA


@pytest.mark.parametrize("level", [0, 1, 6, 9])
@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_any_size_and_level_comes_through(level: int, size: int) -> None:
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    assert content(gzip.compress(data, level)) == data


@pytest.mark.parametrize(("raw", "rule"), [
    (member(header(0))[:9], "ARC-001"), (b"\x1f\x8b\x07" + bytes(7), "ARC-002"), (member(header(0x20)), "ARC-002"),
    (member(header(2, b"\0\0")), "ARC-002"), (member(header(8, b"n" * 70_000 + b"\0")), "ARC-016"),
    (member(header(8, b"n" * 70_000)), "ARC-016"),
    (header(0) + b"\xff" * 40, "ARC-002"), (member(header(0)) + b"\0", "ARC-003"),
])  # fmt: skip
def test_any_other_is_a_fault(raw: bytes, rule: str) -> None:
    assert fault(raw) == rule


def test_every_cut_is_told_with_the_bytes_received() -> None:
    raw = member(header(0))
    for length in range(1, len(raw)):
        with pytest.raises(ArchiveFault) as caught:
            content(raw[:length])
        assert caught.value.finding.rule == "ARC-001"
        assert f"après {length} octets" in caught.value.finding.message_fr


def test_memory_is_bounded_however_much_comes_out() -> None:
    raw = gzip.compress(bytes(100_000_000), 9)
    tracemalloc.start()
    total = sum(len(chunk) for chunk in GzipStream(io.BytesIO(raw), Limits(expansion_ratio=2000)).chunks())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 100_000_000
    assert peak < 8 * CHUNK


def test_two_readers_share_one_stream() -> None:
    data = bytes(range(256)) * 9000
    stream = io.BytesIO(gzip.compress(data, 0))
    first, second = GzipStream(stream, Limits()).chunks(), GzipStream(stream, Limits()).chunks()
    one = two = b""
    for left, right in zip(first, second, strict=True):
        one, two = one + left, two + right
    assert one == two == data
