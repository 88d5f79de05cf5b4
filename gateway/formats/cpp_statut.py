"""CPPStatut, what the State tells us: a tree → integration reports and invoice statuses; it neither parses bytes nor judges a status.

The branch decides what an entry is, never its code: a flow's 92 must not be taken for an invoice status (chorus.md §4.1). An entry that
does not say which flow or invoice it means, or whose IdStatut is not of its branch, is left out and told as a finding; the others are read.

Limits: the form in which an error line names its invoice is not public; a pattern of the destination's settings finds number and supplier.
A missing or odd time is kept as written: the store and `statuses` know what to do with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from gateway.catalogue import finding
from gateway.errors import ConfigError
from gateway.model import Finding, IntegrationReport, Party, ReportLine, StatusNews
from gateway.parsing import line_of
from gateway.statuses import CODES

FLOW_CODES: Final = frozenset({"90", "91", "92", "93", "94", "95", "96"})


@dataclass(frozen=True, slots=True)
class Answer:
    """One document of the State. `flow_id`: its own identifier (IdFlx); `recipient`: the application code it was written for."""

    flow_id: str = ""
    recipient: str = ""
    reports: list[IntegrationReport] = field(default_factory=list)
    news: list[StatusNews] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def read(root: etree._Element, *, number_pattern: str) -> tuple[list[IntegrationReport], list[StatusNews]]:
    """What the document says of flows and of invoices, in its order; two empty lists when it says nothing that can be used."""
    answer = read_answer(root, number_pattern=number_pattern)
    return answer.reports, answer.news


def read_answer(root: etree._Element, *, number_pattern: str, name: str = "") -> Answer:
    """The same with the envelope and with what is wrong: CHO-011 for what cannot be used, CHO-013 for a count that does not hold.

    `number_pattern`: a regular expression with the groups `number` and, if it can, `supplier` (config.Destination); `ConfigError` when it
    is none. `name`: the file's, for the findings.
    """
    pattern = _compiled(number_pattern)
    if root.tag != "CPPStatut":
        return Answer(findings=[_unusable(root, name)])
    answer = Answer(flow_id=_parameter(root, "IdFlx"), recipient=_text(root, "Enveloppe/EnveloppeUnitaire/Partenaires/Recepteur/Id"))
    for unit in _units(root, "CPPFluxStatuts", "CPPFluxStatutUnitaire", answer, name):
        report = _report(unit, pattern, answer, name)
        answer.findings.append(_unusable(unit, name)) if report is None else answer.reports.append(report)
    for unit in _units(root, "CPPFactureStatuts", "CPPFactureStatutUnitaire", answer, name):
        news = _news(unit)
        answer.findings.append(_unusable(unit, name)) if news is None else answer.news.append(news)
    if not (answer.reports or answer.news or answer.findings):
        answer.findings.append(_unusable(root, name))
    return answer


def _compiled(number_pattern: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(number_pattern)
    except re.error as wrong:
        raise ConfigError(f"number_pattern: {wrong}; a Python regular expression is expected") from wrong
    if "number" not in pattern.groupindex:
        raise ConfigError("number_pattern: no group (?P<number>…); it must say where the invoice's number stands")
    return pattern


def _units(root: etree._Element, group: str, unit: str, answer: Answer, name: str) -> Iterator[etree._Element]:
    for parent in root.findall(group):
        units = parent.findall(unit)
        _count(parent, "compteur", len(units), answer, name)
        yield from units


def _count(parent: etree._Element, attribute: str, found: int, answer: Answer, name: str) -> None:
    announced = (parent.get(attribute) or "").strip()
    if announced.isdecimal() and announced.lstrip("0") != str(found).lstrip("0"):
        tag = str(parent.tag)
        answer.findings.append(finding("CHO-013", nom=name, élément=tag, n=announced, m=found, line=line_of(parent), location=tag))


def _report(unit: etree._Element, pattern: re.Pattern[str], answer: Answer, name: str) -> IntegrationReport | None:
    data = unit.find("DonneesStatut")
    if data is None:
        return None
    status, flow_id = _text(data, "IdStatut"), _text(data, "IdFlux")
    if status not in FLOW_CODES or not flow_id:
        return None
    for details in data.findall("Details"):
        _count(details, "NbLignesErreur", len(details.findall("LigneErreurDetail")), answer, name)
    lines = tuple(_line(line, pattern) for line in data.findall("Details/LigneErreurDetail"))
    return IntegrationReport(flow_id, status, _text(data, "Horodatage"), lines, _comment(data))


def _comment(data: etree._Element) -> str:
    parts = (_text(data, tag) for tag in ("ComplementStatut", "Commentaire", "Note"))
    return " – ".join(filter(None, parts))


def _line(line: etree._Element, pattern: re.Pattern[str]) -> ReportLine:
    label, description = _text(line, "LibelleErreur"), _text(line, "DescriptionErreur")
    found = pattern.search(description) or pattern.search(label)
    named = {key: (value or "").strip() for key, value in found.groupdict().items()} if found else {}
    return ReportLine(
        _text(line, "NatureErreur"), _text(line, "CodeErreur"), label, description, named.get("number", ""), named.get("supplier", "")
    )


def _news(unit: etree._Element) -> StatusNews | None:
    code, number = _text(unit, "DonneesStatut/IdStatut"), _text(unit, "DonneesStatut/IdFacture")
    supplier = Party(
        type=_text(unit, "Fournisseur/TypeIdentifiant"), id=_text(unit, "Fournisseur/Identifiant"),
        name=_text(unit, "Fournisseur/RaisonSociale"), country=_text(unit, "Fournisseur/CodePays"),
    )  # fmt: skip
    if code not in CODES or not number or not supplier.id:
        return None
    return StatusNews(
        code=code, at=_text(unit, "DonneesStatut/Horodatage"), number=number, supplier=supplier,
        recipient=_text(unit, "Debiteur/Identifiant"), service=_text(unit, "Debiteur/CodeService"),
        complement=_text(unit, "DonneesStatut/ComplementStatut"), comment=_text(unit, "DonneesStatut/Commentaire"),
    )  # fmt: skip


def _parameter(root: etree._Element, code: str) -> str:
    for parameter in root.iterfind("Enveloppe/EnveloppeUnitaire/Parametres/ParametreIndiv"):
        if _text(parameter, "Code") == code:
            return _text(parameter, "Valeurparametre")
    return ""


def _text(parent: etree._Element, path: str) -> str:
    """Stripped text of the first such element, "" when there is none; comments inside it do not cut it."""
    found = parent.find(path)
    if found is None:
        return ""
    return (str(found.xpath("string()")) if len(found) else found.text or "").strip()


def _unusable(element: etree._Element, name: str) -> Finding:
    tag = str(element.tag)
    order = element.get("NumOrdre")
    return finding("CHO-011", nom=name, line=line_of(element), location=f"{tag}[@NumOrdre={order!r}]" if order else tag)
