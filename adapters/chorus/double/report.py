"""What the double answers, as bytes: CPPStatut in its flow and its invoice branch (chorus.md §1.3, §4.1, §5.1); it decides nothing.

Limits: no CSO schema is public; the flow branch stands for it, as chorus.md §4.1 takes to be likely.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lxml import etree

from adapters.chorus.double.judgement import NOBODY, Answer, Refusal
from adapters.chorus.double.reading import FlowName, Seen
from adapters.chorus.double.schedule import LABELS, Due

STATE, VERSION = "CPP001", "1.19"


def report_name(flow: FlowName, sequence: int) -> str:
    """CSOnnnnA: the answer to FSOnnnnA."""
    return f"CSO{flow.number}A_{flow.application}_{flow.application}{flow.number}{sequence:015d}"


def status_name(flow: FlowName, sequence: int) -> str:
    """FEN1200A: life-cycle statuses."""
    return f"FEN1200A_{flow.application}_{flow.application}1200{sequence:015d}"


def integration_report(name: str, flow: FlowName, answer: Answer, at: datetime) -> bytes:
    """One flow's answer, an error line for each refusal."""
    root = _envelope(name, flow.application, at)
    unit = _unit(root, "CPPFluxStatuts", "CPPFluxStatutUnitaire")
    data = _add(unit, "DonneesStatut")
    _add(data, "IdStatut", answer.status)
    _add(data, "Horodatage", _time(at))
    _add(data, "IdFlux", flow.flow_id)
    if answer.refusals:
        details = _add(data, "Details", NbLignesErreur=str(len(answer.refusals)))
        for line, refusal in enumerate(answer.refusals, 1):
            _error(details, line, refusal)
    return _bytes(root)


def status_report(name: str, flow: FlowName, due: Due) -> bytes:
    """One status of several invoices."""
    root = _envelope(name, flow.application, due.at)
    for order, seen in enumerate(due.invoices, 1):
        unit = _unit(root, "CPPFactureStatuts", "CPPFactureStatutUnitaire", order)
        _parties(unit, seen)
        data = _add(unit, "DonneesStatut")
        _add(data, "IdStatut", due.code)
        _add(data, "ComplementStatut", LABELS[due.code])
        _add(data, "Horodatage", _time(due.at))
        _add(data, "IdFacture", seen.number)
        if seen.date:
            _add(data, "DateFacture", seen.date)
    return _bytes(root)


def _envelope(name: str, application: str, at: datetime) -> Any:
    root = etree.Element("CPPStatut", Version=VERSION)
    unit = _add(_add(root, "Enveloppe"), "EnveloppeUnitaire", NumOrdre="1")
    parameters = _add(unit, "Parametres")
    for order, (code, value) in enumerate((("DtPrd", _time(at)), ("IdFlx", name.rsplit("_", 1)[1])), 1):
        parameter = _add(parameters, "ParametreIndiv", NumOrdre=f"{order:04d}")
        _add(parameter, "Code", code)
        _add(parameter, "Valeurparametre", value)
    partners = _add(unit, "Partenaires")
    for role, identifier in (("Recepteur", application), ("Emetteur", STATE)):
        _add(_add(partners, role), "Id", identifier)
    return root


def _unit(root: Any, group: str, unit: str, order: int = 1) -> Any:
    found = root.find(group)
    parent = _add(root, group) if found is None else found
    parent.set("compteur", str(order))
    return _add(parent, unit, NumOrdre=str(order))


def _error(details: Any, line: int, refusal: Refusal) -> None:
    detail = _add(details, "LigneErreurDetail", IdLigne=str(line))
    _add(detail, "NatureErreur", refusal.nature)
    _add(detail, "CodeErreur", refusal.code)
    _add(detail, "LibelleErreur", refusal.label)
    if refusal.description:
        _add(detail, "DescriptionErreur", refusal.description)


def _parties(unit: Any, seen: Seen) -> None:
    supplier = _add(unit, "Fournisseur")
    _add(supplier, "TypeIdentifiant", seen.supplier_type)
    _add(supplier, "Identifiant", seen.supplier)
    _add(supplier, "RaisonSociale", seen.supplier_name or seen.supplier)
    if len(seen.country) == 2:
        _add(supplier, "CodePays", seen.country)
    debtor = _add(unit, "Debiteur")
    _add(debtor, "TypeIdentifiant", "1")
    _add(debtor, "Identifiant", seen.recipient if len(seen.recipient) == 14 else NOBODY)
    for tag, value in (("Nom", seen.recipient_name), ("CodeService", seen.service)):
        if value:
            _add(debtor, tag, value)


def _add(parent: Any, tag: str, text: str = "", **attributes: str) -> Any:
    child = etree.SubElement(parent, tag, attributes)
    # what came from unreadable bytes may hold characters that XML cannot
    child.text = "".join(c if c >= " " and not "\ufffe" <= c <= "\uffff" and not "\ud800" <= c <= "\udfff" else " " for c in text) or None
    return child


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _bytes(root: Any) -> bytes:
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True))
