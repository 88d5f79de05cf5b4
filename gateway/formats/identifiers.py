"""Who a party is: the identifiers an invoice gives → Chorus's identifier type and value (chorus.md §6.1); it checks no key.

Limits: types 6 (being registered) and 7 (individual) have no certain scheme in the official samples; 6, 7 and 0226 are taken for them.
A French party known by its SIREN or French VAT number alone has no Chorus type: the SIREN is kept with an empty type.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.formats.path_table import Facts
from gateway.model import Party

SIRET: Final = "1"
SCHEMES: Final = {
    "0009": "1", "SIRET": "1", "FR:SIRET": "1", "1": "1",
    "0223": "2", "2": "2",
    "0227": "3", "ETR": "3", "3": "3",
    "0228": "4", "RIDET": "4", "4": "4",
    "0229": "5", "TAHITI": "5", "5": "5",
    "6": "6",
    "0226": "7", "7": "7",
}  # fmt: skip
"""schemeID as found in official samples (AIFE) and in the 2026 profile (ISO 6523) → identifier type."""

SIREN_SCHEMES: Final = frozenset({"0002", "FR:SIRENE", "FR:SIREN", ""})
_SIRET: Final = re.compile(r"[0-9]{14}")
_SIREN: Final = re.compile(r"[0-9]{9}")
_FRENCH_VAT: Final = re.compile(r"FR[0-9A-Z]{2}([0-9]{9})")
_EU_VAT: Final = re.compile(r"(?:AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI)[0-9A-Z+*]{2,13}")


def supplier(facts: Facts) -> Party:
    """The supplier from its collected facts: ids [(scheme, value)], vat, name, country."""
    kind, value = _supplier_id(facts.get("ids", []), facts.get("vat", ""), facts.get("endpoint", []))
    return Party(type=kind, id=value, name=facts.get("legal_name") or facts.get("name", ""), country=facts.get("country", ""))


def _supplier_id(ids: list[tuple[str, str]], vat: str, endpoint: list[tuple[str, str]]) -> tuple[str, str]:
    found = siret(ids)
    if found:
        return SIRET, found
    for scheme, value in ids:
        if scheme in SCHEMES and value:
            return SCHEMES[scheme], value
    if _EU_VAT.fullmatch(vat):
        return "2", vat
    found = siret(endpoint)
    return (SIRET, found) if found else ("", _siren(ids, vat))


def siret(ids: list[tuple[str, str]]) -> str:
    """The SIRET among identifiers: announced as one, else 14 digits under SIREN's scheme or none; "" when there is none."""
    for scheme, value in ids:
        if SCHEMES.get(scheme) == SIRET and value:
            return value
    for scheme, value in ids:
        if scheme in SIREN_SCHEMES and _SIRET.fullmatch(value):
            return value
    return ""


def _siren(ids: list[tuple[str, str]], vat: str) -> str:
    for scheme, value in ids:
        if scheme in SIREN_SCHEMES and _SIREN.fullmatch(value):
            return value
    french = _FRENCH_VAT.fullmatch(vat)
    return french.group(1) if french else ""


def recipient(facts: Facts) -> str:
    """The recipient's SIRET: from its identifiers, else from its electronic address."""
    return siret(facts.get("ids", [])) or siret([e for e in facts.get("endpoint", []) if e[0] == "0009"])


def name(facts: Facts) -> str:
    """A party's registered name, else its trading name."""
    return str(facts.get("legal_name") or facts.get("name", ""))
