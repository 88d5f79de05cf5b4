"""The billing framework (cadre de facturation): known, and nothing asked for where already paid. Absent is never a fault.

Source: Chorus Pro list A1 to A25; absent in official Factur-X samples, so a default exists and nothing is turned away for it.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation

from gateway import catalogue
from gateway.config import Limits, Rules
from gateway.model import Finding, Invoice
from gateway.rules.severity import sure

FRAMEWORKS = frozenset(f"A{n}" for n in range(1, 26))
ALREADY_PAID = "A2"


def check(invoice: Invoice, rules: Rules, _limits: Limits, _today: date) -> list[Finding]:
    """Findings on BT-23: an unknown code, or A2 with something left to pay."""
    severity = sure(rules.framework)
    if severity is None or not invoice.framework:
        return []
    if invoice.framework not in FRAMEWORKS:
        return [catalogue.finding("CAD-001", severity=severity, pack="CPRO", terms=("BT-23",), cadre=invoice.framework)]
    if invoice.framework == ALREADY_PAID and not _nothing_to_pay(invoice.payable):
        return [catalogue.finding("CAD-002", severity=severity, pack="CPRO", terms=("BT-23", "BT-115"), montant=invoice.payable)]
    return []


def _nothing_to_pay(payable: str) -> bool:
    try:
        return not payable or Decimal(payable) == 0
    except InvalidOperation:
        return True  # the amount itself has a finding of its own, see totals
