"""The interfaces of Chorus as data (schemas/interfaces.toml, chorus.md §1.1); it routes nothing and reads no document.

Limits: the works interfaces (E4, E5) have no public code and are absent; memoirs (E3), old CII and PES are known but not taken.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from gateway.errors import UnknownSubject
from gateway.model import Syntax

UNREADABLE_REPORT = "CSO0000A"
"""Code of the report on a flow whose interface could not be read (contract.md, chapter 1)."""


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface code. `number` is its four digits; `since` and `until` are days in force, None where open or not known."""

    code: str
    number: str
    flow_type: str  # E1 structured, E2 mixed, E3 memoirs
    syntaxes: tuple[Syntax, ...]
    schema: str
    api: str
    default_for: tuple[Syntax, ...] = ()
    since: date | None = None
    until: date | None = None
    enabled: bool = True

    def in_force(self, day: date) -> bool:
        """Whether Chorus offers it that day, whatever this gateway takes."""
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


@cache
def interfaces() -> dict[str, Interface]:
    """Every interface by code, in the order of the file."""
    raw = tomllib.loads(resources.files("schemas").joinpath("interfaces.toml").read_text(encoding="utf-8"))
    return {code: _interface(code, row) for code, row in raw.items()}


def _interface(code: str, row: dict[str, Any]) -> Interface:
    return Interface(
        code=code, number=code[3:7], flow_type=row["flow_type"], syntaxes=tuple(Syntax(s) for s in row["syntaxes"]), schema=row["schema"],
        api=row["api"], default_for=tuple(Syntax(s) for s in row.get("default_for", ())), since=row.get("since"), until=row.get("until"),
        enabled=row.get("enabled", True),
    )  # fmt: skip


def by_code(code: str) -> Interface:
    """The interface of that code; `UnknownSubject` when there is none."""
    try:
        return interfaces()[code]
    except KeyError:
        raise UnknownSubject(f"interface {code}: unknown; known: {', '.join(interfaces())}") from None


def taken() -> tuple[str, ...]:
    """Codes that this gateway takes."""
    return tuple(code for code, interface in interfaces().items() if interface.enabled)


@cache
def default_for(syntax: Syntax) -> Interface | None:
    """The interface a document of that syntax goes out under when nothing else is announced; None for what is not an invoice."""
    return next((i for i in interfaces().values() if syntax in i.default_for), None)


def report_code(interface: str) -> str:
    """Code of the integration report: FSO1100A → CSO1100A (chorus.md §1.2); `CSO0000A` when no known interface could be read."""
    return f"CSO{interfaces()[interface].number}A" if interface in interfaces() else UNREADABLE_REPORT
