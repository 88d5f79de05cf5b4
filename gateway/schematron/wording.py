"""How an assertion that fired, or could not be evaluated, becomes a finding: its rule, its severity, its words. It evaluates nothing."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from gateway.catalogue import sentence
from gateway.model import Finding, Severity
from gateway.schematron.faults import in_french
from gateway.schematron.texts import normalize_space

_NAME_LENGTH: Final = 60
_SEVERITIES: Final = {
    "warning": Severity.WARNING, "warn": Severity.WARNING, "information": Severity.INFORMATION, "info": Severity.INFORMATION,
}  # fmt: skip
"""Flags of the source; every other one, and none, is fatal."""

Place = tuple[str, int | None, int | None]
"""Location, line, column."""


def fired(pack: str, id_: str, flag: str, text: str, place: Place) -> Finding:
    """The finding of an assertion whose text, as the rule file emits it, is `text`."""
    location, line, column = place
    shown = _shown(text)
    severity = _SEVERITIES.get(flag, Severity.FATAL)
    return Finding(pack, id_ or _name(text), severity, shown, shown, shown, location=location, line=line, column=column)


def unevaluable(pack: str, id_: str, text: str, reason: str, place: Place) -> Finding:
    """The finding of an assertion that cannot be evaluated on this document: fatal, whatever its own flag; `…` for values in the text."""
    french, english = sentence("PACK-001", "fr", reason=in_french(reason)), sentence("PACK-001", "en", reason=reason)
    location, line, column = place
    return Finding(
        pack, id_ or _name(text), Severity.FATAL, _shown(text), french, english,
        location=location, line=line, column=column, unevaluable=True,
    )  # fmt: skip


def _name(text: str) -> str:
    """A rule without id is called by the beginning of its text (contract, chapter 3)."""
    return text[:_NAME_LENGTH].strip()


@lru_cache(maxsize=2_048)
def _shown(text: str) -> str:
    return normalize_space(text)
