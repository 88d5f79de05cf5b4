"""The readable evaluator: a pack and a document → findings, in plain Python. It is the specification of every other evaluator.

A rule is linked when it first fires, so that a process that sees few documents pays for few rules. What cannot be evaluated is a finding
of its own (`unevaluable`), and the other assertions go on; the official processor would stop there and say nothing of the rest.

Limits: one document at a time in a thread; closures are bound to the process and are not serialised, the pack is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import DecimalException, localcontext
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
from gateway.schematron.tree import Node
from gateway.schematron.values import EXACT, text_of

NAME: Final = "python"
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
            return list(linked.findings(document))


class _Linked:
    """A pack's rules as closures."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        names = [f"{{{namespace}}}{local}" if namespace else local for namespace, local in pack.rules["names"]]
        self._names = names
        self._linker = Linker(names)
        self._patterns = [Contexts(pattern, self._linker, names) for pattern in pack.rules["patterns"]]
        self._rules: dict[tuple[int, int], _Rule] = {}

    def findings(self, document: Document) -> Iterator[Finding]:
        """Every finding on a document."""
        tree = document.tree
        values: Values = [None] * self._pack.rules["slots"]
        values[0] = tree
        present = tree.named.keys() | tree.attributed.keys()
        alive: dict[tuple[int, int], list[_Assertion]] = {}
        for number, contexts in enumerate(self._patterns):
            for node, rule_number in contexts.fired(tree, values):
                key = number, rule_number
                rule = self._rules.get(key) or self._link(key)
                if (assertions := alive.get(key)) is None:
                    assertions = alive[key] = [a for a in rule.assertions if a.needs <= present]
                values[1] = node
                for slot in rule.slots:
                    values[slot] = None
                for assertion in assertions:
                    try:
                        if bool(assertion.test(node, values)) is assertion.when:
                            yield self._finding(assertion, node, document, assertion.message(node, values))
                    except (DynamicError, DecimalException, OverflowError) as fault:
                        yield self._unevaluable(assertion, node, document, fault)

    def _finding(self, assertion: _Assertion, node: Node, document: Document, message: str) -> Finding:
        return wording.fired(self._pack.name, assertion.id, assertion.flag, message, _place(node, document))

    def _unevaluable(self, assertion: _Assertion, node: Node, document: Document, fault: Exception) -> Finding:
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


def _place(node: Node, document: Document) -> wording.Place:
    return location(node), *document.place(node)
