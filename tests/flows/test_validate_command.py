"""`gateway validate` as contract.md, chapter 3 has it: lines, keys, order, exit codes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from gateway.catalogue import finding
from gateway.cli.verdicts import Sheet, Verdict, once
from gateway.model import Judgement, Outcome, Severity, Syntax
from tests.ubl_invoices import invoice

ROOT = Path(__file__).resolve().parents[2]
KEYS = ["file", "syntax", "profile", "accepted", "valid", "packs", "findings"]
FINDING_KEYS = {"pack", "rule", "severity", "location", "line", "terms", "message", "message_fr", "message_en"}
BROKEN = invoice(7).replace(b"cbc:BuyerReference>", b"cbc:BuyerReferences>")


def run(*arguments: str, cwd: Path, data: bytes = b"", lang: str = "C") -> tuple[int, str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}  # HOME: where compiled rule packs are kept
    environment = {**kept, "LC_ALL": lang, "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "gateway", "validate", *arguments]
    done = subprocess.run(command, cwd=cwd, input=data, capture_output=True, timeout=60, env=environment, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def lines(*arguments: str, cwd: Path, data: bytes = b"") -> tuple[int, list[dict[str, Any]]]:
    code, out, err = run(*arguments, "--json", cwd=cwd, data=data)
    assert err == ""
    return code, [json.loads(line) for line in out.splitlines()]


def tar_gz(**members: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, data in members.items():
            entry = tarfile.TarInfo(name.replace("__", "."))
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def test_a_valid_invoice_is_accepted_with_exactly_the_promised_keys(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(invoice(1))
    code, (line,) = lines("a.xml", cwd=tmp_path)
    assert code == 0
    assert list(line) == KEYS
    assert (line["file"], line["syntax"], line["profile"], line["accepted"]) == ("a.xml", "ubl-invoice", "urn:cen.eu:en16931:2017", True)
    assert [set(p) for p in line["packs"]] == [{"name", "version", "digest"}] * 3
    assert [p["name"] for p in line["packs"]] == ["XSD", "CPRO", "EN16931-UBL"]


def test_a_broken_invoice_is_not_and_the_finding_says_where(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(BROKEN)
    code, (line,) = lines("a.xml", cwd=tmp_path)
    assert code == 1
    assert line["accepted"] is False
    (found,) = [f for f in line["findings"] if f["pack"] == "XSD"]
    assert set(found) >= FINDING_KEYS
    assert (found["rule"], found["severity"], found["location"], found["line"]) == ("XSD-001", "fatal", "/Invoice/cbc:BuyerReferences", 11)


UNREADABLE = {
    "doctype.xml": (b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "unknown"),
    "edifact.txt": (b"UNB+UNOC:3+A+B+260930:1000+1'UNH+1+INVOIC:D:96A:UN'", "edifact-invoic"),
    "empty.xml": (b"", "unknown"),
    "image.xml": (b"GIF89a", "unknown"),
    "none.pdf": (b"%PDF-1.7", "factur-x"),
    "open.xml": (b"<a><b></a>", "unknown"),
}


def test_a_file_that_cannot_be_read_still_gets_its_line(tmp_path: Path) -> None:
    for name, (data, _) in UNREADABLE.items():
        (tmp_path / name).write_bytes(data)
    code, found = lines(*UNREADABLE, cwd=tmp_path)
    assert code == 1
    assert [(line["file"], line["syntax"], line["accepted"]) for line in found] == [(n, s, False) for n, (_, s) in UNREADABLE.items()]
    assert all(line["findings"] for line in found)


def test_a_folder_is_walked_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.xml", "c/2.xml", "c/10.xml", "a.xml", ".hidden.xml", ".git/x.xml"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(invoice(1))
    code, found = lines("in", "in/a.xml", cwd=tmp_path)
    assert code == 0
    assert [line["file"] for line in found] == ["in/a.xml", "in/b.xml", "in/c/10.xml", "in/c/2.xml", "in/a.xml"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_lines_keep_their_order_whatever_the_number_of_processes(tmp_path: Path, jobs: str) -> None:
    for n in range(100):
        (tmp_path / f"{n:03d}.xml").write_bytes(invoice(n + 1, lines=60 if n < 5 else 1))
    code, found = lines(".", "--jobs", jobs, cwd=tmp_path)
    assert code == 0
    assert [line["file"] for line in found] == [f"./{n:03d}.xml" for n in range(100)]


def test_members_of_an_archive_are_named_after_it(tmp_path: Path) -> None:
    (tmp_path / "flow.tar.gz").write_bytes(tar_gz(a__xml=invoice(1), b__xml=BROKEN))
    with zipfile.ZipFile(tmp_path / "flow.zip", "w") as made:
        made.writestr("c.xml", invoice(2))
    code, found = lines("flow.tar.gz", "flow.zip", cwd=tmp_path)
    assert code == 1
    assert [(line["file"], line["accepted"]) for line in found] == [
        ("flow.tar.gz!a.xml", True), ("flow.tar.gz!b.xml", False), ("flow.zip!c.xml", True),
    ]  # fmt: skip


@pytest.mark.parametrize(("cut", "code"), [(6, "ARC-001"), (0, "")])
def test_a_refused_archive_gives_one_line_and_none_for_its_members(tmp_path: Path, cut: int, code: str) -> None:
    whole = tar_gz(a__xml=invoice(1), b__xml=invoice(2))
    (tmp_path / "flow.tar.gz").write_bytes(whole[: len(whole) - cut])
    status, found = lines("flow.tar.gz", cwd=tmp_path)
    assert status == (1 if code else 0)
    assert [line["file"] for line in found] == (["flow.tar.gz"] if code else ["flow.tar.gz!a.xml", "flow.tar.gz!b.xml"])
    assert [f["rule"] for line in found for f in line["findings"]] == ([code] if code else [])


def test_standard_input_is_a_document_or_an_archive(tmp_path: Path) -> None:
    assert [line["file"] for line in lines("-", cwd=tmp_path, data=invoice(1))[1]] == ["-"]
    assert [line["file"] for line in lines("-", cwd=tmp_path, data=tar_gz(a__xml=invoice(1)))[1]] == ["-!a.xml"]


def test_a_path_that_does_not_exist_is_wrong_usage_and_nothing_is_judged(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(invoice(1))
    code, out, err = run("a.xml", "b.xml", cwd=tmp_path)
    assert (code, out) == (2, "")
    assert err == "b.xml: no such file or folder; give what can be read, or - for standard input\n"


def test_a_path_that_cannot_be_read_still_gets_its_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.xml")
    (tmp_path / "z.xml").write_bytes(invoice(1))
    code, found = lines(".", cwd=tmp_path)
    assert code == 1
    assert [(line["file"], [f["rule"] for f in line["findings"]]) for line in found] == [("./pipe.xml", ["DEP-030"]), ("./z.xml", [])]
    (finding,) = found[0]["findings"]
    assert finding["message_fr"] == 'Le fichier "pipe.xml" ne peut être lu : ni un fichier ni un dossier.'
    assert finding["message_en"] == 'The file "pipe.xml" cannot be read: neither a file nor a folder.'


def test_a_name_that_is_no_text_does_not_stop_the_others(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.xml")).write_bytes(invoice(1))
    (tmp_path / "a.xml").write_bytes(invoice(2))
    code, found = lines(".", cwd=tmp_path)
    assert (code, [line["file"] for line in found]) == (0, ["./a.xml", "./?.xml"])


def test_the_policy_decides_how_hard_the_schema_counts(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b"<CPPFactureMixte><CPPFactures/></CPPFactureMixte>")
    severities = {
        policy: {f["severity"] for f in lines("a.xml", "--policy", policy, cwd=tmp_path)[1][0]["findings"] if f["pack"] == "XSD"}
        for policy in ("chorus", "reform")
    }
    assert severities == {"chorus": {"warning"}, "reform": {"fatal"}}


@pytest.mark.parametrize(("arguments", "word"), [
    (["--policy", "gentle"], "gentle"), (["--jobs", "0"], "jobs"), ([], "PATH"), (["--packs", " ,"], "--packs names no pack"),
])  # fmt: skip
def test_wrong_usage_is_one_line_and_two(tmp_path: Path, arguments: list[str], word: str) -> None:
    (tmp_path / "a.xml").write_bytes(invoice(1))
    code, out, err = run(*(["a.xml", *arguments] if arguments else []), cwd=tmp_path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert word in err


@pytest.mark.parametrize(("lang", "word", "sum_up"), [
    ("fr_FR.UTF-8", "non acceptée", "1 document(s) : 0 accepté(s), 1 non accepté(s)\n"),
    ("C", "not accepted", "1 document(s): 0 accepted, 1 not accepted\n"),
])  # fmt: skip
def test_people_are_spoken_to_in_their_language(tmp_path: Path, lang: str, word: str, sum_up: str) -> None:
    (tmp_path / "a.xml").write_bytes(b"")
    code, out, _ = run("a.xml", cwd=tmp_path, lang=lang)
    assert code == 1
    assert out.startswith(f"{word}  a.xml")
    assert "DEP-004" in out
    assert out.endswith(sum_up)


def test_the_same_mistake_is_shown_once_with_its_count() -> None:
    repeated = [finding("XML-005", line=n) for n in (3, 4, 5)]
    fatal = finding("XML-002")
    assert once([*repeated, fatal]) == [(1, fatal), (3, repeated[0])]
    out = io.StringIO()
    sheet = Sheet("en", out)
    sheet.show(Verdict.refused("a.xml", (*repeated, fatal)))
    sheet.end()
    assert "XML-005 ×3" in out.getvalue()
    assert out.getvalue().count("XML-005") == 1
    assert out.getvalue().endswith("1 document(s): 0 accepted, 1 not accepted\n")


def test_what_a_partner_wrote_cannot_move_the_cursor() -> None:
    out = io.StringIO()
    Sheet("en", out).show(Verdict("a\x1b[2J\u202e.xml", Syntax.UNKNOWN, "p\x07", False, False, (), ()))
    assert "\x1b[2J" not in out.getvalue()
    assert "\u202e" not in out.getvalue()
    assert "\x07" not in out.getvalue()


def test_a_document_that_could_not_be_judged_is_not_accepted() -> None:
    told = finding("LIM-001", severity=Severity.INFORMATION)
    held = Judgement(1, "a.xml", "", 0, Syntax.UBL_INVOICE, outcome=Outcome.LIMIT, findings=(told,))
    assert Verdict.of("a.xml", held).accepted is False
