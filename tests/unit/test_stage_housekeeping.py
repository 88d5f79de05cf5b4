"""Segments of flows that are over leave the spool; what may still be sent, or replayed, keeps them or says that they are gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.errors import StaleFlow
from gateway.lifecycle import Event
from gateway.model import Flow
from gateway.stages import housekeeping, replay
from tests.memory_site import CHORUS, MemorySite, invoices
from tests.ubl_invoices import invoice

A_MONTH = 31 * 86_400


def swept(site: MemorySite) -> None:
    housekeeping.sweep(site.gw, lambda _: 0)


def has_segments(site: MemorySite, flow: Flow) -> bool:
    return site.spool.has_segments(flow.number, 1)


def closed(site: MemorySite) -> Flow:
    """Two invoices, of which the State refused the second."""
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    site.settle()
    site.report(site.deliveries()[0], "96", [("F0000002", "service inconnu")])
    site.settle()
    return site.present(flow)


def test_a_closed_flow_keeps_its_segments_as_long_as_returns_are_kept_and_no_longer() -> None:
    site = MemorySite()
    flow = closed(site)
    swept(site)
    assert has_segments(site, flow)
    site.clock.advance(A_MONTH)
    swept(site)
    assert not has_segments(site, flow)


def test_the_month_counts_from_what_happened_last() -> None:
    site = MemorySite()
    flow = closed(site)
    site.clock.advance(A_MONTH)
    with site.store.transaction():
        site.store.note(flow.number, "looked_at", at=site.clock.now(), who="eve")
    swept(site)
    assert has_segments(site, flow)


@pytest.mark.parametrize("answered", [False, True])
def test_what_the_state_has_not_answered_keeps_them(answered: bool) -> None:
    site = MemorySite()
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    site.settle()
    site.clock.advance(A_MONTH)
    if answered:
        site.confirm()
    swept(site)
    assert has_segments(site, flow), "closed today, if at all"


def test_an_abandoned_flow_keeps_them_while_an_invoice_waits_for_its_envelope() -> None:
    site = MemorySite(destinations={"chorus": replace(CHORUS, batch_seconds=10.0 * A_MONTH)})
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    site.settle()
    with site.store.transaction():
        parked = site.store.record(site.present(flow), Event.PARK, at=site.clock.now(), who="eve", reason="look")
    replay.abandon(site.gw, parked, who="eve", reason="a mistake")
    site.clock.advance(A_MONTH)
    swept(site)
    assert has_segments(site, flow)
    site.clock.advance(10 * A_MONTH)
    site.settle()
    site.clock.advance(A_MONTH)
    swept(site)
    assert not has_segments(site, flow)


def test_a_replay_from_validate_makes_them_again_and_one_from_deliver_says_that_they_are_gone() -> None:
    site = MemorySite()
    flow = closed(site)
    planned = replay.plan(site.gw, flow, "deliver")
    assert planned.refused is None
    site.clock.advance(A_MONTH)
    swept(site)
    with pytest.raises(StaleFlow, match="--from validate makes them again"):
        replay.apply(site.gw, planned, who="eve", reason="planned before the sweep")
    assert "--from validate makes them again" in str(replay.plan(site.gw, flow, "deliver", force=True).refused)
    replay.apply(site.gw, replay.plan(site.gw, flow, "validate"), who="eve", reason="the service is known now")
    site.confirm()
    assert site.chorus.files[site.deliveries()[1].name] == invoice(2, lines=1)


def test_by_force_all_of_it_is_deposited_again_from_the_bytes_received() -> None:
    site = MemorySite()
    flow = closed(site)
    site.clock.advance(A_MONTH)
    swept(site)
    replay.apply(site.gw, replay.plan(site.gw, flow, "validate", force=True), who="eve", reason="lost over there")
    site.confirm()
    first, second = site.deliveries()
    assert site.chorus.files[second.name] == site.chorus.files[first.name]


def test_a_crash_before_the_commit_of_a_sweep_leaves_the_rest_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    site = MemorySite()
    flows = [closed(site), site.flow(invoices(3, 4), "autre.tar.gz")]
    site.confirm()
    site.clock.advance(A_MONTH)
    drop = site.spool.drop_segments

    def killed(flow: str, generation: int) -> None:
        drop(flow, generation)
        raise KeyboardInterrupt

    monkeypatch.setattr(site.spool, "drop_segments", killed)
    with pytest.raises(KeyboardInterrupt):
        swept(site)
    monkeypatch.undo()
    assert [has_segments(site, flow) for flow in flows] == [False, True]
    swept(site)
    assert [has_segments(site, flow) for flow in flows] == [False, False]
