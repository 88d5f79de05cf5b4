"""What the assertions of a pack say, apart from any document: rule, severity, text; and findings made of that. It evaluates nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gateway.catalogue import sentence
from gateway.model import Finding, Severity
from gateway.schematron.pack import Pack
from gateway.schematron.texts import normalize_space

_NAME_LENGTH: Final = 60
_SEVERITIES: Final = {
    "warning": Severity.WARNING, "warn": Severity.WARNING, "information": Severity.INFORMATION, "info": Severity.INFORMATION,
}  # fmt: skip
"""Flags of the source; every other one, and none, is fatal."""

Place = tuple[str, int | None, int | None]
"""Location, line, column."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One assertion. `plain` is its text as the rule file emits it, `…` where a value is put in; `shown` the same, white space normalised."""

    pack: str
    id: str
    severity: Severity
    plain: str
    shown: str

    def fired(self, place: Place, message: str | None = None) -> Finding:
        """The assertion fired; `message` as emitted, where it holds values."""
        shown = self.shown if message is None else normalize_space(message)
        location, line, column = place
        rule = self._name(self.plain if message is None else message)
        return Finding(self.pack, rule, self.severity, shown, shown, shown, location=location, line=line, column=column)

    def unevaluable(self, place: Place, reason: str) -> Finding:
        """The assertion cannot be evaluated on this document: fatal, whatever its own severity."""
        french, english = (sentence("PACK-001", lang, reason=reason) for lang in ("fr", "en"))
        location, line, column = place
        return Finding(
            self.pack, self._name(self.plain), Severity.FATAL, self.shown, french, english,
            location=location, line=line, column=column, unevaluable=True,
        )  # fmt: skip

    def _name(self, text: str) -> str:
        """A rule without id is called by the beginning of its text (contract, chapter 3)."""
        return self.id or text[:_NAME_LENGTH].strip()


def wordings(pack: Pack) -> tuple[Wording, ...]:
    """Of all assertions of a pack, in the order of patterns, rules and assertions."""
    return tuple(
        _wording(pack.name, raw) for pattern in pack.rules["patterns"] for rule in pattern["rules"] for raw in rule["assertions"]
    )


def _wording(pack: str, raw: dict[str, Any]) -> Wording:
    plain = "".join(part if isinstance(part, str) else "…" for part in raw["message"])
    return Wording(pack, raw["id"], _SEVERITIES.get(raw["flag"], Severity.FATAL), plain, normalize_space(plain))
