"""The same invoice twice: its key and what is said about it. Who holds a key is a fact that the caller brings.

Source: supplier, number and year (Chorus Pro, second-hand; PPF:G1.45 with the SIREN); reliability catalogue rows 86 to 89. Policy `chorus`
takes the supplier's full identifier with its type, policy `reform` the SIREN. Numbers keep their case; they are compared composed (NFC)
and trimmed.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, NamedTuple

from gateway import catalogue
from gateway.model import Finding, Flow, Invoice, Party, Severity

IDENTIFIER = "identifier"
SIREN = "siren"

_SEPARATORS = re.compile(r"[^0-9A-Z]+")
_LEADING_ZEROS = re.compile(r"^0+(?=[0-9])")
_DIGITS_OR_LETTERS = re.compile(r"[0-9]+|[^0-9]+")
_TERMS = ("BT-1", "BT-2", "BT-29")


class Key(NamedTuple):
    """What an invoice may be accepted for once."""

    supplier: str
    number: str
    year: str


def key(invoice: Invoice, scheme: str) -> Key:
    """The invoice's key; `scheme` is "identifier" (type:identifier) or "siren". Parts that the invoice does not give are ""."""
    if scheme not in (IDENTIFIER, SIREN):
        raise ValueError(f"duplicate key: scheme {scheme!r} is unknown; one of {IDENTIFIER}, {SIREN}")
    supplier = siren_of(invoice.supplier) if scheme == SIREN else f"{invoice.supplier.type}:{invoice.supplier.id}"
    return Key(supplier, unicodedata.normalize("NFC", invoice.number).strip(), invoice.year)


def siren_of(supplier: Party) -> str:
    """The SIREN inside a SIRET or a French VAT number, else type:identifier."""
    kind, value = supplier.type, supplier.id
    if kind == "1" and len(value) in (9, 14) and value.isascii() and value.isdigit():
        return value[:9]
    if value.startswith("FR") and len(value) == 13 and value[4:].isascii() and value[4:].isdigit():
        return value[4:]
    return f"{kind}:{value}"


def same_supplier(supplier: Party, told: str) -> bool:
    """Whether `told` names the supplier: the identifier itself, or the SIREN of one and the SIRET of the other."""
    if supplier.id == told:
        return True
    digits = told.isascii() and told.isdigit() and len(told) in (9, 14)
    return digits and siren_of(supplier) == told[:9] and 9 in (len(told), len(supplier.id))


def in_flow(invoice: Invoice, first: int, *, severity: Severity, times: int = 2) -> Finding:
    """BUS-002: the flow holds the invoice `times` times, first at position `first`; said of every occurrence but that one."""
    return catalogue.finding("BUS-002", severity=severity, pack="FACTS", terms=_TERMS, n=invoice.number, k=times, i=first)


def known(invoice: Invoice, flow: Flow | None, *, same_partner: bool, severity: Severity) -> Finding:
    """BUS-003: accepted earlier, in `flow`. Another partner's flow stays untold (BUS-013: neither date nor flow)."""
    fields: dict[str, Any] = {"n": invoice.number, "siren": invoice.supplier.id, "année": invoice.year}
    if flow is None or not same_partner:
        return catalogue.finding("BUS-013", severity=severity, pack="FACTS", terms=_TERMS, **fields)
    day = flow.received_at.date().isoformat()
    return catalogue.finding("BUS-003", severity=severity, pack="FACTS", terms=_TERMS, date=day, flux=flow.number, **fields)


def look_alike_key(number: str) -> str:
    """The number without case, separators and leading zeros of its digit runs: numbers a person may take for each other share it."""
    plain = _SEPARATORS.sub(" ", unicodedata.normalize("NFKC", number).upper())
    return "".join(_LEADING_ZEROS.sub("", run) for run in _DIGITS_OR_LETTERS.findall(plain)).replace(" ", "")


def look_alike(invoice: Invoice, other: str) -> Finding:
    """BUS-004, never more than a warning: `other` is an earlier number of the same supplier and year."""
    return catalogue.finding("BUS-004", severity=Severity.WARNING, pack="FACTS", terms=("BT-1",), n=invoice.number, n2=other)
