"""Reads the rules back out of an XSLT 2 stylesheet that the ISO Schematron skeleton wrote; it runs no XSLT.

The skeleton writes one mode a pattern and one template a rule: priority decides (the first rule of the pattern is the highest), the
template's last `apply-templates` says what is walked below. Rules that have none end the walk there. Templates without `fired-rule` in
the pattern's mode are the default walk. The modes that print locations are not read: locations are ours.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from gateway import parsing
from gateway.schematron.refused import RuleRefused
from gateway.schematron.source import (
    SVRL,
    XSL,
    Assertion,
    Function,
    Let,
    Pattern,
    Rule,
    Source,
    Value,
    elements,
    needed,
    unknown,
)  # fmt: skip

_NOT_RULES = ("schematron-", "generate-id-")
_IDLE = frozenset({f"{XSL}output", f"{XSL}strip-space", f"{SVRL}text"})


def read(root: etree._Element) -> Source:
    """The rules of a stylesheet, by pattern in the order in which they are applied, by priority within."""
    templates: dict[str, list[etree._Element]] = {}
    lets: list[Let] = []
    functions: list[Function] = []
    for element in elements(root):
        if element.tag in (f"{XSL}param", f"{XSL}variable"):
            lets += _global(element)
        elif element.tag == f"{XSL}function":
            functions.append(function(element))
        elif element.tag == f"{XSL}template":
            templates.setdefault(element.get("mode", ""), []).append(element)
        elif element.tag not in _IDLE:
            raise unknown(element)
    output = root.find(f".//{SVRL}schematron-output")
    return Source(
        title="" if output is None else output.get("title", ""),
        namespaces={prefix: uri for prefix, uri in root.nsmap.items() if prefix},
        default_namespace=root.get("xpath-default-namespace", ""), lets=tuple(lets), patterns=tuple(_patterns(templates)),
        functions=tuple(functions), notes=tuple(_notes(root)),
    )  # fmt: skip


def _notes(root: etree._Element) -> Iterator[str]:
    """Comments before the root and before its first element."""
    before = [str(node.text) for node in root.itersiblings(preceding=True) if isinstance(node, etree._Comment)]
    yield from reversed(before)
    for node in root:
        if isinstance(node.tag, str):
            return
        yield str(node.text)


def _global(element: etree._Element) -> list[Let]:
    """A global variable; the skeleton's own (file names, the document's address) have no `select` and are used by no rule."""
    select = element.get("select")
    return [] if select is None else [Let(needed(element, "name"), select, element.get("as", ""))]


def _patterns(templates: dict[str, list[etree._Element]]) -> Iterator[Pattern]:
    applied = [(mode, name) for template in templates.get("", []) if template.get("match") == "/" for mode, name in _applied(template)]
    known = {mode for mode, _ in applied}
    for mode, found in templates.items():
        if mode and mode not in known and not mode.startswith(_NOT_RULES):
            raise RuleRefused(f"line {parsing.line_of(found[0])}", f"mode {mode} is never applied", "a pattern's mode is expected")
    yield from (_pattern(name or mode, templates.get(mode, [])) for mode, name in applied)


def _applied(template: etree._Element) -> Iterator[tuple[str, str]]:
    """(mode, pattern's name) in order: `active-pattern` names the pattern that the next `apply-templates` runs."""
    name = ""
    for element in template.iter(f"{SVRL}active-pattern", f"{XSL}apply-templates"):
        if element.tag == f"{SVRL}active-pattern":
            name = _attribute(element, "id") or _attribute(element, "name")
        elif element.get("mode"):
            yield needed(element, "mode"), name


def _pattern(name: str, templates: list[etree._Element]) -> Pattern:
    rules: list[tuple[float, Rule]] = []
    visits = "*"
    for template in templates:
        if template.find(f"{SVRL}fired-rule") is not None:
            rules.append((float(needed(template, "priority")), _rule(template)))
        elif template.get("match") == "@*|node()":
            visits = _visits(template)
        elif template.get("match") != "text()":
            raise unknown(template)
    rules.sort(key=lambda ranked: -ranked[0])
    return Pattern(name, tuple(rule for _, rule in rules), visits)


def _rule(template: etree._Element) -> Rule:
    lets: list[Let] = []
    assertions: list[Assertion] = []
    for element in elements(template):
        if element.tag == f"{XSL}variable":
            lets.append(Let(needed(element, "name"), needed(element, "select"), element.get("as", "")))
        elif element.tag == f"{XSL}choose":
            assertions.append(_assert(element))
        elif element.tag == f"{XSL}if":
            assertions.append(_assertion(element, needed(element, "test"), report=True))
        elif element.tag not in (f"{SVRL}fired-rule", f"{XSL}apply-templates"):
            raise unknown(element)
    line = parsing.line_of(template) or 0
    return Rule(needed(template, "match"), tuple(lets), tuple(assertions), _visits(template), line)


def _visits(template: etree._Element) -> str:
    applied = template.find(f"{XSL}apply-templates")
    if applied is None:
        return ""
    parts = set(applied.get("select", "node()").replace(" ", "").split("|"))
    if not parts <= {"*", "@*", "node()", "comment()", "processing-instruction()"}:
        raise RuleRefused(f"line {parsing.line_of(applied)}", f"it walks {applied.get('select')}", "'*' or '@*|*' is expected")
    return "@*|*" if "@*" in parts else "*"


def _assert(choose: etree._Element) -> Assertion:
    parts = elements(choose)
    if [part.tag for part in parts] != [f"{XSL}when", f"{XSL}otherwise"] or elements(parts[0]):
        raise unknown(choose)
    return _assertion(parts[1], needed(parts[0], "test"), report=False)


def _assertion(holder: etree._Element, test: str, *, report: bool) -> Assertion:
    told = holder.find(SVRL + ("successful-report" if report else "failed-assert"))
    if told is None:
        raise unknown(holder)
    flag = _attribute(told, "flag") or _attribute(told, "role")
    line = parsing.line_of(holder) or 0
    return Assertion(_attribute(told, "id"), flag, test, report, tuple(_message(told.find(f"{SVRL}text"))), line)


def _attribute(element: etree._Element, name: str) -> str:
    """An attribute written plainly or by `xsl:attribute`; "" when there is none, or one that is computed."""
    for written in element.findall(f"{XSL}attribute"):
        if written.get("name") == name:
            return written.text or ""
    return element.get(name, "")


def _message(text: etree._Element | None) -> Iterator[str | Value]:
    """Literal text and values; whitespace alone between elements of a stylesheet is stripped (XSLT 2.0 §4.4), `xsl:text` is not."""
    if text is None:
        return
    yield from _kept(text.text)
    for element in text:
        if element.tag == f"{XSL}value-of":
            yield Value(needed(element, "select"))
        elif element.tag == f"{XSL}text":
            yield element.text or ""
        elif isinstance(element.tag, str):
            raise unknown(element)
        yield from _kept(element.tail)


def _kept(text: str | None) -> Iterator[str]:
    if text and text.strip(" \t\r\n"):
        yield text


def function(element: etree._Element) -> Function:
    """An `xsl:function` of parameters, variables and one `xsl:sequence`; Schematron files carry them too."""
    parameters: list[Let] = []
    variables: list[Let] = []
    result = ""
    for part in elements(element):
        if part.tag == f"{XSL}param":
            parameters.append(Let(needed(part, "name"), "", part.get("as", "")))
        elif part.tag == f"{XSL}variable":
            variables.append(Let(needed(part, "name"), needed(part, "select"), part.get("as", "")))
        elif part.tag == f"{XSL}sequence" and not result:
            result = needed(part, "select")
        else:
            raise unknown(part)
    return Function(needed(element, "name"), tuple(parameters), tuple(variables), result or "()", element.get("as", ""))
