"""Rows 14, 25, 26 and 41 to 63 of reliability.md, chapter 3: each bad input with its exact French answer; then truncation and bit flips."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import gate
from gateway.config import Limits, Partner
from gateway.model import Severity, is_fatal
from tests.badinputs.builders import (
    END,
    INVOICE,
    pax,
    tar_file,
    tar_gz,
    tar_header,
    zip_entry,
    zip_of,
    zip_single,
    zipped,
)  # fmt: skip

LIMITS = Limits()
SMALL = replace(LIMITS, members=3, document_bytes=1_000_000, expanded_bytes=40_000_000, expansion_free_bytes=1_000_000)
GOOD = tar_gz(tar_file("a.xml"), tar_file("b.xml"))
EXPECTED = "XML, PDF (Factur-X), tar.gz, zip"


def opening(data: bytes, name: str = "flux", limits: Limits = LIMITS, partner: Partner | None = None) -> gate.Opening:
    return gate.open_flow(name, io.BytesIO(data), len(data), partner=partner or Partner(), limits=limits)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def sparse() -> bytes:
    return tar_gz(pax({"GNU.sparse.major": "1", "path": "a.xml"}), tar_file("a.xml"))


def zip64_lie() -> bytes:
    """A local size sent to a zip64 field that says another size than the directory."""
    raw = zlib.compress(INVOICE, 6, -15)
    extra = struct.pack("<HHQQ", 1, 16, len(INVOICE) + 1, len(raw))
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 45, 0, 8, 0, 33, zlib.crc32(INVOICE), 0xFFFFFFFF, 0xFFFFFFFF, 5, len(extra))
    return zip_of((local + b"a.xml" + extra + raw, zip_entry(b"a.xml", INVOICE, 0)[1]))


def overlapping() -> bytes:
    first, central = zip_entry(b"a.xml", INVOICE, 0)
    _, second = zip_entry(b"b.xml", INVOICE, 0)
    return zip_of((first, central), (b"", second))


CUT = len(GOOD) - 4
NOT_TOLD = "Archive zip incohérente : entrée 1."
ROWS = [
    ("25 program", b"MZ\x90\x00" + bytes(60), "TYP-001", f"Type non accepté : application/x-msdownload. Attendu : {EXPECTED}."),
    ("25 office file", zipped(("[Content_Types].xml", INVOICE)), "TYP-001",
     f"Type non accepté : application/vnd.openxmlformats-officedocument. Attendu : {EXPECTED}."),
    ("25 text", b"bonjour", "TYP-001", f"Type non accepté : text/plain. Attendu : {EXPECTED}."),
    ("25 plain tar", tar_file("a.xml") + END, "TYP-001", f"Type non accepté : application/x-tar. Attendu : {EXPECTED}."),
    ("25 member", tar_gz(tar_file("a.xml"), tar_file("notes.txt", b"bonjour")), "TYP-001",
     f'Type non accepté : text/plain ("notes.txt"). Attendu : {EXPECTED}.'),
    ("25 compressed XML", gzip.compress(INVOICE * 3, mtime=0), "TYP-001",
     f"Type non accepté : application/gzip (application/xml). Attendu : {EXPECTED}."),
    ("9 empty", b"", "DEP-004", 'Le fichier "flux" est vide (0 octet).'),
    ("9 empty member", tar_gz(tar_file("a.xml", b"")), "DEP-004", 'Le fichier "a.xml" est vide (0 octet).'),
    ("EDIFACT", b"UNA:+.? 'UNB+UNOC:3+1+2'", "TYP-010",
     ("Message EDIFACT reconnu ; cette syntaxe n'est pas encore acceptée. Envoyez la facture en UBL 2.1, en CII D16B, en Factur-X ou en "
     "CPPFactureMixte.")),
    ("41", GOOD[:CUT], "ARC-001", (f"Archive incomplète : fin de fichier gzip absente après {CUT} octets. Aucune facture n'a été traitée. "
     "Redéposez le flux.")),
    ("41 half", GOOD[: CUT // 2], "ARC-001",
     (f"Archive incomplète : fin de fichier gzip absente après {CUT // 2} octets. Aucune facture n'a "
     "été traitée. Redéposez le flux.")),
    ("42 checksum", flipped(GOOD, len(GOOD) - 8), "ARC-002", "Archive altérée : contrôle CRC gzip en erreur."),
    ("42 length", flipped(GOOD, len(GOOD) - 4), "ARC-002", "Archive altérée : contrôle CRC gzip en erreur."),
    ("43 bytes", GOOD + b"12345", "ARC-003", "5 octets inattendus après la fin de l'archive."),
    ("43 second member", GOOD + gzip.compress(b"", mtime=0), "ARC-003", "20 octets inattendus après la fin de l'archive."),
    ("43 inside the gzip", tar_gz(tar_file("a.xml"), end=END + b"x" * 7), "ARC-003", "7 octets inattendus après la fin de l'archive."),
    ("44 no marker", tar_gz(tar_file("a.xml"), tar_file("b.xml"), end=b""), "ARC-004",
     "Archive tar incomplète : marque de fin absente après 2 fichiers."),
    ("44 half a marker", tar_gz(tar_file("a.xml"), end=bytes(512)), "ARC-004",
     "Archive tar incomplète : marque de fin absente après 1 fichiers."),
    ("44 cut in a member", tar_gz(tar_file("a.xml"), tar_file("b.xml")[:600], end=b""), "ARC-004",
     "Archive tar incomplète : marque de fin absente après 1 fichiers."),
    ("45 checksum", tar_gz(tar_file("a.xml"), tar_header(b"b.xml", 3, checksum=b"000001\0 ")), "ARC-005",
     "En-tête tar illisible à l'octet 1024."),
    ("45 negative size", tar_gz(tar_header(b"a.xml", b"-0000000001\0")), "ARC-005", "En-tête tar illisible à l'octet 0."),
    ("45 base-256 size", tar_gz(tar_header(b"a.xml", b"\x80" + bytes(10) + b"\x09")), "ARC-005", "En-tête tar illisible à l'octet 0."),
    ("45 not octal", tar_gz(tar_header(b"a.xml", b"00000000009\0")), "ARC-005", "En-tête tar illisible à l'octet 0."),
    ("46", zipped(("a.xml", INVOICE))[:-22], "ARC-006", "Archive zip incomplète : répertoire central absent."),
    ("47", overlapping(), "ARC-010", "Archive zip incohérente (entrées superposées)."),
    ("48 size", zip_single(local_size=7), "ARC-011", NOT_TOLD),
    ("48 name", zip_single(local_name=b"b.xml"), "ARC-011", NOT_TOLD),
    ("48 zip64", zip64_lie(), "ARC-011", NOT_TOLD),
    ("48 real size", zip_single(size=len(INVOICE) - 1, local_size=len(INVOICE) - 1), "ARC-011", NOT_TOLD),
    ("50", tar_gz(tar_file("lot.zip", zipped(("a.xml", INVOICE)))), "ARC-013", 'Archive imbriquée "lot.zip" non acceptée.'),
    ("50 in a zip", zipped(("lot.7z", b"7z\xbc\xaf\x27\x1c")), "ARC-013", 'Archive imbriquée "lot.7z" non acceptée.'),
    ("51", tar_gz(*(tar_file(f"{n}.xml") for n in range(4))), "ARC-014", "4 fichiers : maximum 3 par flux."),
    ("51 zip", zipped(*((f"{n}.xml", INVOICE) for n in range(5))), "ARC-014", "5 fichiers : maximum 3 par flux."),
    ("52", tar_gz(tar_header(b"a.xml", 1_000_001)), "ARC-015", '"a.xml" : 2 Mo, maximum 1 Mo.'),
    ("52 zip", zipped(("a.xml", INVOICE * 9000)), "ARC-015", '"a.xml" : 3 Mo, maximum 1 Mo.'),
    ("53 pax", tar_gz(tar_header(b"pax", 70_000, b"x")), "ARC-016", "En-tête étendu de 70000 octets non accepté."),
    ("53 long name", tar_gz(tar_header(b"././@LongLink", 70_000, b"L")), "ARC-016", "En-tête étendu de 70000 octets non accepté."),
    ("54 sparse", tar_gz(tar_file("a.xml", b"", b"S")), "ARC-017", 'Type d\'entrée tar S non accepté ("a.xml").'),
    ("54 sparse by pax", sparse(), "ARC-017", 'Type d\'entrée tar x non accepté ("a.xml").'),
    ("54 sparse by pax, as GNU tar writes it", tar_gz(pax({"GNU.sparse.name": "a.xml"}), tar_file("GNUSparseFile.7/a.xml")), "ARC-017",
     'Type d\'entrée tar x non accepté ("a.xml").'),
    ("54 continued", tar_gz(tar_file("a.xml", kind=b"M")), "ARC-017", 'Type d\'entrée tar M non accepté ("a.xml").'),
    ("54 unknown", tar_gz(tar_file("a.xml", kind=b"Q")), "ARC-017", 'Type d\'entrée tar Q non accepté ("a.xml").'),
    *((f"55 type {kind.decode()}", tar_gz(tar_file("a.xml", b"", kind)), "ARC-018", 'Lien ou fichier spécial "a.xml" non accepté.')
      for kind in (b"1", b"2", b"3", b"4", b"6")),
    ("55 directory", tar_gz(tar_file("../x/", b"", b"5")), "ARC-018", 'Lien ou fichier spécial "../x/" non accepté.'),
    ("55 link that leads far", tar_gz(tar_file("././@LongLink", b"x" * 200, b"K"), tar_file("a.xml", b"", b"2")), "ARC-018",
     'Lien ou fichier spécial "a.xml" non accepté.'),
    ("55 zip directory", zipped(("../x/", b""), ("a.xml", INVOICE)), "ARC-018", 'Lien ou fichier spécial "../x/" non accepté.'),
    ("55 bidi directory", zipped(("x\u202e/", b""), ("a.xml", INVOICE)), "ARC-018", 'Lien ou fichier spécial "x\\u202E/" non accepté.'),
    ("55 zip symlink", zip_single(attributes=0o120777 << 16), "ARC-018", 'Lien ou fichier spécial "a.xml" non accepté.'),
    ("56 absolute", tar_gz(tar_file("/etc/a.xml")), "ARC-019", 'Chemin "/etc/a.xml" non accepté.'),
    ("56 parent", tar_gz(tar_file("x/../../a.xml")), "ARC-019", 'Chemin "x/../../a.xml" non accepté.'),
    ("56 drive", zipped(("C:a.xml", INVOICE)), "ARC-019", 'Chemin "C:a.xml" non accepté.'),
    ("56 backslash", zip_single(b"x\\a.xml"), "ARC-019", 'Chemin "x\\a.xml" non accepté.'),
    ("57", tar_gz(tar_file("a.xml"), tar_file("b.xml"), tar_file("a.xml")), "ARC-020", '"a.xml" présent 2 fois (positions 1, 3).'),
    ("57 case", tar_gz(tar_file("a.xml"), tar_file("A.XML")), "ARC-020", '"A.XML" présent 2 fois (positions 1, 2).'),
    ("57 Unicode form", tar_gz(tar_file("é.xml"), tar_file("e\u0301.xml")), "ARC-020", '"e\u0301.xml" présent 2 fois (positions 1, 2).'),
    ("58 control", tar_gz(tar_file("a.xml"), tar_file("b\x1b[2J.xml")), "ARC-021", "Nom de fichier illisible à la position 2."),
    ("58 bidi", zipped(("a\u202elmx.xml", INVOICE)), "ARC-021", "Nom de fichier illisible à la position 1."),
    ("58 not UTF-8", tar_gz(tar_file(b"\xe9.xml")), "ARC-021", "Nom de fichier illisible à la position 1."),
    ("59", zip_single(flags=1), "ARC-022", "Archive chiffrée : déposez-la sans mot de passe."),
    ("59 AES", zip_single(method=99), "ARC-022", "Archive chiffrée : déposez-la sans mot de passe."),
    ("60 in a zip", zip_single(method=12), "ARC-023", "Compression bzip2 non acceptée."),
    ("60 7z", b"7z\xbc\xaf\x27\x1c\x00\x04", "ARC-023", "Compression 7z non acceptée."),
    ("60 rar", b"Rar!\x1a\x07\x01\x00", "ARC-023", "Compression rar non acceptée."),
    ("60 xz", b"\xfd7zXZ\x00\x00", "ARC-023", "Compression xz non acceptée."),
    ("60 bz2", b"BZh91AY&SY", "ARC-023", "Compression bzip2 non acceptée."),
    ("60 zstd", b"\x28\xb5\x2f\xfd\x00", "ARC-023", "Compression zstd non acceptée."),
    ("61", tar_gz(), "ARC-024", "L'archive ne contient aucun fichier."),
    ("61 directories", tar_gz(tar_file("x/", b"", b"5")), "ARC-024", "L'archive ne contient aucun fichier."),
    ("61 zip", zip_of(), "ARC-024", "L'archive ne contient aucun fichier."),
]  # fmt: skip


@pytest.mark.parametrize(("data", "code", "french"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_a_hostile_or_broken_deposit_gets_its_exact_answer(data: bytes, code: str, french: str) -> None:
    limits = SMALL if code in ("ARC-014", "ARC-015") else LIMITS
    result = opening(data, limits=limits)
    assert [(f.rule, f.message_fr) for f in result.findings] == [(code, french)]
    assert not result.admissible
    assert result.documents == 0
    assert list(gate.documents(io.BytesIO(data), result, limits=limits)) == []


def test_row_49_a_tar_bomb_stops_at_its_ratio() -> None:
    data = tar_gz(tar_file("a.xml", INVOICE + b" " * 30_000_000))
    found = opening(data, limits=replace(SMALL, document_bytes=100_000_000)).findings[0]
    assert found.rule == "ARC-012"
    assert found.message_fr.startswith("Taux de compression anormal (")
    assert found.message_fr.endswith(":1) / contenu supérieur à 0.04 Go.")


def test_row_49_a_zip_bomb_stops_at_its_ratio() -> None:
    data = zipped(("a.xml", INVOICE + b" " * 30_000_000))
    assert opening(data, limits=replace(SMALL, document_bytes=100_000_000)).findings[0].rule == "ARC-012"


def test_row_49_the_total_is_limited_whatever_the_ratio() -> None:
    data = zipped(*((f"{n}.xml", INVOICE) for n in range(3)))
    assert opening(data, limits=replace(LIMITS, expanded_bytes=2 * len(INVOICE))).findings[0].rule == "ARC-012"


def test_row_10_a_flow_over_the_limit_of_the_account_is_not_read() -> None:
    result = opening(GOOD, limits=LIMITS, partner=Partner(flow_bytes=100))
    assert [f.message_fr for f in result.findings] == ['Le fichier "flux" dépasse la taille autorisée (0.0001 Mo). Découpez le flux.']


@pytest.mark.parametrize(("name", "code", "french"), [
    ("facture.xml", "DEP-010", 'Nom "facture.xml" non conforme : structure attendu FSOnnnnA_AAA999_AAA999nnnn…, trouvé facture.xml.'),
    ("FS01100A_DEM001_x", "DEP-010", 'Nom "FS01100A_DEM001_x" non conforme : interface attendu FSOnnnnA, trouvé FS01100A.'),
    ("FSO1100A_DEM002_x", "DEP-010", 'Nom "FSO1100A_DEM002_x" non conforme : application attendu DEM001, trouvé DEM002.'),
    ("FSO1100A_DEM001_DEM0011101000000000000001", "DEP-010",
     ('Nom "FSO1100A_DEM001_DEM0011101000000000000001" non conforme : identification '
     "attendu DEM0011100nnnnnnnnnnnnnnn, trouvé DEM0011101000000000000001.")),
])  # fmt: skip
def test_row_14_a_strict_name_is_told_which_part_is_wrong(name: str, code: str, french: str) -> None:
    partner = Partner(application="DEM001", naming="strict")
    assert [(f.rule, f.message_fr) for f in opening(INVOICE, name, partner=partner).findings] == [(code, french)]
    assert opening(INVOICE, name).admissible, "lenient naming takes any safe name"


def test_row_26_an_extension_that_lies_is_a_warning_only() -> None:
    result = opening(GOOD, "lot.zip")
    assert [(f.rule, f.severity, f.message_fr) for f in result.findings] == [
        ("TYP-002", Severity.WARNING, "L'extension .zip ne correspond pas au contenu (application/gzip).")
    ]
    assert result.documents == 2


def test_row_62_stray_files_are_passed_over_and_told() -> None:
    result = opening(tar_gz(tar_file("Thumbs.db", b"\xd0\xcf"), tar_file("a.xml"), tar_file("__MACOSX/._a.xml", b"\0\5\x16\7")))
    assert [(f.rule, f.severity, f.message_fr) for f in result.findings] == [
        ("ARC-025", Severity.WARNING, "2 fichiers ignorés : Thumbs.db, __MACOSX/._a.xml.")
    ]
    assert result.ignored == ("Thumbs.db", "__MACOSX/._a.xml")
    assert result.documents == 1


def test_row_62_an_invoice_is_never_taken_for_a_stray() -> None:
    assert opening(tar_gz(tar_file("__MACOSX/a.xml"))).documents == 1


def test_row_63_the_manifests_count_is_given_back_for_comparison() -> None:
    result = opening(tar_gz(tar_file("manifest.json", b'{"invoices": 3}'), tar_file("a.xml")))
    assert (result.announced, result.documents, result.findings) == (3, 1, ())


@pytest.mark.parametrize("manifest", [b'{"invoices": "3"}', b"[" * 4000], ids=["no number", "too deep to be read"])
def test_a_manifest_that_says_nothing_is_a_foreign_file(manifest: bytes) -> None:
    assert opening(tar_gz(tar_file("manifest.json", manifest), tar_file("a.xml"))).findings[0].rule == "TYP-001"


SMALL_TAR = tar_gz(tar_file("a.xml"), tar_file("b.xml", b"<x/>"))
SMALL_ZIP = zipped(("a.xml", INVOICE), ("b.xml", b"<x/>"))


def whole(data: bytes) -> list[tuple[int, str, bytes]]:
    stream = io.BytesIO(data)
    result = opening(data)
    return [(d.ordinal, d.member, d.data) for d in gate.documents(stream, result, limits=LIMITS)]


@pytest.mark.parametrize("data", [SMALL_TAR, SMALL_ZIP], ids=["tar.gz", "zip"])
def test_no_truncation_is_ever_taken_for_a_whole_archive(data: bytes) -> None:
    for length in range(len(data)):
        result = opening(data[:length])
        assert is_fatal(result.findings), length
        assert result.documents == 0


@pytest.mark.parametrize("data", [SMALL_TAR, SMALL_ZIP], ids=["tar.gz", "zip"])
def test_a_flipped_bit_is_found_or_changes_nothing(data: bytes) -> None:
    expected = [content for _, _, content in whole(data)]
    for at in range(len(data)):
        for bit in range(8):
            broken = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            if not is_fatal(opening(broken).findings):
                assert [content for _, _, content in whole(broken)] == expected, (at, bit)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=600), st.sampled_from([b"", b"\x1f\x8b\x08\x00\0\0\0\0\0\0", b"PK\x03\x04", b"PK\x05\x06"]))
def test_any_bytes_get_an_answer_and_never_an_exception(data: bytes, magic: bytes) -> None:
    assert opening(magic + data).documents in (0, 1)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2047), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4))
def test_a_damaged_tar_under_a_right_gzip_is_answered_and_never_crashes(damages: list[tuple[int, bytes]]) -> None:
    tar = bytearray(tar_file("a.xml") + tar_file("b.xml") + END)
    for at, new in damages:
        tar[at : at + len(new)] = new
    result = opening(gzip.compress(bytes(tar[:3072]), mtime=0))
    assert result.documents == 0 or result.admissible
