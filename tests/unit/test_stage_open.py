"""A received flow becomes opened or inadmissible, in one transaction, with the gate's findings."""

from __future__ import annotations

import pytest

from gateway.lifecycle import State
from gateway.model import Box, Flow, Severity
from gateway.stages.open import open_flow
from tests.memory_site import MemorySite, invoices
from tests.ubl_invoices import invoice

CHORUS_NAME = "FSO1100A_DEM001_DEM0011100000000000000001"


def opened(site: MemorySite, data: bytes, name: str = "a.xml", **given: object) -> Flow:
    moved, _ = open_flow(site.gw, site.flow(data, name, **given))
    return moved


def test_an_archive_is_opened_and_its_documents_counted() -> None:
    site = MemorySite()
    flow = opened(site, invoices(1, 2, 3), "lot.tar.gz")
    assert (flow.state, flow.members, flow.findings, flow.interface) == (State.OPENED, 3, (), "")
    assert site.present(flow) == flow


def test_the_chorus_name_announces_the_interface() -> None:
    site = MemorySite()
    assert opened(site, invoice(1, lines=1), CHORUS_NAME).interface == "FSO1100A"


@pytest.mark.parametrize(("data", "code"), [(b"", "DEP-004"), (b"hello", "TYP-001"), (invoices(1, 2)[:-20], "ARC")])
def test_what_cannot_be_read_is_inadmissible_and_says_why(data: bytes, code: str) -> None:
    site = MemorySite()
    flow = opened(site, data, "lot")
    assert flow.state is State.INADMISSIBLE
    assert flow.findings[0].rule.startswith(code)
    assert site.store.history(flow.number)[-1].detail["codes"] == sorted({f.rule for f in flow.findings})


def test_a_warning_alone_lets_the_flow_in() -> None:
    site = MemorySite()
    flow = opened(site, invoice(1, lines=1), "facture.pdf")
    assert flow.state is State.OPENED
    assert [f.severity for f in flow.findings] == [Severity.WARNING]


def test_the_attempt_that_opened_goes_on_into_validation() -> None:
    site = MemorySite()
    flow = site.flow(invoice(1, lines=1))
    for _ in range(2):
        site.store.begin_attempt(flow)
    assert open_flow(site.gw, site.present(flow))[0].attempts == 1


def test_an_inadmissible_flow_has_no_attempt_to_answer_for() -> None:
    """At the third try it is told inadmissible: it is closed, not parked for its two earlier tries."""
    site = MemorySite()
    flow = site.flow(b"hello")
    for _ in range(2):
        site.store.begin_attempt(flow)
    site.settle()
    assert site.present(flow).state is State.CLOSED


# --- one name, two contents


def test_under_strict_naming_a_name_serves_once() -> None:
    site = MemorySite()
    site.partner(naming="strict")
    first, second = opened(site, invoice(1, lines=1), CHORUS_NAME), opened(site, invoice(2, lines=1), CHORUS_NAME)
    assert (first.state, second.state) == (State.OPENED, State.INADMISSIBLE)
    assert [f.rule for f in second.findings] == ["DUP-003"]
    assert "22/11/2026" in second.findings[0].message_fr


def test_the_earlier_flow_keeps_the_name_whatever_is_opened_first() -> None:
    site = MemorySite()
    site.partner(naming="strict")
    first, second = site.flow(invoice(1, lines=1), CHORUS_NAME), site.flow(invoice(2, lines=1), CHORUS_NAME)
    assert open_flow(site.gw, second)[0].state is State.INADMISSIBLE
    assert open_flow(site.gw, first)[0].state is State.OPENED


def test_under_lenient_naming_a_name_serves_as_often_as_one_likes() -> None:
    site = MemorySite()
    assert {opened(site, invoice(n, lines=1), CHORUS_NAME).state for n in (1, 2)} == {State.OPENED}


def test_the_test_box_has_names_of_its_own() -> None:
    site = MemorySite()
    site.partner(naming="strict")
    opened(site, invoice(1, lines=1), CHORUS_NAME)
    assert opened(site, invoice(2, lines=1), CHORUS_NAME, box=Box.TEST).state is State.OPENED


def test_the_same_bytes_under_the_same_name_conflict_with_nothing() -> None:
    """A flow that follows one that came to nothing has its name and its bytes."""
    site = MemorySite()
    site.partner(naming="strict")
    bad = invoice(1, lines=1).replace(b"80000001", b"80000002")
    first = site.flow(bad, CHORUS_NAME)
    site.settle()
    second = opened(site, bad, CHORUS_NAME)
    assert second.linked_to == first.number
    assert second.state is State.OPENED
