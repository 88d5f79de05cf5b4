"""The document's type: invoice (380) or credit note (381). It does not compare it with the root element.

Source: Chorus Pro takes these two only (CPPFacturePivot schemas). The code list of EN 16931 is wider: its other codes are turned away here.
"""

from __future__ import annotations

from datetime import date

from gateway import catalogue
from gateway.config import Limits, Rules
from gateway.model import Finding, Invoice
from gateway.rules.severity import sure, unsure

TYPES = frozenset({"380", "381"})


def check(invoice: Invoice, rules: Rules, _limits: Limits, _today: date) -> list[Finding]:
    """A finding on BT-3 when the type is another one, or absent (which only may be refused)."""
    if invoice.type in TYPES:
        return []
    severity = sure(rules.type) if invoice.type else unsure(rules.type, rules)
    if severity is None:
        return []
    return [catalogue.finding("DOC-001" if invoice.type else "DOC-002", severity=severity, pack="CPRO", terms=("BT-3",), type=invoice.type)]
