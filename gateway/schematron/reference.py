"""The readable evaluator: a pack and a document → findings, in plain Python. It is the specification of every other evaluator.

A rule is linked when it first fires, so that a process that sees few documents pays for few rules. What cannot be evaluated is a finding
of its own (`unevaluable`), and the other assertions go on; the official processor would stop there and say nothing of the rest.

Limits: one document at a time in a thread; closures are bound to the process and are not serialised, the pack is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import DecimalException, localcontext
from sys import intern
from typing import Any, Final

from gateway.model import Finding
from gateway.schematron import wording
from gateway.schematron.closures import Run, Values, atomized
from gateway.schematron.document import Document, location
from gateway.schematron.faults import DynamicError
from gateway.schematron.linking import Linker
from gateway.schematron.matching import Choice, Contexts, first
from gateway.schematron.memory import uncollected
from gateway.schematron.pack import Pack, body
from gateway.schematron.tree import Node
from gateway.schematron.values import EXACT, text_of

NAME: Final = "python"
_MOST_NAMES: Final = 1_000
"""Names of elements and parents kept from one document to the next: more than an invoice uses, and bounded for one that invents them."""

_Tell = Callable[[Node, Values], str]
_Visitor = tuple[Callable[[Node, list[Choice]], None], list[Choice]]


@dataclass(frozen=True, slots=True)
class _Assertion:
    """It fires when the truth of `test` is `when`. `needs`: names without which it never does."""

    id: str
    flag: str
    test: Run
    when: bool
    message: _Tell
    plain: str
    needs: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Rule:
    slots: tuple[int, ...]
    assertions: tuple[_Assertion, ...]


class Evaluator:
    """Evaluates packs, each linked once. An instance serves one thread."""

    name, walks_the_tree = NAME, True

    def __init__(self) -> None:
        self._linked: dict[tuple[str, str], _Linked] = {}
        self.troubles: list[str] = []

    def evaluate(self, pack: Pack, document: Document) -> list[Finding]:
        """One finding for each instance of a failed assert, a fired report and an assertion that cannot be evaluated.

        Patterns in the order of the file, nodes in document order, assertions in the order of the rule.
        """
        key = pack.name, pack.digest
        linked = self._linked.get(key)
        if linked is None:
            linked = self._linked[key] = _Linked(pack)
        with localcontext(EXACT), uncollected():
            return linked.findings(document)


class _Linked:
    """A pack's rules as closures."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        names = [intern(f"{{{namespace}}}{local}" if namespace else local) for namespace, local in pack.rules["names"]]
        self._names = names
        self._linker = Linker(names)
        self._patterns = [Contexts(pattern, self._linker, names) for pattern in pack.rules["patterns"]]
        self._rules: dict[tuple[int, int], _Rule] = {}
        self._chosen: dict[tuple[str, str], dict[int, list[Choice]]] = {}

    def findings(self, document: Document) -> list[Finding]:
        """Every finding on a document. It is gone through once for all patterns: a long invoice is larger than the processor's caches."""
        tree = document.tree
        values: Values = [tree, *[None] * (self._pack.rules["slots"] - 1)]
        walks = [_Walk(self, number, contexts, document, values) for number, contexts in enumerate(self._patterns)]
        begun = [walk for walk in walks if walk.begin(tree.root)]
        visitors: dict[str, dict[str, list[_Visitor]]] = {name: {} for name in tree.named}
        for node in tree.elements:
            below = visitors[node.name]
            stops = below.get(node.parent.name)
            if stops is None:
                stops = below[node.parent.name] = self._visitors(node, begun, values)
            for visit, choices in stops:
                visit(node, choices)
        return [finding for walk in walks for finding in walk.found]

    def _visitors(self, node: Node, walks: list[_Walk], values: Values) -> list[_Visitor]:
        """The walks that stop at elements called like this one below a parent called like its own, and what may match there."""
        names = node.name, node.parent.name
        chosen = self._chosen.get(names)
        if chosen is None:
            each = [(number, contexts.of_name(node, values)) for number, contexts in enumerate(self._patterns)]
            chosen = {number: choices for number, choices in each if choices or self._patterns[number].has_attributes}
            if len(self._chosen) < _MOST_NAMES:
                self._chosen[names] = chosen
        return [(walk.visit, chosen[walk.pattern]) for walk in walks if walk.pattern in chosen] if chosen else []

    def rule(self, pattern: int, number: int) -> _Rule:
        """A rule, linked when it first fires."""
        return self._rules.get((pattern, number)) or self._link((pattern, number))

    def finding(self, assertion: _Assertion, node: Node, document: Document, message: str) -> Finding:
        """What an assertion says of a node."""
        return wording.fired(self._pack.name, assertion.id, assertion.flag, message, _place(node, document))

    def unevaluable(self, assertion: _Assertion, node: Node, document: Document, fault: Exception) -> Finding:
        """That it has no answer there."""
        reason = str(fault) if isinstance(fault, DynamicError) else "FOAR0002: a number is too long to be exact"
        return wording.unevaluable(self._pack.name, assertion.id, assertion.plain, reason, _place(node, document))

    def _link(self, key: tuple[int, int]) -> _Rule:
        raw = body(self._pack.rules["patterns"][key[0]]["rules"][key[1]])
        for slot, form in raw["lets"]:
            self._linker.let(slot, form)
        rule = _Rule(tuple(slot for slot, _ in raw["lets"]), tuple(self._assertion(a) for a in raw["assertions"]))
        self._rules[key] = rule
        return rule

    def _assertion(self, raw: dict[str, Any]) -> _Assertion:
        test, when = raw["test"], raw["report"]
        while test[:2] == ["call", "not"]:
            test, when = test[2][0], not when
        plain = "".join(part if isinstance(part, str) else "…" for part in raw["message"])
        needs = frozenset(self._names[index] for index in raw["needs"])
        return _Assertion(raw["id"], raw["flag"], self._linker.test(test), when, self._message(raw["message"], plain), plain, needs)

    def _message(self, parts: list[Any], plain: str) -> _Tell:
        """The text as the rule file emits it; the items of a value are joined by spaces (XSLT 2.0 §5.7.2)."""
        if all(isinstance(part, str) for part in parts):
            return lambda n, e: plain
        runs = [part if isinstance(part, str) else self._linker.link(part).items() for part in parts]
        return lambda n, e: "".join(
            run if isinstance(run, str) else " ".join(text_of(atomized(item)) for item in run(n, e)) for run in runs
        )


class _Walk:
    """One pattern's way through one document, and what it `found` so far. `values` are shared by all patterns."""

    def __init__(self, linked: _Linked, pattern: int, contexts: Contexts, document: Document, values: Values) -> None:
        self.found: list[Finding] = []
        self.contexts, self.values = contexts, values
        self.pattern, self._linked, self._document = pattern, linked, document
        self._past: float = 0
        self._present = document.tree.named.keys() | document.tree.attributed.keys()
        self._alive: dict[int, tuple[tuple[int, ...], list[_Assertion]]] = {}

    def begin(self, root: Node) -> bool:
        """At the document node; does the walk go on below it?"""
        rule = self.contexts.of_root()
        if rule is None:
            return True
        self._judge(root, rule)
        return self.contexts.goes_below(rule)

    def visit(self, node: Node, choices: list[Choice]) -> None:
        """Judge an element by the first of the choices that matches, and its attributes."""
        if node.order < self._past:
            return  # an ancestor's rule ended the walk
        rule = first(choices, node, self.values)
        if rule is not None:
            self._judge(node, rule)
            if not self.contexts.goes_below(rule):
                self._past = node.end
        if self.contexts.has_attributes and node.attributes:
            for attribute, fired in self.contexts.of_attributes(node, rule, self.values):
                self._judge(attribute, fired)

    def _judge(self, node: Node, number: int) -> None:
        values, (slots, assertions) = self.values, self._alive.get(number) or self._wake(number)
        values[1] = node
        for slot in slots:
            values[slot] = None
        for assertion in assertions:
            try:
                if bool(assertion.test(node, values)) is assertion.when:
                    self.found.append(self._linked.finding(assertion, node, self._document, assertion.message(node, values)))
            except (DynamicError, DecimalException, OverflowError) as fault:
                self.found.append(self._linked.unevaluable(assertion, node, self._document, fault))

    def _wake(self, number: int) -> tuple[tuple[int, ...], list[_Assertion]]:
        """A rule's variables, and those of its assertions that this document can make fire."""
        rule = self._linked.rule(self.pattern, number)
        self._alive[number] = rule.slots, [a for a in rule.assertions if a.needs <= self._present]
        return self._alive[number]


def _place(node: Node, document: Document) -> wording.Place:
    return location(node), *document.place(node)
