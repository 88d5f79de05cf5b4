"""What the rules of packs say to people: sentences in French and English, business terms; it decides nothing and changes no official text.

The official text stays in `message`. Our own packs have both sentences in their tables (`gateway.own_rules`); of an official rule the
sentence of the other language comes from `schemas/rules.toml`, where there is one, else the official text stands for both. The names of
the business terms in sentences come from `schemas/terms.toml`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final

from gateway import own_rules
from gateway.model import Finding

LANGUAGES: Final = ("fr", "en")

_LONGEST: Final = 2500
"""Characters of an official text that are read: more than any has, unless a document's own value swells it."""

_TERM: Final = re.compile(r"\b(?:(?:BT|BG)-(?:X-)?|EXT-FR-FE-(?:BG-)?|MDT-|MDG-)\d+[a-z]?\b")
_PREFIX: Final = re.compile(r"\[([A-Z][\w/-]*)\][\s-]*")
_SLOT: Final = re.compile(r"\{([\w-]+)\}")


@dataclass(frozen=True, slots=True)
class Row:
    """A table of `schemas/rules.toml`. `rule`: of a whole id, `text`: of a whole official text; None: any. `fr`, `en`: "" for none."""

    rule: re.Pattern[str] | None
    text: re.Pattern[str] | None
    fr: str
    en: str
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of one official text; "" where the official text itself stands."""

    fr: str = ""
    en: str = ""
    terms: tuple[str, ...] = ()


def worded(finding: Finding) -> Finding:
    """The finding of a pack with its terms and with a sentence in each language; what cannot be evaluated has its sentences already."""
    if finding.pack in own_rules.PACKS:
        return own_rules.worded(finding)
    message = finding.message[:_LONGEST]
    words = words_of(finding.rule, message)
    terms = words.terms or terms_of(message)
    if finding.unevaluable:
        return replace(finding, terms=terms)
    return replace(finding, terms=terms, message_fr=words.fr or finding.message_fr, message_en=words.en or finding.message_en)


@lru_cache(maxsize=4096)
def terms_of(message: str) -> tuple[str, ...]:
    """The business terms (EN 16931-1, table 2; XP Z12-012 for EXT-FR-FE and MDT) that a text names, in its order."""
    return tuple(dict.fromkeys(_TERM.findall(message)))


@lru_cache(maxsize=4096)
def words_of(rule: str, message: str) -> Words:
    """The sentences for an official text, white space normalised, with what it says of the document's own values."""
    found = _find(rule, message)
    if found is None:
        return Words()
    row, captured = found
    fr, en = (_sentence(getattr(row, lang), captured, message, lang) for lang in LANGUAGES)
    return Words(fr, en, row.terms)


def _sentence(template: str, captured: dict[str, str], message: str, lang: str) -> str:
    return f"{_filled(template, captured, lang)} {_values(message, lang)}".rstrip() if template else ""


def _find(rule: str, message: str) -> tuple[Row, dict[str, str]] | None:
    """The first row that matches, and what its expressions captured by number.

    Some packs number their rules anew and cite the rule of the standard in the text: the cited id counts after the rule's own.
    """
    prefix = _PREFIX.match(message)
    text = message[prefix.end() :] if prefix else message
    for name in (rule, prefix[1]) if prefix else (rule,):
        named = _exact().get(name)
        if named is not None:
            return named, {}
        for row in _patterns():
            captured = _captured(row, name, text)
            if captured is not None:
                return row, captured
    return None


def _captured(row: Row, name: str, text: str) -> dict[str, str] | None:
    groups: list[str] = []
    for pattern, subject in ((row.rule, name), (row.text, text)):
        if pattern is None:
            continue
        match = pattern.fullmatch(subject)
        if match is None:
            return None
        groups += [group or "" for group in match.groups()]
    return {str(number): group for number, group in enumerate(groups, 1)}


def _filled(sentence: str, captured: dict[str, str], lang: str) -> str:
    """A sentence whose `{1}` are what was captured, and whose `{BT-27}` are names of terms; a captured term or category gets its name."""
    filled = _SLOT.sub(lambda slot: _named(captured.get(slot[1], slot[1]), lang), sentence)
    return filled[:1].upper() + filled[1:]


def _named(word: str, lang: str) -> str:
    names, which = _names(), LANGUAGES.index(lang)
    if word in names["terms"]:
        return f"{names['terms'][word][which]} ({word})"
    return names["categories"][word][which] if word in names["categories"] else word


def _values(message: str, lang: str) -> str:
    """What the official text says of the document: its values as they are, in a sentence of that language; "" when it says none."""
    for row in _value_rows():
        match = row.text.search(message) if row.text else None
        if match:
            return _with_values(getattr(row, lang), match.groups())
    return ""


def _with_values(sentence: str, values: tuple[str, ...]) -> str:
    return _SLOT.sub(lambda slot: values[int(slot[1]) - 1].lstrip().rstrip(" .,:-"), sentence)


@cache
def _exact() -> dict[str, Row]:
    """Sentences by the rule's id, whatever the pack."""
    return {rule: _row(raw) for rule, raw in _table()["rules"].items()}


@cache
def _patterns() -> tuple[Row, ...]:
    return tuple(_row(raw) for raw in _table()["patterns"])


@cache
def _value_rows() -> tuple[Row, ...]:
    return tuple(_row(raw) for raw in _table()["values"])


def _row(raw: dict[str, Any]) -> Row:
    rule, text = (re.compile(raw[key]) if key in raw else None for key in ("rule", "text"))
    return Row(rule, text, raw.get("fr", ""), raw.get("en", ""), tuple(raw.get("terms", ())))


@cache
def _table() -> dict[str, Any]:
    return _read("rules.toml")


@cache
def _names() -> dict[str, Any]:
    return _read("terms.toml")


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files("schemas").joinpath(name).read_text(encoding="utf-8"))
