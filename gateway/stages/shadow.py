"""What a pack would refuse of what we accepted: accepted documents of the past, read again from the spool; it changes nothing.

Documents are judged by the validation children, as at their deposit; flows of the test box are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from gateway import gate
from gateway.model import Box, Document, Finding, Flow, InvoiceRow, Judgement, Outcome, Severity, Syntax
from gateway.ports import Validator
from gateway.stages.desk import Gateway
from gateway.stages.open import examine


@dataclass(frozen=True, slots=True)
class Accepted:
    """One document of which at least one invoice was accepted, with its rows."""

    flow: Flow
    rows: tuple[InvoiceRow, ...]
    document: Document


@dataclass(frozen=True, slots=True)
class Refusal:
    """An accepted invoice that the pack would refuse, and why."""

    row: InvoiceRow
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """One batch: how many accepted invoices the pack judged, those it would refuse, and how many it could not judge.

    An invoice in a syntax that the pack does not know is none of these.
    """

    judged: int
    refusals: tuple[Refusal, ...]
    failed: int


def trials(gw: Gateway, validator: Validator, since: datetime, syntaxes: Collection[Syntax] = tuple(Syntax)) -> Iterator[Trial]:
    """Batch by batch, what the pack that the validator asks makes of everything accepted since then in these syntaxes."""
    found = accepted(gw, since, syntaxes)
    while batch := list(islice(found, gw.settings.validation.batch)):
        yield _tried(list(zip(batch, _judged(validator, [one.document for one in batch]), strict=True)))


def _tried(told: list[tuple[Accepted, Judgement]]) -> Trial:
    failed = sum(len(one.rows) for one, judgement in told if judgement.outcome is not Outcome.JUDGED)
    asked = [(one, judgement) for one, judgement in told if judgement.outcome is Outcome.JUDGED and judgement.packs]
    refused = [Refusal(row, why) for one, judgement in asked if (why := _fatal(judgement)) for row in one.rows]
    return Trial(sum(len(one.rows) for one, _ in asked), tuple(refused), failed)


def _judged(validator: Validator, documents: list[Document]) -> list[Judgement]:
    validator.submit("shadow", documents)
    judgements: list[Judgement] = []
    while validator.pending():
        judgements += [judgement for _, answered in validator.results(60.0) for judgement in answered]
    return judgements


def _fatal(judgement: Judgement) -> tuple[Finding, ...]:
    return tuple(found for found in judgement.findings if found.severity is Severity.FATAL)


def accepted(gw: Gateway, since: datetime, syntaxes: Collection[Syntax]) -> Iterator[Accepted]:
    """Accepted documents of flows received since then, oldest first."""
    for flow in gw.store.flows(since=since):
        if flow.box is Box.REAL:
            yield from _of_flow(gw, flow, syntaxes)


def _of_flow(gw: Gateway, flow: Flow, syntaxes: Collection[Syntax]) -> Iterator[Accepted]:
    rows: dict[int, list[InvoiceRow]] = {}
    for row in gw.store.invoices(flow=flow.number):
        if row.accepted and row.syntax in syntaxes:
            rows.setdefault(row.document, []).append(row)
    if not rows:
        return
    with gw.spool.open(flow.sha256) as stream:
        for read in gate.documents(stream, examine(gw, flow), limits=gw.settings.limits):
            if read.ordinal in rows:
                yield Accepted(flow, tuple(rows[read.ordinal]), Document(read.ordinal, read.member, read.data))
