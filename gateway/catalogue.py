"""The one catalogue of what partners read: a code of ours → French and English sentence and official codes (schemas/codes.toml).

It chooses no code and writes no report. A sentence's fields are filled by name; what a partner sent is shown safely by `echo`.
"""

from __future__ import annotations

import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from gateway.model import Finding, Severity

ECHO_LIMIT = 80
_NOT_IN_XML = "\ufffe\uffff"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the catalogue. `gate`: PPF gate code (chorus.md §4.4); `reason`: CDAR reason; `nature`, `cso`: the CSO error line."""

    code: str
    pack: str
    severity: Severity
    fr: str
    en: str
    gate: str
    reason: str
    nature: str
    cso: str


class Worded(str):
    """A field in our own words, made safe already: shown in full, not cut at 80 characters."""

    __slots__ = ()


@cache
def entries() -> dict[str, Entry]:
    """Every entry by code."""
    raw = tomllib.loads(resources.files("schemas").joinpath("codes.toml").read_text(encoding="utf-8"))
    return {code: _entry(code, row) for code, row in raw.items()}


def _entry(code: str, row: dict[str, Any]) -> Entry:
    return Entry(
        code=code, pack=row.get("pack", "GATE"), severity=Severity(row.get("severity", "fatal")), fr=row["fr"], en=row["en"],
        gate=row.get("gate", ""), reason=row.get("reason", ""), nature=row.get("nature", "T"), cso=row.get("cso", code),
    )  # fmt: skip


def echo(text: object) -> str:
    """What a partner sent, shown safely: at most 80 characters, control and bidirectional characters as escapes."""
    shown = "".join(_visible(c) for c in str(text)[: ECHO_LIMIT + 1])
    return shown if len(shown) <= ECHO_LIMIT else shown[:ECHO_LIMIT] + "…"


def _visible(char: str) -> str:
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") or char in _NOT_IN_XML:
        return f"\\u{ord(char):04X}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08X}"
    return char


def sentence(code: str, lang: str, **fields: object) -> str:
    """The catalogue's sentence in `lang` ("fr" or "en") with its fields filled and made safe."""
    entry = entries()[code]
    return (entry.fr if lang == "fr" else entry.en).format_map({k: v if isinstance(v, Worded) else echo(v) for k, v in fields.items()})


def finding(
    code: str, *, severity: Severity | None = None, pack: str = "", location: str = "", line: int | None = None,
    column: int | None = None, terms: tuple[str, ...] = (), english: dict[str, object] | None = None, **fields: object,
) -> Finding:  # fmt: skip
    """A finding of our own, worded in both languages from the catalogue. `message` is the French sentence.

    `english` replaces fields that are words, and so differ between the languages.
    """
    entry = entries()[code]
    french = sentence(code, "fr", **fields)
    return Finding(
        pack=pack or entry.pack, rule=code, severity=severity or entry.severity, message=french, message_fr=french,
        message_en=sentence(code, "en", **{**fields, **(english or {})}), location=location, line=line, column=column, terms=terms,
    )  # fmt: skip
