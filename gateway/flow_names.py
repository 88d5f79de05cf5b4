"""Names of deposited files: which are safe, temporary, or Chorus-shaped (chorus.md §2.1); it opens no file and knows no content."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from gateway.catalogue import finding
from gateway.config import Partner
from gateway.model import Finding

NAME_BYTES = 200
EXTENSIONS = {".tar.gz": "tar.gz", ".tgz": "tar.gz", ".gz": "tar.gz", ".zip": "zip", ".xml": "xml", ".pdf": "pdf"}
"""Extensions that announce a content; longest first where one ends another."""

_CHORUS = re.compile(r"(FSO\d{4}A)_([A-Z]{3}\d{3})_(\2(\d{4})\d{15})", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9_ ()+,@=~#-][A-Za-z0-9_. ()+,@=~#-]*")
_TEMPORARY = (".part", ".tmp", ".filepart", ".partial", ".uploading", "~")


@dataclass(frozen=True, slots=True)
class ChorusName:
    """A flow's name in the State's grammar: interface FSOnnnnA, application code AAA999, 25-character flow identifier."""

    interface: str
    application: str
    flow: str
    number: str  # the four digits inside the flow identifier


def temporary(name: str) -> bool:
    """True for names of uploads under way (contract.md, chapter 1), which are never taken."""
    return name.startswith(".") or name.lower().endswith(_TEMPORARY)


def unsafe_name(name: str, limit: int = NAME_BYTES) -> str | None:
    """Why a bare name (no folder) must not be taken, as a code of ours; None when it may (reliability.md, rows 15, 16, 18)."""
    if len(name) <= limit and _PLAIN.fullmatch(name):
        return None
    if any(unicodedata.category(c) == "Cs" for c in name):
        return "DEP-017"
    if name in ("", ".", "..") or any(c in name for c in "/\\\0"):
        return "DEP-012"
    if any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in name):
        return "DEP-011"
    return "DEP-014" if len(name.encode()) > limit else None


def odd_folder(path: str) -> bool:
    """True for a folder of an archive that no plain tool would write there (row 55): absolute, `..`, control characters, too long."""
    parts = path.removeprefix("./").removesuffix("/").split("/")
    return path not in (".", "./") and any(unsafe_name(part) for part in parts)


def extension(name: str) -> str:
    """The known extension a name ends with, "" when it has none."""
    lower = name.lower()
    return next((known for known in EXTENSIONS if lower.endswith(known)), "")


def chorus_name(name: str) -> ChorusName | None:
    """The parts of a Chorus-shaped name, a known extension put aside; None for any other name."""
    found = _CHORUS.fullmatch(name[: len(name) - len(extension(name))])
    return ChorusName(found[1], found[2], found[3], found[4]) if found else None


def strict_fault(name: str, partner: Partner) -> Finding | None:
    """Row 14: the first part of the name that leaves the grammar, for partners who chose strict naming.

    No extension; the application code is the partner's; the identifier repeats it, then the interface's digits (a setting), then 15 digits.
    """
    parts = name.split("_")
    if len(parts) != 3:
        return _fault(name, "structure", "FSOnnnnA_AAA999_AAA999nnnn…", name)
    interface, application, flow = parts
    if not re.fullmatch(r"FSO\d{4}A", interface, re.ASCII):
        return _fault(name, "interface", "FSOnnnnA", interface)
    wanted = partner.application or "AAA999"
    if application != partner.application if partner.application else not re.fullmatch(r"[A-Z]{3}\d{3}", application, re.ASCII):
        return _fault(name, "application", wanted, application)
    digits = interface[3:7] if partner.number_matches_interface else "nnnn"
    if not re.fullmatch(re.escape(application) + digits.replace("n", r"\d") + r"\d{15}", flow, re.ASCII):
        return _fault(name, "identification", f"{application}{digits}{'n' * 15}", flow)
    return None


def _fault(name: str, part: str, rule: str, value: str) -> Finding:
    return finding("DEP-010", nom=name, élément=part, règle=rule, valeur=value)
