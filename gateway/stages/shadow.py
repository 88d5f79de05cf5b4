"""What a pack would refuse of what we accepted: accepted documents of the past, read again from the spool; it changes nothing.

Documents are judged by the validation children, as at their deposit; flows of the test box are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from gateway import gate
from gateway.model import Box, Document, Finding, Flow, InvoiceRow, Judgement, Severity
from gateway.ports import Validator
from gateway.stages.desk import Gateway
from gateway.stages.open import examine

PAGE = 100


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


def refusals(gw: Gateway, validator: Validator, since: datetime) -> Iterator[tuple[int, list[Refusal]]]:
    """Batch by batch: how many accepted invoices were judged, and which of them would be refused."""
    found = accepted(gw, since)
    while batch := [one for one, _ in zip(found, range(gw.settings.validation.batch), strict=False)]:
        fatal = [_fatal(judgement) for judgement in _judged(validator, [one.document for one in batch])]
        told = zip(batch, fatal, strict=True)
        yield sum(len(one.rows) for one in batch), [Refusal(row, why) for one, why in told if why for row in one.rows]


def _judged(validator: Validator, documents: list[Document]) -> list[Judgement]:
    validator.submit("shadow", documents)
    judgements: list[Judgement] = []
    while validator.pending():
        judgements += [judgement for _, answered in validator.results(60.0) for judgement in answered]
    return judgements


def _fatal(judgement: Judgement) -> tuple[Finding, ...]:
    return tuple(found for found in judgement.findings if found.severity is Severity.FATAL)


def accepted(gw: Gateway, since: datetime) -> Iterator[Accepted]:
    """Accepted documents of flows received since then, oldest first."""
    for flow in gw.store.flows(since=since):
        if flow.box is Box.REAL:
            yield from _of_flow(gw, flow)


def _of_flow(gw: Gateway, flow: Flow) -> Iterator[Accepted]:
    rows: dict[int, list[InvoiceRow]] = {}
    for row in gw.store.invoices(flow=flow.number):
        if row.accepted:
            rows.setdefault(row.document, []).append(row)
    if not rows:
        return
    with gw.spool.open(flow.sha256) as stream:
        for read in gate.documents(stream, examine(gw, flow), limits=gw.settings.limits):
            if read.ordinal in rows:
                yield Accepted(flow, tuple(rows[read.ordinal]), Document(read.ordinal, read.member, read.data))
