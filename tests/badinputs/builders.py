"""Builds archives that no ordinary tool would write; it asserts nothing."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib

INVOICE = b'<?xml version="1.0" encoding="UTF-8"?><Invoice>' + b"line " * 40 + b"</Invoice>"
END = bytes(1024)


def tar_header(
    name: bytes, size: int | bytes, kind: bytes = b"0", *, magic: bytes = b"ustar\x0000", prefix: bytes = b"", checksum: bytes | None = None
) -> bytes:
    """One 512-byte header, right unless told otherwise."""
    told = size if isinstance(size, bytes) else b"%011o\0" % size
    before = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + told + b"00000000000\0"
    after = kind + bytes(100) + magic + bytes(64) + b"0000000\0" * 2 + prefix.ljust(155, b"\0") + bytes(12)
    right = b"%06o\0 " % (sum(before) + sum(after) + 256)
    return before + (checksum or right) + after


def tar_file(name: str | bytes, data: bytes = INVOICE, kind: bytes = b"0") -> bytes:
    """A header and its data, padded."""
    raw = name if isinstance(name, bytes) else name.encode()
    return tar_header(raw, len(data), kind) + data + bytes(-len(data) % 512)


def pax(records: dict[str, str], kind: bytes = b"x") -> bytes:
    """An extended header."""
    body = b""
    for key, value in records.items():
        rest = f" {key}={value}\n".encode()
        length = next(n for n in range(len(rest), len(rest) + 9) if n == len(rest) + len(str(n)))
        body += str(length).encode() + rest
    return tar_file("pax", body, kind)


def tar_gz(*parts: bytes, end: bytes = END) -> bytes:
    """The parts and the end marker, compressed."""
    return gzip.compress(b"".join(parts) + end, 6, mtime=0)


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A plain zip."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return target.getvalue()


def zip_entry(
    name: bytes, data: bytes, offset: int, *, method: int = 8, flags: int = 0, local_size: int | None = None,
    local_name: bytes | None = None, size: int | None = None, attributes: int = 0,
) -> tuple[bytes, bytes]:  # fmt: skip
    """(local record with its data, central record), each field at will."""
    raw = zlib.compress(data, 6, -15) if method == 8 else data
    crc, told = zlib.crc32(data), len(data) if size is None else size
    shown = name if local_name is None else local_name
    sizes = (crc, len(raw), told if local_size is None else local_size)
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, flags, method, 0, 33, *sizes, len(shown), 0) + shown + raw
    central = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 0x31E, 20, flags, method, 0, 33, crc, len(raw), told, len(name), 0, 0, 0, 0,
                          attributes, offset)  # fmt: skip
    return local, central + name


def zip_of(*entries: tuple[bytes, bytes], count: int | None = None) -> bytes:
    """Local records one after the other, the directory, the end record."""
    body = b"".join(local for local, _ in entries)
    directory = b"".join(central for _, central in entries)
    number = len(entries) if count is None else count
    return body + directory + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, number, number, len(directory), len(body), 0)


def zip_single(name: bytes = b"a.xml", data: bytes = INVOICE, **wrong: object) -> bytes:
    """A zip of one entry with one thing wrong."""
    return zip_of(zip_entry(name, data, 0, **wrong))  # type: ignore[arg-type]  # the keywords of zip_entry
