"""A pack is known by what it was made from; it is kept by that digest, and the installed official files all make one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.errors import ConfigError, EngineMissing
from gateway.schematron import document, evaluator, pack, plan, source
from gateway.schematron.pack import PackFile
from tests import ubl_invoices
from tests.rules_asked import schema

RULES = schema("<pattern><rule context='b'><assert id='A' test='c'>no c</assert><report id='R' test='d'/></rule></pattern>")
OFFICIAL = (
    "EN16931-UBL", "BR-FR-UBL", "EXTENDED-CTC-FR-UBL", "FACTUR-X_MINIMUM", "FACTUR-X_BASIC-WL", "FACTUR-X_BASIC", "FACTUR-X_EN16931",
    "FACTUR-X_EXTENDED", "BR-FR-CII", "EXTENDED-CTC-FR-CII", "BR-FR-CDV",
)  # fmt: skip


@pytest.fixture
def rule_file(tmp_path: Path) -> Path:
    path = tmp_path / "rules" / "own.sch"
    path.parent.mkdir()
    path.write_bytes(RULES)
    return path


def test_a_pack_is_compiled_once_and_kept_by_its_digest(rule_file: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    first = pack.load("OWN", rule_file, kept)
    (cached,) = kept.iterdir()
    assert cached.name == f"{first.digest}.json"
    held = json.loads(cached.read_text())
    cached.write_text(json.dumps({**held, "version": "from the cache"}))
    second = pack.load("OWN", rule_file, kept)
    assert (second.digest, second.rules, second.version) == (first.digest, first.rules, "from the cache")
    assert first.assertions == 2


def test_a_pack_is_folded_and_unfolds_to_what_was_planned() -> None:
    compiled = pack.compile_pack("OWN", RULES)
    assert compiled.unfolded() == plan.plan(source.read(RULES))
    assert "assertions" not in compiled.rules["patterns"][0]["rules"][0]


def test_other_rules_are_another_pack(rule_file: Path, tmp_path: Path) -> None:
    before = pack.load("OWN", rule_file, tmp_path)
    rule_file.write_bytes(RULES.replace(b"no c", b"still no c"))
    after = pack.load("OWN", rule_file, tmp_path)
    assert before.digest != after.digest
    assert pack.body(after.rules["patterns"][0]["rules"][0])["assertions"][0]["message"] == ["still no c"]


def test_code_lists_beside_the_rules_count_in_the_digest(tmp_path: Path) -> None:
    body = "<pattern><rule context='b'><assert id='A' test=\"document('codes.xml')/l/e[@v=$x]\"/></rule></pattern>"
    rules = schema(body, head="<let name='x' value='/b'/>")
    (tmp_path / "own.sch").write_bytes(rules)
    (tmp_path / "codes.xml").write_bytes(b"<l><e v='1'/></l>")
    before = pack.load("OWN", tmp_path / "own.sch")
    (tmp_path / "codes.xml").write_bytes(b"<l><e v='2'/></l>")
    assert pack.load("OWN", tmp_path / "own.sch").digest != before.digest


def test_a_rule_file_reads_nothing_outside_its_folder(rule_file: Path) -> None:
    rule_file.write_bytes(schema("<include href='../secret.sch'/>"))
    with pytest.raises(ConfigError, match="it lies outside of"):
        pack.load("OWN", rule_file)


@pytest.mark.parametrize(("note", "given", "version"), [
    ("schemaVersion='2.4'", "x 1", "2.4"), ("", "x 1", "x 1"), ("", "", ""), ("schemaVersion='iso'", "x 1", "x 1"),
])  # fmt: skip
def test_the_version_is_the_publishers_or_else_the_packages(note: str, given: str, version: str) -> None:
    rules = RULES.replace(b"<schema ", f"<schema {note} ".encode(), 1)
    assert pack.compile_pack("OWN", rules, version=given).version == version


def test_the_table_names_the_packs_of_the_contract() -> None:
    assert tuple(pack.others()) == OFFICIAL
    assert {file.pack for name, file in pack.files().items() if name not in OFFICIAL} == {"CPRO", "BR-FR-CPRO"}


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_official_file_compiles_whole(name: str) -> None:
    """No rule is left out: as many assertions as the stylesheet has places that report one."""
    compiled = pack.official(name)
    text = pack.files()[name].locate().read_text(encoding="utf-8")
    assert compiled.assertions == text.count("</svrl:failed-assert>") + text.count("</svrl:successful-report>")
    assert compiled.version
    assert compiled.name == name


def test_versions_of_official_files_are_found() -> None:
    assert pack.official("EN16931-UBL").version == "1.3.16"
    assert pack.official("FACTUR-X_EN16931").version == "1.09.2"
    assert pack.official("BR-FR-UBL").version.startswith("factur-x ")


def test_an_unknown_name_and_an_absent_file_are_told() -> None:
    with pytest.raises(ConfigError, match="pack NONE: unknown; one of CPRO-UBL"):
        pack.official("NONE")
    with pytest.raises(EngineMissing, match="is not there; install the package facturx"):
        PackFile("GONE", "GONE", "facturx", "gone.xslt", "ubl").locate()
    with pytest.raises(EngineMissing, match="install the package no_such_package"):
        PackFile("GONE", "GONE", "no_such_package", "gone.xslt", "ubl").locate()


def test_one_document_serves_several_packs_and_one_evaluator_several_documents(tmp_path: Path) -> None:
    judge = evaluator.best()
    packs = [pack.official(name, tmp_path) for name in ("EN16931-UBL", "BR-FR-UBL")]
    for seed in (1, 2):
        found = document.read(ubl_invoices.invoice(seed))
        assert found is not None
        assert judge.evaluate(packs[0], found) == []
        assert {f.rule for f in judge.evaluate(packs[1], found)} >= {"BR-FR-08_BT-23"}
        assert judge.evaluate(packs[0], found) == []
