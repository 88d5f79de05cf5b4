"""The rules that need facts, applied to a chunk of verdicts in the parent: directory, mandate, duplicates; it owns no rule's text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway.catalogue import finding
from gateway.model import Box, Finding, Flow, InvoiceRow, Recipient, Severity, Syntax, is_fatal
from gateway.rules import directory, duplicate, mandate
from gateway.stages.desk import Gateway

_SEVERITY = {"warn": Severity.WARNING, "reject": Severity.FATAL}


class Facts:
    """What one chunk of one flow is compared with. Directory answers are kept for the chunk's flow only."""

    def __init__(self, gw: Gateway, flow: Flow) -> None:
        self.gw = gw
        self.flow = flow
        self.rules = gw.settings.rules
        self.partner = gw.partner(flow.partner)
        self.imported_at = gw.store.directory_age()
        self._recipients: dict[str, Recipient | None] = {}

    def judge(self, rows: list[InvoiceRow]) -> list[InvoiceRow]:
        """Rows with directory and mandate findings added; nothing is written."""
        if (self.rules.directory == "off" or self.imported_at is None) and self.rules.mandate == "off":
            return rows
        return fall_together([with_findings(row, self._of(row)) for row in rows])

    def _of(self, row: InvoiceRow) -> list[Finding]:
        if not row.accepted:
            return []
        found = list(mandate.check(row.invoice, self.partner, self.rules))
        if self.rules.directory != "off" and self.imported_at is not None:
            siret = row.invoice.recipient
            if siret not in self._recipients:
                self._recipients[siret] = self.gw.store.recipient(siret)
            recipient = self._recipients[siret]
            now = self.gw.now()
            found += directory.check(row.invoice, recipient, imported_at=self.imported_at, now=now, rules=self.rules)
        return found

    def write(self, rows: list[InvoiceRow]) -> list[InvoiceRow]:
        """Write a chunk and settle its duplicates; inside a transaction. The rows as they stand now."""
        store, scheme = self.gw.store, self.duplicate_key
        reserve = self.flow.box is Box.REAL and self.rules.duplicate != "off"
        taken = store.put_invoices(self.flow, rows, duplicate_key=scheme, reserve=reserve)
        found = {row.position: [self._duplicate(row)] for row in taken}
        if reserve and self.rules.look_alike != "off":
            alike = store.look_alikes(self.flow, rows)
            found |= {row.position: [duplicate.look_alike(row.invoice, alike[row.position])] for row in rows if row.position in alike}
        if not found:
            return rows
        changed = fall_together([with_findings(row, found.get(row.position, ())) for row in rows])
        store.update_verdicts([new for old, new in zip(rows, changed, strict=True) if new is not old])
        return changed

    @property
    def duplicate_key(self) -> str:
        """The key of the policy in force (contract.md; the full identifier under chorus, SIREN under reform)."""
        return "siren" if self.gw.settings.validation.policy == "reform" else "identifier"

    def _duplicate(self, row: InvoiceRow) -> Finding:
        holder = self.gw.store.key_holder(self.flow, row, duplicate_key=self.duplicate_key)
        severity = _SEVERITY[self.rules.duplicate]
        if holder is None:
            return duplicate.known(row.invoice, None, same_partner=False, severity=severity)
        flow, position = holder
        if flow.number == self.flow.number:
            return duplicate.in_flow(row.invoice, position, severity=severity)
        return duplicate.known(row.invoice, flow, same_partner=flow.partner == self.flow.partner, severity=severity)


def with_findings(row: InvoiceRow, findings: Iterable[Finding]) -> InvoiceRow:
    """The row with more findings; a fatal one turns it away."""
    found = tuple(findings)
    if not found:
        return row
    return replace(row, findings=(*row.findings, *found), accepted=row.accepted and not is_fatal(found))


def fall_together(rows: list[InvoiceRow]) -> list[InvoiceRow]:
    """A CPPFactureMixte file with one bad invoice falls whole (it cannot be cut without changing what was signed and sent)."""
    bad = {row.document: row for row in rows if row.syntax is Syntax.CPP_MIXTE and not row.accepted and not row.held}
    if not bad:
        return rows
    return [
        with_findings(row, [finding("BUS-011", n=bad[row.document].invoice.number)]) if row.accepted and row.document in bad else row
        for row in rows
    ]
