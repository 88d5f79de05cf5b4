"""Reads ISO Schematron (ISO/IEC 19757-3:2016) with XPath 2 as its query language; it checks no schema against the standard.

Known: ns, let (of the schema, of a pattern, of a rule), pattern (also abstract, with `is-a` and `param`), rule (also abstract, with
`extends`), assert, report, value-of, name, include, and xsl:function. A pattern's nodes are walked as the ISO skeleton walks them.

Limits: phases, diagnostics and properties change no verdict and are passed over: every pattern is active. `subject`, `documents`, a
let without `value` and any other query language are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from lxml import etree

from gateway import parsing
from gateway.schematron.refused import RuleRefused
from gateway.schematron.source import (
    SCH,
    XSL,
    Assertion,
    Beside,
    Function,
    Let,
    Pattern,
    Rule,
    Source,
    Value,
    document,
    elements,
    needed,
    unknown,
)  # fmt: skip
from gateway.schematron.stylesheet import function

_WALK = "@*|*"
_PASSED_OVER = frozenset({SCH + name for name in ("title", "p", "phase", "diagnostics", "properties")})
_QUERIES = frozenset({"xslt2", "xpath2", "xslt3", "xpath3"})


def read(root: etree._Element, beside: Beside) -> Source:
    """The rules of a schema, includes taken in."""
    _include(root, beside)
    if root.get("queryBinding", "xslt").lower() not in _QUERIES:
        raise RuleRefused("queryBinding", f"'{root.get('queryBinding', '')}' is another language", "queryBinding='xslt2' is expected")
    namespaces: dict[str, str] = {"xs": "http://www.w3.org/2001/XMLSchema"}
    lets: list[Let] = []
    functions: list[Function] = []
    patterns: list[etree._Element] = []
    for element in elements(root):
        if element.tag == f"{SCH}ns":
            namespaces[needed(element, "prefix")] = needed(element, "uri")
        elif element.tag == f"{SCH}let":
            lets.append(_let(element))
        elif element.tag == f"{SCH}pattern":
            patterns.append(element)
        elif element.tag == f"{XSL}function":
            functions.append(function(element))
        elif element.tag not in _PASSED_OVER:
            raise unknown(element)
    return Source(
        title=root.findtext(f"{SCH}title", ""), namespaces=namespaces, default_namespace="", lets=tuple(lets),
        patterns=tuple(_patterns(patterns)), functions=tuple(functions), notes=(root.get("schemaVersion", ""),),
    )  # fmt: skip


def _include(root: etree._Element, beside: Beside, depth: int = 0) -> None:
    """Put what `include` names in its place. A circle ends at the eighth level, refused."""
    for include in list(root.iter(f"{SCH}include")):
        if depth == 8:
            raise RuleRefused(f"line {parsing.line_of(include)}", "includes go round in a circle", "at most 8 levels are expected")
        href = needed(include, "href")
        part = document(beside(href), href)
        _include(part, beside, depth + 1)
        parent = include.getparent()
        if parent is None:
            raise unknown(include)
        parent.replace(include, part)


def _patterns(found: list[etree._Element]) -> Iterator[Pattern]:
    abstract = {needed(pattern, "id"): pattern for pattern in found if pattern.get("abstract") == "true"}
    for number, pattern in enumerate(found, 1):
        if pattern.get("documents") is not None:
            raise RuleRefused(f"line {parsing.line_of(pattern)}", "the pattern names other documents", "one document is expected")
        if pattern.get("abstract") == "true":
            continue
        name = pattern.get("id") or f"pattern {number}"
        if (base := pattern.get("is-a")) is None:
            yield _pattern(name, pattern, {})
        elif base in abstract:
            given = {needed(param, "name"): needed(param, "value") for param in pattern.iter(f"{SCH}param")}
            yield _pattern(name, abstract[base], given)
        else:
            raise RuleRefused(f"pattern {name}", f"there is no abstract pattern '{base}'", "the id of one is expected")


def _pattern(name: str, pattern: etree._Element, given: Mapping[str, str]) -> Pattern:
    """One pattern, with the parameters of an abstract one put in. Its lets are seen by all its rules; their context is the document."""
    lets = tuple(replace(_given(_let(let), given), at_root=True) for let in pattern.findall(f"{SCH}let"))
    abstract = {needed(rule, "id"): rule for rule in pattern.findall(f"{SCH}rule") if rule.get("abstract") == "true"}
    rules: list[Rule] = []
    for element in elements(pattern):
        if element.tag == f"{SCH}rule":
            if element.get("abstract") != "true":
                rules.append(_rule(element, abstract, lets, given))
        elif element.tag not in {*_PASSED_OVER, f"{SCH}let", f"{SCH}param"}:
            raise unknown(element)
    return Pattern(name, tuple(rules), _WALK)


def _rule(element: etree._Element, abstract: Mapping[str, etree._Element], lets: tuple[Let, ...], given: Mapping[str, str]) -> Rule:
    found: list[Let] = [*lets]
    assertions: list[Assertion] = []
    for part in _extended(element, abstract):
        if part.tag == f"{SCH}let":
            found.append(_given(_let(part), given))
        elif part.tag in (f"{SCH}assert", f"{SCH}report"):
            assertions.append(_assertion(part, given))
        elif part.tag not in _PASSED_OVER:
            raise unknown(part)
    context = _put_in(needed(element, "context"), given)
    return Rule(context, tuple(found), tuple(assertions), _WALK, parsing.line_of(element) or 0)


def _extended(element: etree._Element, abstract: Mapping[str, etree._Element], depth: int = 0) -> Iterator[etree._Element]:
    """A rule's parts, those of the abstract rules that it extends in the place of `extends`."""
    for part in elements(element):
        if part.tag != f"{SCH}extends":
            yield part
        elif depth == 8 or part.get("rule") not in abstract:
            what = f"there is no abstract rule '{part.get('rule')}' in the pattern"
            raise RuleRefused(f"line {parsing.line_of(part)}", what, "the id of one is expected")
        else:
            yield from _extended(abstract[needed(part, "rule")], abstract, depth + 1)


def _let(element: etree._Element) -> Let:
    return Let(needed(element, "name"), needed(element, "value"), element.get("as", ""))


def _assertion(element: etree._Element, given: Mapping[str, str]) -> Assertion:
    if element.get("subject") is not None:
        raise RuleRefused(f"line {parsing.line_of(element)}", "subject is not known here", "the rule's context is the subject")
    message = tuple(Value(_put_in(part.expression, given)) if isinstance(part, Value) else part for part in _message(element))
    return Assertion(
        id=element.get("id", ""), flag=element.get("flag", "") or element.get("role", ""), test=_put_in(needed(element, "test"), given),
        report=element.tag == f"{SCH}report", message=message, line=parsing.line_of(element) or 0,
    )  # fmt: skip


def _message(element: etree._Element) -> Iterator[str | Value]:
    yield element.text or ""
    for part in element:
        if part.tag == f"{SCH}value-of":
            yield Value(needed(part, "select"))
        elif part.tag == f"{SCH}name":
            yield Value(f"name({part.get('path', '.')})")
        elif part.tag in (f"{SCH}emph", f"{SCH}dir", f"{SCH}span"):
            yield from _message(part)
        elif isinstance(part.tag, str):
            raise unknown(part)
        yield part.tail or ""


def _given(let: Let, given: Mapping[str, str]) -> Let:
    return replace(let, expression=_put_in(let.expression, given))


def _put_in(expression: str, given: Mapping[str, str]) -> str:
    """`$name` of an abstract pattern's parameter is replaced as text (ISO/IEC 19757-3 §6.3); longer names first."""
    for name in sorted(given, key=len, reverse=True):
        expression = re.sub(rf"\${re.escape(name)}(?![\w.-])", lambda _, text=given[name]: text, expression)  # type: ignore[misc]
    return expression
