from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lifecycle import State
from gateway.model import Box, Flow, Invoice, Party, Severity
from gateway.rules import duplicate

WHEN = datetime(2026, 3, 4, 10, 0, tzinfo=timezone(timedelta(hours=1)))
FLOW = Flow("FL0000000001", "acme", Box.REAL, "sftp", "f.xml", "0" * 64, 1, State.CLOSED, 1, WHEN)


def invoice(number: str = "F-1", kind: str = "1", supplier: str = "35600000000048", day: str = "2026-03-01") -> Invoice:
    return Invoice(number=number, issue_date=day, supplier=Party(kind, supplier))


def test_chorus_takes_the_full_identifier_and_the_reform_the_siren() -> None:
    assert duplicate.key(invoice(), "identifier") == ("1:35600000000048", "F-1", "2026")
    assert duplicate.key(invoice(), "siren") == ("356000000", "F-1", "2026")


def test_two_sites_of_one_company_differ_for_chorus_only() -> None:
    one, other = invoice(), invoice(supplier="35600000000031")
    assert duplicate.key(one, "identifier") != duplicate.key(other, "identifier")
    assert duplicate.key(one, "siren") == duplicate.key(other, "siren")


def test_an_unknown_scheme_is_a_bug_of_ours() -> None:
    with pytest.raises(ValueError, match="identifier, siren"):
        duplicate.key(invoice(), "siret")


def test_the_number_keeps_its_case_and_loses_its_decomposition_and_margins() -> None:
    assert duplicate.key(invoice(" Fe\u0301 "), "siren").number == "F\u00e9"
    assert duplicate.key(invoice("f-1"), "siren") != duplicate.key(invoice("F-1"), "siren")


def test_another_year_is_another_invoice() -> None:
    assert duplicate.key(invoice(day="2025-12-31"), "siren").year == "2025"
    assert duplicate.key(invoice(day="unreadable"), "siren").year == ""


@pytest.mark.parametrize(
    ("kind", "value", "siren"),
    [("1", "356000000", "356000000"),
     ("2", "FR83404833048", "404833048"), ("2", "BE0429958042", "2:BE0429958042"),
     ("3", "KRSAM", "3:KRSAM")],
)
def test_a_siren_is_taken_from_wherever_it_stands(kind: str, value: str, siren: str) -> None:
    assert duplicate.siren_of(Party(kind, value)) == siren


def test_twice_in_a_flow_names_the_first_position() -> None:
    found = duplicate.in_flow(invoice(), 3, severity=Severity.FATAL, times=2)
    assert (found.rule, found.severity, found.pack) == ("BUS-002", Severity.FATAL, "FACTS")
    assert "position 3" in found.message_fr


def test_the_same_partner_learns_when_and_in_which_flow() -> None:
    found = duplicate.known(invoice(), FLOW, same_partner=True, severity=Severity.FATAL)
    assert found.rule == "BUS-003"
    assert "2026-03-04" in found.message_fr
    assert "FL0000000001" in found.message_en


@pytest.mark.parametrize("flow", [FLOW, None])
def test_another_partner_learns_nothing_but_the_fact(flow: Flow | None) -> None:
    found = duplicate.known(invoice(), flow, same_partner=False, severity=Severity.WARNING)
    assert (found.rule, found.severity) == ("BUS-013", Severity.WARNING)
    assert "FL0000000001" not in found.message_fr + found.message_en
    assert "2026-03-04" not in found.message_fr + found.message_en


@pytest.mark.parametrize("other", ["f-0001", "F1", "F 01", "F/1", "\uff26-1"])
def test_numbers_that_people_confuse_look_alike(other: str) -> None:
    assert duplicate.look_alike_key(other) == duplicate.look_alike_key("F-1")


@pytest.mark.parametrize("other", ["F-10", "F-2", "G-1", "F-1-1", "F-1A"])
def test_numbers_that_really_differ_do_not(other: str) -> None:
    assert duplicate.look_alike_key(other) != duplicate.look_alike_key("F-1")


def test_a_look_alike_only_warns() -> None:
    found = duplicate.look_alike(invoice(), "F-0001")
    assert (found.rule, found.severity) == ("BUS-004", Severity.WARNING)
    assert "F-0001" in found.message_fr


@given(st.text(alphabet="abcXYZ0189-_/ ", max_size=20))
def test_case_and_margins_never_part_look_alikes(text: str) -> None:
    once = duplicate.look_alike_key(text)
    assert duplicate.look_alike_key(text.swapcase()) == once
    assert duplicate.look_alike_key(f" {text}-") == once
