"""What the command line reads: every key of contract.md chapter 2, and the exact bytes."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from gateway import queries
from gateway.errors import UnknownSubject
from gateway.lifecycle import State
from gateway.model import Box, KeptStatus, Outcome, Party, StatusNews
from gateway.statuses import PARIS
from tests.memory_site import BAD, MIXED, TORN, MemorySite, a_status, archive, invoices
from tests.ubl_invoices import invoice, siret

FLOW = {"flow", "partner", "file", "interface", "state", "generation", "received_at", "invoices", "accepted", "rejected", "held", "sha256"}
INVOICE = {
    "flow", "position", "member", "number", "supplier", "recipient", "service", "engagement", "issue_date", "total", "currency", "verdict",
    "status", "delivery",
}  # fmt: skip


def test_a_flow_has_the_keys_of_the_contract() -> None:
    site = MemorySite()
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    site.confirm()
    line = queries.flow_line(site.gw, site.present(flow))
    assert line.keys() >= FLOW
    assert (line["state"], line["invoices"], line["accepted"], line["interface"], line["test"]) == ("closed", 2, 2, "FSO1100A", False)
    detail = queries.flow_detail(site.gw, site.present(flow))
    assert detail.keys() >= FLOW | {"members", "deliveries", "returns", "events"}
    assert [event["what"] for event in detail["events"]] == site.events(flow)
    assert [member["name"] for member in detail["members"]] == ["1.xml", "2.xml"]
    assert [one["state"] for one in detail["deliveries"]] == ["confirmed"]
    assert all(one["written_at"] for one in detail["returns"])
    json.dumps(detail)


def test_an_interface_that_could_not_be_read_is_null() -> None:
    site = MemorySite()
    flow = site.flow(TORN, "a.xml", box=Box.TEST)
    site.settle()
    detail = queries.flow_detail(site.gw, site.present(flow))
    assert (detail["interface"], detail["test"], detail["members"]) == (None, True, [])
    assert detail["findings"][0]["message_fr"]


def test_an_invoice_has_the_keys_of_the_contract() -> None:
    site = MemorySite()
    flow = site.flow(invoices(1), "lot.tar.gz")
    site.confirm()
    site.chorus.out["s"] = a_status("F0000001", siret(1), "03")
    site.settle()
    row = site.store.invoice(flow.number, 1)
    line = queries.invoice_line(row)
    assert line.keys() >= INVOICE
    assert (line["verdict"], line["status"], line["supplier"], line["currency"]) == ("accepted", "03", siret(1), "EUR")
    assert isinstance(line["total"], str)
    detail = queries.invoice_detail(site.gw, row)
    assert detail.keys() >= INVOICE | {"findings", "statuses", "packs"}
    assert [status["status"] for status in detail["statuses"]] == ["03"]
    json.dumps(detail)


@pytest.mark.parametrize(("told", "shown"), [
    ("2026-07-01T08:00:00", "2026-07-01T08:00:00+02:00"), ("2026-12-01T08:00:00.5", "2026-12-01T08:00:00.500000+01:00"),
    ("2026-07-01T08:00:00+02:00", "2026-07-01T08:00:00+02:00"), ("2026-07-01T06:00:00Z", "2026-07-01T08:00:00+02:00"), ("soon", "soon"),
])  # fmt: skip
def test_a_status_has_a_time_with_its_offset(told: str, shown: str) -> None:
    news = StatusNews(code="03", at=told, number="F1", supplier=Party())
    assert queries.status_line(KeptStatus(1, "F", 1, "demo", news, datetime(2026, 7, 2, tzinfo=PARIS), "s"))["at"] == shown


def test_a_verdict_is_accepted_rejected_or_held() -> None:
    site = MemorySite()
    site.judging.outcomes["c.xml"] = Outcome.LIMIT
    flow = site.flow(archive(("a.xml", invoice(1, lines=1)), ("b.xml", BAD), ("c.xml", invoice(2, lines=1))), "lot.tar.gz")
    site.settle()
    assert [queries.verdict(row) for row in site.rows(flow)] == ["accepted", "rejected", "held"]


def test_what_the_state_refused_is_shown_beside_our_verdict() -> None:
    site = MemorySite()
    flow = site.flow(invoices(1), "lot.tar.gz")
    site.settle()
    site.report(site.deliveries()[0], "93", [("F0000001", "service inconnu")])
    site.settle()
    detail = queries.invoice_detail(site.gw, site.store.invoice(flow.number, 1))
    assert (detail["verdict"], [line["label"] for line in detail["refused"]]) == ("accepted", ["service inconnu"])


def test_the_exact_bytes_come_back_of_the_flow_and_of_each_file() -> None:
    site = MemorySite()
    whole = archive(("a.xml", invoice(1, lines=1)), ("b.xml", MIXED), ("c.xml", invoice(2, lines=1)))
    flow = site.flow(whole, "lot.tar.gz")
    site.settle()
    assert queries.content(site.gw, flow, None) == whole
    assert [queries.content(site.gw, flow, n) for n in (1, 2, 3, 4)] == [invoice(1, lines=1), MIXED, MIXED, invoice(2, lines=1)]
    with pytest.raises(UnknownSubject):
        queries.content(site.gw, flow, 5)


def test_states_are_named_as_in_the_table() -> None:
    assert queries.states("parked") == (State.PARKED,)
    with pytest.raises(UnknownSubject, match="one of received, opened"):
        queries.states("PARKED")
