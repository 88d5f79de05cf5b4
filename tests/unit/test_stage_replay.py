"""Running a flow again and giving one up: every start from every state, what is kept, what force does, who and why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import etree

from gateway.config import Rules
from gateway.errors import IllegalTransition, StaleFlow
from gateway.lifecycle import REPLAYABLE, REPLAYS, DeliveryState, State
from gateway.model import Box, Flow, Outcome, ReturnKind
from gateway.stages import replay
from tests.memory_site import BAD, CHORUS, MIXED, TORN, MemorySite, archive, invoices
from tests.ubl_invoices import invoice


def closed(site: MemorySite, data: bytes = b"", name: str = "lot.tar.gz") -> Flow:
    flow = site.flow(data or invoices(1, 2), name)
    site.confirm()
    return site.present(flow)


def again(site: MemorySite, flow: Flow, start: str | None = None, *, force: bool = False) -> Flow:
    planned = replay.plan(site.gw, site.present(flow), start, force=force)
    assert planned.refused is None
    moved = replay.apply(site.gw, planned, who="eve", reason="the rules changed")
    site.settle()
    return moved


# --- the plan


@pytest.mark.parametrize("start", REPLAYS)
def test_the_plan_of_each_start_names_the_next_generation(start: str) -> None:
    site = MemorySite()
    flow = closed(site, BAD, "a.xml")
    planned = replay.plan(site.gw, flow, start)
    assert (planned.start, planned.refused) == (start, None)
    assert any("generation 2" in line for line in planned.will)


@pytest.mark.parametrize("start", REPLAYS)
def test_apply_moves_to_where_the_start_is_done_anew(start: str) -> None:
    site = MemorySite()
    flow = closed(site, BAD, "a.xml")
    moved = replay.apply(site.gw, replay.plan(site.gw, flow, start), who="eve", reason="because")
    assert (moved.state, moved.generation, moved.attempts) == (REPLAYS[start][1], 2, 0)
    last = site.store.history(flow.number)[-1]
    assert (last.who, last.detail["reason"], last.detail["from"], last.detail["force_delivery"]) == ("eve", "because", start, False)


def test_a_plan_alone_changes_nothing() -> None:
    site = MemorySite()
    flow = closed(site)
    before = site.events(flow)
    replay.plan(site.gw, flow, "validate")
    assert (site.present(flow), site.events(flow)) == (flow, before)


@pytest.mark.parametrize("state", [s for s in State if s not in REPLAYABLE])
def test_what_is_under_way_or_abandoned_is_not_replayed(state: State) -> None:
    site = MemorySite()
    flow = closed(site)
    planned = replay.plan(site.gw, flow.moved(state=state), "validate")
    assert planned.refused is not None
    assert str(state) in planned.refused
    assert planned.will == ()


def test_a_flow_that_moved_meanwhile_is_left_alone() -> None:
    site = MemorySite()
    planned = replay.plan(site.gw, closed(site, BAD, "a.xml"), "validate")
    replay.apply(site.gw, planned, who="eve", reason="one")
    with pytest.raises(StaleFlow):
        replay.apply(site.gw, planned, who="mallory", reason="two")


def test_the_plan_tells_what_the_state_keeps() -> None:
    site = MemorySite()
    assert any("keep 2 invoice(s)" in line for line in replay.plan(site.gw, closed(site), "validate").will)
    assert not any("keep" in line for line in replay.plan(site.gw, site.store.flows()[0], "close").will)


def test_delivering_again_what_was_all_deposited_is_refused() -> None:
    site = MemorySite()
    planned = replay.plan(site.gw, closed(site), "deliver")
    assert planned.refused is not None
    assert "--force-delivery" in planned.refused


@pytest.mark.parametrize("start", ["deliver", "close"])
def test_a_flow_that_was_not_judged_whole_cannot_skip_its_judging(start: str) -> None:
    site = MemorySite()
    flow = site.flow(invoices(1), "lot.tar.gz")
    for _ in range(3):
        site.store.begin_attempt(flow)
    site.settle()
    planned = replay.plan(site.gw, site.present(flow), start)
    assert planned.refused is not None
    assert "stopped in state received" in planned.refused
    again(site, flow, "open")
    assert site.present(flow).state is State.DELIVERED


def test_closing_leaves_no_accepted_invoice_behind() -> None:
    site = MemorySite(destinations={"chorus": replace(CHORUS, interfaces=("FSO1113A",))})
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    site.settle()
    planned = replay.plan(site.gw, site.present(flow), "close")
    assert planned.refused is not None
    assert "stopped in state validated" in planned.refused
    site.configure(destinations={"chorus": CHORUS})
    again(site, flow, "deliver")
    site.confirm()
    assert replay.plan(site.gw, site.present(flow), "close").refused is None


def test_closing_leaves_no_invoice_without_a_verdict_behind() -> None:
    site = MemorySite()
    planned = replay.plan(site.gw, parked(site), "close")
    assert planned.refused is not None
    assert "1 invoice(s)" in planned.refused


def test_the_test_box_delivers_nothing_and_may_be_closed_again() -> None:
    site = MemorySite()
    flow = site.flow(invoices(1), "lot.tar.gz", box=Box.TEST)
    site.settle()
    assert site.present(flow).state is State.CLOSED
    plans = {start: replay.plan(site.gw, site.present(flow), start) for start in REPLAYS}
    assert [planned.refused for planned in plans.values()] == [None] * 4
    assert plans["validate"].will == ("judge every invoice again", "control report of generation 2")
    assert not any(step.startswith(("deliver", "final")) for planned in plans.values() for step in planned.will)


# --- where it stopped


def test_by_default_from_where_it_stopped() -> None:
    site = MemorySite()
    assert replay.plan(site.gw, closed(site, TORN, "t.xml"), None).start == "open"
    assert replay.plan(site.gw, closed(site, BAD, "b.xml"), None).start == "validate"


def test_a_flow_parked_for_a_held_invoice_is_judged_again() -> None:
    site = MemorySite()
    site.judging.outcomes["1.xml"] = Outcome.LIMIT
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    site.settle()
    assert replay.plan(site.gw, site.present(flow), None).start == "validate"


def test_a_flow_parked_for_want_of_a_destination_is_delivered() -> None:
    site = MemorySite(destinations={"chorus": replace(CHORUS, interfaces=("FSO1113A",))})
    flow = site.flow(invoices(1), "lot.tar.gz")
    site.settle()
    assert replay.plan(site.gw, site.present(flow), None).start == "deliver"
    site.configure(destinations={"chorus": CHORUS})
    again(site, flow)
    assert [d.state for d in site.deliveries()] == [DeliveryState.SENT]


@pytest.mark.parametrize("start", ["deliver", "close"])
def test_what_was_never_judged_is_not_left_out_by_a_late_start(start: str) -> None:
    site = MemorySite()
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    for _ in range(3):
        site.store.begin_attempt(flow)
    site.settle()
    assert "would be left out" in str(replay.plan(site.gw, site.present(flow), start, force=True).refused)


def test_what_was_never_delivered_is_not_left_out_by_a_late_start() -> None:
    site = MemorySite(destinations={})
    flow = site.flow(invoices(1), "lot.tar.gz")
    site.settle()
    assert site.present(flow).state is State.PARKED
    assert "would be left out" in str(replay.plan(site.gw, site.present(flow), "close").refused)


def test_a_flow_with_an_invoice_without_verdict_is_not_closed() -> None:
    site = MemorySite()
    site.judging.outcomes["1.xml"] = Outcome.LIMIT
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    site.settle()
    assert "without a verdict" in str(replay.plan(site.gw, site.present(flow), "close", force=True).refused)


def test_a_flow_parked_before_it_was_read_is_opened() -> None:
    site = MemorySite()
    flow = site.flow(invoices(1), "lot.tar.gz")
    for _ in range(3):
        site.store.begin_attempt(flow)
    site.settle()
    assert site.present(flow).state is State.PARKED
    assert replay.plan(site.gw, site.present(flow), None).start == "open"


def test_a_flow_parked_for_a_held_delivery_is_closed_once_the_state_has_answered() -> None:
    site = MemorySite(destinations={"chorus": replace(CHORUS, on_unknown="hold")})
    flow = site.flow(invoices(1), "lot.tar.gz")
    site.worked()
    site.chorus.files[site.deliveries()[0].name] = b"of somebody else"
    site.settle()
    assert site.present(flow).state is State.PARKED
    assert "has not answered" in str(replay.plan(site.gw, site.present(flow), None).refused)
    site.report(site.deliveries()[0], "90")
    site.settle()
    again(site, flow)
    assert site.present(flow).state is State.CLOSED


@pytest.mark.parametrize("start", ["open", "validate"])
def test_a_flow_whose_delivery_is_still_held_is_parked_again(start: str) -> None:
    site = MemorySite(destinations={"chorus": replace(CHORUS, on_unknown="hold")})
    flow = site.flow(archive(("a.xml", invoice(1, lines=1)), ("b.xml", BAD)), "lot.tar.gz")
    site.worked()
    site.chorus.files[site.deliveries()[0].name] = b"of somebody else"
    site.settle()
    reason = site.present(flow).reason
    site.configure(rules=Rules(identifiers="off"))
    site.crash()
    again(site, flow, start)
    site.confirm()
    assert (site.present(flow).state, site.present(flow).reason) == (State.PARKED, reason)


# --- what a replay does


def test_what_the_state_holds_keeps_verdict_and_delivery() -> None:
    site = MemorySite()
    flow = closed(site)
    before = site.rows(flow)
    again(site, flow, "validate")
    assert site.rows(flow) == before
    assert (len(site.deliveries()), len(site.chorus.taken)) == (1, 1)
    assert site.present(flow).state is State.CLOSED


def test_a_flow_never_accuses_itself_of_duplicates() -> None:
    site = MemorySite(destinations={})
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    site.settle()
    for _ in range(2):
        again(site, flow, "validate")
        assert [row.accepted for row in site.rows(flow)] == [True, True]


def test_only_what_was_rejected_is_judged_anew() -> None:
    site = MemorySite()
    flow = closed(site, archive(("a.xml", invoice(1, lines=1)), ("b.xml", BAD)))
    site.configure(rules=Rules(identifiers="off"))
    site.crash()
    again(site, flow, "validate")
    site.confirm()
    assert [(row.accepted, row.generation) for row in site.rows(flow)] == [(True, 1), (True, 2)]
    assert [d.invoices for d in site.deliveries()] == [1, 1]


def test_what_the_state_refused_is_planned_anew_under_another_name() -> None:
    site = MemorySite()
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    site.settle()
    site.report(site.deliveries()[0], "96", [("F0000002", "service inconnu")])
    site.settle()
    again(site, flow, "deliver")
    site.confirm()
    assert [d.invoices for d in site.deliveries()] == [2, 1]
    assert site.chorus.files[site.deliveries()[1].name] == invoice(2, lines=1)
    assert site.store.refused(flow.number) == {}
    assert etree.fromstring(site.returned(flow, ReturnKind.FINAL)[-1]).findtext(".//IdStatut") == "92"


def test_an_invoice_whose_file_the_state_holds_for_another_one_is_told_to_come_alone() -> None:
    """A CPPFactureMixte file cannot be cut: to deposit it again would deposit the other invoice twice."""
    site = MemorySite()
    flow = site.flow(MIXED, "factures.xml")
    site.settle()
    site.report(site.deliveries()[0], "96", [("LMA26007002", "service inconnu")])
    site.settle()
    again(site, flow, "validate")
    assert (len(site.deliveries()), len(site.chorus.taken)) == (1, 1)
    assert site.codes(flow) == [[], ["BUS-014"]]
    alone = MIXED.replace(b"<Id>LMA26007001<", b"<Id>LMA26007009<")
    other = site.flow(alone, "seule.xml")
    site.settle()
    assert [row.accepted for row in site.rows(other)] == [True, True]


def test_by_force_what_the_state_may_hold_is_deposited_again() -> None:
    site = MemorySite()
    flow = closed(site)
    planned = replay.plan(site.gw, flow, "deliver", force=True)
    assert any("AGAIN" in line for line in planned.will)
    again(site, flow, "deliver", force=True)
    assert len(site.chorus.taken) == len(set(site.chorus.taken)) == 2


def test_reports_carry_the_generation_and_the_old_ones_stay() -> None:
    site = MemorySite()
    flow = closed(site, BAD, "a.xml")
    again(site, flow, "validate")
    names = [owed.owed.name for owed in site.store.returns(flow=flow.number, kind=ReturnKind.CONTROL)]
    assert names == [f"CONTROL_{flow.number}_1.xml", f"CONTROL_{flow.number}_2.xml"]
    assert len(site.returned(flow, ReturnKind.FINAL)) == 2


def test_from_close_only_the_final_report_is_made_again() -> None:
    site = MemorySite()
    flow = closed(site)
    again(site, flow, "close")
    assert (len(site.returned(flow, ReturnKind.CONTROL)), len(site.returned(flow, ReturnKind.FINAL))) == (1, 2)


def test_an_inadmissible_flow_may_be_read_again_when_limits_changed() -> None:
    site = MemorySite()
    site.configure(limits=replace(site.settings.limits, members=1))
    flow = site.flow(invoices(1, 2), "lot.tar.gz")
    site.settle()
    assert site.present(flow).findings
    site.configure(limits=replace(site.settings.limits, members=10))
    again(site, flow)
    assert site.present(flow).state is State.DELIVERED
    assert site.present(flow).findings == ()


@pytest.mark.parametrize("start", REPLAYS)
def test_an_inadmissible_flow_stays_inadmissible_wherever_it_is_replayed_from(start: str) -> None:
    site = MemorySite()
    flow = closed(site, TORN, "t.xml")
    again(site, flow, start)
    control, final = (etree.fromstring(site.returned(flow, kind)[-1]) for kind in (ReturnKind.CONTROL, ReturnKind.FINAL))
    assert len(site.returned(flow, ReturnKind.FINAL)) == 2
    assert control.find("{*}Summary").get("admissible") == "false"
    assert (final.findtext(".//IdStatut"), final.findtext(".//ComplementStatut")) == ("93", "Flux irrecevable")


# --- giving up


def parked(site: MemorySite, box: Box = Box.REAL) -> Flow:
    site.judging.outcomes["1.xml"] = Outcome.CRASH
    flow = site.flow(invoices(1, 2), "lot.tar.gz", box=box)
    site.settle()
    return site.present(flow)


def test_abandoning_owes_a_report_that_says_so() -> None:
    site = MemorySite()
    flow = parked(site)
    moved = replay.abandon(site.gw, flow, who="eve", reason="le fichier est illisible")
    assert moved.state is State.ABANDONED
    root = etree.fromstring(site.returned(flow, ReturnKind.FINAL)[0])
    assert "le fichier est illisible" in etree.tostring(root, encoding="unicode")
    assert root.findtext(".//IdStatut") in ("93", "96")
    assert (site.store.history(flow.number)[-1].who, site.present(flow).reason) == ("eve", "le fichier est illisible")


def test_abandoning_in_the_test_box_owes_nothing_more() -> None:
    site = MemorySite()
    flow = parked(site, Box.TEST)
    assert flow.state is State.PARKED
    replay.abandon(site.gw, flow, who="eve", reason="enough")
    assert site.returned(flow, ReturnKind.FINAL) == []


@pytest.mark.parametrize("state", [s for s in State if s is not State.PARKED])
def test_only_what_is_parked_can_be_abandoned(state: State) -> None:
    site = MemorySite()
    flow = parked(site)
    with pytest.raises(IllegalTransition, match=f"{flow.number}: is {state}; only parked"):
        replay.abandon(site.gw, flow.moved(state=state), who="eve", reason="no")
    assert site.present(flow).state is State.PARKED
