"""The double's own eye: names, envelopes and the three syntaxes it reads."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from pypdf import PdfWriter

from adapters.chorus.double.reading import MAX_INVOICES, Seen, Unreadable, flow_name, read_flow
from tests.unit.double_samples import cii, mixte, tar_gz, ubl


def read(tmp_path: Path, data: bytes, number: str = "1100") -> list[Seen]:
    path = tmp_path / "flow"
    path.write_bytes(data)
    return read_flow(path, number)


def refused(tmp_path: Path, data: bytes, number: str = "1100") -> str:
    with pytest.raises(Unreadable) as raised:
        read(tmp_path, data, number)
    return raised.value.code


def test_a_name_is_taken_apart() -> None:
    name = flow_name("FSO1100A_APP001_APP0011100000000000000042")
    assert name is not None
    assert (name.interface, name.number, name.application, name.flow_id) == ("FSO1100A", "1100", "APP001", "APP0011100000000000000042")


@pytest.mark.parametrize(
    "name",
    [
        "FSO1100A_APP001_APP0011101000000000000042",
        "FSO1100A_APP001_APP0021100000000000000042",
        "FSO1100A_APP001_APP001110000000000000042",
        "FSO1100A_APP001_APP0011100000000000000042.xml",
        "FSO1100A_APPLE1_APPLE11100000000000000042",
        "fso1100a_app001_app0011100000000000000042",
        "FSO1100A_APP001_APP0011100000000000000042\n",
        "invoice.xml",
    ],
)
def test_a_name_outside_the_grammar_is_none(name: str) -> None:
    assert flow_name(name) is None


def test_a_bare_ubl_invoice_is_read(tmp_path: Path) -> None:
    (seen,) = read(tmp_path, ubl("F-1"))
    assert (seen.number, seen.year, seen.date) == ("F-1", "2026", "2026-03-04")
    assert (seen.supplier, seen.supplier_type, seen.supplier_name, seen.country) == ("12345678200077", "1", "Fournisseur", "FR")
    assert (seen.recipient, seen.recipient_name, seen.service) == ("11000201100044", "Ministère", "DSJPFGU057")


def test_a_credit_note_counts_like_an_invoice(tmp_path: Path) -> None:
    assert read(tmp_path, ubl("A-1", root="CreditNote"))[0].number == "A-1"


def test_a_siret_goes_before_other_identifiers(tmp_path: Path) -> None:
    data = ubl("F-1").replace(
        b"<cac:PartyLegalEntity>", b"<cac:PartyIdentification><cbc:ID>GLN</cbc:ID></cac:PartyIdentification><cac:PartyLegalEntity>", 1
    )
    assert read(tmp_path, data)[0].supplier == "12345678200077"


def test_a_cii_invoice_is_read(tmp_path: Path) -> None:
    (seen,) = read(tmp_path, cii("C-1"), "1106")
    assert (seen.number, seen.year, seen.date, seen.service) == ("C-1", "2026", "2026-03-04", "SERVICE1")
    assert (seen.supplier, seen.supplier_type, seen.recipient) == ("BE0429958042", "2", "11000201100044")


def test_every_invoice_of_a_cpp_facture_mixte_is_read(tmp_path: Path) -> None:
    seen = read(tmp_path, mixte("M-1", "M-2"), "1113")
    assert [(s.number, s.supplier, s.recipient) for s in seen] == [(n, "12345678200077", "11000201100044") for n in ("M-1", "M-2")]


def test_a_factur_x_is_read_through_its_attachment(tmp_path: Path) -> None:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_attachment("factur-x.xml", cii("X-1"))
    buffer = io.BytesIO()
    writer.write(buffer)
    assert read(tmp_path, buffer.getvalue(), "1117")[0].number == "X-1"
    assert read(tmp_path, tar_gz({"x.pdf": buffer.getvalue()}), "1117")[0].number == "X-1"


def test_a_pdf_without_invoice_is_refused(tmp_path: Path) -> None:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    buffer = io.BytesIO()
    writer.write(buffer)
    assert refused(tmp_path, buffer.getvalue(), "1117") == "IRR_EXTRAC"
    assert refused(tmp_path, b"%PDF-1.7 broken", "1117") == "IRR_EXTRAC"
    assert refused(tmp_path, cii("X-1"), "1117") == "IRR_TYPE_F"


def test_an_archive_gives_all_its_invoices_and_passes_over_signatures(tmp_path: Path) -> None:
    signature = b'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>'
    data = tar_gz({"a.xml": ubl("F-1"), "a_sig.xml": signature, "b.xml": ubl("F-2")})
    assert [s.number for s in read(tmp_path, data)] == ["F-1", "F-2"]


def test_two_gzip_members_joined_are_one_archive(tmp_path: Path) -> None:
    plain = gzip.decompress(tar_gz({"a.xml": ubl("F-1"), "b.xml": ubl("F-2")}))
    assert len(read(tmp_path, gzip.compress(plain[:700]) + gzip.compress(plain[700:]))) == 2


@pytest.mark.parametrize("keep", [0.2, 0.6, 0.95])
def test_a_truncated_archive_is_refused(tmp_path: Path, keep: float) -> None:
    data = tar_gz({"a.xml": ubl("F-1"), "b.xml": ubl("F-2")})
    assert refused(tmp_path, data[: int(len(data) * keep)]) == "IRR_EXTRAC"


def test_a_wrong_checksum_at_the_very_end_is_seen(tmp_path: Path) -> None:
    data = bytearray(tar_gz({"a.xml": ubl("F-1")}))
    data[-8] ^= 1
    assert refused(tmp_path, bytes(data)) == "IRR_EXTRAC"


@pytest.mark.parametrize("name", ["../a.xml", "/etc/a.xml", "dir/a.xml", ".a.xml"])
def test_members_elsewhere_than_at_the_root_are_refused(tmp_path: Path, name: str) -> None:
    assert refused(tmp_path, tar_gz({name: ubl("F-1")})) == "IRR_NOM_F"


def test_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        link = tarfile.TarInfo("a.xml")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert refused(tmp_path, buffer.getvalue()) == "IRR_NOM_F"


@pytest.mark.parametrize(
    ("data", "number", "code"),
    [
        (b"", "1100", "IRR_VIDE"),
        (b"not xml", "1100", "IRR_SYNTAX"),
        (ubl("F-1")[:-5], "1100", "IRR_SYNTAX"),
        (ubl("F-1"), "9999", "IRR_CODE_INTER"),
        (ubl("F-1"), "1106", "IRR_SYNTAX"),
        (cii("C-1"), "1100", "IRR_SYNTAX"),
        (mixte(), "1113", "IRR_VIDE"),
        (tar_gz({}), "1100", "IRR_VIDE"),
    ],
    ids=["empty", "text", "cut", "interface", "ubl as cii", "cii as ubl", "no unit", "no member"],
)
def test_what_cannot_be_read_is_refused_as_a_whole(tmp_path: Path, data: bytes, number: str, code: str) -> None:
    assert refused(tmp_path, data, number) == code


def test_five_hundred_invoices_are_taken_and_one_more_is_not(tmp_path: Path) -> None:
    numbers = [f"M-{n}" for n in range(MAX_INVOICES + 1)]
    assert len(read(tmp_path, mixte(*numbers[:-1]), "1113")) == MAX_INVOICES
    assert refused(tmp_path, mixte(*numbers), "1113") == "IRR_TAILLE"


def test_more_than_a_gigabyte_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "flow"
    with path.open("wb") as file:
        file.truncate(1_000_000_001)
    with pytest.raises(Unreadable, match="1 Go"):
        read_flow(path, "1100")
