"""Changes to real bytes, drawn from a seed so that each can be made again; no test stands here, and nothing is judged."""

from __future__ import annotations

import gzip
import io
import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from random import Random
from warnings import catch_warnings

ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "6"))
"""Of each sample in one run of the tests; some thousands find more."""

SAMPLES = Path(str(resources.files("samples")))

_WORDS = (
    b"", b"0", b"-0", b"NaN", b"INF", b"1e999", b"9" * 400, b"-" + b"9" * 19, b"0.0000000000000000001", b"2026-02-30", b"0000-00-00",
    b"20261332", b" ", b"\t\n", b"\x00", b"\x1b[31m", b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", "\u202e".encode(), "\U000e0041".encode(),
    b"&#0;", b"&#x1F600;", b"&#55296;", b"&nbsp;", b"&lol;", b"]]>", b"<![CDATA[", b"<!--", b"--><", b"<?xml version='1.0'?>", b"<?x y?>",
    b"<!DOCTYPE a [<!ENTITY lol 'lol'>]>", b"xmlns=''", b"xmlns:cbc='urn:x'", b"xsi:nil='true'", b"../../etc/passwd", b"=cmd|' /C'!A0",
)  # fmt: skip
_ENCODINGS = (b"UTF-16", b"ISO-8859-15", b"windows-1252", b"UTF-7", b"EBCDIC-CP-FR", b"ascii", b"x" * 300)


def mutated(data: bytes, dice: Random, others: Sequence[bytes]) -> bytes:
    """One to four changes one after the other."""
    for _ in range(dice.choice((1, 1, 2, 4))):
        data = dice.choice(_CHANGES)(data, dice, others)
    return data


def _flipped(data: bytes, dice: Random, _others: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :]


def _cut(data: bytes, dice: Random, _others: Sequence[bytes]) -> bytes:
    return data[: dice.randrange(len(data) + 1)]


def _without(data: bytes, dice: Random, _others: Sequence[bytes]) -> bytes:
    start, length = dice.randrange(len(data) + 1), dice.choice((1, 8, 64, 512))
    return data[:start] + data[start + length :]


def _doubled(data: bytes, dice: Random, _others: Sequence[bytes]) -> bytes:
    start, length, times = dice.randrange(len(data) + 1), dice.choice((1, 40, 400)), dice.choice((1, 2, 300))
    return data[:start] + data[start : start + length] * times + data[start:]


def _spliced(data: bytes, dice: Random, others: Sequence[bytes]) -> bytes:
    other = dice.choice(others)
    return data[: dice.randrange(len(data) + 1)] + other[dice.randrange(len(other) + 1) :]


def _reworded(data: bytes, dice: Random, _others: Sequence[bytes]) -> bytes:
    """A value, a name or a run of digits gives way to an awkward word."""
    found = list(re.finditer(rb"(?<=>)[^<>]{1,80}(?=<)|(?<=\")[^\"<>]{1,80}(?=\")|[A-Za-z]{3,40}|\d{2,20}", data[:200_000]))
    if not found:
        return data + dice.choice(_WORDS)
    place = dice.choice(found)
    return data[: place.start()] + dice.choice(_WORDS) + data[place.end() :]


def _swapped_elements(data: bytes, dice: Random, _others: Sequence[bytes]) -> bytes:
    """An element is repeated, or stands where another one stood."""
    found = list(re.finditer(rb"<([\w:]+)[^<>]*>[^<>]*</\1>", data[:200_000]))
    if len(found) < 2:
        return data
    one, other = sorted(dice.sample(found, 2), key=lambda m: m.start())
    return data[: other.start()] + one[0] * dice.choice((1, 1, 2, 1000)) + data[dice.choice((other.start(), other.end())) :]


def _nested(data: bytes, dice: Random, _others: Sequence[bytes]) -> bytes:
    at, depth = dice.randrange(len(data) + 1), dice.choice((3, 99, 101, 5000))
    return data[:at] + b"<a>" * depth + b"</a>" * dice.choice((depth, depth - 1)) + data[at:]


def _recoded(data: bytes, dice: Random, _others: Sequence[bytes]) -> bytes:
    if dice.random() < 0.5:
        return data.decode("utf-8", "replace").encode(dice.choice(("utf-16", "utf-32", "iso-8859-1", "utf-8-sig")), "replace")
    return re.sub(rb"encoding=[\"'][^\"']*[\"']", b'encoding="' + dice.choice(_ENCODINGS) + b'"', data, count=1)


_CHANGES: tuple[Callable[[bytes, Random, Sequence[bytes]], bytes], ...] = (
    _flipped, _cut, _without, _doubled, _spliced, _reworded, _reworded, _reworded, _swapped_elements, _nested, _recoded,
)  # fmt: skip


def archive(files: Sequence[tuple[str, bytes]], dice: Random) -> bytes:
    """These files as a tar.gz or a zip, broken inside, outside, or not at all."""
    return _broken_zip(files, dice) if dice.random() < 0.5 else _broken_tar(files, dice)


def _broken_tar(files: Sequence[tuple[str, bytes]], dice: Random) -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w", format=dice.choice((tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT))) as tar:
        for name, data in files:
            entry = tarfile.TarInfo(_renamed(name, dice))
            entry.size, entry.type = len(data), dice.choice((*[tarfile.REGTYPE] * 20, tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE))
            tar.addfile(entry, io.BytesIO(data))
    inside = body.getvalue()
    if dice.random() < 0.5:
        inside = mutated(_forged_header(inside, dice) if dice.random() < 0.5 else inside, dice, [inside])
    packed = gzip.compress(inside, compresslevel=dice.choice((0, 6)), mtime=0)
    return mutated(packed, dice, [packed, inside]) if dice.random() < 0.5 else packed


def _forged_header(tar: bytes, dice: Random) -> bytes:
    """A header changed under a checksum that holds: what a hostile sender would write."""
    at = 512 * dice.randrange(max(1, len(tar) // 512))
    header = bytearray(tar[at : at + 512].ljust(512, b"\0"))
    field = dice.choice(((0, 100), (124, 12), (156, 1), (257, 8), (345, 155)))
    header[field[0] : field[0] + field[1]] = dice.choice(_WORDS)[: field[1]].ljust(field[1], dice.choice((b"\0", b"7", b"\xff")))
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return tar[:at] + bytes(header) + tar[at + 512 :]


def _broken_zip(files: Sequence[tuple[str, bytes]], dice: Random) -> bytes:
    body = io.BytesIO()
    with catch_warnings(action="ignore"), zipfile.ZipFile(body, "w", dice.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as packed:
        for name, data in files:
            packed.writestr(zipfile.ZipInfo(_renamed(name, dice)), data)
    whole = body.getvalue()
    if dice.random() < 0.5:
        end = whole.rfind(b"PK\x05\x06")
        at = dice.randrange(max(0, end - 400), len(whole))  # the directory decides what is read
        whole = whole[:at] + bytes([dice.choice((0, 1, 0x7F, 0xFF, dice.randrange(256)))]) + whole[at + 1 :]
    return mutated(whole, dice, [whole]) if dice.random() < 0.5 else whole


def _renamed(name: str, dice: Random) -> str:
    return dice.choice((*[name] * 12, "../x.xml", "/a.xml", "a\x1b.xml", "Thumbs.db", "manifest.json", "A.XML", "d/" * 60 + "x.xml", ""))


def seed_of(*parts: object) -> Random:
    """The dice of one round: the same in every run and process."""
    return Random(zlib.crc32(repr(parts).encode()))
