"""What the rules of packs say to people: sentences in French and English, business terms; it decides nothing and changes no official text.

The official text stays in `message`. Our own packs have both sentences in their tables (`gateway.own_rules`); of an official rule the
sentence of the other language comes from `schemas/rules.toml`, where there is one, else the official text stands for both.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from functools import cache, lru_cache
from importlib import resources
from typing import Final

from gateway import own_rules
from gateway.model import Finding

_TERM: Final = re.compile(r"\b(?:BT|BG|EXT-FR-FE|EXT-FR-FE-BG|MDT|MDG)-\d+[a-z]?\b")


def worded(finding: Finding) -> Finding:
    """The finding of a pack with its terms and with a sentence in each language; what cannot be evaluated has its sentences already."""
    if finding.pack in own_rules.PACKS:
        return own_rules.worded(finding)
    row = _table().get(finding.rule, {})
    terms = tuple(row.get("terms", ())) or terms_of(finding.message)
    if finding.unevaluable:
        return replace(finding, terms=terms)
    return replace(
        finding, terms=terms, message_fr=row.get("fr", finding.message_fr), message_en=row.get("en", finding.message_en)
    )


@lru_cache(maxsize=4096)
def terms_of(message: str) -> tuple[str, ...]:
    """The business terms (EN 16931-1, table 2; XP Z12-012 for EXT-FR-FE and MDT) that a text names, in its order."""
    return tuple(dict.fromkeys(_TERM.findall(message)))


@cache
def _table() -> dict[str, dict[str, str]]:
    """`schemas/rules.toml`: by the rule's id, whatever the pack."""
    file = resources.files("schemas").joinpath("rules.toml")
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
