"""The end of a flow: when it comes, what the final report says, and what the test box does not get."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import etree

from gateway.config import Returns
from gateway.lifecycle import State
from gateway.model import Box, Flow, Outcome, ReturnKind
from gateway.stages import replay
from gateway.stages.close import answers, close
from tests.memory_site import BAD, CHORUS, TORN, MemorySite, archive, invoices, members
from tests.ubl_invoices import invoice


def root_of(site: MemorySite, flow: Flow) -> etree._Element:
    (body,) = site.returned(flow, ReturnKind.FINAL)
    return etree.fromstring(body)


def status_of(site: MemorySite, flow: Flow) -> str:
    return root_of(site, flow).findtext(".//IdStatut") or ""


def test_it_waits_for_every_delivery() -> None:
    site = MemorySite(destinations={"chorus": replace(CHORUS, max_invoices=1)})
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    site.settle()
    one, two = site.deliveries()
    site.report(one, "90")
    site.settle()
    assert close(site.gw, site.present(flow)) is None
    assert site.present(flow).state is State.DELIVERED
    site.report(two, "93")
    site.settle()
    assert site.present(flow).state is State.CLOSED
    assert status_of(site, flow) == "96"


def test_nothing_deposited_is_closed_at_once() -> None:
    site = MemorySite()
    flow = site.flow(BAD, "a.xml")
    site.settle()
    assert site.present(flow).state is State.CLOSED
    assert status_of(site, flow) == "93"


def test_one_error_line_for_each_error_of_what_we_rejected() -> None:
    site = MemorySite()
    flow = site.flow(archive(("a.xml", invoice(1, lines=1)), ("b.xml", BAD)), "lot.tar.gz")
    site.confirm()
    assert status_of(site, flow) == "96"
    assert [line.text and "position=2" in line.text for line in root_of(site, flow).iter("DescriptionErreur")] == [True]


def test_what_became_of_the_flow_is_counted() -> None:
    site = MemorySite()
    flow = site.flow(archive(*((f"{n}.xml", invoice(n, lines=1)) for n in range(4)), ("b.xml", BAD)), "lot.tar.gz")
    site.settle()
    site.report(site.deliveries()[0], "96", [("F0000002", "faux")])
    site.settle()
    found = answers(site.gw, site.present(flow))
    assert (found.deposited, found.integrated, found.rejected, found.refused, found.held) == (4, 3, 1, 1, 0)
    assert [row.position for row in found.rejected_rows] == [5]
    assert [row.position for row, _ in found.refused_rows] == [3]


def test_an_inadmissible_flow_gets_both_reports() -> None:
    site = MemorySite()
    flow = site.flow(TORN, "a.xml")
    site.settle()
    assert site.present(flow).state is State.CLOSED
    assert (len(site.returned(flow, ReturnKind.CONTROL)), status_of(site, flow)) == (1, "93")


@pytest.mark.parametrize(("data", "kinds"), [(TORN, ["control"]), (BAD, ["control"]), (invoices(1), ["control"])])
def test_the_test_box_gets_no_final_report(data: bytes, kinds: list[str]) -> None:
    site = MemorySite()
    flow = site.flow(data, "lot", box=Box.TEST)
    site.settle()
    assert site.present(flow).state is State.CLOSED
    assert [str(owed.owed.kind) for owed in site.store.returns(flow=flow.number) if owed.owed.kind != ReturnKind.RECEIPT] == kinds


def test_reports_are_numbered_for_each_application() -> None:
    site = MemorySite()
    site.flow(BAD, "a.xml")
    site.flow(TORN, "b.xml")
    site.flow(BAD, "a.xml", partner="autre")
    site.settle()
    names = [owed.owed.name for owed in site.store.returns(kind=ReturnKind.FINAL)]
    assert sorted((name.split("_")[1], int(name[-15:])) for name in names) == [("AUT001", 1), ("DEM001", 1), ("DEM001", 2)]


def test_the_settings_choose_the_words() -> None:
    site = MemorySite(returns=Returns(status_all="90"))
    flow = site.flow(invoices(1), "lot.tar.gz")
    site.confirm()
    assert status_of(site, flow) == "90"


def test_a_partner_may_want_its_report_wrapped() -> None:
    site = MemorySite()
    site.partner(return_envelope="tar.gz")
    flow = site.flow(BAD, "a.xml")
    site.settle()
    (owed,) = site.store.returns(flow=flow.number, kind=ReturnKind.FINAL)
    assert list(members(owed.owed.body)) == [f"{owed.owed.name}.xml"]


def test_a_partner_whose_file_is_gone_has_its_flow_parked_and_replayed_from_close() -> None:
    site = MemorySite()
    flow = site.flow(invoices(1), "lot.tar.gz")
    site.settle()
    gone = site.partners.pop("demo")
    site.reload()
    site.report(site.deliveries()[0], "90")
    site.settle()
    assert site.present(flow).state is State.PARKED
    site.partners["demo"] = gone
    site.reload()
    planned = replay.plan(site.gw, site.present(flow), None)
    assert (planned.start, planned.refused) == ("close", None)
    replay.apply(site.gw, planned, who="eve", reason="the partner is back")
    site.settle()
    assert (site.present(flow).state, status_of(site, flow)) == (State.CLOSED, "92")


def test_closing_records_the_counts() -> None:
    site = MemorySite()
    site.judging.outcomes["none"] = Outcome.CRASH
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    site.confirm()
    detail = site.store.history(flow.number)[-1].detail
    assert (detail["invoices"], detail["accepted"], detail["rejected"]) == (2, 2, 0)
