"""Which schema and packs judge under a policy, and how hard (schemas/packs.toml; contract, chapter 3); it judges nothing itself."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
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
class Policy:
    """One row of the table. `schema`: severity of a broken schema rule by kind, and of our own and mounted schemas."""

    name: str
    about_fr: str
    about_en: str
    schema: dict[str, Severity]
    packs: tuple[str, ...]

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


def _policy(name: str, row: dict[str, Any]) -> Policy:
    schema = {key: Severity(value) for key, value in row["schema"].items()}
    missing = {*Kind, OWN, MOUNTED} - set(schema)
    if missing:
        raise ConfigError(f"packs.toml: policy {name} says nothing of {', '.join(sorted(missing))}; each kind needs a severity")
    return Policy(name, row["about_fr"], row["about_en"], schema, tuple(row["packs"]))
