"""Chapter 3 of the contract: `gateway validate` without a site, on everything a path can be, and on every file of the shared corpora."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.corpora import corpora, manifest
from tests.flows.site import COMMAND, ROOT, lines, one_line, run, tar_gz, zipped
from tests.flows.story import MISTAKES, mistake
from tests.ubl_invoices import invoice

KEYS = {"file", "syntax", "profile", "accepted", "packs", "findings"}
FINDING_KEYS = {"pack", "rule", "severity", "location", "line", "terms", "message", "message_fr", "message_en"}
KINDS = {
    "ubl-invoice": {"ubl-invoice"}, "ubl-creditnote": {"ubl-creditnote"}, "cii": {"cii"}, "cdar": {"cdar"}, "edifact": {"edifact-invoic"},
    "xml:M_INVOIC": {"unknown"}, "zugferd1": {"zugferd-1"}, "pdf": {"factur-x", "zugferd-1", "unknown"},
}  # fmt: skip
ACCEPTED = ROOT / "samples" / "accepted"


def judged(*paths: str | Path, code: int | None = None, **options: Any) -> list[dict[str, Any]]:
    done = run("validate", *paths, "--json", **options)
    assert done.stderr == b"", done.stderr
    found = lines(done.stdout)
    assert done.returncode == (code if code is not None else 0 if all(one["accepted"] for one in found) else 1)
    for one in found:
        assert one.keys() >= KEYS
        assert all(f.keys() >= FINDING_KEYS for f in one["findings"])
        assert {f["severity"] for f in one["findings"]} <= {"fatal", "warning", "information"}
        assert all(p.keys() >= {"name", "version", "digest"} for p in one["packs"])
    return found


def test_files_of_every_syntax_have_their_line(tmp_path: Path) -> None:
    names = ["ubl-analyses.xml", "ubl-avoir-travaux.xml", "cii-suisse.xml", "fx-gaz.pdf", "cpp-deux-factures.xml"]
    paths = [ACCEPTED / name for name in names]
    found = judged(*paths, code=0)
    assert [one["file"] for one in found] == [str(p) for p in paths]
    assert [one["syntax"] for one in found] == ["ubl-invoice", "ubl-creditnote", "cii", "factur-x", "cpp-mixte"]
    assert all(one["accepted"] for one in found)
    assert found[0]["profile"] == "urn:cen.eu:en16931:2017"


def test_a_folder_is_walked_and_a_path_is_told_as_given(tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    for name, data in (("d/b.xml", invoice(1)), ("d/e/a.xml", invoice(2)), ("d/x.txt", b"bonjour"), ("d/empty.xml", b"")):
        (tmp_path / name).write_bytes(data)
    found = judged("d", "d/b.xml", code=1, cwd=tmp_path)
    assert sorted(one["file"] for one in found[:-1]) == ["d/b.xml", "d/e/a.xml", "d/empty.xml", "d/x.txt"]
    assert found[-1]["file"] == "d/b.xml"
    assert {one["file"]: one["accepted"] for one in found} == {"d/b.xml": True, "d/e/a.xml": True, "d/empty.xml": False, "d/x.txt": False}
    assert judged(tmp_path / "d" / "e" / ".." / "e", code=0)[0]["file"] == f"{tmp_path}/d/e/../e/a.xml"


def test_members_of_an_archive_have_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "flow.tar.gz").write_bytes(tar_gz(("a.xml", invoice(1)), ("sub/b.xml", mistake("number-too-long.xml"))))
    (tmp_path / "lot.zip").write_bytes(zipped(("c.pdf", (ACCEPTED / "fx-gaz.pdf").read_bytes())))
    (tmp_path / "no-extension").write_bytes((tmp_path / "flow.tar.gz").read_bytes())
    found = judged("flow.tar.gz", "lot.zip", "no-extension", code=1, cwd=tmp_path)
    assert [(one["file"], one["syntax"], one["accepted"]) for one in found] == [
        ("flow.tar.gz!a.xml", "ubl-invoice", True), ("flow.tar.gz!sub/b.xml", "ubl-invoice", False), ("lot.zip!c.pdf", "factur-x", True),
        ("no-extension!a.xml", "ubl-invoice", True), ("no-extension!sub/b.xml", "ubl-invoice", False),
    ]  # fmt: skip


@pytest.mark.parametrize(("data", "rule"), [
    (tar_gz(("a.xml", invoice(1)), ("b.xml", invoice(2)))[:-4], "ARC-001"), (tar_gz(("a.xml", invoice(1))) + b"junk", "ARC-003"),
    (zipped(("a.xml", invoice(1)))[:-22], "ARC-006"), (zipped(), "ARC-024"), (tar_gz(("../a.xml", invoice(1))), "ARC-019"),
    (tar_gz(("in.zip", zipped(("a.xml", b"<a/>"))), ("b.xml", invoice(2))), "ARC-013"), (b"7z\xbc\xaf\x27\x1c\x00\x04", "ARC-023"),
])  # fmt: skip
def test_a_refused_archive_is_one_line(tmp_path: Path, data: bytes, rule: str) -> None:
    (tmp_path / "flow.tar.gz").write_bytes(data)
    found = judged("flow.tar.gz", code=1, cwd=tmp_path)
    assert [(one["file"], one["syntax"], one["accepted"]) for one in found] == [("flow.tar.gz", "unknown", False)]
    assert found[0]["findings"][0]["rule"] == rule
    assert found[0]["findings"][0]["pack"] == "GATE"


def test_standard_input_is_one_document_or_an_archive() -> None:
    assert [(one["file"], one["accepted"]) for one in judged("-", stdin=invoice(1), code=0)] == [("-", True)]
    packed = tar_gz(("a.xml", invoice(1)), ("b.xml", b"<a/>"))
    assert [(one["file"], one["accepted"]) for one in judged("-", stdin=packed, code=1)] == [("-!a.xml", True), ("-!b.xml", False)]
    assert [(one["file"], one["accepted"]) for one in judged("-", stdin=b"", code=1)] == [("-", False)]


def hostile() -> dict[str, bytes]:
    good = invoice(1)
    body = good.split(b"?>", 1)[1]
    laughs = [b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12)]
    ubl, xinclude = b"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2", b"http://www.w3.org/2001/XInclude"
    return {
        "empty.xml": b"", "nul.xml": bytes(4096), "spaces.xml": b"   \n", "text.xml": b"bonjour", "program.pdf": b"MZ\x90\x00" + bytes(60),
        "cut.xml": good[:500], "cut.pdf": (ACCEPTED / "fx-gaz.pdf").read_bytes()[:3000], "pdf.pdf": b"%PDF-1.7\n%%EOF\n",
        "doctype.xml": b'<?xml version="1.0"?><!DOCTYPE Invoice SYSTEM "file:///etc/passwd">' + body,
        "xxe.xml": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
        "laughs.xml": b'<!DOCTYPE l [<!ENTITY a0 "ha">' + b"".join(laughs) + b"]><l>&a11;</l>",
        "deep.xml": b"<a>" * 20_000 + b"</a>" * 20_000, "wide.xml": b"<a " + b" ".join(b'a%d="1"' % n for n in range(3000)) + b"/>",
        "utf16-doctype.xml": '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"),
        "utf7.xml": b'<?xml version="1.0" encoding="UTF-7"?><a/>',
        "latin-lie.xml": good.replace(b"Nantes", b"Nant\xe8s"), "control.xml": good.replace(b"Nantes", b"Nan\x01tes"),
        "long.xml": b"<a>" + b"x" * 11_000_000 + b"</a>", "root.xml": b"<facture/>", "bom.xml": b"\xef\xbb\xbf",
        "xinclude.xml": b'<Invoice xmlns="%s"><i:include xmlns:i="%s" href="/etc/passwd"/></Invoice>' % (ubl, xinclude),
        "edifact.edi": b"UNA:+.? 'UNB+UNOC:3+1+2+261122:1200+1'UNH+1+INVOIC:D:96A:UN'BGM+380+1+9'",
    }  # fmt: skip


def test_hostile_files_each_have_their_line_and_their_reason_quickly(tmp_path: Path) -> None:
    for name, data in hostile().items():
        (tmp_path / name).write_bytes(data)
    started = time.monotonic()
    found = {one["file"]: one for one in judged(*hostile(), code=1, cwd=tmp_path)}
    assert time.monotonic() - started < 5 * len(found)
    assert found.keys() == hostile().keys()
    for name, one in found.items():
        assert one["accepted"] is False, name
        assert [f for f in one["findings"] if f["severity"] == "fatal"], name
        assert "root:" not in json.dumps(one), "no file of ours is read"
    rules = {name: one["findings"][0]["rule"] for name, one in found.items()}
    assert rules["empty.xml"] == "DEP-004"
    assert {rules["doctype.xml"], rules["utf16-doctype.xml"]} == {"XML-002"}
    assert {rules["xxe.xml"], rules["laughs.xml"]} <= {"XML-002", "XML-003"}
    assert found["edifact.edi"]["syntax"] == "edifact-invoic"


def test_a_file_that_cannot_be_read_still_has_its_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.xml")
    (tmp_path / "gone.xml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "a.xml").write_bytes(invoice(1))
    found = judged(".", code=1, cwd=tmp_path)
    assert {one["file"]: one["accepted"] for one in found} == {"./a.xml": True, "./fifo.xml": False, "./gone.xml": False}
    done = run("validate", tmp_path / "absent.xml", "--json")
    assert done.returncode == 2
    one_line(done)


def test_an_empty_folder_is_no_document(tmp_path: Path) -> None:
    assert judged(tmp_path, code=0) == []


def test_exit_1_when_one_document_is_not_accepted_and_people_are_told_in_their_language(tmp_path: Path) -> None:
    path = MISTAKES / "number-too-long.xml"
    french, english = run("validate", path, "--lang", "fr"), run("validate", path, "--lang", "en")
    assert (french.returncode, english.returncode) == (1, 1)
    assert "NUM-002" in french.stdout.decode()
    assert french.stdout != english.stdout
    finding = next(f for f in judged(path, code=1)[0]["findings"] if f["rule"] == "NUM-002")
    assert finding["message_fr"] in french.stdout.decode()
    assert finding["message_en"] in english.stdout.decode()
    assert (finding["pack"], finding["severity"]) == ("CPRO", "fatal")


def test_findings_name_their_place(tmp_path: Path) -> None:
    finding = next(f for f in judged(MISTAKES / "xsd-unknown-element.xml", code=1)[0]["findings"] if f["pack"] == "XSD")
    assert isinstance(finding["line"], int)
    assert finding["line"] > 1
    assert all(finding[key] for key in ("message", "message_fr", "message_en"))


@pytest.mark.parametrize("words", [("--jobs", "0"), ("--policy", "none"), ("--nosuch",), ()])
def test_wrong_options_are_wrong_usage(words: tuple[str, ...]) -> None:
    paths = (__file__,) if words else ()
    assert run("validate", *paths, *words).returncode == 2


def test_the_same_verdicts_with_one_process_as_with_many() -> None:
    one, many = judged(ACCEPTED, MISTAKES, "--jobs", "1", code=1), judged(ACCEPTED, MISTAKES, "--jobs", "4", code=1)
    assert one == many
    assert len(one) == len(list(ACCEPTED.iterdir())) + len(list(MISTAKES.iterdir()))


def test_the_reform_policy_is_asked_for_by_name() -> None:
    found = judged(ACCEPTED / "ubl-analyses.xml", "--policy", "reform")
    assert found[0]["syntax"] == "ubl-invoice"


@pytest.fixture(scope="module")
def of_the_corpora() -> dict[str, dict[str, Any]]:
    """Every file of the corpora, judged in one command."""
    folder = corpora()
    done = subprocess.run(
        [COMMAND, "validate", *(line["file"] for line in manifest()), "--json"],
        cwd=folder, capture_output=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == b""
    found = lines(done.stdout)
    assert [one["file"] for one in found] == [line["file"] for line in manifest()]
    return {one["file"]: one for one in found}


def test_every_file_of_the_corpora_has_one_line_with_its_syntax(of_the_corpora: dict[str, dict[str, Any]]) -> None:
    wrong = [(line["file"], line["kind"], of_the_corpora[line["file"]]["syntax"]) for line in manifest()
             if of_the_corpora[line["file"]]["syntax"] not in KINDS[line["kind"]]]  # fmt: skip
    assert wrong == []


def test_a_document_that_breaks_its_schema_has_a_finding_that_says_so(of_the_corpora: dict[str, dict[str, Any]]) -> None:
    for line in manifest():
        if line["kind"] in ("ubl-invoice", "ubl-creditnote") and line["xsd_ok"] is not None:
            found = {f["pack"] for f in of_the_corpora[line["file"]]["findings"]}
            assert ("XSD" in found) == (not line["xsd_ok"]), line["file"]


def test_every_line_that_is_not_accepted_says_why(of_the_corpora: dict[str, dict[str, Any]]) -> None:
    for file, one in of_the_corpora.items():
        assert one["accepted"] == (not [f for f in one["findings"] if f["severity"] == "fatal"]), file
        assert all(f["message_fr"] and f["message_en"] for f in one["findings"]), file
