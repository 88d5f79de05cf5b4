"""What the command line says to people, in French (schemas/words.toml) or as the program words it, in English; it finds no fault itself.

Limits: a sentence is known by its English template. One that stands in no template (a library's own text) is said in English.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

LANGUAGES = ("fr", "en")
OURS = frozenset({"reason", "held", "what", "why"})
"""Keys in JSON whose values may be sentences of ours, worded in English: a person reads them in the language asked for."""
_FIELD = re.compile(r"\\\{(\w+)\\\}")


def spoken(words: Sequence[str] = ()) -> str:
    """fr or en: what `--lang` says among the words of a command, else LC_ALL or LANG, else English."""
    named = [after for word, after in pairwise(words) if word == "--lang"]
    named += [word.removeprefix("--lang=") for word in words if word.startswith("--lang=")]
    known = [word for word in named if word in LANGUAGES]
    language = known[-1] if known else os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"
    return "fr" if language.lower().startswith("fr") else "en"


def said(text: str, language: str) -> str:
    """A sentence in that language; as it is where it has no French."""
    if language != "fr":
        return text
    for template, french in _sentences():
        found = template.fullmatch(text)
        if found:
            return french.format_map(found.groupdict())
    return text


def heading(key: str, language: str) -> str:
    """A column or a title, named by its key in JSON."""
    return str(_catalogue()["headings"].get(key, key)) if language == "fr" else key


def helped(text: str, language: str) -> str:
    """A text of a help page, which click may have cut short, with what click adds about an option (`[required]`)."""
    if language != "fr":
        return text
    said_there, bracket, added = text.partition("  [")
    begins = " ".join(said_there.removesuffix("...").split())
    texts = _catalogue()["help"]
    french = texts.get(begins) or next((f for english, f in texts.items() if len(begins) > 1 and english.startswith(begins)), said_there)
    return french + bracket + added.replace("required", "obligatoire").replace("default: ", "défaut : ")


@cache
def _catalogue() -> dict[str, dict[str, str]]:
    return tomllib.loads(resources.files("schemas").joinpath("words.toml").read_text(encoding="utf-8"))


@cache
def _sentences() -> list[tuple[re.Pattern[str], str]]:
    """Templates with their French, those that say most themselves first: they are not taken for a more general one."""
    pairs = sorted(_catalogue()["sentences"].items(), key=lambda pair: -len(re.sub(r"\{\w+\}", "", pair[0])))
    return [(_template(english), french) for english, french in pairs]


def _template(english: str) -> re.Pattern[str]:
    seen: set[str] = set()

    def field(found: re.Match[str]) -> str:
        name = found.group(1)
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>.+?)"

    return re.compile(_FIELD.sub(field, re.escape(english)), re.DOTALL)


def cell(value: Any, language: str) -> str:
    """A value in a table for people."""
    if isinstance(value, bool):
        return said("yes" if value else "no", language)
    if isinstance(value, dict):
        return _pairs(value, language)
    if isinstance(value, list | tuple):
        return ", ".join(cell(one, language) for one in value)
    return "" if value is None else str(value)


def _pairs(values: dict[str, Any], language: str) -> str:
    """Each key with its value, as headings have it; empty values left out, an object within in parentheses."""
    colon = " : " if language == "fr" else ": "
    told = {key: said(cell(one, language), language) if key in OURS else cell(one, language) for key, one in values.items()}
    shown = {key: f"({text})" if isinstance(values[key], dict) else text for key, text in told.items() if text}
    return " · ".join(f"{heading(key, language)}{colon}{text}" for key, text in shown.items())
