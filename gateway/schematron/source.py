"""A rule file as it is written: patterns, rules, lets, assertions, messages, functions; expressions are still text.

`read` takes both forms in which rules are published: an XSLT 2 stylesheet made by the ISO skeleton, and ISO Schematron itself.
It parses no XPath and opens no file: what a rule file names beside itself is asked of the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from gateway import parsing
from gateway.schematron.refused import RuleRefused

XSL: Final = "{http://www.w3.org/1999/XSL/Transform}"
SVRL: Final = "{http://purl.oclc.org/dsdl/svrl}"
SCH: Final = "{http://purl.oclc.org/dsdl/schematron}"

Beside = Callable[[str], bytes]
"""Bytes of a file that a rule file names relative to itself (`sch:include`, `document()`)."""


@dataclass(frozen=True, slots=True)
class Value:
    """`value-of` within a message: an XPath expression, its items joined by spaces."""

    expression: str


@dataclass(frozen=True, slots=True)
class Let:
    """A variable; `type` is what `as` says, "" when nothing does. `at_root`: its context is the document, not the rule's node."""

    name: str
    expression: str
    type: str = ""
    at_root: bool = False


@dataclass(frozen=True, slots=True)
class Assertion:
    """An `assert` fires when its test is false, a `report` when it is true. `id` and `flag` are "" where the source has none."""

    id: str
    flag: str
    test: str
    report: bool
    message: tuple[str | Value, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a pattern. `visits`: what is walked below a node that it matched ("", "*" or "@*|*")."""

    context: str
    lets: tuple[Let, ...]
    assertions: tuple[Assertion, ...]
    visits: str
    line: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """Rules of which each node fires at most the first that matches. `visits` is for nodes that none matches."""

    name: str
    rules: tuple[Rule, ...]
    visits: str


@dataclass(frozen=True, slots=True)
class Function:
    """An `xsl:function`: parameters, variables, and the expression that is its value."""

    name: str
    parameters: tuple[Let, ...]
    variables: tuple[Let, ...]
    result: str
    type: str


@dataclass(frozen=True, slots=True)
class Source:
    """A whole rule file. `namespaces`: prefix → namespace."""

    title: str
    namespaces: dict[str, str]
    default_namespace: str
    lets: tuple[Let, ...]
    patterns: tuple[Pattern, ...]
    functions: tuple[Function, ...] = ()
    notes: tuple[str, ...] = field(default=())
    """Comments before the first rule: publishers write their version there."""


def read(data: bytes, *, beside: Beside | None = None) -> Source:
    """The rules of a file. `RuleRefused` when it is neither form, or holds what is not known, with the line."""
    from gateway.schematron import schema, stylesheet  # noqa: PLC0415  both build the classes above

    root = document(data, "rule file")
    if root.tag == f"{XSL}stylesheet":
        return stylesheet.read(root)
    if root.tag == f"{SCH}schema":
        return schema.read(root, beside or nothing_beside)
    raise RuleRefused("rule file", f"its root is {root.tag}", "an XSLT 2 stylesheet or an ISO Schematron schema is expected")


def document(data: bytes, name: str) -> etree._Element:
    """The root of a file that belongs to a pack."""
    parsed = parsing.parse(data, member=name)
    if parsed.root is None:
        raise RuleRefused(name, parsed.findings[0].message_en, "a well-formed XML file is expected")
    return parsed.root


def nothing_beside(href: str) -> bytes:
    """For rule files that stand alone."""
    raise RuleRefused(f"file {href}", "nobody knows where it lies", "the pack's folder is expected")


def elements(parent: etree._Element) -> list[etree._Element]:
    """Child elements, without comments and processing instructions."""
    return [child for child in parent if isinstance(child.tag, str)]


def unknown(element: etree._Element) -> RuleRefused:
    """The refusal of an element, named with its prefix and line."""
    name = etree.QName(element).localname
    shown = f"{element.prefix}:{name}" if element.prefix else name
    return RuleRefused(f"line {parsing.line_of(element)}", f"<{shown}> is not known here", "what the ISO skeleton writes is expected")


def needed(element: etree._Element, attribute: str) -> str:
    """An attribute that must be there."""
    value = element.get(attribute)
    if value is None:
        where = f"line {parsing.line_of(element)}"
        raise RuleRefused(where, f"<{etree.QName(element).localname}> has no {attribute}", "the attribute is expected")
    return value
