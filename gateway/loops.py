"""The loops that turn the stages: receive, work, send, collect. A loop has `step` (one turn, true when it did something) and `idle`.

They decide whose turn it is and what becomes of a failure; they start no process and open no connection (bootstrap does).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Protocol, cast

from gateway import retry
from gateway.back_off import BackOff
from gateway.config import Configuration
from gateway.errors import GatewayError, IllegalTransition, ParkError, StaleFlow, StoreDamaged, TransientError
from gateway.lifecycle import DeliveryState, Event, State
from gateway.log import logger
from gateway.model import Delivery, Flow
from gateway.ports import DropSource, Validator
from gateway.stages import collect, deliver, dispatch, housekeeping, idle, receive, send
from gateway.stages.close import close
from gateway.stages.desk import Gateway
from gateway.stages.open import open_flow
from gateway.stages.validate import FlowUnderValidation

AT_ONCE = 16
"""Flows under validation at the same time: their files stay open."""

OPEN_AHEAD = 4
"""Flows opened in one turn, so that a crowd of arrivals does not keep the children waiting."""

LOOK_EVERY = 8
"""Turns that handed batches over between two looks into the store: some 100 ms. A turn without any looks at once."""

IN_SIGHT = 200
"""Flows looked at in one turn; where more wait, as many of each partner's, so that a crowd of one hides no other."""


class Loop(Protocol):
    """What `gateway run` turns until it is told to stop."""

    name: str

    def step(self) -> bool: ...

    def idle(self) -> bool: ...

    def wait(self) -> None:
        """Until the bell rings or the loop's own poll interval is over."""
        ...

    def wake(self) -> None:
        """End its wait, from another thread."""
        ...

    def reload(self, configuration: Configuration) -> bool:
        """Go on with other settings and partners; False when the loop has to be built anew for that."""
        ...


class OnGateway:
    """A loop on a site's gateway: waits for its bell, takes another configuration over."""

    name: str

    def __init__(self, gw: Gateway) -> None:
        self.gw = gw

    def wait(self) -> None:
        """See Loop."""
        self.gw.bell.wait(self.pause())

    def wake(self) -> None:
        """See Loop."""
        self.gw.bell.ring(self.name)

    def pause(self) -> float:
        """The poll interval in seconds: what a lost ring costs."""
        return 1.0

    def reload(self, configuration: Configuration) -> bool:
        """See Loop. Children, accounts and schemas follow the settings: a loop that holds no session of others is built anew."""
        return False


class Receive(OnGateway):
    """Takes complete drops from the doors that are scanned; a counter on the wire runs beside it in its own threads."""

    name = "receive"

    def __init__(self, gw: Gateway, sources: Sequence[DropSource]) -> None:
        super().__init__(gw)
        self.sources = sources
        self._followers: list[Callable[[Gateway], None]] = []

    def follow(self, follower: Callable[[Gateway], None]) -> None:
        """Call it with the new gateway at each reload."""
        self._followers.append(follower)

    def step(self) -> bool:
        taken = 0
        for source in self.sources:
            try:
                taken += receive.receive_from(self.gw, source)
            except TransientError as refused:
                logger("receive").error("door.postponed", stage="receive", source=source.name, why=str(refused))
        return taken > 0

    def idle(self) -> bool:
        return not any(source.waiting() for source in self.sources)

    def pause(self) -> float:
        """The scan of the watched folders is the truth."""
        return self.gw.settings.folder.scan_seconds

    def reload(self, configuration: Configuration) -> bool:
        """In place, so that open sessions go on; the counter on the wire takes the new partners over as well."""
        self.gw = replace(self.gw, settings=configuration.settings, partners=configuration.partners)
        for follow in self._followers:
            follow(self.gw)
        return True


class Work(OnGateway):
    """Opens, validates, delivers and closes; partners take turns, and of one partner the flow with least left goes first."""

    name = "work"

    def __init__(self, gw: Gateway, validator: Validator) -> None:
        super().__init__(gw)
        self.validator = validator
        self._under_way: OrderedDict[str, FlowUnderValidation] = OrderedDict()
        self._last_partner = self._alone = ""
        self._back_off = BackOff(gw.clock)
        self._unsealed = idle.back_off(gw, idle.ENVELOPES)
        self._turns = 0

    def step(self) -> bool:
        busy = self._collect_results(0.0)
        busy |= self._feed()
        self._turns += 1
        if not busy or self._turns % LOOK_EVERY == 0:  # while the children are full too: a giant keeps no small flow from being opened
            busy |= self._advance()
            busy |= self._seal()
        if self.validator.room() == 0 or (not busy and self._under_way):
            busy |= self._collect_results(0.5)
        return busy

    def _seal(self) -> bool:
        """A batch that cannot be put together now stays planned and holds no other back."""
        sealed = False
        for planned in deliver.due(self.gw, self.gw.now()):
            if self._unsealed.waits(planned.name):
                continue
            try:
                deliver.seal(self.gw, planned)
            except StaleFlow:
                continue
            except StoreDamaged:
                raise
            except GatewayError as why:
                pause = self._unsealed.failed(planned.name)
                logger("work").error("delivery.unsealed", flow=planned.name, stage="deliver", why=str(why), seconds=pause.total_seconds())
                continue
            self._unsealed.forget(planned.name)
            sealed = True
        if sealed:
            self.gw.bell.ring("deposit")
        return sealed

    # --- validation
    def _feed(self) -> bool:
        fed = False
        while self.validator.room() > 0 and (turn := self._whose_turn()) is not None:
            with self._destiny(turn.flow):
                batch = turn.next_batch()
                if batch is not None:
                    token, documents = batch
                    self.validator.submit((turn, token), documents)
                    fed = True
                elif turn.complete:
                    self._finish(turn)
        return fed

    def _whose_turn(self) -> FlowUnderValidation | None:
        ready = [v for v in self._under_way.values() if not v.exhausted]
        if not ready:
            return None
        partners = sorted({v.flow.partner for v in ready})
        following = [p for p in partners if p > self._last_partner] or partners
        self._last_partner = following[0]
        return min((v for v in ready if v.flow.partner == following[0]), key=lambda v: v.left)

    def _collect_results(self, timeout: float) -> bool:
        if not self.validator.pending():
            return False
        results = self.validator.results(timeout)
        for token, judgements in results:
            turn, batch = cast("tuple[FlowUnderValidation, int]", token)
            if self._under_way.get(turn.flow.number) is not turn:
                continue  # let go meanwhile; begun anew, its batches have the same numbers and other documents
            with self._destiny(turn.flow):
                turn.accept(batch, judgements)
                if turn.complete:
                    self._finish(turn)
        return bool(results)

    def _finish(self, turn: FlowUnderValidation) -> None:
        flow = turn.finish()
        self._under_way.pop(turn.flow.number, None)
        self._back_off.forget(turn.flow.number)
        logger("work").info("flow.validated", flow=flow.number, stage="validate", source=flow.partner, state=str(flow.state))
        self._advance_one(flow, turn.report(flow))

    # --- the other stages
    def _advance(self) -> bool:
        moved = False
        now = self.gw.now()
        states: tuple[State, ...] = (State.VALIDATED, State.INADMISSIBLE)
        if len(self._under_way) < AT_ONCE:
            states = (*states, State.OPENED, State.RECEIVED)
        flows = [f for f in self._in_sight(states, now) if f.number not in self._under_way]
        for flow in _in_turn(flows, states)[: OPEN_AHEAD + AT_ONCE]:
            if flow.state in (State.RECEIVED, State.OPENED) and not self._may_begin(flow):
                continue
            moved |= self._advance_one(flow)
        for flow in self.gw.store.closable(limit=IN_SIGHT, due=now):
            moved |= self._advance_one(flow)
        return moved

    def _may_begin(self, flow: Flow) -> bool:
        """Room for it; and a flow on its last attempt goes alone, so that what kills the process parks itself and nobody beside it."""
        if self._alone in self._under_way or len(self._under_way) >= AT_ONCE:
            return False
        if flow.attempts != retry.ATTEMPTS_BEFORE_PARKING - 1:
            return True
        self._alone = flow.number
        return not self._under_way

    def _in_sight(self, states: Sequence[State], now: datetime) -> list[Flow]:
        flows = self.gw.store.flows(states=states, due=now, limit=IN_SIGHT)
        if len(flows) < IN_SIGHT:
            return flows
        of_each = (self.gw.store.flows(states=states, partner=partner, due=now, limit=IN_SIGHT) for partner in self.gw.partners)
        return list({flow.number: flow for seen in (flows, *of_each) for flow in seen}.values())

    def _advance_one(self, flow: Flow, report: bytes | None = None) -> bool:
        with self._destiny(flow):
            if flow.attempts >= retry.ATTEMPTS_BEFORE_PARKING:
                raise ParkError(f"{flow.number}: its work ended {flow.attempts} times without a result; look at the logs, then replay")
            match flow.state:
                case State.RECEIVED:
                    self._begin(flow)
                case State.OPENED:
                    self.gw.store.begin_attempt(flow)
                    self._under_way[flow.number] = FlowUnderValidation(self.gw, flow)
                case State.VALIDATED:
                    self._advance_one(deliver.deliver(self.gw, flow, report))
                case State.DELIVERED | State.INADMISSIBLE:
                    closed = close(self.gw, flow)
                    self.gw.bell.ring("send")
                    return closed is not None
                case _:
                    return False
            return True
        return True

    def _begin(self, flow: Flow) -> None:
        if flow.partner not in self.gw.partners and self.gw.now() - flow.received_at < retry.RELOAD_AWAITED:
            self._await_reload(flow)
            return
        self.gw.store.begin_attempt(flow)
        moved, opening = open_flow(self.gw, flow)
        logger("work").info(
            "flow.opened", flow=flow.number, stage="open", source=flow.partner, state=str(moved.state), members=moved.members
        )
        if moved.state is State.OPENED:
            self._under_way[moved.number] = FlowUnderValidation(self.gw, moved, opening)
        else:
            self._advance_one(moved)

    def _await_reload(self, flow: Flow) -> None:
        """Its door knows a partner whose file this loop has not read yet. Looked at often, told once."""
        why = f"partner {flow.partner}: not known to the running gateway yet; gateway reload takes its file over"
        if flow.reason != why:
            logger("work").warning("flow.postponed", flow=flow.number, stage="work", why=why)
        with self.gw.store.transaction():
            self.gw.store.postpone(flow, self.gw.now() + retry.FIRST, why)

    @contextmanager
    def _destiny(self, flow: Flow) -> Iterator[None]:
        """What becomes of a flow whose stage failed: later, parked, or left to who moved it."""
        try:
            yield
        except StaleFlow:
            self._let_go(flow)
        except TransientError as why:
            self._let_go(flow)
            self._postpone(flow, why)
        except StoreDamaged:
            raise
        except GatewayError as why:
            self._let_go(flow)
            self._park(flow, str(why))

    def _let_go(self, flow: Flow) -> None:
        turn = self._under_way.pop(flow.number, None)
        if turn is not None:
            turn.close()

    def _postpone(self, flow: Flow, why: TransientError) -> None:
        """A passing reason is no attempt that failed: it never parks a flow."""
        pause = self._back_off.failed(flow.number)
        logger("work").warning("flow.postponed", flow=flow.number, stage="work", why=str(why), seconds=pause.total_seconds())
        present = self.gw.store.flow(flow.number)
        with self.gw.store.transaction():
            self.gw.store.forgive(flow.number)
            self.gw.store.postpone(present, self.gw.now() + pause, str(why))

    def _park(self, flow: Flow, why: str) -> None:
        logger("work").error("flow.parked", flow=flow.number, stage="work", why=why)
        present = self.gw.store.flow(flow.number)
        try:
            with self.gw.store.transaction():
                self.gw.store.record(present, Event.PARK, at=self.gw.now(), who="work", detail={"why": why}, reason=why)
        except (StaleFlow, IllegalTransition) as moved:
            logger("work").warning("flow.moved", flow=flow.number, stage="work", why=str(moved))
        self._back_off.forget(flow.number)

    def idle(self) -> bool:
        under_way = self._under_way or self.validator.pending()
        return not (under_way or idle.flows_wait(self.gw) or idle.envelopes_wait(self.gw))

    def pause(self) -> float:
        """Until the next planned delivery is due, a second at most."""
        planned = self.gw.store.deliveries(states=(DeliveryState.PLANNED,))
        known = self.gw.settings.destinations
        now = self.gw.now()
        due = [(p.opened_at - now).total_seconds() + known[p.destination].batch_seconds for p in planned if p.destination in known]
        return max(0.02, min([*due, 1.0]))

    def close(self) -> None:
        for turn in self._under_way.values():
            turn.close()
            self.gw.store.forgive(turn.flow.number)
        self.validator.close()


def _in_turn(flows: list[Flow], states: Sequence[State]) -> list[Flow]:
    """What is nearest its end first; then partners in turn, each partner's smallest flow first."""
    ranked: list[tuple[int, int, int, Flow]] = []
    seen: dict[tuple[State, str], int] = {}
    for flow in sorted(flows, key=lambda f: f.size):
        rank = seen[flow.state, flow.partner] = seen.get((flow.state, flow.partner), -1) + 1
        ranked.append((states.index(flow.state), rank, flow.size, flow))
    return [flow for *_, flow in sorted(ranked, key=lambda entry: entry[:3])]


class Send(OnGateway):
    """Empties the outbox to the partners' boxes. `nudge`: wakes what brings returns elsewhere, for the ring is heard by this loop alone."""

    name = "send"

    def __init__(self, gw: Gateway, nudge: Callable[[], None] = lambda: None) -> None:
        super().__init__(gw)
        self._nudge = nudge
        self._refusing = False

    def step(self) -> bool:
        self._nudge()
        refused: send.Closed = {}
        written = send.send_returns(self.gw, refused)
        if refused or self._refusing:
            self._refusing = bool(refused)
            soon = self.gw.clock.monotonic() + idle.REFUSAL_SECONDS
            self.gw.board.put(idle.BOXES, {idle.box_name(*box): soon for box in refused})
        return written > 0

    def idle(self) -> bool:
        return not idle.returns_wait(self.gw)


class Deposit(OnGateway):
    """Hands sealed deliveries to the State, one attempt each in turn; runs beside *send* so that a slow State delays no receipt."""

    name = "deposit"

    def __init__(self, gw: Gateway) -> None:
        super().__init__(gw)
        self._destinations = idle.back_off(gw, idle.DESTINATIONS)
        self._deliveries = BackOff(gw.clock)
        self._next_reconcile = 0.0

    def step(self) -> bool:
        sent = 0
        waiting = self.gw.store.deliveries(states=dispatch.TO_SEND)
        for delivery in sorted(waiting, key=lambda d: self._deliveries.failures(d.name)):  # one that fails holds no other back for ever
            if self._destinations.waits(delivery.destination):
                continue
            try:
                dispatch.dispatch(self.gw, delivery)
                self._destinations.forget(delivery.destination)
                self._deliveries.forget(delivery.name)
                self.gw.bell.ring("collect")
                sent += 1
            except StaleFlow:
                continue
            except StoreDamaged:
                raise
            except GatewayError as why:
                self._later(delivery, why)
        return sent > 0 or self._reconcile()

    def _later(self, delivery: Delivery, why: GatewayError) -> None:
        self._deliveries.failed(delivery.name)
        pause = self._destinations.failed(delivery.destination).total_seconds()
        said = {"flow": delivery.name, "destination": delivery.destination, "why": str(why), "seconds": round(pause, 1)}
        logger("send").warning("delivery.postponed", stage="deliver", **said)

    def _reconcile(self) -> bool:
        if self.gw.clock.monotonic() < self._next_reconcile:
            return False
        self._next_reconcile = self.gw.clock.monotonic() + 5.0
        return dispatch.reconcile(self.gw, self.gw.now()) > 0

    def idle(self) -> bool:
        return not idle.deliveries_wait(self.gw)


class Collect(OnGateway):
    """Reads what the State returns, destination by destination."""

    name = "collect"

    def __init__(self, gw: Gateway) -> None:
        super().__init__(gw)
        self._back_off = BackOff(gw.clock)

    def step(self) -> bool:
        return sum(self._collect(name) for name in self.gw.accounts) > 0

    def _collect(self, name: str) -> int:
        if self._back_off.waits(name):
            return 0
        try:
            count = collect.collect(self.gw, name)
        except StoreDamaged:
            raise
        except GatewayError as why:
            pause = self._back_off.failed(name).total_seconds()
            logger("collect").warning("collection.postponed", stage="collect", destination=name, why=str(why), seconds=round(pause, 1))
            return 0
        self._back_off.forget(name)
        return count

    def idle(self) -> bool:
        return not idle.statuses_wait(self.gw)

    def pause(self) -> float:
        return min((d.collect_seconds for d in self.gw.settings.destinations.values()), default=5.0)


class Housekeeping(OnGateway):
    """What time does to a site, every ten minutes; runs beside *receive*, which hears of dead uploads."""

    name = "sweep"
    SECONDS = 600.0

    def __init__(
        self, gw: Gateway, discards: Sequence[Callable[[], Sequence[housekeeping.Discard]]], purge: Callable[[datetime], int]
    ) -> None:
        super().__init__(gw)
        self._discards = discards
        self._untold: list[housekeeping.Discard] = []
        self._purge = purge
        self._next = 0.0

    def step(self) -> bool:
        for discarded in self._discards:
            self._untold += discarded()  # given once: kept here until it is owed, for the store may refuse
        housekeeping.owe_notices(self.gw, self._untold)
        if self.gw.clock.monotonic() >= self._next:
            self._next = self.gw.clock.monotonic() + self.SECONDS
            housekeeping.sweep(self.gw, self._purge)
        return False

    def idle(self) -> bool:
        return True

    def reload(self, configuration: Configuration) -> bool:
        """In place: built anew it would take the counter beside it along, and every open session."""
        self.gw = replace(self.gw, settings=configuration.settings, partners=configuration.partners)
        return True

    def pause(self) -> float:
        """Short: it runs beside another loop, whose stop waits for it."""
        return 1.0
