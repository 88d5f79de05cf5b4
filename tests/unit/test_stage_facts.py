"""The rules that need facts: the same invoice twice, the directory, the mandate; each off, warn or reject."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gateway.config import Rules
from gateway.model import Box, Flow, Recipient, RecipientService, Severity
from gateway.rules import off_checks
from gateway.stages import replay
from tests.memory_site import MemorySite, archive
from tests.ubl_invoices import invoice, siret


def a_site(**rules: Any) -> MemorySite:
    return MemorySite(rules=Rules(**rules))


def worked(site: MemorySite, *documents: bytes, partner: str = "demo") -> Flow:
    flow = site.flow(archive(*((f"{n}.xml", data) for n, data in enumerate(documents))), "lot.tar.gz", partner=partner)
    site.worked()
    return flow


def verdicts(site: MemorySite, flow: Flow) -> list[bool]:
    return [row.accepted for row in site.rows(flow)]


TWICE = invoice(1, lines=1), invoice(1, lines=2)
"""The same supplier, number and year; other bytes."""


# --- duplicates


def test_of_two_in_one_flow_the_second_is_rejected_and_names_the_first() -> None:
    site = a_site()
    flow = worked(site, *TWICE)
    assert verdicts(site, flow) == [True, False]
    assert site.codes(flow) == [[], ["BUS-002"]]
    assert "position 1" in next(f.message_en for f in site.rows(flow)[1].findings if f.rule == "BUS-002")


def test_of_the_same_partners_earlier_flow_the_number_is_told() -> None:
    site = a_site()
    first, second = worked(site, TWICE[0]), worked(site, TWICE[1])
    assert verdicts(site, second) == [False]
    (told,) = [f for f in site.rows(second)[0].findings if f.rule == "BUS-003"]
    assert first.number in told.message_fr


def test_of_another_partners_flow_nothing_is_told_but_the_fact() -> None:
    site = a_site()
    first, second = worked(site, TWICE[0]), worked(site, TWICE[1], partner="autre")
    (told,) = [f for f in site.rows(second)[0].findings if f.pack == "FACTS"]
    assert told.rule == "BUS-013"
    assert first.number not in told.message_fr + told.message_en


def test_a_rejected_invoice_takes_no_number() -> None:
    site = a_site()
    bad = TWICE[0].replace(b"EUR</cbc:DocumentCurrencyCode>", b"ZZZ</cbc:DocumentCurrencyCode>").replace(b"380<", b"999<")
    assert verdicts(site, worked(site, bad)) == [False]
    assert verdicts(site, worked(site, TWICE[1])) == [True]


def test_another_year_is_another_invoice() -> None:
    site = a_site()
    assert verdicts(site, worked(site, TWICE[0], invoice(1, lines=1, date="2025-09-30"))) == [True, True]


def test_warn_says_it_and_accepts() -> None:
    site = a_site(duplicate="warn")
    flow = worked(site, *TWICE)
    assert verdicts(site, flow) == [True, True]
    assert [f.severity for f in site.rows(flow)[1].findings if f.rule == "BUS-002"] == [Severity.WARNING]


def test_off_says_nothing() -> None:
    site = a_site(duplicate="off")
    flow = worked(site, *TWICE)
    assert (verdicts(site, flow), site.codes(flow)) == ([True, True], [[], []])


# --- directory


def with_directory(site: MemorySite, *recipients: Recipient, days_ago: int = 0) -> MemorySite:
    with site.store.transaction():
        site.store.import_directory(recipients, at=site.clock.now() - timedelta(days=days_ago), file="d.csv", sha256="0" * 64)
    return site


KNOWN = Recipient(siret(500_001), "Mairie", True, True, False, (RecipientService("ACHATS", "Achats"),))


@pytest.mark.parametrize(
    ("rule", "accepted", "codes"), [("off", True, []), ("warn", True, ["RTE-010"]), ("reject", False, ["RTE-010"])]
)
def test_an_unknown_recipient_counts_as_the_setting_says(rule: str, accepted: bool, codes: list[str]) -> None:
    site = with_directory(a_site(directory=rule), KNOWN)
    flow = worked(site, invoice(2, lines=1))
    assert (verdicts(site, flow), site.codes(flow)) == ([accepted], [codes])


def test_a_known_recipient_with_its_service_is_fine() -> None:
    site = with_directory(a_site(directory="reject"), KNOWN)
    flow = worked(site, invoice(1, lines=1), invoice(1, lines=1, number="F2").replace(b"ACHATS", b"VENTES"))
    assert site.codes(flow) == [[], ["RTE-013"]]


def test_without_a_directory_nobody_is_accused() -> None:
    site = a_site(directory="reject")
    assert verdicts(site, worked(site, invoice(2, lines=1))) == [True]


def test_a_stale_directory_only_warns() -> None:
    site = with_directory(a_site(directory="reject"), KNOWN, days_ago=30)
    flow = worked(site, invoice(2, lines=1))
    assert (verdicts(site, flow), site.codes(flow)) == ([True], [["RTE-014", "RTE-010"]])


def test_a_recipient_is_looked_up_once_a_flow() -> None:
    site = with_directory(a_site(directory="reject"), KNOWN)
    asked: list[str] = []
    look = site.store.recipient

    def counted(siret: str) -> Recipient | None:
        asked.append(siret)
        return look(siret)

    site.store.recipient = counted  # type: ignore[method-assign]  # counts
    worked(site, *(invoice(1, lines=1, number=f"F{n}") for n in range(5)))
    assert asked == [siret(500_001)]


# --- mandate


@pytest.mark.parametrize(
    ("rule", "accepted", "codes"), [("off", True, []), ("warn", True, ["SEC-012"]), ("reject", False, ["SEC-012"])]
)
def test_a_supplier_outside_the_partners_list_counts_as_the_setting_says(rule: str, accepted: bool, codes: list[str]) -> None:
    site = a_site(mandate=rule)
    site.partner(suppliers=(siret(7)[:9],))
    flow = worked(site, invoice(7, lines=1), invoice(8, lines=1))
    assert (verdicts(site, flow), site.codes(flow)) == ([True, accepted], [[], codes])


def test_what_the_directory_rejects_reserves_no_number() -> None:
    site = with_directory(a_site(directory="reject"), KNOWN)
    assert verdicts(site, worked(site, invoice(2, lines=1))) == [False]
    site.configure(rules=Rules())
    assert verdicts(site, worked(site, invoice(2, lines=2))) == [True]


# --- numbers that look alike


def numbered(site: MemorySite, *numbers: str, partner: str = "demo", box: Box = Box.REAL) -> list[list[str]]:
    """One flow of invoices of one supplier; the second numbers that its warnings name, invoice by invoice."""
    flow = site.flow(archive(*((f"{n}.xml", invoice(1, number=number, lines=1)) for n, number in enumerate(numbers))), "lot.tar.gz",
                     partner=partner, box=box)  # fmt: skip
    site.worked()
    rows = site.rows(flow)
    assert all(row.accepted for row in rows)
    return [[f.message_en.rsplit(": ")[1] for f in row.findings if f.rule == "BUS-004"] for row in rows]


def test_a_number_that_a_person_may_take_for_an_earlier_one_is_warned_of() -> None:
    site = MemorySite()
    assert numbered(site, "F-1", "F-10", "X") == [[], [], []]
    assert numbered(site, "f 001", "F-2", "F 010") == [["F-1."], [], ["F-10."]]


def test_within_a_flow_the_later_one_is_warned_of() -> None:
    assert numbered(MemorySite(), "F-1", "F01", "F/1") == [[], ["F-1."], ["F-1."]]


def test_another_partners_numbers_are_not_told() -> None:
    site = MemorySite()
    numbered(site, "F-1")
    assert numbered(site, "F-01", partner="autre") == [[]]


@pytest.mark.parametrize("rules", [{"look_alike": "off"}, {"duplicate": "off"}])
def test_it_can_be_turned_off_and_needs_the_numbers_that_are_kept_for_duplicates(rules: dict[str, str]) -> None:
    site = MemorySite(rules=Rules(**rules))  # type: ignore[arg-type]  # by name
    assert numbered(site, "F-1", "F-01") == [[], []]
    assert any(line.startswith("rules.look_alike: off") for line in off_checks(site.settings.rules, has_directory=False))


def test_the_test_box_keeps_no_numbers_and_compares_none() -> None:
    assert numbered(MemorySite(), "F-1", "F-01", box=Box.TEST) == [[], []]


def test_a_replay_does_not_accuse_a_flow_of_itself() -> None:
    site = MemorySite()
    numbered(site, "F-1")
    (flow,) = site.store.flows()
    site.confirm()
    replay.apply(site.gw, replay.plan(site.gw, site.present(flow), "validate"), who="eve", reason="again")
    site.confirm()
    assert site.codes(flow) == [[]]
