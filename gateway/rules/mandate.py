"""Whether a partner may deposit for a supplier; the partner's list is the only proof it knows.

Source: reliability catalogue row 94. A partner without a list was never asked for one: nothing is checked.
"""

from __future__ import annotations

from gateway import catalogue
from gateway.config import Partner, Rules
from gateway.model import Finding, Invoice
from gateway.rules.duplicate import siren_of
from gateway.rules.severity import sure


def check(invoice: Invoice, partner: Partner, rules: Rules) -> list[Finding]:
    """SEC-012 when neither the supplier's identifier nor its SIREN is in the partner's list."""
    severity = sure(rules.mandate)
    if severity is None or not partner.suppliers or _covered(invoice, partner.suppliers):
        return []
    return [catalogue.finding("SEC-012", severity=severity, pack="FACTS", terms=("BT-29",), siren=invoice.supplier.id)]


def _covered(invoice: Invoice, suppliers: tuple[str, ...]) -> bool:
    return invoice.supplier.id in suppliers or siren_of(invoice.supplier) in suppliers
