"""What is left to do now and what waits for a later attempt, loop by loop."""

from __future__ import annotations

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from gateway.errors import StoreBusy, Unreachable
from gateway.lifecycle import State
from gateway.stages import idle
from tests.memory_site import CHORUS, MIXED, MemorySite, a_status, archive, invoices
from tests.ubl_invoices import invoice


def test_a_destination_out_of_reach_is_not_for_now_until_it_is_tried_again() -> None:
    site = MemorySite()
    site.flow(invoices(1), "lot.tar.gz")
    site.chorus.fails["look"] = Unreachable("chorus: no answer; try later")
    site.worked()
    site.send.step()
    assert not idle.nothing_now(site.gw), "it was not tried yet"
    site.settle()
    assert (idle.nothing_now(site.gw), site.deposit_loop.idle()) == (True, True)
    assert idle.left_for_later(site.gw) == {("deliveries", "chorus"): 1}
    site.clock.advance(3)
    assert (idle.nothing_now(site.gw), site.deposit_loop.idle()) == (False, False)
    site.chorus.fails.clear()
    site.confirm()
    assert (idle.nothing_now(site.gw), idle.left_for_later(site.gw)) == (True, {})


def test_another_destination_is_for_now_all_the_same() -> None:
    site = MemorySite(destinations={"mixte": replace(CHORUS, interfaces=("FSO1113A",)), "chorus": CHORUS})
    site.accounts["mixte"].fails["look"] = Unreachable("mixte: no answer; try later")
    site.flow(MIXED, "b.xml")
    site.settle()
    site.send.step()
    assert idle.nothing_now(site.gw)
    site.flow(invoice(1, lines=1), "a.xml")
    site.worked()
    site.send.step()
    assert not idle.nothing_now(site.gw)
    site.settle()
    assert (idle.nothing_now(site.gw), len(site.chorus.taken)) == (True, 1)


def test_a_box_that_refuses_is_not_for_now() -> None:
    site = MemorySite()
    site.channel.closed.add("demo")
    site.flow(invoices(1), "lot.tar.gz")
    site.flow(invoices(2), "lot.tar.gz", partner="autre")
    assert not site.send.idle()
    site.settle()
    assert (site.send.idle(), idle.left_for_later(site.gw)) == (True, {("returns", "demo"): 3}), "receipt and control report"
    site.channel.closed.clear()
    site.send.step()
    assert (site.send.idle(), idle.left_for_later(site.gw)) == (True, {})


def test_a_flow_put_off_is_not_for_now_and_is_once_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> object:
        raise StoreBusy("store: its writer is taken; try again")

    site = MemorySite()
    site.flow(archive(("a.xml", invoice(1, lines=1))), "lot.tar.gz")
    with monkeypatch.context() as broken:
        broken.setattr("gateway.loops.open_flow", busy)
        site.settle()
    assert (site.work.idle(), idle.nothing_now(site.gw)) == (True, True)
    assert idle.left_for_later(site.gw) == {("flows", site.settings.name): 1}
    site.clock.advance(3)
    assert (site.work.idle(), idle.nothing_now(site.gw)) == (False, False)


def test_an_envelope_that_cannot_be_put_together_is_not_for_now() -> None:
    site = MemorySite()
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    spool, site.spool.read_segment = site.spool.read_segment, _gone  # type: ignore[method-assign]
    site.settle()
    assert (site.work.idle(), idle.nothing_now(site.gw)) == (True, True)
    assert idle.left_for_later(site.gw) == {("deliveries", "chorus"): 1}
    site.spool.read_segment = spool  # type: ignore[method-assign]
    site.clock.advance(3)
    assert not site.work.idle()
    site.confirm()
    assert site.present(flow).state == "closed"


def _gone(*_: object) -> bytes:
    raise Unreachable("spool: gone; mount it")


def test_news_for_a_partner_whose_file_is_gone_are_not_for_now() -> None:
    site = MemorySite()
    site.flow(invoice(1, lines=1, number="F-1"), "a.xml")
    site.confirm()
    (row,) = site.store.invoices()
    del site.partners["demo"]
    site.reload()
    site.chorus.out["CPP_status"] = a_status("F-1", row.invoice.supplier.id, "03")
    site.settle()
    assert site.store.owed_statuses()
    assert (site.collect_loop.idle(), idle.nothing_now(site.gw)) == (True, True)


def test_a_deposit_that_came_before_its_partner_is_known_waits_for_the_reload() -> None:
    site = MemorySite()
    late = replace(site.partners["demo"], name="tard", application="TAR001")
    flow = site.flow(invoices(1), "lot.tar.gz", partner="tard")
    with capture_logs() as logs:
        for _ in range(3):
            site.settle()
            site.clock.advance(3)
    assert [(row["event"], row["flow"]) for row in logs if row["event"] == "flow.postponed"] == [("flow.postponed", flow.number)]
    waiting = site.present(flow)
    assert (waiting.state, waiting.attempts, "gateway reload" in waiting.reason) == (State.RECEIVED, 0, True)
    site.partners["tard"] = late
    site.reload()
    site.confirm()
    assert (site.present(flow).state, site.present(flow).reason) == (State.CLOSED, "")


def test_one_whose_partner_is_not_known_an_hour_later_is_parked() -> None:
    site = MemorySite()
    flow = site.flow(invoices(1), "lot.tar.gz", partner="inconnu")
    site.settle()
    site.clock.advance(3601)
    site.settle()
    assert (site.present(flow).state, "partner inconnu: unknown" in site.present(flow).reason) == (State.PARKED, True)
