from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from gateway.config import Partner, Rules
from gateway.model import Finding, Invoice, Party, Recipient, RecipientService, Severity
from gateway.rules import check_invoice, directory, mandate, off_checks

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=timezone(timedelta(hours=1)))
RULES = replace(Rules(), directory="reject", mandate="reject")
CITY = Recipient("21330063500017", "Ville", True, False, False)
SERVICES = (RecipientService("VOIRIE"), RecipientService("ECOLES", engagement_required=True), RecipientService("OLD", active=False))


def judged(invoice: Invoice, recipient: Recipient | None, rules: Rules = RULES, days: int = 1) -> list[Finding]:
    return directory.check(invoice, recipient, imported_at=NOW - timedelta(days=days), now=NOW, rules=rules)


def codes(found: list[Finding]) -> list[str]:
    return [f.rule for f in found]


def to_city(service: str = "", engagement: str = "") -> Invoice:
    return Invoice(recipient=CITY.siret, service=service, engagement=engagement)


def test_a_recipient_that_asks_for_nothing_gets_anything() -> None:
    assert judged(to_city(), CITY) == []
    assert judged(to_city("ANY", "X"), CITY) == []


def test_an_unknown_or_closed_recipient_is_turned_away() -> None:
    assert codes(judged(to_city(), None)) == ["RTE-010"]
    [found] = judged(to_city(), replace(CITY, active=False))
    assert (found.rule, found.severity, found.pack, found.terms) == ("RTE-010", Severity.FATAL, "FACTS", ("BT-46",))
    assert CITY.siret in found.message_fr


def test_what_the_recipient_requires_must_be_there() -> None:
    strict = replace(CITY, service_required=True, engagement_required=True)
    assert codes(judged(to_city(), strict)) == ["RTE-011", "RTE-012"]
    assert codes(judged(to_city("VOIRIE"), strict)) == ["RTE-012"]
    assert judged(to_city("VOIRIE", "EJ1"), strict) == []


@pytest.mark.parametrize(
    ("service", "engagement", "expected"),
    [("VOIRIE", "", []),
     ("ECOLES", "", ["RTE-012"]), ("ECOLES", "EJ1", []), ("OLD", "", ["RTE-013"]), ("NONE", "", ["RTE-013"]),
     ("", "", [])],
)
def test_a_service_must_be_known_and_open_and_may_require_an_engagement(service: str, engagement: str, expected: list[str]) -> None:
    assert codes(judged(to_city(service, engagement), replace(CITY, services=SERVICES))) == expected


@pytest.mark.parametrize("siret", ["00000000000000", "11000201100044"])
def test_the_state_is_routed_by_its_service_code(siret: str) -> None:
    assert codes(judged(Invoice(recipient=siret), None)) == ["RTE-011"]
    assert judged(Invoice(recipient=siret, service="AAASCPV"), None) == []
    state = Recipient(siret, "State", True, True, False, SERVICES)
    assert codes(judged(Invoice(recipient=siret, service="NONE"), state)) == ["RTE-013"]


def test_without_a_directory_or_with_the_check_off_nothing_is_said() -> None:
    assert directory.check(to_city(), None, imported_at=None, now=NOW, rules=RULES) == []
    assert judged(to_city(), None, replace(RULES, directory="off")) == []


def test_a_stale_directory_only_warns_and_says_that_it_is_stale() -> None:
    found = judged(to_city(), None, days=9)
    assert [(f.rule, f.severity) for f in found] == [("RTE-014", Severity.WARNING), ("RTE-010", Severity.WARNING)]
    assert codes(judged(to_city(), CITY, days=9)) == ["RTE-014"]
    assert judged(to_city(), CITY, days=8) == []


def test_a_mandate_covers_an_identifier_or_a_whole_siren() -> None:
    invoice = Invoice(supplier=Party("1", "35600000000048"))
    assert mandate.check(invoice, Partner(suppliers=("356000000",)), RULES) == []
    assert mandate.check(invoice, Partner(suppliers=("35600000000048",)), RULES) == []
    [found] = mandate.check(invoice, Partner(suppliers=("35600000000031", "404833048")), RULES)
    assert (found.rule, found.severity) == ("SEC-012", Severity.FATAL)
    assert "35600000000048" in found.message_fr


def test_a_mandate_that_nobody_asked_for_is_not_missed() -> None:
    invoice = Invoice(supplier=Party("1", "35600000000048"))
    assert mandate.check(invoice, Partner(), RULES) == []
    assert mandate.check(invoice, Partner(suppliers=("404833048",)), Rules()) == []


def test_the_checks_that_are_off_are_told() -> None:
    assert off_checks(Rules(), has_directory=False) == ["rules.directory: off", "rules.mandate: off"]
    assert off_checks(RULES, has_directory=True) == []
    [told] = off_checks(RULES, has_directory=False)
    assert "no directory imported" in told
    assert any("luhn" in line for line in off_checks(replace(RULES, luhn=False), has_directory=True))


def test_every_finding_is_listed_in_the_order_of_the_rules() -> None:
    wrong = Invoice(number="F" * 21, issue_date="x", type="999", framework="Z", supplier=Party("1", "1"), recipient="2", total_with_vat="x")
    found = check_invoice(wrong, Rules(), today=NOW.date())
    assert codes(found) == ["NUM-002", "BUS-007", "DOC-001", "CAD-001", "IDT-001", "IDT-011", "BUS-006"]
