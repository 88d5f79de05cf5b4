"""The gate on what partners lawfully send: kinds, interfaces, order, signatures, restart after a crash."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from gateway import gate
from gateway.archives.survey import Plan
from gateway.config import Limits, Partner
from gateway.errors import ParkError
from gateway.model import SideFile
from tests.badinputs.builders import INVOICE, pax, tar_file, tar_gz, tar_header, zipped

LIMITS = Limits()
CHORUS = "FSO1100A_DEM001_DEM0011100000000000000001"
SIGNATURE = b'<?xml version="1.0"?><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>'


def opened(data: bytes, name: str = "flux", partner: Partner | None = None, limits: Limits = LIMITS) -> gate.Opening:
    return gate.open_flow(name, io.BytesIO(data), len(data), partner=partner or Partner(), limits=limits)


def read(data: bytes, after: int = 0, name: str = "flux", limits: Limits = LIMITS) -> list[gate.FlowDocument]:
    return list(gate.documents(io.BytesIO(data), opened(data, name, limits=limits), limits=limits, after=after))


@pytest.mark.parametrize(("data", "kind"), [
    (INVOICE, "xml"), (b"\xef\xbb\xbf" + INVOICE, "xml"), ("\ufeff<a/>".encode("utf-16-le"), "xml"), (b"%PDF-1.7 x", "pdf"),
    (tar_gz(tar_file("a.xml")), "tar.gz"), (zipped(("a.xml", INVOICE)), "zip"),
])  # fmt: skip
def test_the_kind_comes_from_the_content(data: bytes, kind: str) -> None:
    opening = opened(data)
    assert (opening.kind, opening.documents, opening.findings) == (kind, 1, ())


@pytest.mark.parametrize("data", [INVOICE, b"%PDF-1.7 x"])
def test_a_bare_file_is_one_document_under_the_flows_name(data: bytes) -> None:
    assert read(data, name="facture") == [gate.FlowDocument(1, "facture", data)]
    assert read(data, after=1) == []


@pytest.mark.parametrize("suffix", ["", ".tar.gz", ".tgz"])
def test_the_interface_comes_from_a_chorus_name_with_or_without_extension(suffix: str) -> None:
    opening = opened(tar_gz(tar_file("a.xml")), CHORUS + suffix)
    assert (opening.interface, opening.findings) == ("FSO1100A", ())


def test_any_other_name_announces_no_interface() -> None:
    assert opened(INVOICE, "facture.xml").interface == ""


@pytest.mark.parametrize(("code", "rule", "interface"), [("FSO9999A", "RTE-003", ""), ("FSO1102A", "RTE-004", "FSO1102A")])
def test_an_interface_we_do_not_take_is_refused_by_name(code: str, rule: str, interface: str) -> None:
    opening = opened(INVOICE, f"{code}_DEM001_DEM001{code[3:7]}000000000000001")
    assert ([f.rule for f in opening.findings], opening.interface) == ([rule], interface)


@pytest.mark.parametrize(("name", "rule"), [("a\nb", "DEP-011"), ("../a", "DEP-012"), ("x" * 201, "DEP-014")])
def test_an_unsafe_name_is_refused_whatever_the_content(name: str, rule: str) -> None:
    assert [f.rule for f in opened(INVOICE, name).findings] == [rule]


@pytest.mark.parametrize("build", [lambda *m: tar_gz(*(tar_file(n, d) for n, d in m)), zipped], ids=["tar.gz", "zip"])
def test_documents_come_in_the_order_of_the_bytes_and_resume_anywhere(build: object) -> None:
    members = [(f"{n}.xml", INVOICE + b" " * n) for n in (3, 1, 2, 5, 4)]
    members.insert(2, ("Thumbs.db", b"\xd0\xcf"))
    data: bytes = build(*members)  # type: ignore[operator]  # one of the two builders above
    documents = read(data)
    assert [(d.ordinal, d.member, d.data) for d in documents] == [
        (n, name, content) for n, (name, content) in enumerate((m for m in members if m[0] != "Thumbs.db"), start=1)
    ]
    for after in range(7):
        assert read(data, after=after) == documents[after:]


@pytest.mark.parametrize("name", ["a.xades", "a.xml.xades", "a-xades.xml", "a_signature.xml", "a.xml.sig", "a.XSIG", "a.sig.xml"])
@pytest.mark.parametrize("first", [True, False])
def test_a_signature_travels_with_its_invoice_wherever_it_stands(name: str, first: bool) -> None:
    files = [tar_file("b.xml"), tar_file("d/a.xml")]
    data = tar_gz(*([tar_file("d/" + name, SIGNATURE), *files] if first else [*files, tar_file("d/" + name, SIGNATURE)]))
    assert [(d.member, d.sides) for d in read(data)] == [("b.xml", ()), ("d/a.xml", (SideFile(name, SIGNATURE),))]
    assert opened(data).sides == {"d/a.xml": (name,)}
    assert read(data, after=1)[0].sides == (SideFile(name, SIGNATURE),)


def test_a_signature_of_a_zip_travels_too() -> None:
    data = zipped(("a.xml", INVOICE), ("b.xml", INVOICE), ("b.xades", SIGNATURE), ("a.xades", SIGNATURE + b" "))
    assert [d.sides for d in read(data)] == [(SideFile("a.xades", SIGNATURE + b" "),), (SideFile("b.xades", SIGNATURE),)]


@pytest.mark.parametrize("files", [
    [("a.xml", INVOICE), ("a-sig.xml", INVOICE)],  # named like a signature, but an invoice
    [("a.xml", INVOICE), ("b-sig.xml", SIGNATURE)],  # signs nothing here
    [("a.xml", INVOICE), ("x/a-sig.xml", SIGNATURE)],  # another folder
    [("a.xml", INVOICE), ("a2.xml", SIGNATURE)],  # no signature's name
])  # fmt: skip
def test_in_doubt_a_file_is_a_document_and_never_a_signature(files: list[tuple[str, bytes]]) -> None:
    data = tar_gz(*(tar_file(*f) for f in files))
    assert [(d.member, d.data, d.sides) for d in read(data)] == [(*f, ()) for f in files]


def test_two_signed_documents_of_one_base_name_could_not_leave_together() -> None:
    files = [tar_file(f"{folder}/{name}", data) for folder in "xy" for name, data in (("a.xml", INVOICE), ("a.xades", SIGNATURE))]
    assert [f.rule for f in opened(tar_gz(*files)).findings] == ["ARC-020"]


def test_many_late_signatures_are_read_in_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "LOOK_AHEAD", 3 * len(SIGNATURE))
    files = [tar_file(f"{n}.xml") for n in range(10)] + [tar_file(f"{n}.xades", SIGNATURE + b" " * n) for n in reversed(range(10))]
    documents = read(tar_gz(*files))
    assert [d.sides for d in documents] == [(SideFile(f"{n}.xades", SIGNATURE + b" " * n),) for n in range(10)]


def test_names_over_a_hundred_bytes_come_through_in_every_dialect() -> None:
    long = "n" * 150 + ".xml"
    head = tar_header(b"././@LongLink", len(long) + 1, b"L", magic=b"ustar  \0")
    gnu = head + long.encode() + bytes(512 - len(long)) + tar_file("n" * 100)
    split = tar_header(b"b.xml", len(INVOICE), prefix=b"folder") + INVOICE + bytes(-len(INVOICE) % 512)
    data = tar_gz(gnu, pax({"path": "é" + long[2:], "mtime": "1.5"}), tar_file("n" * 100), split)
    assert [d.member for d in read(data)] == [long, "é" + long[2:], "folder/b.xml"]


def test_folders_and_a_leading_dot_are_ordinary() -> None:
    data = tar_gz(tar_file("./", b"", b"5"), tar_file("./x/", b"", b"5"), tar_file("./x/a.xml"))
    assert [d.member for d in read(data)] == ["./x/a.xml"]
    assert [f.rule for f in opened(tar_gz(tar_file("./a.xml"), tar_file("a.xml"))).findings] == ["ARC-020"]


def test_a_blob_damaged_after_the_gate_parks_the_flow_instead_of_losing_invoices() -> None:
    data = tar_gz(tar_file("a.xml"), tar_file("b.xml"))
    opening = opened(data)
    with pytest.raises(ParkError, match="verify the spool"):
        list(gate.documents(io.BytesIO(data[:-9]), opening, limits=LIMITS))


@pytest.mark.parametrize("size", [1, 512, 100_000, 700_000, 3_000_000])
def test_documents_larger_than_a_chunk_are_whole(size: int) -> None:
    contents = [b"<a>" + bytes([65 + n]) * (size + n) for n in range(3)]
    files = [(f"{n}.xml", c) for n, c in enumerate(contents)]
    for data in (tar_gz(*(tar_file(*file) for file in files)), zipped(*files)):
        assert [d.data for d in read(data, limits=replace(LIMITS, expansion_ratio=10_000))] == contents


@pytest.mark.parametrize(("others", "after", "index"), [((), 3, 3), ((0,), 0, 1), ((0,), 1, 2), ((1, 2), 1, 3), ((5,), 2, 2)])
def test_a_plan_knows_where_to_go_on(others: tuple[int, ...], after: int, index: int) -> None:
    assert Plan(frozenset(others), {}).index_after(after) == index
