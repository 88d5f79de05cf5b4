"""Names: safe, temporary, Chorus-shaped, strict."""

from __future__ import annotations

import pytest

from gateway.config import Partner
from gateway.flow_names import chorus_name, extension, strict_fault, temporary, unsafe_name

CHORUS = "FSO1100A_DEM001_DEM0011100000000000000042"


@pytest.mark.parametrize("name", ["a.xml", "Facture n° 12 (été).xml", CHORUS, "a.tar.gz", "-x", "x" * 200, "é" * 100, "a..b"])
def test_ordinary_names_are_safe(name: str) -> None:
    assert unsafe_name(name) is None


@pytest.mark.parametrize(("name", "code"), [
    ("a\nb", "DEP-011"), ("a\x1b[31m", "DEP-011"), ("a\u202eb", "DEP-011"), ("a\u2028b", "DEP-011"),
    ("a\u200bb", "DEP-011"), ("a\x7f", "DEP-011"),
    ("..", "DEP-012"), (".", "DEP-012"), ("", "DEP-012"), ("/etc/x", "DEP-012"), ("a/b", "DEP-012"),
    ("a\\b", "DEP-012"), ("a\0b", "DEP-012"),
    ("x" * 201, "DEP-014"), ("é" * 101, "DEP-014"), ("a\udce9.xml", "DEP-017"),
])  # fmt: skip
def test_unsafe_names_are_told_why(name: str, code: str) -> None:
    assert unsafe_name(name) == code


def test_the_limit_of_a_name_can_be_lowered() -> None:
    assert unsafe_name("abcdef", 5) == "DEP-014"


@pytest.mark.parametrize("name", [".a.xml", "a.part", "a.tmp", "a.filepart", "A.TMP", "a.xml~", "a.partial", "a.uploading"])
def test_temporary_names_are_never_taken(name: str) -> None:
    assert temporary(name)


@pytest.mark.parametrize("name", ["a.xml", "a.part.xml", "part", "tmp", CHORUS])
def test_complete_names_are_not_temporary(name: str) -> None:
    assert not temporary(name)


@pytest.mark.parametrize("suffix", ["", ".xml", ".tar.gz", ".tgz", ".zip", ".pdf", ".TAR.GZ"])
def test_a_chorus_name_is_read_with_or_without_extension(suffix: str) -> None:
    found = chorus_name(CHORUS + suffix)
    assert found is not None
    assert (found.interface, found.application, found.flow, found.number) == ("FSO1100A", "DEM001", "DEM0011100000000000000042", "1100")


@pytest.mark.parametrize("name", [
    "a.xml", CHORUS[:-1], CHORUS + "1", CHORUS.lower(), CHORUS.replace("DEM0011100", "DEM0021100"), CHORUS + ".xml.xml", CHORUS + "\n",
    CHORUS.replace("1100A", "11٠0A"),
])  # fmt: skip
def test_anything_else_is_no_chorus_name(name: str) -> None:
    assert chorus_name(name) is None


def test_the_longest_known_extension_is_found() -> None:
    assert [extension(name) for name in ("a.tar.gz", "a.gz", "a.XML", "a", "a.docx")] == [".tar.gz", ".gz", ".xml", "", ""]


@pytest.mark.parametrize(("name", "matches", "good"), [
    (CHORUS, True, True), (CHORUS + ".xml", True, False), (CHORUS.replace("FSO1100A", "FSO1101A"), True, False),
    (CHORUS.replace("FSO1100A", "FSO1101A"), False, True),
])  # fmt: skip
def test_strict_names_agree_with_the_interface_unless_the_partner_is_let_off(name: str, matches: bool, good: bool) -> None:
    partner = Partner(application="DEM001", naming="strict", number_matches_interface=matches)
    assert (strict_fault(name, partner) is None) is good


def test_a_partner_without_application_code_may_use_any_well_formed_one() -> None:
    assert strict_fault(CHORUS, Partner(naming="strict")) is None
    fault = strict_fault(CHORUS.replace("DEM", "dem"), Partner(naming="strict"))
    assert fault is not None
    assert "AAA999" in fault.message_fr
