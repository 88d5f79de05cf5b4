"""The invoice's number and the references it carries: length and characters. It does not say whether the number was used before.

Source: Chorus Pro, number ≤ 20 characters, order and contract ≤ 50, service ≤ 100 (CPPFacturePivot schemas); allowed characters are
only likely (CPRO:G1.05, second-hand). Characters that deceive the eye are ours: two numbers that look the same must be the same.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from gateway import catalogue
from gateway.config import Limits, Rules
from gateway.model import Finding, Invoice, Severity
from gateway.rules.characters import deceptive
from gateway.rules.severity import sure, unsure

NUMBER_LENGTH = 20
REFERENCE_LENGTH = 50
SERVICE_LENGTH = 100

_ALLOWED = re.compile(r"[0-9A-Za-z \-+_/;]*")


def check(invoice: Invoice, rules: Rules, _limits: Limits, _today: date) -> list[Finding]:
    """Findings on BT-1 and on BT-10, BT-12, BT-13, BT-25."""
    severity = sure(rules.number)
    if severity is None:
        return []
    return _number(invoice.number, severity, rules) + _references(invoice, severity)


def _number(number: str, severity: Severity, rules: Rules) -> list[Finding]:
    if not number:
        return [catalogue.finding("NUM-001", severity=severity, pack="CPRO", terms=("BT-1",))]
    found = []
    if len(number) > NUMBER_LENGTH:
        fields: dict[str, Any] = {"n": len(number), "max": NUMBER_LENGTH, "numéro": number}
        found.append(catalogue.finding("NUM-002", severity=severity, pack="CPRO", terms=("BT-1",), **fields))
    if not _ALLOWED.fullmatch(number):
        found += _characters(number, severity, unsure(rules.number, rules))
    return found


def _characters(number: str, certain: Severity, likely: Severity | None) -> list[Finding]:
    odd = deceptive(number)
    if odd:
        return [catalogue.finding("BUS-008", severity=certain, pack="CPRO", terms=("BT-1",), hex=f"{ord(odd):04X}", champ="BT-1")]
    if likely is None:
        return []
    return [catalogue.finding("NUM-003", severity=likely, pack="CPRO", terms=("BT-1",), numéro=number)]


def _references(invoice: Invoice, severity: Severity) -> list[Finding]:
    if not (invoice.preceding or len(invoice.engagement) > REFERENCE_LENGTH or len(invoice.market) > REFERENCE_LENGTH
            or len(invoice.service) > SERVICE_LENGTH):  # fmt: skip
        return []
    lengths = (
        ("BT-10", invoice.service, SERVICE_LENGTH),
        ("BT-12", invoice.market, REFERENCE_LENGTH),
        ("BT-13", invoice.engagement, REFERENCE_LENGTH),
        *(("BT-25", number, NUMBER_LENGTH) for number in invoice.preceding),
    )
    return [
        catalogue.finding("NUM-004", severity=severity, pack="CPRO", terms=(term,), terme=term, n=len(value), max=most)
        for term, value, most in lengths
        if len(value) > most
    ]
