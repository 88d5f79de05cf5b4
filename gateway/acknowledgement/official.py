"""The official codes of a finding: gate, CDAR reason, nature and code of an error line; it words nothing.

Our own findings have theirs in the catalogue. A rule of a pack has those of its family (chorus.md §4.4, §6.5, §9 hint 5) and is named with
its pack, because the same number means different rules in two lists (chorus.md §6, numbering trap).
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.catalogue import entries
from gateway.model import Finding


@dataclass(frozen=True, slots=True)
class Official:
    """`nature` T technical, F functional; `error` stands in CodeErreur."""

    gate: str
    reason: str
    nature: str
    error: str


def official(found: Finding) -> Official:
    """Codes of one finding."""
    entry = entries().get(found.rule)
    if entry is not None:
        return Official(entry.gate, entry.reason, entry.nature, entry.cso)
    if found.pack in ("XML", "XSD"):
        return Official("IRR_SYNTAX", "IRR_SYNTAX", "T", f"ERR_{found.pack}_001")
    reason = "REJ_CONT_B2G" if found.pack == "BR-FR-CPRO" else "REJ_SEMAN"
    return Official("REJ_SEMAN", reason, "F", _with_pack(found))


def _with_pack(found: Finding) -> str:
    return found.rule if found.rule.startswith(f"{found.pack}:") else f"{found.pack}:{found.rule}"
