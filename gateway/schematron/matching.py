"""Which nodes a pattern's rules match, and in which order they are visited (XSLT 2.0 §5.5): contexts → closures; no test runs here.

Nodes are known by the name of the last step and, where the step before it is a parent's, by the parent's name; what stands before is
checked upwards. A context by wildcard whose predicates ask only for the name (`*[ends-with(name(), 'Amount')]`) is decided once for each
name. Who goes through the document is `reference.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import DecimalException
from typing import Any

from gateway.schematron.closures import Run, Values
from gateway.schematron.faults import DynamicError
from gateway.schematron.forms import Form
from gateway.schematron.linking import Linker
from gateway.schematron.tree import ATTRIBUTE, DOCUMENT, ELEMENT, Node
from gateway.schematron.walking import ancestors, node_test

Matches = Callable[[Node, Values], bool]
Choice = tuple[int, Matches]
"""A rule's number and what it matches."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One path of a rule's context. `name`, `parent`: of the nodes that may match and of their parents, None for any ("" is the document);
    `by_name`: a condition on the name alone; `matches`: what remains to be asked."""

    rule: int
    name: str | None
    parent: str | None
    by_name: Run | None
    matches: Matches


class Contexts:
    """The contexts of one pattern. `has_attributes`: some match attributes, so that every element is to be visited."""

    def __init__(self, pattern: dict[str, Any], linker: Linker, names: list[str]) -> None:
        self._visits = [rule["visits"] for rule in pattern["rules"]]
        self._default = pattern["visits"]
        self._elements: list[Alternative] = []
        self._attributes: list[Alternative] = []
        self._roots: list[Alternative] = []
        lists = {"child": self._elements, "attribute": self._attributes, "root": self._roots}
        for number, rule in enumerate(pattern["rules"]):
            for raw in rule["match"]:
                lists[raw["axis"]].append(_alternative(number, raw, linker, names))
        self.has_attributes = bool(self._attributes)

    def of_root(self) -> int | None:
        """The rule that the document node fires."""
        return self._roots[0].rule if self._roots else None

    def of_name(self, node: Node, values: Values) -> list[Choice]:
        """Alternatives that may match elements of this one's name below its parent's. Prefixes count for nothing: see `_about_name`."""
        here = (a for a in self._elements if a.parent in (None, node.parent.name))
        may = (a for a in here if a.name == node.name or (a.name is None and (a.by_name is None or a.by_name(node, values))))
        return [(a.rule, a.matches) for a in may]

    def of_attributes(self, node: Node, rule: int | None, values: Values) -> Iterator[tuple[Node, int]]:
        """The attributes of an element that fired `rule`, or none, and the rules they fire."""
        if "@" not in (self._default if rule is None else self._visits[rule]):
            return
        for attribute in node.attributes.values():
            fired = first([(a.rule, a.matches) for a in self._attributes], attribute, values)
            if fired is not None:
                yield attribute, fired

    def goes_below(self, rule: int) -> bool:
        """Does the walk go on below a node that fired this rule?"""
        return bool(self._visits[rule])


def first(alternatives: list[Choice], node: Node, values: Values) -> int | None:
    """The first rule that matches. A pattern that cannot be evaluated does not match (XSLT 2.0 §5.5.4)."""
    for rule, matches in alternatives:
        try:
            if matches(node, values):
                return rule
        except (DynamicError, DecimalException, OverflowError):
            continue
    return None


def _alternative(number: int, raw: dict[str, Any], linker: Linker, names: list[str]) -> Alternative:
    test, predicates = raw["test"], raw["predicates"]
    name = names[test[1]] if test[0] == "name" and raw["axis"] == "child" else None
    by_name = [linker.test(part) for part in _parts(predicates) if _about_name(part)] if name is None and raw["axis"] == "child" else []
    kind = ATTRIBUTE if raw["axis"] == "attribute" else ELEMENT
    holds = [linker.test(predicate) for predicate in predicates]
    parent, above = _parent(raw["before"], raw["rooted"], linker, names) if raw["axis"] == "child" else (None, None)
    if parent is None:
        above = _above(raw["before"], raw["rooted"], linker, names)
    matches = _matches(None if name else node_test(test, names, kind), holds, above)
    return Alternative(number, name, parent, (lambda n, e: all(run(n, e) for run in by_name)) if by_name else None, matches)


def _parent(before: list[list[Any]], rooted: bool, linker: Linker, names: list[str]) -> tuple[str | None, Matches | None]:
    """The parent's name where the step before the last asks for it, and what is left to be asked of the parent."""
    if not before:
        return ("", None) if rooted else (None, None)
    link, test, predicates = before[0]
    if link != "/" or test[0] != "name":
        return None, None
    holds, further = [linker.test(predicate) for predicate in predicates], _above(before[1:], rooted, linker, names)
    if not holds and further is None:
        return names[test[1]], None
    of_parent = _matches(None, holds, further)
    return names[test[1]], lambda node, values: of_parent(node.parent, values)


def _parts(predicates: list[Form]) -> Iterator[Form]:
    """Conditions all of which must hold."""
    for form in predicates:
        if form[0] == "and":
            yield from _parts(form[1:3])
        else:
            yield form


def _about_name(form: Form) -> bool:
    """Does it ask for the local name only? `ends-with(name(), 'X')` does where X has no colon: a prefix never decides it."""
    if form[:2] == ["call", "not"]:
        return _about_name(form[2][0])
    return (
        form[:2] == ["call", "ends-with"] and form[2][0] == ["call", "name", [["context"]]]
        and form[2][1][0] == "string" and ":" not in form[2][1][1] and bool(form[2][1][1])
    )  # fmt: skip


def _matches(passes: Callable[[Node], bool] | None, holds: list[Run], above: Matches | None) -> Matches:
    """The test, then what is above, then the predicates: the cheap before the dear, none of the first two can fail."""
    checks: list[Matches] = []
    if passes is not None:
        checks.append(lambda node, values: passes(node))
    if above is not None:
        checks.append(above)
    return _all([*checks, *holds])


def _all(checks: list[Matches]) -> Matches:
    """All conditions, written out for few: this is called for every node and context."""
    if not checks:
        return lambda node, values: True
    if len(checks) == 1:
        return checks[0]
    first, second, *more = checks
    if more:
        return _all([lambda node, values: first(node, values) and second(node, values), *more])
    return lambda node, values: first(node, values) and second(node, values)


def _above(before: list[list[Any]], rooted: bool, linker: Linker, names: list[str]) -> Matches | None:
    """What must stand over a node: from the nearest step to the farthest, and the document at the end of a rooted path."""
    if not before:
        return _under_document if rooted else None
    link, test, predicates = before[0]
    holds = [linker.test(predicate) for predicate in predicates]
    further = _above(before[1:], rooted, linker, names)
    if link == "/" and test[0] == "name":
        return _under(names[test[1]], None if further is None and not holds else _matches(None, holds, further))
    step = _matches(node_test(test, names), holds, further)
    if link == "/":
        return lambda node, values: step(node.parent, values)
    return lambda node, values: any(step(over, values) for over in ancestors(node))


def _under(name: str, further: Matches | None) -> Matches:
    """The parent's name, and what holds of the parent."""
    if further is None:
        return lambda node, values: node.parent.name == name
    return lambda node, values: node.parent.name == name and further(node.parent, values)


def _under_document(node: Node, _: Values) -> bool:
    return node.parent.kind == DOCUMENT
