"""The table of our own rule packs, CPRO and BR-FR-CPRO: sentences, source, certainty, terms of each rule; it judges nothing.

The rules themselves are Schematron files beside the tables (schemas/chorus/<pack>-UBL.sch, <pack>-CII.sch), one twin a syntax. What needs
the directory, the store or a setting is in the table only, with the module of gateway/rules that answers it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, Final

from gateway.model import Finding

PACKS: Final = ("CPRO", "BR-FR-CPRO")
TWINS: Final = ("UBL", "CII")


class Certainty(StrEnum):
    """How well a rule is known (chorus.md, first lines): what is unknown there is no rule here."""

    SURE = "sure"
    LIKELY = "likely"


@dataclass(frozen=True, slots=True)
class OwnRule:
    """One row. `codes`: codes of the catalogue by which gateway/rules says the same. `by`: the module that answers instead of an assert.

    `facts`: the answer needs the directory or the store. `twins`: the syntaxes in which it can be said. `source`: section of chorus.md, its
    key there and the official document. `terms`: business terms of EN 16931 and of the French extension.
    """

    id: str
    pack: str
    fr: str
    en: str
    source: str
    certainty: Certainty
    terms: tuple[str, ...]
    codes: tuple[str, ...]
    twins: tuple[str, ...]
    by: str
    facts: bool
    note: str

    @property
    def is_asserted(self) -> bool:
        """True when the Schematron files judge it."""
        return not self.by


@cache
def rules(pack: str) -> dict[str, OwnRule]:
    """Every rule of one of `PACKS` by id, in the order of the table; `KeyError` for another pack."""
    raw = tomllib.loads(_read(pack, ".toml").decode())
    return {rule: _rule(rule, pack, row) for rule, row in raw.items()}


def schematron(pack: str, twin: str) -> bytes:
    """The Schematron file of one of `PACKS` for one of `TWINS`; `KeyError` for others."""
    if twin not in TWINS:
        raise KeyError(twin)
    return _read(pack, f"-{twin}.sch")


def worded(finding: Finding) -> Finding:
    """A finding of one of our packs with both sentences and its business terms, any other one as it is.

    What an unevaluable rule says of its failure stays.
    """
    rule = rule_of(finding)
    if rule is None:
        return finding
    if finding.unevaluable:
        return replace(finding, terms=rule.terms)
    return replace(finding, message_fr=rule.fr, message_en=rule.en, terms=rule.terms)


def rule_of(finding: Finding) -> OwnRule | None:
    """The rule of one of our packs by which something was found; None for a finding of another."""
    return rules(finding.pack).get(finding.rule) if finding.pack in PACKS else None


def repeats(finding: Finding, told: Collection[str]) -> bool:
    """True when a finding of one of our packs says what gateway/rules said already, by one of the codes `told`."""
    rule = rule_of(finding)
    return rule is not None and any(code in told for code in rule.codes)


def _read(pack: str, ending: str) -> bytes:
    if pack not in PACKS:
        raise KeyError(pack)
    return resources.files("schemas").joinpath("chorus", pack + ending).read_bytes()


def _rule(rule: str, pack: str, row: dict[str, Any]) -> OwnRule:
    return OwnRule(
        id=rule, pack=pack, fr=row["fr"], en=row["en"], source=row["source"], certainty=Certainty(row["certainty"]),
        terms=tuple(row["terms"]), codes=tuple(row.get("codes", ())), twins=tuple(row.get("twins", TWINS)), by=row.get("by", ""),
        facts=row.get("facts", False), note=row.get("note", ""),
    )  # fmt: skip
