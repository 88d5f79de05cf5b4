"""The outbound archive: ordinary tools open it, and the same documents always give the same bytes."""

from __future__ import annotations

import gzip
import io
import shutil
import subprocess
import tarfile

import pytest

from gateway import envelope, gate
from gateway.config import Limits, Partner

DOCUMENTS = {f"F261122-000001-{n:06d}.xml": f"<Invoice>{n}</Invoice>".encode() * (1 + 97 * n) for n in range(6)}


def sealed(documents: dict[str, bytes]) -> bytes:
    archive = envelope.Envelope()
    parts = [archive.header()]
    for name, data in documents.items():
        parts.append(archive.add(*envelope.deflate_segment(envelope.tar_entry(name, data))))
    return b"".join([*parts, archive.finish()])


def unpacked(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        return {m.name: file.read() for m in tar if (file := tar.extractfile(m)) is not None}


def test_segments_join_into_one_gzip_that_the_standard_library_reads() -> None:
    assert unpacked(sealed(DOCUMENTS)) == DOCUMENTS


def test_our_own_strict_gate_takes_what_we_send() -> None:
    data = sealed(DOCUMENTS)
    opening = gate.open_flow("out", io.BytesIO(data), len(data), partner=Partner(), limits=Limits())
    assert opening.findings == ()
    assert {d.member: d.data for d in gate.documents(io.BytesIO(data), opening, limits=Limits())} == DOCUMENTS


@pytest.mark.skipif(shutil.which("tar") is None or shutil.which("gzip") is None, reason="GNU tar or gzip is not installed")
def test_gnu_tools_read_it_without_a_warning() -> None:
    data = sealed({**DOCUMENTS, "x" * 150 + ".xml": b"<a/>"})
    tested = subprocess.run(["gzip", "--test"], input=data, capture_output=True, check=False)
    listed = subprocess.run(["tar", "--list", "--gzip", "--file", "-"], input=data, capture_output=True, check=False)
    assert (tested.returncode, tested.stderr, listed.returncode, listed.stderr) == (0, b"", 0, b"")
    assert listed.stdout.decode().split() == [*DOCUMENTS, "x" * 150 + ".xml"]


def test_the_same_documents_give_the_same_bytes() -> None:
    assert sealed(DOCUMENTS) == sealed(DOCUMENTS)


def test_it_says_nothing_of_time_owner_or_machine() -> None:
    data = sealed(DOCUMENTS)
    assert data[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in tar} == {(0, 0, 0, "", "", 0o644)}


def test_an_empty_envelope_is_an_empty_tar() -> None:
    assert gzip.decompress(sealed({})) == bytes(1024)


@pytest.mark.parametrize("length", [1, 99, 100, 101, 120, 199, 980, 984, 985, 986, 987, 988, 989, 990, 991, 992, 1000])
def test_names_of_any_length_survive(length: int) -> None:
    assert unpacked(sealed({"n" * length: b"<a/>"})) == {"n" * length: b"<a/>"}


@pytest.mark.parametrize("name", ["été.xml", "é" * 60 + ".xml", "\u00ff" * 50])
def test_names_with_accents_survive(name: str) -> None:
    assert unpacked(sealed({name: b"<a/>"})) == {name: b"<a/>"}


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1_000_000])
def test_members_are_padded_to_whole_blocks(size: int) -> None:
    entry = envelope.tar_entry("a.xml", b"x" * size)
    assert len(entry) % 512 == 0
    assert unpacked(sealed({"a.xml": b"x" * size})) == {"a.xml": b"x" * size}


@pytest.mark.parametrize(("original", "sides", "name"), [
    ("dir/A facture.xml", False, "F1-000007.xml"), ("facture.PDF", False, "F1-000007.pdf"), ("sans-extension", False, "F1-000007.xml"),
    ("dir/a.xml", True, "a.xml"), ("b.pdf", True, "b.pdf"),
])  # fmt: skip
def test_a_document_is_named_after_its_flow_unless_a_signature_names_it(original: str, sides: bool, name: str) -> None:
    assert envelope.member_name("F1", 7, original, has_sides=sides) == name


def test_a_single_xml_travels_uncompressed() -> None:
    segment, _, _ = envelope.deflate_segment(envelope.tar_entry("a.xml", b"<a>" + b" " * 5000 + b"</a>"))
    assert envelope.bare(segment) == b"<a>" + b" " * 5000 + b"</a>"


def test_an_xml_with_its_signature_or_a_pdf_needs_an_archive() -> None:
    signed = envelope.tar_entry("a.xml", b"<a/>") + envelope.tar_entry("a.xades", b"<Signature/>")
    assert envelope.bare(envelope.deflate_segment(signed)[0]) is None
    assert envelope.bare(envelope.deflate_segment(envelope.tar_entry("a.pdf", b"%PDF-1.7 ..."))[0]) is None
    assert envelope.bare(envelope.deflate_segment(envelope.tar_entry("n" * 150, b"<a/>"))[0]) is None
