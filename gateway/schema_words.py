"""Schema errors in words: what libxml2 or xmlschema says of a document → findings in French and English; it validates nothing.

libxml2 names the errors it met; xmlschema is slower by two orders and says more exactly what was expected. Both are turned into the
same few kinds of `Problem`; a kind that is not listed keeps the library's text after our sentence.

Limits: a list of expected elements or values is cut after eight.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from lxml import etree

from gateway.catalogue import Worded, echo, finding
from gateway.formats.path_table import whole_text
from gateway.model import Finding
from gateway.parsing import line_of, location

WORDS: Final[dict[str, tuple[str, str]]] = {
    "unexpected": ("élément {name} inattendu ici", "element {name} not expected here"),
    "unexpected_for": ("élément {name} inattendu ici ; attendu : {expected}", "element {name} not expected here; expected: {expected}"),
    "missing": ("élément manquant dans {name} ; attendu : {expected}", "element missing in {name}; expected: {expected}"),
    "value": ("valeur \"{value}\" incorrecte pour {name}", "wrong value \"{value}\" for {name}"),
    "type": (
        "valeur \"{value}\" incorrecte pour {name} ; type attendu : {expected}",
        "wrong value \"{value}\" for {name}; type expected: {expected}",
    ),
    "enumeration": (
        "valeur \"{value}\" de {name} hors liste ; admis : {expected}",
        "value \"{value}\" of {name} not in the list; allowed: {expected}",
    ),
    "pattern": (
        "valeur \"{value}\" de {name} non conforme au motif {expected}",
        "value \"{value}\" of {name} does not match the pattern {expected}",
    ),
    "length": ("valeur \"{value}\" de {name} : longueur exigée {expected}", "value \"{value}\" of {name}: length required {expected}"),
    "maxLength": (
        "valeur \"{value}\" de {name} trop longue ; maximum {expected}",
        "value \"{value}\" of {name} too long; maximum {expected}",
    ),
    "minLength": (
        "valeur \"{value}\" de {name} trop courte ; minimum {expected}",
        "value \"{value}\" of {name} too short; minimum {expected}",
    ),
    "range": ("valeur \"{value}\" de {name} hors limites ({expected})", "value \"{value}\" of {name} out of range ({expected})"),
    "attribute_missing": ("attribut {expected} obligatoire absent de {name}", "mandatory attribute {expected} absent from {name}"),
    "attribute_forbidden": ("attribut {expected} non admis dans {name}", "attribute {expected} not allowed in {name}"),
    "text": ("texte non admis dans {name}, qui ne contient que des éléments", "text not allowed in {name}, which holds elements only"),
    "children": ("éléments non admis dans {name}, qui ne contient que du texte", "elements not allowed in {name}, which holds text only"),
    "root": ("racine {name} inconnue du schéma", "root {name} unknown to the schema"),
    "other": ("{name} non conforme au schéma : {text}", "{name} does not conform to the schema: {text}"),
}  # fmt: skip
_RANGES: Final = frozenset({"minInclusive", "maxInclusive", "minExclusive", "maxExclusive", "totalDigits", "fractionDigits"})
_NAMESPACE: Final = re.compile(r"\{(?!')[^}]*\}")  # not the set of an enumeration, which begins with a quote
_LISTED: Final = 8
_OF_VALUES: Final = frozenset({"value", "type", "enumeration", "pattern", "length", "maxLength", "minLength", "range"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One schema error. `expected` is what would be right, `text` the library's words where the kind is "other"."""

    kind: str
    element: etree._Element
    value: str = ""
    expected: str = ""
    text: str = ""
    line: int | None = None
    attribute: str = ""  # the value is this attribute's


def worded(problem: Problem, number: str) -> Finding:
    """XSD-001 for one problem; `number` is the invoice's, or the document's name where it has none."""
    element = problem.element
    name = etree.QName(element).localname
    owner = f"/@{echo(problem.attribute)}" if problem.attribute else ""
    fields = {
        "name": echo(f"{element.prefix}:{name}" if element.prefix else name) + owner,
        "value": echo(problem.value),
        "expected": problem.expected, "text": echo(problem.text),
    }  # fmt: skip
    french, english = (Worded(words.format(**fields)) for words in WORDS[problem.kind])
    path, line = location(element), problem.line or line_of(element)
    return finding(
        "XSD-001", location=path, line=line, english={"message": english},
        numéro=number, l=line, message=french, xpath=Worded("".join(c if c.isprintable() else "?" for c in path[:500])),
    )


def from_log(log: Iterable[Any], root: etree._Element) -> Iterator[Problem]:
    """libxml2's error log → problems. A facet error and the type error that follows from it are one problem."""
    previous: tuple[object, object] | None = None
    for entry in log:
        element = _at(root, entry.path)
        problem = _from_message(_NAMESPACE.sub("", entry.message), element, entry.line or None)
        here = (entry.path, problem.value)
        if problem.kind == "type" and previous == here:
            continue
        previous = here
        yield problem


def _at(root: etree._Element, path: str | None) -> etree._Element:
    """The element libxml2's path names: its `*` stands for names in the default namespace."""
    found: Any = None
    for prefixes in (root.nsmap, *(e.nsmap for e in root.iterdescendants(etree.Element))):  # the root's nearly always suffices
        try:
            found = root.getroottree().xpath(path or "/*", namespaces={p: uri for p, uri in prefixes.items() if p})
        except etree.XPathError:
            continue  # a prefix declared further down
        break
    return found[0] if found and isinstance(found[0], etree._Element) else root


_LENGTH: Final = r"\] The value '?(?P<value>.*?)'? ?has a length of '\d+'; .*length of '(?P<expected>\d+)'"
_MESSAGES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("enumeration", re.compile(r"\[facet 'enumeration'\] The value '(?P<value>.*?)' is not an element .*\{(?P<expected>.*)\}", re.DOTALL)),
    ("pattern", re.compile(r"\[facet 'pattern'\] The value '(?P<value>.*?)' is not accepted by the pattern '(?P<expected>.*)'", re.DOTALL)),
    ("length", re.compile(r"\[facet 'length'" + _LENGTH, re.DOTALL)),
    ("maxLength", re.compile(r"\[facet 'maxLength'" + _LENGTH, re.DOTALL)),
    ("minLength", re.compile(r"\[facet 'minLength'" + _LENGTH, re.DOTALL)),
    ("range", re.compile(r"\[facet '(?P<facet>\w+)'\] The value '(?P<value>.*?)' .*'(?P<expected>[^']*)'", re.DOTALL)),
    ("type", re.compile(r"'(?P<value>.*)' is not a valid value of the (?:local )?\w+ type(?: '(?P<expected>[^']*)')?", re.DOTALL)),
    ("attribute_missing", re.compile(r"The attribute '(?P<expected>[^']*)' is required but missing")),
    ("attribute_forbidden", re.compile(r"The attribute '(?P<expected>[^']*)' is not allowed")),
    ("unexpected_for", re.compile(r"This element is not expected\. Expected is (?:one of )?\( (?P<expected>.*) \)", re.DOTALL)),
    ("unexpected", re.compile(r"This element is not expected")),
    ("missing", re.compile(r"Missing child element\(s\)\. Expected is (?:one of )?\( (?P<expected>.*) \)", re.DOTALL)),
    ("text", re.compile(r"Character content .*not allowed")),
    ("children", re.compile(r"Element content is not allowed")),
    ("root", re.compile(r"No matching global declaration available for the validation root")),
)  # fmt: skip


_SUBJECT: Final = re.compile(r"Element '[^']*'(?:, attribute '([^']*)')?: ")


def _from_message(message: str, element: etree._Element, line: int | None) -> Problem:
    subject = _SUBJECT.match(message)
    attribute, said = (subject.group(1) or "", message[subject.end() :]) if subject else ("", message)
    problem = _classified(said, element, line)
    return replace(problem, attribute=attribute) if problem.kind in _OF_VALUES else problem


def _classified(message: str, element: etree._Element, line: int | None) -> Problem:
    for kind, pattern in _MESSAGES:
        found = pattern.search(message)
        if found:
            parts = found.groupdict()
            expected = _short(parts.get("expected") or "") if kind != "pattern" else echo(parts["expected"])
            value = parts.get("value") or (whole_text(element) if kind in ("length", "maxLength", "minLength") else "")
            known = kind != "type" or bool(expected)
            return Problem(kind if known else "value", element, value, expected, line=line)
    return Problem("other", element, text=message, line=line)


def _short(listed: str) -> str:
    items = [item.strip() for item in listed.split(",")]
    return echo_all(items)


def echo_all(items: list[str]) -> str:
    """At most eight items, each made safe."""
    return ", ".join(echo(i) for i in items[:_LISTED]) + (", …" if len(items) > _LISTED else "")


def from_xmlschema(errors: Iterable[Any], root: etree._Element) -> Iterator[Problem]:
    """xmlschema's validation errors → problems."""
    for error in errors:
        element = error.elem if isinstance(error.elem, etree._Element) else root
        yield _children(error, element) if type(error).__name__ == "XMLSchemaChildrenValidationError" else _explained(error, element)


def _children(error: Any, element: etree._Element) -> Problem:
    expected = echo_all([str(getattr(e, "prefixed_name", e)) for e in error.expected or ()])
    child = error.invalid_child
    if isinstance(child, etree._Element):
        return Problem("unexpected_for" if expected else "unexpected", child, expected=expected)
    return Problem("missing", element, expected=expected)


_REASONS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("attribute_missing", re.compile(r"missing required attribute '([^']*)'")),
    ("attribute_forbidden", re.compile(r"'([^']*)' attribute not allowed")),
    ("text", re.compile(r"character data between child elements not allowed()")),
    ("children", re.compile(r"a simple content element can't have child elements()")),
    ("root", re.compile(r"is not an element of the schema()")),
)


def _explained(error: Any, element: etree._Element) -> Problem:
    reason, value = str(error.reason or ""), error.obj if isinstance(error.obj, str) else ""
    facet = type(error.validator).__name__.removeprefix("Xsd").removesuffix("Facets").removesuffix("Facet")
    if facet in ("Enumeration", "Pattern", "Length", "MaxLength", "MinLength"):
        return Problem(facet[0].lower() + facet[1:], element, value, _facet_expects(error.validator))
    if facet[:1].lower() + facet[1:] in _RANGES:
        return Problem("range", element, value, echo(getattr(error.validator, "value", "")))
    for kind, pattern in _REASONS:
        found = pattern.search(reason)
        if found:
            return Problem(kind, element, expected=echo(_NAMESPACE.sub("", found.group(1))))
    if type(error).__name__ == "XMLSchemaDecodeError":
        expected = str(getattr(error.validator, "prefixed_name", "") or "")
        return Problem("type" if expected else "value", element, value, expected)
    return Problem("other", element, value, text=_NAMESPACE.sub("", reason))


def _facet_expects(validator: Any) -> str:
    values = getattr(validator, "enumeration", None) or getattr(validator, "regexps", None)
    return echo_all([str(v) for v in values]) if values else echo(getattr(validator, "value", ""))
