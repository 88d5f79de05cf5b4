"""The readable evaluator: a pack and a document → findings, in plain Python. It is the specification of every other evaluator.

A rule is linked when it first fires, so that a process that sees few documents pays for few rules. What cannot be evaluated is a finding
of its own (`unevaluable`), and the other assertions go on; the official processor would stop there and say nothing of the rest.

Limits: one document at a time in a thread; closures are bound to the process and are not serialised, the pack is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from gateway.schematron.matching import Contexts
from gateway.schematron.memory import uncollected
from gateway.schematron.pack import Pack, body
from gateway.schematron.tree import Node, Tree
from gateway.schematron.values import EXACT, text_of

NAME: Final = "python"
_STRETCH: Final = 2_000
"""Places of a document: a megabyte of its tree."""

_Tell = Callable[[Node, Values], str]


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

    name = NAME

    def __init__(self) -> None:
        self._linked: dict[tuple[str, str], _Linked] = {}

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

    def findings(self, document: Document) -> list[Finding]:
        """Every finding on a document. Patterns go through it side by side, a stretch at a time: a long invoice is larger than the
        processor's caches, and each pattern on its own would fetch all of it anew."""
        values: Values = [document.tree, *[None] * (self._pack.rules["slots"] - 1)]
        walks = [_Walk(self, number, document, values) for number in range(len(self._patterns))]
        for limit in range(_STRETCH, int(document.tree.root.end) + _STRETCH, _STRETCH):
            for walk in walks:
                walk.go_on(limit)
        return [finding for walk in walks for finding in walk.found]

    def fired(self, pattern: int, tree: Tree, values: Values) -> Iterator[tuple[Node, int]]:
        """See Contexts.fired."""
        return self._patterns[pattern].fired(tree, values)

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

    def __init__(self, linked: _Linked, pattern: int, document: Document, values: Values) -> None:
        self.found: list[Finding] = []
        self._linked, self._pattern, self._document, self._values = linked, pattern, document, values
        self._fired = linked.fired(pattern, document.tree, values)
        self._next = next(self._fired, None)
        self._present = document.tree.named.keys() | document.tree.attributed.keys()
        self._alive: dict[int, tuple[tuple[int, ...], list[_Assertion]]] = {}

    def go_on(self, limit: int) -> None:
        """Judge the nodes that stand before that place of the document."""
        fired = self._next
        while fired is not None and fired[0].order < limit:
            self._judge(*fired)
            fired = next(self._fired, None)
        self._next = fired

    def _judge(self, node: Node, number: int) -> None:
        values, (slots, assertions) = self._values, self._alive.get(number) or self._wake(number)
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
        rule = self._linked.rule(self._pattern, number)
        self._alive[number] = rule.slots, [a for a in rule.assertions if a.needs <= self._present]
        return self._alive[number]


def _place(node: Node, document: Document) -> wording.Place:
    return location(node), *document.place(node)
