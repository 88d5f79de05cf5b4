"""Bad deposits through the whole program: dropped, and answered by CONTROL and CSO files with the exact French text of their row.

Rows of reliability.md, chapter 3: 9, 10, 14, 21 to 26, 41 to 63, 64, 65. One running site takes them all; nothing waits but by polling.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.badinputs.builders import pax, tar_file, tar_gz, tar_header, zip_entry, zip_of, zip_single, zipped
from tests.flows.site import Site, running, sha256, until
from tests.ubl_invoices import invoice

A, B = invoice(1, number="BAD-A"), invoice(2, number="BAD-B")
GOOD = tar_gz(tar_file("a.xml", A), tar_file("b.xml", B))
EXPECTED = "XML, PDF (Factur-X), tar.gz, zip"
CUT = len(GOOD) - 4
TOO_SHORT = f"Archive incomplète : fin de fichier gzip absente après {CUT} octets. Aucune facture n'a été traitée. Redéposez le flux."


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def overlapping() -> bytes:
    first, central = zip_entry(b"a.xml", A, 0)
    _, second = zip_entry(b"b.xml", A, 0)
    return zip_of((first, central), (b"", second))


ROWS = {
    "9": (b"", "DEP-004", 'Le fichier "{nom}" est vide (0 octet).'),
    "9 member": (tar_gz(tar_file("a.xml", b"")), "DEP-004", 'Le fichier "a.xml" est vide (0 octet).'),
    "25 program": (b"MZ\x90\x00" + bytes(60), "TYP-001", f"Type non accepté : application/x-msdownload. Attendu : {EXPECTED}."),
    "25 text": (b"bonjour", "TYP-001", f"Type non accepté : text/plain. Attendu : {EXPECTED}."),
    "25 member": (tar_gz(tar_file("a.xml", A), tar_file("notes.txt", b"bonjour")), "TYP-001",
                  f'Type non accepté : text/plain ("notes.txt"). Attendu : {EXPECTED}.'),
    "41": (GOOD[:CUT], "ARC-001", TOO_SHORT),
    "42": (flipped(GOOD, len(GOOD) - 8), "ARC-002", "Archive altérée : contrôle CRC gzip en erreur."),
    "43": (GOOD + b"12345", "ARC-003", "5 octets inattendus après la fin de l'archive."),
    "43 member": (GOOD + gzip.compress(b"", mtime=0), "ARC-003", "20 octets inattendus après la fin de l'archive."),
    "44": (tar_gz(tar_file("a.xml", A), tar_file("b.xml", B), end=b""), "ARC-004",
           "Archive tar incomplète : marque de fin absente après 2 fichiers."),
    "45": (tar_gz(tar_header(b"a.xml", b"-0000000001\0")), "ARC-005", "En-tête tar illisible à l'octet 0."),
    "46": (zipped(("a.xml", A))[:-22], "ARC-006", "Archive zip incomplète : répertoire central absent."),
    "47": (overlapping(), "ARC-010", "Archive zip incohérente (entrées superposées)."),
    "48": (zip_single(local_size=7), "ARC-011", "Archive zip incohérente : entrée 1."),
    "49": (tar_gz(tar_file("a.xml", A + b" " * 30_000_000)), "ARC-012",
           r"~Taux de compression anormal \(\d+:1\) / contenu supérieur à 0\.04 Go\."),
    "50": (tar_gz(tar_file("lot.zip", zipped(("a.xml", A)))), "ARC-013", 'Archive imbriquée "lot.zip" non acceptée.'),
    "51": (tar_gz(*(tar_file(f"{n}.xml", A) for n in range(7))), "ARC-014", "7 fichiers : maximum 6 par flux."),
    "52": (tar_gz(tar_header(b"a.xml", 60_000_001)), "ARC-015", '"a.xml" : 61 Mo, maximum 60 Mo.'),
    "53": (tar_gz(tar_header(b"pax", 70_000, b"x")), "ARC-016", "En-tête étendu de 70000 octets non accepté."),
    "54": (tar_gz(tar_file("a.xml", b"", b"S")), "ARC-017", 'Type d\'entrée tar S non accepté ("a.xml").'),
    "54 pax": (tar_gz(pax({"GNU.sparse.major": "1", "path": "a.xml"}), tar_file("a.xml", A)), "ARC-017",
               'Type d\'entrée tar x non accepté ("a.xml").'),
    "55": (tar_gz(tar_file("a.xml", b"", b"2")), "ARC-018", 'Lien ou fichier spécial "a.xml" non accepté.'),
    "56": (tar_gz(tar_file("x/../../a.xml", A)), "ARC-019", 'Chemin "x/../../a.xml" non accepté.'),
    "56 absolute": (tar_gz(tar_file("/etc/a.xml", A)), "ARC-019", 'Chemin "/etc/a.xml" non accepté.'),
    "57": (tar_gz(tar_file("a.xml", A), tar_file("b.xml", B), tar_file("a.xml", A)), "ARC-020", '"a.xml" présent 2 fois (positions 1, 3).'),
    "57 case": (tar_gz(tar_file("a.xml", A), tar_file("A.XML", B)), "ARC-020", '"A.XML" présent 2 fois (positions 1, 2).'),
    "58": (tar_gz(tar_file("a.xml", A), tar_file("b\x1b[2J.xml", B)), "ARC-021", "Nom de fichier illisible à la position 2."),
    "59": (zip_single(flags=1), "ARC-022", "Archive chiffrée : déposez-la sans mot de passe."),
    "60": (zip_single(method=12), "ARC-023", "Compression bzip2 non acceptée."),
    "60 7z": (b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(8), "ARC-023", "Compression 7z non acceptée."),
    "61": (tar_gz(), "ARC-024", "L'archive ne contient aucun fichier."),
    "61 zip": (zip_of(), "ARC-024", "L'archive ne contient aucun fichier."),
    "63": (tar_gz(tar_file("manifest.json", b'{"invoices": 3}'), tar_file("a.xml", A), tar_file("b.xml", B)), "ARC-026",
           "3 factures annoncées, 2 trouvées. Aucune n'a été traitée."),
    "64": (A[:700], "XML-001", r'~"[^"]+" ligne \d+, colonne \d+ : XML mal formé \(.+\)\.'),
    "65": (A.replace(b"?>\n", b'?>\n<!DOCTYPE Invoice SYSTEM "x">\n', 1), "XML-002", "Déclaration DOCTYPE interdite."),
    "66": (A.replace(b"?>\n", b'?>\n<!DOCTYPE Invoice [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]>\n', 1), "XML-002",
           "Déclaration DOCTYPE interdite."),
}  # fmt: skip
"""Row → (bytes, our code, the French answer, or `~` and a pattern where numbers are measured)."""


def name_of(row: str) -> str:
    return f"ligne-{row.replace(' ', '-')}"


def prepare(site: Site) -> None:
    """Small limits, a partner with a smaller one, a strict one."""
    settings = site.folder / "gateway.toml"
    limits = "members = 6\ndocument_bytes = 60_000_000\nexpanded_bytes = 40_000_000\nexpansion_free_bytes = 1_000_000\n"
    settings.write_text(f"{settings.read_text()}\n[limits]\n{limits}")
    (site.folder / "partners" / "small.toml").write_text('application = "SML001"\nflow_bytes = 1000\n')
    (site.folder / "partners" / "strict.toml").write_text('application = "STR001"\nnaming = "strict"\n')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("bad") / "site", prepare) as site:
        yield site


@pytest.fixture(scope="module")
def flows(site: Site) -> dict[str, str]:
    """Row → flow number; every other row comes through the box on disk, the others by command."""
    outgoing = site.folder.parent / "outgoing"
    outgoing.mkdir()
    by_command = list(ROWS)[::2]
    for row in by_command:
        (outgoing / name_of(row)).write_bytes(ROWS[row][0])
    for row in list(ROWS)[1::2]:
        site.drop(name_of(row), ROWS[row][0])
    found = dict(zip(by_command, (a["flow"] for a in site.deposit(*(outgoing / name_of(row) for row in by_command))), strict=True))
    wanted = {name_of(row): row for row in ROWS}
    until(lambda: len([n for n in site.names() if n.startswith("CSO")]) >= len(ROWS), "not every row is answered")
    return found | {wanted[line["file"]]: line["flow"] for line in site.ask("inspect", "flows") if line["file"] in wanted}


def fits(text: str, wanted: str) -> bool:
    return bool(re.fullmatch(wanted[1:], text)) if wanted.startswith("~") else text == wanted


@pytest.mark.parametrize("row", ROWS)
def test_the_returned_files_carry_the_exact_answer(site: Site, flows: dict[str, str], row: str) -> None:
    data, code, french = ROWS[row]
    flow, wanted = flows[row], french.replace("{nom}", name_of(row))
    report = site.control(flow)
    assert [(f.get("rule"), f.get("severity")) for f in report.find("{*}Flow")] == [(code, "fatal")]
    said = report.findtext("{*}Flow/{*}Finding/{*}Fr")
    assert fits(said, wanted), said
    assert report.find("{*}Summary").get("admissible") == "false"
    name, final = site.final(flow)
    assert name.startswith("CSO0000A_DEM001_DEM0010000")
    assert final.findtext(".//IdStatut") == "93"
    assert [e.text for e in final.iter("LibelleErreur")] == [said]
    assert site.receipt(flow)["sha256"] == sha256(data), "custody is another thing than a verdict"


def test_nothing_of_them_was_deposited_or_reserved(site: Site, flows: dict[str, str], tmp_path: Path) -> None:
    assert site.deposits() == []
    assert site.ask("inspect", "invoices") == []
    (tmp_path / "bon.tar.gz").write_bytes(GOOD)
    flow = site.deposit(tmp_path / "bon.tar.gz")[0]["flow"]
    assert site.final(flow)[1].findtext(".//IdStatut") in ("90", "92")
    assert [i["verdict"] for i in site.invoices(flow)] == ["accepted", "accepted"]


def test_a_known_interface_is_answered_under_its_own_code(site: Site, tmp_path: Path) -> None:
    name = "FSO1100A_DEM001_DEM0011100000000000000001"
    (tmp_path / name).write_bytes(tar_gz(tar_file("a.xml", invoice(3)))[:-3])
    site.deposit(tmp_path / name)
    assert site.final(name.split("_")[2])[0].startswith("CSO1100A_")


def test_row_10_a_file_over_the_limit_of_the_account(site: Site, tmp_path: Path) -> None:
    (tmp_path / "gros.xml").write_bytes(invoice(4))
    flow = site.deposit(tmp_path / "gros.xml", partner="small")[0]["flow"]
    said = 'Le fichier "gros.xml" dépasse la taille autorisée (0.001 Mo). Découpez le flux.'
    assert site.control(flow, partner="small").findtext("{*}Flow/{*}Finding/{*}Fr") == said
    assert [e.text for e in site.final(flow, "small")[1].iter("LibelleErreur")] == [said]


def test_rows_14_and_23_names_of_a_strict_partner(site: Site, tmp_path: Path) -> None:
    name = "FSO1100A_STR001_STR0011100000000000000001"

    def told(file: str, data: bytes) -> Any:
        (tmp_path / file).write_bytes(data)
        return site.control(site.deposit(tmp_path / file, partner="strict")[0]["flow"], partner="strict")

    assert told("facture.xml", invoice(5)).findtext("{*}Flow/{*}Finding/{*}Fr") == (
        'Nom "facture.xml" non conforme : structure attendu FSOnnnnA_AAA999_AAA999nnnn…, trouvé facture.xml.'
    )
    assert told(name, invoice(6)).find("{*}Summary").get("admissible") == "true"
    assert re.fullmatch(
        rf'Le nom "{name}" a déjà servi le \d\d/\d\d/\d{{4}} pour un contenu différent\. Utilisez un nouveau numéro de flux\.',
        told(name, invoice(7)).findtext("{*}Flow/{*}Finding/{*}Fr"),
    )


def test_rows_21_and_22_the_same_bytes_are_a_positive_answer(site: Site, tmp_path: Path) -> None:
    for name in ("un.xml", "deux.xml"):
        (tmp_path / name).write_bytes(invoice(8))
    first = site.deposit(tmp_path / "un.xml")[0]["flow"]
    path = site.returned(f"RECEIPT_{first}.json")
    for name, pattern in (("un.xml", r"Déjà reçu le [^;]+ ; aucun nouvel envoi\."),
                          ("deux.xml", rf"Contenu identique au flux {first} du [^;]+ ; aucun nouvel envoi\.")):  # fmt: skip
        path.unlink()
        answer = site.deposit(tmp_path / name)[0]
        assert (answer["flow"], answer["again"]) == (first, True)
        assert [n["fr"] for n in site.receipt(first)["notes"] if re.fullmatch(pattern, n["fr"])], site.receipt(first)["notes"]


def test_row_24_the_bytes_of_another_partner_say_nothing_of_it(site: Site, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(invoice(9, number="SECRET-1"))
    first = site.deposit(tmp_path / "a.xml")[0]["flow"]
    site.final(first)
    (tmp_path / "FSO1100A_STR001_STR0011100000000000000009").write_bytes(invoice(9, number="SECRET-1"))
    second = site.deposit(tmp_path / "FSO1100A_STR001_STR0011100000000000000009", partner="strict")[0]["flow"]
    _, report = site.final("STR0011100000000000000009", "strict")
    labels = [e.text for e in report.iter("LibelleErreur")]
    assert len(labels) == 1
    assert re.fullmatch(r"Facture SECRET-1 de \d{14} \(2026\) déjà transmise\.", labels[0])
    assert first not in site.returned(f"CONTROL_{second}_1.xml", "strict").read_text()


def test_row_26_a_lying_extension_is_a_warning(site: Site, tmp_path: Path) -> None:
    (tmp_path / "lot.zip").write_bytes(tar_gz(tar_file("a.xml", invoice(10)), tar_file("b.xml", invoice(11))))
    report = site.control(site.deposit(tmp_path / "lot.zip")[0]["flow"])
    finding = report.find("{*}Flow/{*}Finding")
    assert finding.get("severity") == "warning"
    assert finding.findtext("{*}Fr") == ("L'extension .zip ne correspond pas au contenu (application/gzip).")
    assert [i.get("verdict") for i in report.iter("{*}Invoice")] == ["accepted", "accepted"]


def test_row_62_strays_are_passed_over_and_told(site: Site, tmp_path: Path) -> None:
    members = (tar_file("Thumbs.db", b"\xd0\xcf"), tar_file("a.xml", invoice(12)), tar_file("__MACOSX/._a.xml", b"\0\5\x16\7"))
    (tmp_path / "divers.tar.gz").write_bytes(tar_gz(*members))
    report = site.control(site.deposit(tmp_path / "divers.tar.gz")[0]["flow"])
    assert report.findtext("{*}Flow/{*}Finding/{*}Fr").startswith("2 fichiers ignorés : ")
    assert [i.get("verdict") for i in report.iter("{*}Invoice")] == ["accepted"]


def test_row_64_in_an_archive_only_the_broken_member_falls(site: Site, tmp_path: Path) -> None:
    (tmp_path / "un-coupe.tar.gz").write_bytes(tar_gz(tar_file("bon.xml", invoice(13)), tar_file("coupe.xml", invoice(14)[:900])))
    flow = site.deposit(tmp_path / "un-coupe.tar.gz")[0]["flow"]
    assert [i.get("verdict") for i in site.control(flow).iter("{*}Invoice")] == ["accepted", "rejected"]
    _, final = site.final(flow)
    assert final.findtext(".//IdStatut") == "96"
    assert re.fullmatch(r'"coupe\.xml" ligne \d+, colonne \d+ : XML mal formé \(.+\)\.', final.findtext(".//LibelleErreur"))
