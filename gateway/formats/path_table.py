"""Walks a tree once along a table of paths and collects facts; it judges nothing and knows no format.

A table maps an element's tag to: a word (keep its text under that word, first one wins), a table (go down) or a reader
(called with the element and the facts). What the table does not name is not entered: one pass over the few top elements of an
invoice costs a fifth of one XPath a field (docs/decisions, pipeline measurements).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from lxml import etree

Facts = dict[str, Any]
Reader = Callable[[etree._Element, Facts], None]
Table = dict[Any, "str | Table | Reader"]
"""Keys are lxml tags: {namespace}name."""

_STRING: Callable[[etree._Element], Any] = etree.XPath("string()")
_CII_DATE: Final = re.compile(r"\d{8}$")


def walk(element: etree._Element, table: Table, facts: Facts) -> None:
    """Fill `facts` from the children of `element` that the table names."""
    find = table.get
    for child in element:
        entry = find(child.tag)
        if entry is None:
            continue
        if type(entry) is str:
            if entry not in facts:
                facts[entry] = (str(_STRING(child)) if len(child) else child.text or "").strip()  # text(), without the call
        elif type(entry) is dict:
            walk(child, entry, facts)
        else:
            entry(child, facts)  # type: ignore[operator]  # type() above does not narrow, isinstance would cost a microsecond


def text(element: etree._Element) -> str:
    """Stripped text of an element."""
    return whole_text(element).strip()


def whole_text(element: etree._Element) -> str:
    """Text of an element as written; a comment inside does not cut it."""
    if len(element):
        return str(_STRING(element))
    return element.text or ""


def identifier(element: etree._Element, facts: Facts) -> None:
    """Reader: one (scheme, identifier) more of a party."""
    facts.setdefault("ids", []).append((element.get("schemeID", ""), text(element)))


def endpoint(element: etree._Element, facts: Facts) -> None:
    """Reader: a party's electronic address, (scheme, address)."""
    facts.setdefault("endpoint", []).append((element.get("schemeID", ""), text(element)))


def content(element: etree._Element, facts: Facts) -> None:
    """Reader: keeps the element itself (an attachment's base64 is measured, not copied)."""
    facts.setdefault("content", element)


def listed(word: str, path: Table) -> Reader:
    """A reader that adds one text per element to the list `word`; `path` leads to the text, called "text"."""

    def read(element: etree._Element, facts: Facts) -> None:
        found: Facts = {}
        walk(element, path, found)
        if found.get("text"):
            facts.setdefault(word, []).append(found["text"])

    return read


def nested(word: str, table: Table) -> Reader:
    """A reader that collects its own facts under `word`; the first element wins."""

    def read(element: etree._Element, facts: Facts) -> None:
        if word not in facts:
            facts[word] = {}
            walk(element, table, facts[word])

    return read


def count(element: etree._Element, facts: Facts) -> None:
    """Reader: one invoice line more."""
    facts["lines"] = facts.get("lines", 0) + 1


def iso_date(written: str) -> str:
    """20260930 → 2026-09-30; anything else as it is (chorus.md §2.3: CII dates, with or without `format`)."""
    return f"{written[:4]}-{written[4:6]}-{written[6:]}" if _CII_DATE.match(written) else written
