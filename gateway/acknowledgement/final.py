"""The final report, "this became of your flow" (the CSO file), as a CPPStatut in its flow branch; it lists errors, not warnings.

One error line for each error, its text in full. What people can read is bounded: 50 errors of an invoice, 1,000 of a flow; past those,
every further invoice still has its first error, so that no rejected invoice goes unnamed. The complete list is the control report.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from gateway import cpp_envelope
from gateway.acknowledgement.official import official
from gateway.catalogue import entries, finding, sentence
from gateway.config import Partner, Returns
from gateway.lifecycle import State
from gateway.markup import attributes, element, optional
from gateway.model import Finding, Flow, InvoiceRow, ReportLine, Severity, is_fatal

PER_INVOICE: Final = 50
PER_FLOW: Final = 1_000

NATURES: Final = {"T": "TECHNIQUE", "F": "FONCTIONNELLE"}
"""NatureErreur of our own lines; the State's list of values is not public (chorus.md §4.3 knows the two kinds)."""

_INTERFACE: Final = re.compile(r"F([A-Z]{2}([0-9]{4})A)").fullmatch
_CHORUS_NAME: Final = re.compile(r"F[A-Z]{2}[0-9]{4}A_([A-Z0-9]{6})_(\1[A-Z0-9]{1,19})(?:\.[A-Za-z.]+)?").fullmatch


@dataclass(frozen=True, slots=True)
class FinalAnswers:
    """What became of a flow's invoices. Counts are of invoices; `integrated` are those that the State's report took.

    `rejected_rows`: those that we turned away (or hold: `row.held`), with their findings. `refused_rows`: those that the State's report
    turned away, with its lines. `findings`: of the flow as a whole. Both iterables are read once.
    """

    deposited: int = 0
    integrated: int = 0
    rejected: int = 0
    refused: int = 0
    held: int = 0
    rejected_rows: Iterable[InvoiceRow] = ()
    refused_rows: Iterable[tuple[InvoiceRow, Sequence[ReportLine]]] = ()
    findings: tuple[Finding, ...] = ()


class _Line(NamedTuple):
    nature: str
    code: str
    label: str
    description: str = ""


def final_report(
    flow: Flow, partner: Partner, answers: FinalAnswers, *, number: int, returns: Returns, produced_at: datetime,
    operator_code: str = "CPP001",
) -> tuple[str, bytes]:  # fmt: skip
    """(name, XML) of the report; schema: schemas/chorus/CPPStatut.xsd.

    `number`: from the partner's own sequence, drawn by the caller. IdFlux is the partner's own flow identifier when the deposit bore a
    Chorus name, else our flow number: what the partner can recognise.
    """
    code, digits = _report_code(flow.interface)
    identifier = cpp_envelope.flow_id(partner.application, digits, number)
    branch = _branch(flow, answers, _status(flow, answers, returns), produced_at)
    body = cpp_envelope.document(
        identifier, recipient=partner.application, sender=operator_code, produced_at=produced_at, branch=branch
    )
    return f"{code}_{partner.application}_{identifier}", body


def own_flow_id(flow: Flow) -> str:
    """The identifier that the partner gave its flow, else our number."""
    named = _CHORUS_NAME(flow.name)
    return named.group(2) if named else flow.number


def _report_code(interface: str) -> tuple[str, str]:
    """FSO1100A is answered by CSO1100A; an interface that could not be read by CSO0000A."""
    known = _INTERFACE(interface)
    return (f"C{known.group(1)}", known.group(2)) if known else ("CSO0000A", "0000")


def _status(flow: Flow, answers: FinalAnswers, returns: Returns) -> str:
    if answers.integrated <= 0 or flow.inadmissible:
        return returns.status_none
    faults = answers.rejected or answers.refused or answers.held or is_fatal(answers.findings)
    complete = not faults and flow.state is not State.ABANDONED
    return returns.status_all if complete and answers.integrated >= answers.deposited else returns.status_part


def _branch(flow: Flow, answers: FinalAnswers, status: str, produced_at: datetime) -> str:
    comment = sentence("RET-007", "fr", d=answers.deposited, i=answers.integrated, f=answers.refused, r=answers.rejected)
    data = (
        element("IdStatut", status) + optional("ComplementStatut", _complement(flow)) + element("Commentaire", comment)
        + optional("Note", flow.reason if flow.state is State.ABANDONED else "")
        + element("Horodatage", cpp_envelope.timestamp(produced_at)) + element("IdFlux", own_flow_id(flow))
    )  # fmt: skip
    unit = f'<CPPFluxStatutUnitaire NumOrdre="0001"><DonneesStatut>{data}{_details(_lines(flow, answers))}</DonneesStatut>'
    return f'<CPPFluxStatuts compteur="1">{unit}</CPPFluxStatutUnitaire></CPPFluxStatuts>'


def _complement(flow: Flow) -> str:
    if flow.state is State.ABANDONED:
        return sentence("RET-006", "fr")
    return sentence("RET-005", "fr") if flow.inadmissible else ""


def _details(lines: Sequence[_Line]) -> str:
    if not lines:
        return ""
    written = "\n".join(_written(order, line) for order, line in enumerate(lines, 1))
    return f"<Details{attributes(NbLignesErreur=len(lines))}>\n{written}\n</Details>"


def _written(order: int, line: _Line) -> str:
    fields = element("NatureErreur", line.nature) + element("CodeErreur", line.code) + element("LibelleErreur", line.label)
    return f"<LigneErreurDetail{attributes(IdLigne=order)}>{fields}{optional('DescriptionErreur', line.description)}</LigneErreurDetail>"


def _lines(flow: Flow, answers: FinalAnswers) -> list[_Line]:
    lines: list[_Line] = []
    own = [_of_finding(f, f.location) for f in answers.findings if f.severity is Severity.FATAL]
    if flow.state is State.ABANDONED:
        own.insert(0, _of_finding(finding("RET-002", motif=flow.reason), ""))
    _add(lines, own, PER_FLOW)
    for row in answers.rejected_rows:
        _add(lines, _rejected(flow, row), PER_INVOICE)
    for row, refusals in answers.refused_rows:
        _add(lines, _refused(flow, row, refusals), PER_INVOICE)
    return lines


def _add(lines: list[_Line], errors: Sequence[_Line], most: int) -> None:
    shown = max(1, min(most, PER_FLOW - len(lines)))
    lines.extend(errors[:shown])
    others = len(errors) - shown
    if others > 0:
        lines.append(errors[0]._replace(code=entries()["SCH-003"].cso, label=sentence("SCH-003", "fr", n=others)))


def _rejected(flow: Flow, row: InvoiceRow) -> list[_Line]:
    errors = [f for f in row.findings if f.severity is Severity.FATAL]
    if row.held:
        errors.insert(0, finding("RET-001"))
    if not errors:
        errors = [finding("RET-003", flux=flow.number, g=flow.generation)]
    return [_of_finding(f, _description(flow, row, f)) for f in errors]


def _refused(flow: Flow, row: InvoiceRow, refusals: Sequence[ReportLine]) -> list[_Line]:
    subject = _subject(flow, row)
    if not refusals:
        return [_of_finding(finding("RET-009"), subject)]
    return [_Line(r.nature, r.code, r.label, _naming(row.invoice.number, subject, r)) for r in refusals]


def _naming(number: str, subject: str, line: ReportLine) -> str:
    """The State's own description; what it does not name, our own facts name before it."""
    if number and number in line.description:
        return line.description
    return f"{subject};{line.description}" if line.description else subject


def _of_finding(found: Finding, description: str) -> _Line:
    codes = official(found)
    return _Line(NATURES[codes.nature], codes.error, found.message_fr, description)


def _description(flow: Flow, row: InvoiceRow, found: Finding) -> str:
    """Facts as `key=value`, joined by `;`: the form in which Chorus's own lists name invoices, and which our reader takes."""
    facts = (("regle", f"{found.pack}:{found.rule}"), ("emplacement", found.location), ("ligne", found.line))
    return ";".join([_subject(flow, row), *(f"{key}={value}" for key, value in facts if value)])


def _subject(flow: Flow, row: InvoiceRow) -> str:
    invoice = row.invoice
    facts = (
        ("numeroDP", invoice.number), ("identifiantFournisseur", invoice.supplier.id), ("identifiantDestinataire", invoice.recipient),
        ("position", row.position), ("fichier", row.member or flow.name),
    )  # fmt: skip
    return ";".join(f"{key}={value}" for key, value in facts)
