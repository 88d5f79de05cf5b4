"""Identifiers of supplier and recipient: their form and their key. It asks no directory whether they exist.

Source: Chorus Pro identifier types 1 to 7 (order of 9 December 2016; CPPFacturePivot schemas). The keys of SIREN and SIRET
are the Luhn sum, except at La Poste, whose sites' fourteen digits add up to a multiple of five.

Limits: types 6 (being registered) and 7 (individual) are free text; a key that python-stdnum does not know is not checked.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Any

from stdnum import luhn
from stdnum.eu import vat
from stdnum.fr import siret

from gateway import catalogue
from gateway.config import Limits, Rules
from gateway.model import Finding, Invoice
from gateway.rules.characters import deceptive
from gateway.rules.severity import sure, unsure

STATE = frozenset({"00000000000000", "11000201100044"})
"""SIRETs under which the State receives: its departments are told apart by the service code alone."""

_SIRET = re.compile(r"[0-9]{14}")
_UNION = "AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI"
_FORMS = {
    "2": ("IDT-003", re.compile(f"(?:{_UNION})[0-9A-Z+*]{{2,13}}")),
    "3": ("IDT-006", re.compile(r"[A-Z]{2}.{1,16}", re.DOTALL)),
    "4": ("IDT-007", re.compile(r"[0-9]{9,10}")),
    "5": ("IDT-008", re.compile(r"[0-9A-Z]{9}")),
}
_FREE = frozenset({"6", "7"})

Fault = tuple[str, bool]
"""A code of the catalogue, and whether Chorus is known for sure to refuse."""


def check(invoice: Invoice, rules: Rules, _limits: Limits, _today: date) -> list[Finding]:
    """Findings on BT-29 (supplier) and BT-46 (recipient); at most one each."""
    if rules.identifiers == "off":
        return []
    supplier = invoice.supplier
    found = []
    fault = supplier_fault(supplier.type, supplier.id, rules.luhn)
    if fault is not None:
        found += _findings(fault, supplier.id, "BT-29", supplier.type, rules)
    fault = recipient_fault(invoice.recipient, rules.luhn)
    if fault is not None:
        found += _findings(fault, invoice.recipient, "BT-46", "1", rules)
    return found


def _findings(fault: Fault, value: str, term: str, kind: str, rules: Rules) -> list[Finding]:
    code, certain = fault
    severity = sure(rules.identifiers) if certain else unsure(rules.identifiers, rules)
    if severity is None:
        return []
    fields: dict[str, Any] = {"id": value, "type": kind, "champ": term, "hex": f"{ord(deceptive(value) or ' '):04X}"}
    return [catalogue.finding(code, severity=severity, pack="CPRO", terms=(term,), **fields)]


@lru_cache(maxsize=65536)
def supplier_fault(kind: str, value: str, with_luhn: bool) -> Fault | None:
    """What is wrong with a supplier's identifier of that type (1..7, "" unknown), or None."""
    if not value or deceptive(value):
        return "BUS-008" if value else "IDT-010", True
    if kind == "1":
        return siret_fault(value, with_luhn, "IDT-001", "IDT-002")
    if kind not in _FORMS:
        return None if kind in _FREE else ("IDT-009", bool(kind))
    code, form = _FORMS[kind]
    if not form.fullmatch(value):
        return code, True
    return _vat_fault(value) if kind == "2" else None


@lru_cache(maxsize=65536)
def recipient_fault(value: str, with_luhn: bool) -> Fault | None:
    """What is wrong with a recipient's SIRET, or None."""
    if value in STATE:
        return None
    if deceptive(value):
        return "BUS-008", True
    return siret_fault(value, with_luhn, "IDT-011", "IDT-012")


def siret_fault(value: str, with_luhn: bool, form: str, key: str) -> Fault | None:
    """`form` when it is not fourteen digits, `key` when its key is wrong and keys are checked."""
    if not _SIRET.fullmatch(value):
        return form, True
    if with_luhn and not is_siret(value):
        return key, True
    return None


def is_siret(value: str) -> bool:
    """True when the keys of the SIRET and of its SIREN are right (La Poste: sum of the digits, or Luhn, like its head office)."""
    return siret.is_valid(value) or (value.startswith("356000000") and luhn.is_valid(value))


def _vat_fault(value: str) -> Fault | None:
    if value.startswith("FR"):
        return "IDT-004" if french_vat_fault(value) else "IDT-005", False
    return None if vat.is_valid(value) else ("IDT-004", False)


def french_vat_fault(value: str) -> bool:
    """True for what is no French VAT number (FR, key, SIREN), or one whose numeric key is wrong; letters in the key are not checked."""
    key, siren = value[2:4], value[4:]
    if not (value.startswith("FR") and siren.isascii() and siren.isdigit() and len(siren) == 9):
        return True
    if not (key.isascii() and key.isdigit()):
        return False
    return int(key) != (12 + 3 * (int(siren) % 97)) % 97
