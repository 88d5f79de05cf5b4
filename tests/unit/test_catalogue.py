"""The catalogue of sentences: every entry speaks both languages, with the same fields, and carries official codes that exist."""

from __future__ import annotations

import inspect
import string

import pytest
from lxml import etree

from gateway.catalogue import echo, entries, finding, sentence
from gateway.model import Severity

GATE = {
    "IRR_ANTIVIRUS", "IRR_TYPE", "IRR_TYPE_F", "IRR_VIDE", "IRR_VIDE_F", "IRR_VID_PJ", "IRR_EXT_DOC", "IRR_TAILLE", "IRR_TAILLE_F",
    "IRR_TAILLE_PJ", "IRR_EXTRAC", "IRR_FORM", "IRR_CODE_INTER", "IRR_NOM_F", "IRR_NOM_PJ", "IRR_CODE_APP", "IRR_UNCITE", "IRR_SYNTAX",
    "REJ_SEMAN", "REJ_UNI", "REJ_COH", "REJ_ADR", "REJ_CONT_B2G", "REJ_REF_PJ", "REJ_ASS_PJ",
}  # fmt: skip
"""chorus.md §4.4."""

REASONS = {
    "DOUBLON", "REJ_SEMAN", "REJ_UNI", "REJ_COH", "REJ_ADR", "REJ_CONT_B2G", "REJ_REF_PJ", "REJ_ASS_PJ", "IRR_VIDE_F", "IRR_TYPE_F",
    "IRR_SYNTAX", "IRR_TAILLE_PJ", "IRR_NOM_PJ", "IRR_VID_PJ", "IRR_EXT_DOC", "IRR_TAILLE_F", "IRR_ANTIVIRUS", "IRR_NOM_F",
    "MONTANTTOTAL_ERR", "CALCUL_ERR", "DEST_INC", "ADR_ERR",
}  # fmt: skip
"""MDT-113 for 213 and 501, chorus.md §8.5."""

SITUATIONS = {
    "SEC": (1, 2, 3, 10, 11, 12, 20), "DEP": (*range(1, 9), *range(10, 18), *range(20, 25)), "DUP": (1, 2, 3, 5), "TYP": (1, 2, 10, 11),
    "RTE": (1, 2, 10, 11), "AMQ": range(1, 7), "ARC": (*range(1, 7), *range(10, 27)), "XML": range(1, 13), "XSD": (1,), "SCH": (1, 2, 3),
    "LIM": (1, 2, 3), "BUS": range(1, 9), "ATT": range(1, 9), "PDF": range(1, 6), "CHO": (*range(1, 9), 10, 11, 12), "ADM": (1, 3, 4, 5),
    "OPS": (1, 2), "OUT": (1,),
}  # fmt: skip
WARNINGS = {"ARC-025", "XML-005", "XML-012", "SCH-002", "BUS-004", "TYP-002"}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("code", sorted(entries()))
def test_every_entry_formats_in_both_languages_with_the_same_fields(code: str) -> None:
    entry = entries()[code]
    names = fields(entry.fr)
    assert names == fields(entry.en)
    assert all(name.isidentifier() for name in names)
    assert not names & inspect.signature(finding).parameters.keys(), "finding() could not be given this field"
    for language in ("fr", "en"):
        text = sentence(code, language, **{name: f"<{name}>" for name in names})
        assert all(f"<{name}>" in text for name in names)
        assert "{{" not in text
        assert "}}" not in text


@pytest.mark.parametrize("code", sorted(entries()))
def test_official_codes_exist_in_the_official_lists(code: str) -> None:
    entry = entries()[code]
    assert not entry.gate or entry.gate in GATE
    assert not entry.reason or entry.reason in REASONS
    assert entry.nature in ("T", "F")
    assert entry.cso


def test_every_situation_of_the_research_has_its_entry() -> None:
    wanted = {f"{family}-{number:03d}" for family, numbers in SITUATIONS.items() for number in numbers}
    assert wanted - entries().keys() == set()


def test_what_the_research_calls_a_warning_is_one() -> None:
    assert {code for code in WARNINGS if entries()[code].severity is not Severity.WARNING} == set()


def test_positive_answers_reject_nothing() -> None:
    assert {entries()[code].severity for code in ("DUP-001", "DUP-002", "DUP-005")} == {Severity.INFORMATION}


def test_a_literal_brace_survives_the_formatting() -> None:
    text = sentence("XML-010", "fr", ns="urn:x", nom="Order", liste="UBL")
    assert text == "Format inconnu : racine {urn:x}Order. Formats acceptés : UBL."


def test_what_a_partner_sent_is_shown_safely() -> None:
    assert finding("ARC-013", nom="a\u202eb\n").message_fr == 'Archive imbriquée "a\\u202Eb\\u000A" non acceptée.'
    assert len(echo("x" * 500)) == 81


@pytest.mark.parametrize("char", ["\x00", "\ufffe", "\uffff", "\ud800"])
def test_what_no_xml_can_hold_is_shown_as_an_escape(char: str) -> None:
    etree.Element("text").text = shown = echo(f"a{char}b")
    assert shown == f"a\\u{ord(char):04X}b"
