"""The tar reader against what real tools write, and its own corners."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.archives.fault import ArchiveFault, Member
from gateway.archives.tar_reader import read_tar
from gateway.config import Limits
from tests.badinputs.builders import END, INVOICE, pax, tar_file, tar_header

LIMITS = Limits()


def members(tar: bytes, chunk: int = 1 << 20, amount: int = 1 << 30, limits: Limits = LIMITS) -> list[Member]:
    def chunks() -> Iterator[bytes]:
        for at in range(0, len(tar), chunk):
            yield tar[at : at + chunk]

    return list(read_tar(chunks(), limits, lambda index: amount))


def fault(tar: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(ArchiveFault) as caught:
        members(tar, limits=limits)
    return caught.value.finding.rule


@pytest.mark.parametrize("dialect", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["ustar", "gnu", "pax"])
def test_what_the_standard_library_writes_is_read(dialect: int) -> None:
    target = io.BytesIO()
    files = {"a.xml": INVOICE, "dossier/" + "n" * 90 + ".xml": b"<b/>", "x" * 60 + "/" + "y" * 80 + ".xml": INVOICE * 9}
    if dialect != tarfile.USTAR_FORMAT:
        files |= {"z" * 180 + ".xml": b"<z/>", "été" * 20 + ".xml": b"<e/>"}
    with tarfile.open(fileobj=target, mode="w", format=dialect) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_700_000_000
            tar.addfile(info, io.BytesIO(data))
    assert {name: data for _, name, _, data in members(target.getvalue())} == files


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=2000), max_size=5), st.integers(1, 3000))
def test_where_the_chunks_break_changes_nothing(contents: list[bytes], chunk: int) -> None:
    tar = b"".join(tar_file(f"{n}.xml", data) for n, data in enumerate(contents)) + END
    assert [m[3] for m in members(tar, chunk)] == contents


def test_only_what_is_wanted_is_given() -> None:
    tar = b"".join(tar_file(f"{n}.xml", bytes([65 + n]) * 700) for n in range(4)) + END
    given_ = list(read_tar(iter([tar]), LIMITS, lambda index: (0, 3, 700, 1000)[index]))
    assert given_ == [(1, "1.xml", 700, b"BBB"), (2, "2.xml", 700, b"C" * 700), (3, "3.xml", 700, b"D" * 700)]


@pytest.mark.parametrize(("tar", "rule"), [
    (pax({"size": "3"}) + tar_file("a.xml"), "ARC-005"),
    (pax({"path": "a.xml"}, b"g") + tar_file("b.xml"), "ARC-017"),
    (tar_file("pax", b"99 path=a\n", b"x") + tar_file("b.xml"), "ARC-005"),
    (tar_file("pax", b"no record", b"x") + tar_file("b.xml"), "ARC-005"),
    (pax({"path": "a.xml"}) + END, "ARC-005"),
    (tar_file("a.xml") + bytes(512) + tar_file("b.xml"), "ARC-005"),
    (tar_header(b"a.xml", 3, magic=bytes(8)), "ARC-005"),
    (tar_file("d/", b"xx", b"5"), "ARC-005"),
    (tar_file("a.xml/", b""), "ARC-018"),
    (pax({"path": "a"}) * 4 + tar_file("b.xml"), "ARC-016"),
    (tar_file("long", b"x" * 200, b"K") + tar_file("b.xml", b"", b"2"), "ARC-018"),
    (tar_file("../d/", b"", b"5") + tar_file("b.xml"), "ARC-018"),
    (tar_file("d\x1b[2J/", b"", b"5") + tar_file("b.xml"), "ARC-018"),
    (tar_file("pax", b"x" * 600, b"x")[:700], "ARC-004"),
    (tar_header(b"a.xml", b"77777777777 "), "ARC-015"),
    (b"\xff" * 512, "ARC-005"),
    (b"", "ARC-004"),
])  # fmt: skip
def test_corners_are_faults(tar: bytes, rule: str) -> None:
    assert fault(tar + END if tar and len(tar) % 512 == 0 and rule != "ARC-004" else tar) == rule


def test_a_global_header_without_names_is_passed_over() -> None:
    assert [m[1] for m in members(pax({"comment": "made by git"}, b"g") + tar_file("a.xml") + END)] == ["a.xml"]


def test_endless_folders_are_counted_too() -> None:
    assert fault(tar_file("d/", b"", b"5") * 7 + END, Limits(members=3)) == "ARC-014"


def test_zeros_after_the_end_are_the_tape_of_old() -> None:
    assert [m[1] for m in members(tar_file("a.xml") + END + bytes(9000), chunk=700)] == ["a.xml"]


def test_one_byte_after_the_end_is_found_wherever_the_chunk_breaks() -> None:
    for chunk in (512, 700, 5000):
        with pytest.raises(ArchiveFault) as caught:
            members(tar_file("a.xml") + END + bytes(3000) + b"x" + bytes(20), chunk)
        assert caught.value.finding.message_fr == "21 octets inattendus après la fin de l'archive."
