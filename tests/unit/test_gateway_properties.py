"""Whatever happens in whatever order – deposits, repeats, crashes, lost answers, reports – the promises hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.errors import OutcomeUnknown, Unreachable
from gateway.lifecycle import LIVE, DeliveryState, State
from gateway.model import ReturnKind
from gateway.stages import dispatch, replay
from tests.memory_site import BAD, CHORUS, MIXED, TORN, MemorySite, archive
from tests.ubl_invoices import invoice

POOL = {f"{n}.xml": invoice(n, lines=1) for n in range(4)} | {"bad.xml": BAD, "mixte.xml": MIXED, "torn.xml": TORN}
NAMES = sorted(POOL)


class Traffic(RuleBasedStateMachine):
    """Two partners, a State that answers when it likes, processes that die between any two steps."""

    @initialize(seconds=st.sampled_from([0.0, 3.0]), most=st.sampled_from([1, 2, 500]))
    def start(self, seconds: float, most: int) -> None:
        self.site = MemorySite(destinations={"chorus": replace(CHORUS, batch_seconds=seconds, max_invoices=most, reconcile_hours=0.01)})
        self.site.configure(validation=replace(self.site.settings.validation, batch=2))

    @rule(names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True), partner=st.sampled_from(["demo", "autre"]))
    def deposit(self, names: list[str], partner: str) -> None:
        if len(names) == 1:
            self.site.take(POOL[names[0]], names[0], partner=partner)
        else:
            self.site.take(archive(*((name, POOL[name]) for name in names)), "lot.tar.gz", partner=partner)

    @rule(steps=st.integers(1, 4))
    def work(self, steps: int) -> None:
        for _ in range(steps):
            self.site.work.step()

    @rule()
    def send(self) -> None:
        self.site.deposit_loop.step()
        self.site.send.step()

    @rule()
    def collect(self) -> None:
        self.site.collect_loop.step()

    @rule(seconds=st.sampled_from([1.0, 5.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.site.clock.advance(seconds)

    @rule()
    def crash(self) -> None:
        self.site.crash()

    @rule(where=st.sampled_from(["look", "upload", "publish"]), lost=st.booleans())
    def the_line_fails(self, where: str, lost: bool) -> None:
        self.site.chorus.fails[where] = OutcomeUnknown("lost") if lost and where == "publish" else Unreachable("down")

    @rule()
    def the_line_is_back(self) -> None:
        self.site.chorus.fails.clear()

    @precondition(lambda self: self.site.chorus.taken)
    @rule(data=st.data(), status=st.sampled_from(["90", "91", "93", "96"]))
    def report(self, data: st.DataObject, status: str) -> None:
        name = data.draw(st.sampled_from(self.site.chorus.taken))
        delivery = self.site.store.delivery(name)
        rows = list(self.site.store.invoices(delivery=name))
        lines = [(rows[0].invoice.number, "faux")] if rows and status in ("93", "96") else []
        self.site.report(delivery, status, lines)

    @precondition(lambda self: any(f.state in (State.CLOSED, State.PARKED) for f in self.site.store.flows()))
    @rule(data=st.data(), start=st.sampled_from(["open", "validate", "deliver", "close", None]))
    def replay(self, data: st.DataObject, start: str | None) -> None:
        flow = data.draw(st.sampled_from([f for f in self.site.store.flows() if f.state in (State.CLOSED, State.PARKED)]))
        planned = replay.plan(self.site.gw, flow, start)
        if planned.refused is None:
            replay.apply(self.site.gw, planned, who="eve", reason="again")

    @invariant()
    def nothing_is_taken_twice(self) -> None:
        """One name, one content, one publication; and no invoice on two live deliveries that left."""
        site = self.site
        assert max(Counter(site.chorus.taken).values(), default=0) <= 1
        live = {d.name: d for d in site.deliveries() if d.state in LIVE and d.name in site.chorus.files}
        held: Counter[bytes] = Counter()
        for name in live:
            rows = list(site.store.invoices(delivery=name))
            refused = {flow: site.store.refused(flow) for flow in {row.flow for row in rows}}
            held.update(row.invoice.number.encode() for row in rows if row.position not in refused[row.flow])
        assert max(held.values(), default=0) <= 1, held

    @invariant()
    def what_was_sealed_never_changes(self) -> None:
        for name, content in self.site.chorus.files.items():
            assert self.site.spool.read(self.site.store.delivery(name).sha256) == content

    @invariant()
    def a_number_is_accepted_once(self) -> None:
        accepted = Counter(row.invoice.number for f in self.site.store.flows() for row in self.site.rows(f) if row.accepted)
        assert max(accepted.values(), default=0) <= 1, accepted

    @invariant()
    def a_closed_flow_has_its_returns(self) -> None:
        for flow in self.site.store.flows(states=(State.CLOSED,)):
            kinds = {owed.owed.kind for owed in self.site.store.returns(flow=flow.number)}
            assert kinds == {ReturnKind.RECEIPT, ReturnKind.CONTROL, ReturnKind.FINAL}
            assert self.site.store.unanswered(flow.number) == 0

    @invariant()
    def every_chain_is_whole(self) -> None:
        assert [self.site.store.verify_chain(flow.number) for flow in self.site.store.flows()].count(None) == len(self.site.store.flows())

    def teardown(self) -> None:
        """Once the line is up and the State answers, everything comes to an end, and every judged good invoice is where it belongs."""
        if not hasattr(self, "site"):
            return
        site = self.site
        site.chorus.fails.clear()
        for _ in range(12):
            site.confirm()
            site.clock.advance(700)
            dispatch.reconcile(site.gw, site.clock.now())
        assert {f.state for f in site.store.flows()} <= {State.CLOSED, State.PARKED}
        assert {d.state for d in site.deliveries()} <= {
            DeliveryState.CONFIRMED, DeliveryState.PARTIAL, DeliveryState.REFUSED, DeliveryState.HELD,
        }  # fmt: skip
        for flow in site.store.flows(states=(State.CLOSED,)):
            assert all(row.delivery for row in site.rows(flow) if row.accepted)
        self.nothing_is_taken_twice()
        site.store.close()


Traffic.TestCase.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
TestTraffic = Traffic.TestCase
