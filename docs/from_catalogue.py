"""docs/codes.md from schemas/codes.toml: every code a partner can meet, with both sentences and the official codes; it words none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources

from docs.markdown import code, header, table
from gateway.catalogue import Entry, entries

_HEADING = re.compile(r"# --- (?P<title>.*?)(?: \(reliability\.md [^)]*\))?\s*$")
_ENTRY = re.compile(r"\[(?P<code>[A-Z]+-[0-9]+)\]")

INTRODUCTION = """
A finding of ours names its code and says the same in French and in English. `{…}` stands for what was found.
*severity*: `fatal` turns the invoice or the flow away, `warning` and `information` do not; settings may soften or harden a rule
([settings](settings.md)). *gate* and *reason*: the official codes nearest to it, in the control report. *nature* (T technical,
F functional) and *CSO*: what stands in an error line of the final report. Codes `AMQ` belong to a channel that this version has not.

Findings of a schema have the pack `XSD`, code XSD-001, and the schema's own words.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([header("Codes", "`schemas/codes.toml`"), INTRODUCTION.lstrip(), *_sections()])


def _sections() -> Iterator[str]:
    for title, codes in sections():
        yield f"## {title}\n"
        yield table(("code", "severity", "français", "English", "gate", "reason", "nature", "CSO"), (_row(entries()[c]) for c in codes))


def sections() -> list[tuple[str, list[str]]]:
    """The file's own headings with the codes below each."""
    found: list[tuple[str, list[str]]] = []
    for line in resources.files("schemas").joinpath("codes.toml").read_text(encoding="utf-8").splitlines():
        heading, entry = _HEADING.match(line), _ENTRY.match(line)
        if heading:
            found.append((heading["title"].strip(), []))
        elif entry:
            found[-1][1].append(entry["code"])
    return [(title, codes) for title, codes in found if codes]


def _row(entry: Entry) -> tuple[str, ...]:
    sentences = (_shown(entry.fr), _shown(entry.en))
    return (code(entry.code), str(entry.severity), *sentences, code(entry.gate), code(entry.reason), entry.nature, code(entry.cso))


def _shown(sentence: str) -> str:
    """A format string as people read it."""
    return sentence.replace("{{", "{").replace("}}", "}")
