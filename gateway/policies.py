"""Which schema and packs judge under a policy, and how hard (schemas/packs.toml; contract, chapter 3); it judges nothing itself."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from gateway.errors import ConfigError
from gateway.model import Severity


class Kind(StrEnum):
    """What the table of a policy distinguishes: flow type E1 or E2 (chorus.md §1), Factur-X."""

    E1 = "E1"
    E2 = "E2"
    FACTUR_X = "factur-x"


OWN, MOUNTED = "own", "mounted"
"""Rows for documents judged by a schema written by ourselves, and by one that the administrator mounted."""


@dataclass(frozen=True, slots=True)
class Judge:
    """A pack that judges a document. `severity`: the hardest that its findings count, None where its own flags decide."""

    pack: str
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """Who sits in judgement. `named`: these packs, as their own flags say, instead of the policy's; `rules_only`: nothing but packs.

    `tried`: (name, compiled file) of packs among them that are not the table's own.
    """

    named: tuple[str, ...] | None = None
    rules_only: bool = False
    tried: tuple[tuple[str, str], ...] = ()


ALL = Panel()
"""The schema, our own rules and the policy's packs."""


@dataclass(frozen=True, slots=True)
class Row:
    """Packs that judge together; empty `kinds`: all; `b2g`: only where the recipient is a public body; first and last day in force."""

    judges: tuple[Judge, ...]
    kinds: frozenset[Kind]
    b2g: bool
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy of the table. `schema`: severity of a broken schema rule by kind, and of our own and mounted schemas."""

    name: str
    about_fr: str
    about_en: str
    schema: dict[str, Severity]
    rows: tuple[Row, ...]

    @property
    def packs(self) -> tuple[str, ...]:
        """Every pack that may judge under it."""
        return tuple(judge.pack for row in self.rows for judge in row.judges)

    def judges(self, profile: str, kind: Kind, recipients: Iterable[str], today: date) -> tuple[Judge, ...]:
        """Who judges on that day a document of this profile (BT-24) and kind with these recipients (SIRETs), whatever its syntax."""
        others = _of_other_profiles(profile)
        public = any(is_public(recipient) for recipient in recipients)
        in_force = [row for row in self.rows if row.first <= today <= row.last]
        rows = [row for row in in_force if (not row.kinds or kind in row.kinds) and (public or not row.b2g)]
        return tuple(judge for row in rows for judge in row.judges if judge.pack not in others)

    def schema_severity(self, kind: Kind, *, own: bool, mounted: bool = False) -> Severity:
        """How hard a broken schema rule counts; `own`: the schema is ours, `mounted`: the administrator's. See the table's first lines."""
        if mounted:
            return self.schema[MOUNTED]
        return self.schema[OWN] if own and self.schema[OWN] is not Severity.FATAL else self.schema[kind]


@cache
def table() -> dict[str, Policy]:
    """Every policy by name."""
    return {name: _policy(name, row) for name, row in _raw()["policies"].items()}


def default() -> str:
    """The policy in force when none is named."""
    return str(_raw()["default"])


def named(name: str) -> Policy:
    """`ConfigError` with the known names when there is none."""
    if name not in table():
        raise ConfigError(f"policy {name}: unknown; one of {', '.join(table())}")
    return table()[name]


@cache
def _raw() -> dict[str, Any]:
    return tomllib.loads(resources.files("schemas").joinpath("packs.toml").read_text(encoding="utf-8"))


def is_public(recipient: str) -> bool:
    """True when a SIRET is a public body's, by its SIREN."""
    return _public().match(recipient) is not None


@cache
def _public() -> re.Pattern[str]:
    return re.compile(_raw()["b2g"]["siren"])


@lru_cache(maxsize=256)
def _of_other_profiles(profile: str) -> frozenset[str]:
    """Packs of the standard's own rules that are not for this profile."""
    rows, declared = _raw()["profiles"], profile.lower()
    chosen = next(row["packs"] for row in rows if all(word in declared for word in row["words"]))
    return frozenset(pack for row in rows for pack in row["packs"]).difference(chosen)


def _policy(name: str, row: dict[str, Any]) -> Policy:
    schema = {key: Severity(value) for key, value in row["schema"].items()}
    missing = {*Kind, OWN, MOUNTED} - set(schema)
    if missing:
        raise ConfigError(f"packs.toml: policy {name} says nothing of {', '.join(sorted(missing))}; each kind needs a severity")
    return Policy(name, row["about_fr"], row["about_en"], schema, tuple(_row(name, raw) for raw in row["judges"]))


def _row(name: str, raw: dict[str, Any]) -> Row:
    unknown = raw.keys() - {"packs", "kinds", "recipients", "severity", "first", "last"}
    if unknown or raw.get("recipients", "b2g") != "b2g":
        what = ", ".join(sorted(unknown)) or f"recipients {raw['recipients']}"
        raise ConfigError(f"packs.toml: policy {name}: {what} unknown; packs, kinds, severity, first, last, and recipients = b2g are known")
    severity = Severity(raw["severity"]) if "severity" in raw else None
    judges = tuple(Judge(pack, severity) for pack in raw["packs"])
    kinds = frozenset(Kind(kind) for kind in raw.get("kinds", ()))
    return Row(judges, kinds, "recipients" in raw, raw.get("first", date.min), raw.get("last", date.max))
