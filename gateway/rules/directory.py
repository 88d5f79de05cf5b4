"""Recipient, service and engagement against the recipients' directory; the caller looks the recipient up and brings the clock.

Source: Chorus Pro recipient settings (chorus directory: service, engagement, per service too); reliability catalogue rows 92 and 93.
A directory that was not imported says nothing; one that is too old only warns, for the fault may be ours.

Limits: the setting "service or engagement" is not distinguished: import such a recipient with neither required.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from gateway import catalogue
from gateway.config import Rules
from gateway.model import Finding, Invoice, Recipient, RecipientService, Severity
from gateway.rules.identifiers import STATE
from gateway.rules.severity import sure


def check(
    invoice: Invoice, recipient: Recipient | None, *, imported_at: datetime | None, now: datetime, rules: Rules
) -> list[Finding]:
    """Findings on BT-46 (RTE-010), BT-10 (RTE-011, RTE-013) and BT-13 (RTE-012); [] when the check is off or nothing was imported."""
    severity = sure(rules.directory)
    if severity is None or imported_at is None:
        return []
    found = _findings(invoice, recipient, severity)
    days = (now - imported_at).days
    if days <= rules.directory_stale_days:
        return found
    stale = catalogue.finding("RTE-014", severity=Severity.WARNING, pack="FACTS", terms=("BT-46",), n=days, max=rules.directory_stale_days)
    return [stale, *(replace(f, severity=Severity.WARNING) for f in found)]


def _findings(invoice: Invoice, recipient: Recipient | None, severity: Severity) -> list[Finding]:
    if invoice.recipient in STATE:
        return _state(invoice, recipient, severity)
    if recipient is None or not recipient.active:
        return [_finding("RTE-010", invoice, severity, "BT-46")]
    return _requirements(invoice, recipient, severity)


def _state(invoice: Invoice, recipient: Recipient | None, severity: Severity) -> list[Finding]:
    """The State's departments share a SIRET: the service code routes, so it is required, and known when the State's line lists any."""
    if not invoice.service:
        return [_finding("RTE-011", invoice, severity, "BT-10")]
    return [] if recipient is None or not recipient.services else _requirements(invoice, recipient, severity)


def _requirements(invoice: Invoice, recipient: Recipient, severity: Severity) -> list[Finding]:
    service = _service(invoice.service, recipient)
    found = []
    if recipient.service_required and not invoice.service:
        found.append(_finding("RTE-011", invoice, severity, "BT-10"))
    if invoice.service and recipient.services and (service is None or not service.active):
        found.append(_finding("RTE-013", invoice, severity, "BT-10"))
    if not invoice.engagement and (recipient.engagement_required or (service is not None and service.engagement_required)):
        found.append(_finding("RTE-012", invoice, severity, "BT-13"))
    return found


def _service(code: str, recipient: Recipient) -> RecipientService | None:
    return next((service for service in recipient.services if service.code == code), None)


def _finding(code: str, invoice: Invoice, severity: Severity, term: str) -> Finding:
    return catalogue.finding(code, severity=severity, pack="FACTS", terms=(term,), siret=invoice.recipient, service=invoice.service)
