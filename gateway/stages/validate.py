"""One flow under validation: documents out to the children in batches, verdicts back in order, chunk by chunk into the store.

It neither chooses whose turn it is (loops do) nor judges (children do).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from gateway import acknowledgement, envelope, gate, interfaces
from gateway.catalogue import finding
from gateway.lifecycle import Event
from gateway.model import Box, Document, Finding, Flow, Invoice, InvoiceRow, JudgedInvoice, Judgement, Outcome, Syntax, is_fatal, maker
from gateway.stages.desk import Gateway
from gateway.stages.facts import Facts
from gateway.stages.open import examine

CHUNK = 500
"""Verdicts a transaction: keeps the store's write lock short (reliability.md 2.6)."""


NOTHING_READ = JudgedInvoice(Invoice())
"""Stands for the invoice of a document in which none could be read."""

_make_row = maker(InvoiceRow)


class FlowUnderValidation:
    """The progress of one flow. After a crash it goes on where the committed verdicts end."""

    def __init__(self, gw: Gateway, flow: Flow, opening: gate.Opening | None = None) -> None:
        self.gw = gw
        self.flow = flow
        self.opening = opening or examine(gw, flow)
        self.facts = Facts(gw, flow)
        self.done, self.position = gw.store.validated_documents(flow)
        self._resumed = self.done > 0
        self._open = ExitStack()
        stream = self._open.enter_context(gw.spool.open(flow.sha256))
        self._segments = self._open.enter_context(gw.spool.segments(flow.number, flow.generation))
        self._documents = gate.documents(stream, self.opening, limits=gw.settings.limits, after=self.done)
        self._next_batch = self._next_commit = 0
        self._finished: dict[int, list[Judgement]] = {}
        self._rows: list[InvoiceRow] = []
        self._explained = 0
        self._interfaces: dict[Syntax, str] = {}
        self._read = self.done
        self._unreadable: list[Judgement] = []
        self._lines = acknowledgement.ControlLines(flow.name)
        self._told: list[bytes] | None = None if self._resumed or flow.generation > 1 else []
        self.exhausted = False

    @property
    def complete(self) -> bool:
        """All documents were read and judged."""
        return self.exhausted and self._next_commit == self._next_batch

    @property
    def left(self) -> int:
        """Documents still to be read."""
        return self.opening.documents - self._read

    def next_batch(self) -> tuple[int, list[Document]] | None:
        """The next documents for a child, None when the flow is read to its end."""
        documents = list(self._take())
        if not documents:
            self.exhausted = True
            return None
        token, self._next_batch = self._next_batch, self._next_batch + 1
        return token, documents

    def _take(self) -> Iterator[Document]:
        limits, size = self.gw.settings.validation, 0
        for count, read in enumerate(self._documents, start=1):
            size += len(read.data)
            yield self._document(read)
            if count >= limits.batch or size >= limits.batch_bytes:
                return

    def _document(self, read: gate.FlowDocument) -> Document:
        self._read = read.ordinal
        wanted = self.flow.box is Box.REAL
        name = envelope.member_name(self.flow.number, read.ordinal, read.member, has_sides=bool(read.sides)) if wanted else ""
        explain = self._explained < self.gw.settings.validation.explain_first
        return Document(read.ordinal, read.member, read.data, read.sides, name, explain, self.opening.interface)

    def accept(self, token: int, judgements: list[Judgement]) -> None:
        """Take a batch's judgements; commit what is next in order once a chunk is full or the flow is through."""
        self._finished[token] = judgements
        while self._next_commit in self._finished:
            self._take_rows(self._finished.pop(self._next_commit))
            self._next_commit += 1
            if len(self._rows) >= CHUNK:
                self._commit()
        if self.complete:
            self._commit()

    def _commit(self) -> None:
        rows, self._rows = self.facts.judge(self._rows), []
        if not rows:
            return
        self._segments.sync()
        with self.gw.store.transaction():
            rows = self.facts.write(rows)
        if self._told is not None:
            self._told.append(self._lines.written(rows))

    def report(self, flow: Flow) -> bytes | None:
        """The control report, written along with the verdicts; None where the store alone knows all of them: after a crash or a replay."""
        if self._told is None:
            return None
        head, end = self._lines.around(flow)
        return b"".join([head, *self._told, end])

    def _take_rows(self, judgements: list[Judgement]) -> None:
        """A batch's rows, its segments appended in one write."""
        segments = b"".join([judgement.segment for judgement in judgements])
        offset = self._segments.append(segments) if segments else 0
        for judgement in judgements:
            self._rows.extend(self._rows_of(judgement, offset))
            offset += len(judgement.segment)

    def _rows_of(self, judgement: Judgement, offset: int) -> Iterator[InvoiceRow]:
        findings, judged = judgement.findings, judgement.outcome is Outcome.JUDGED
        if findings:
            self._explained += any(f.rule == "XSD-001" for f in findings)
        if judged and not judgement.invoices:
            self._unreadable.append(judgement)
        held = "" if judged else judgement.detail or str(judgement.outcome)
        interface = self._interface(judgement.syntax)
        for one in judgement.invoices or (NOTHING_READ,):
            self.position += 1
            found = findings + one.findings
            accepted = judged and one is not NOTHING_READ and not (found and is_fatal(found))
            yield _make_row((
                self.flow.number, self.position, judgement.ordinal, judgement.member, judgement.sha256, judgement.syntax, interface,
                one.invoice, accepted, found, judgement.packs, self.flow.generation, offset if judgement.segment else -1,
                len(judgement.segment), judgement.segment_crc, judgement.segment_size, judgement.size, held, "", "", "",
            ))  # fmt: skip

    def _interface(self, syntax: Syntax) -> str:
        if syntax not in self._interfaces:
            default = interfaces.default_for(syntax)
            self._interfaces[syntax] = self.opening.interface or (default.code if default else "")
        return self._interfaces[syntax]

    def finish(self) -> Flow:
        """Commit what is left, then record the end: validated, or inadmissible when nothing of the flow can be read."""
        self._commit()  # here and not in `accept`: the last answer may come before the flow is known to be read to its end
        self.close()
        findings = self._fall()
        with self.gw.store.transaction():
            if findings:
                self.gw.store.drop_invoices(self.flow)
                return self._record(Event.DECLARE_INADMISSIBLE, findings=(*self.flow.findings, *findings))
            return self._record(Event.VALIDATE, interface=self.flow.interface or self._first_interface())

    def _record(self, event: Event, **changes: object) -> Flow:
        detail = {"policy": self.gw.settings.validation.policy, **self.gw.store.counts(self.flow.number)}
        return self.gw.store.record(self.flow, event, at=self.gw.now(), who="validate", detail=detail, attempts=0, **changes)

    def _first_interface(self) -> str:
        return next((row.interface for row in self.gw.store.invoices(flow=self.flow.number, limit=50) if row.interface), "")

    def _fall(self) -> tuple[Finding, ...]:
        """Row 64: alone, an unreadable document is an unreadable flow; in an archive by the partner's setting. Rows 63 and 85 as well."""
        if not self.opening.admissible:  # a limit or a partner's setting changed since it was opened
            return self.opening.findings
        announced = self.opening.announced
        if announced is not None and announced != self.position:
            return (finding("ARC-026", a=announced, b=self.position),)
        if self.opening.documents == 1 or self.gw.partner(self.flow.partner).bad_member == "flow":
            return self._first_unreadable()
        return ()

    def _first_unreadable(self) -> tuple[Finding, ...]:
        if self._unreadable or not self._resumed:
            return self._unreadable[0].findings if self._unreadable else ()
        rows = self.gw.store.invoices(flow=self.flow.number)  # told before a crash
        return next((row.findings for row in rows if row.invoice == NOTHING_READ.invoice and not row.held), ())

    def close(self) -> None:
        """Let go of files; safe to repeat."""
        self._open.close()
