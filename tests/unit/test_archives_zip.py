"""The zip reader against what real tools write, and its own corners."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from gateway.archives.fault import ArchiveFault, Member
from gateway.archives.zip_reader import read_zip
from gateway.config import Limits
from tests.badinputs.builders import INVOICE, zip_entry, zip_of, zip_single, zipped


class OneWay(io.BytesIO):
    """A target that cannot seek: zipfile then writes data descriptors."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


def members(data: bytes, limits: Limits | None = None, amount: int = 1 << 30) -> list[Member]:
    return list(read_zip(io.BytesIO(data), limits or Limits(), lambda index: amount))


def fault(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(ArchiveFault) as caught:
        members(data, limits)
    return caught.value.finding.rule


def written(target: io.BytesIO, *, wide: bool = False, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    with zipfile.ZipFile(target, "w", method) as archive:
        for name in ("a.xml", "dossier/", "dossier/été.xml"):
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=wide) as member:
                member.write(b"" if name.endswith("/") else INVOICE)
    return target.getvalue()


@pytest.mark.parametrize("wide", [False, True], ids=["zip", "zip64"])
@pytest.mark.parametrize("target", [io.BytesIO, OneWay], ids=["sizes first", "descriptors"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_what_the_standard_library_writes_is_read(wide: bool, target: type[io.BytesIO], method: int) -> None:
    data = written(target(), wide=wide, method=method)
    assert members(data) == [(0, "a.xml", len(INVOICE), INVOICE), (1, "dossier/été.xml", len(INVOICE), INVOICE)]


def streamed(size: int) -> bytes:
    """What Info-ZIP writes into a pipe: the local record leaves CRC and packed size to the descriptor, and tells the size at once."""
    local, central = zip_entry(b"a.xml", INVOICE, 0, flags=8, local_size=size)
    descriptor = b"PK\x07\x08" + central[16:28]
    return zip_of((local[:14] + bytes(8) + local[22:] + descriptor, central))


def test_what_info_zip_writes_into_a_pipe_is_read() -> None:
    assert members(streamed(len(INVOICE))) == members(streamed(0)) == [(0, "a.xml", len(INVOICE), INVOICE)]
    assert fault(streamed(len(INVOICE) - 1)) == "ARC-011"


def test_a_comment_is_lawful_and_ends_the_file() -> None:
    target = io.BytesIO(zipped(("a.xml", INVOICE)))
    with zipfile.ZipFile(target, "a") as archive:
        archive.comment = b"monthly batch"
    assert members(target.getvalue())[0][1] == "a.xml"
    assert fault(target.getvalue()[:-1]) == "ARC-006"
    assert fault(target.getvalue() + b"x") == "ARC-003"


def test_names_come_in_the_order_of_the_bytes_not_of_the_directory() -> None:
    first, second = zip_entry(b"z.xml", INVOICE, 0), zip_entry(b"a.xml", b"<a/>", len(zip_entry(b"z.xml", INVOICE, 0)[0]))
    shuffled = zip_of((first[0], second[1]), (second[0], first[1]))
    assert [m[1] for m in members(shuffled)] == ["z.xml", "a.xml"]


def test_a_name_of_an_old_tool_is_read_in_its_code_page() -> None:
    assert members(zip_single("été.xml".encode("cp437")))[0][1] == "été.xml"


@pytest.mark.parametrize("flags", [0x40, 0x2000, 0x1])
def test_every_kind_of_encryption_is_named(flags: int) -> None:
    assert fault(zip_single(flags=flags)) == "ARC-022"


@pytest.mark.parametrize(("data", "rule"), [
    (b"junk" + zip_single(), "ARC-006"),  # something before: the directory is not where the end record says
    (zip_of((b"hidden" + zip_entry(b"a.xml", INVOICE, 6)[0], zip_entry(b"a.xml", INVOICE, 6)[1])), "ARC-011"),
    (zip_of((zip_entry(b"a.xml", INVOICE, 0)[0] + b"hidden", zip_entry(b"a.xml", INVOICE, 0)[1])), "ARC-011"),
    (zip_of(zip_entry(b"a.xml", INVOICE, 0), count=2), "ARC-011"),
    (zip_of(zip_entry(b"a.xml", INVOICE, 0), (b"", b""), count=0), "ARC-011"),
    (zip_single(flags=0x20), "ARC-011"),  # patched data
    (zip_single(flags=8), "ARC-011"),  # promises a descriptor that is not there
    (zip_single(method=0, size=3, local_size=3), "ARC-011"),
    (zip_single(size=0xFFFFFFFF, local_size=0xFFFFFFFF), "ARC-011"),  # sent to a zip64 field that is not there
    (zip_single(attributes=0o010644 << 16), "ARC-018"),
    (zip_single(b"d/", b"content"), "ARC-018"),
    (zip_single(method=14), "ARC-023"),
    (b"PK\x05\x06" + bytes(17), "ARC-006"),
])  # fmt: skip
def test_corners_are_faults(data: bytes, rule: str) -> None:
    assert fault(data) == rule


def test_a_local_record_with_a_huge_extra_field_is_refused() -> None:
    local, central = zip_entry(b"a.xml", INVOICE, 0)
    wide = local[:28] + struct.pack("<H", 65_535) + local[30:35] + bytes(65_535) + local[35:]
    assert fault(zip_of((wide, central)), Limits(extended_header_bytes=1000)) == "ARC-016"


def test_content_that_fails_its_checksum_is_refused() -> None:
    data = bytearray(zipped(("a.xml", INVOICE), method=zipfile.ZIP_STORED))
    data[60] ^= 1
    assert fault(bytes(data)) == "ARC-011"


def test_a_directory_of_too_many_entries_is_not_even_read() -> None:
    assert fault(zip_of(count=60_000), Limits(members=10)) in ("ARC-014", "ARC-006")
    assert fault(zipped(*((f"{n}/", b"") for n in range(21))), Limits(members=10)) == "ARC-014"


def test_only_heads_are_given_when_only_heads_are_wanted() -> None:
    assert members(zipped(("a.xml", INVOICE)), amount=5) == [(0, "a.xml", len(INVOICE), INVOICE[:5])]
    assert members(zipped(("a.xml", INVOICE)), amount=0) == []
