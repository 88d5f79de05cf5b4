"""A form turned into a Python function, and the ways to ask it for what is needed: items, a condition, a text, one atomic value.

Every closure takes the context (a node, or an item) and the document's list of values. A form has one way of its own (`mode`), the
others are made from it here, with the rules of atomization (XPath 2.0 §2.4.2) and of the effective boolean value (§2.4.3). It reads no
form: see `linking.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from gateway.schematron.faults import DynamicError, too_many, wrong_type
from gateway.schematron.tree import Node
from gateway.schematron.values import Atom, Untyped, text_of

Values = list[Any]
"""One document's values: 0 the tree, 1 the node of the rule at work, then memos and variables; None where not evaluated yet."""
Item = Node | Atom
Run = Callable[[Any, Values], Any]

NODES, ITEMS, TEST, TEXT, ATOM = "nodes", "items", "test", "text", "atom"
"""Modes: a sequence of nodes, of any items; a bool; a str; one atomic value or None."""

YES: Final = (True,)
NO: Final = (False,)


@dataclass(frozen=True, slots=True)
class Closure:
    """`run` gives what `mode` says. For nodes, where it is cheaper: `exists`, whether there is any; `loose`, the same nodes in any order
    and perhaps repeated. For items that are computed one by one: `each`, an iterator, so that what is not asked for raises nothing."""

    mode: str
    run: Run
    exists: Run | None = None
    loose: Run | None = None
    each: Run | None = None

    def items(self) -> Run:
        """Any sequence of items."""
        run = self.run
        if self.mode in (NODES, ITEMS):
            return run
        if self.mode == TEST:
            return lambda n, e: YES if run(n, e) else NO
        if self.mode == TEXT:
            return lambda n, e: (run(n, e),)
        return lambda n, e: () if (atom := run(n, e)) is None else (atom,)

    def test(self) -> Run:
        """The effective boolean value."""
        run = self.run
        if self.mode == TEST:
            return run
        if self.mode == NODES:
            return self.exists or (lambda n, e: bool(run(n, e)))
        if self.mode == TEXT:
            return lambda n, e: run(n, e) != ""
        if self.mode == ATOM:
            return lambda n, e: (atom := run(n, e)) is not None and truth_of(atom)
        return lambda n, e: truth(run(n, e))

    def text(self, what: str = "an argument") -> Run:
        """An argument of type xs:string?, "" for nothing: untyped values are cast, others are no strings (XPTY0004)."""
        run = self.run
        if self.mode == TEXT:
            return run
        if self.mode == NODES:
            return _one_node_text(run, what)
        atom_of = self.atom(what)

        def text(n: Any, e: Values) -> str:
            atom = atom_of(n, e)
            if atom is None:
                return ""
            if isinstance(atom, str):
                return atom
            raise wrong_type(f"{what} is no text")

        return text

    def atom(self, what: str = "an operand") -> Run:
        """One atomic value, None for nothing; more than one is an error (XPTY0004)."""
        run = self.run
        if self.mode in (ATOM, TEXT, TEST):
            return run

        def atom(n: Any, e: Values) -> Atom | None:
            items = run(n, e)
            if len(items) > 1:
                raise too_many(what)
            return atomized(items[0]) if items else None

        return atom

    def atoms_one_by_one(self) -> Run:
        """The atomized sequence as an iterable, evaluated as far as it is read."""
        each = self.each
        return self.atoms() if each is None else lambda n, e: map(atomized, each(n, e))

    def atoms(self) -> Run:
        """The atomized sequence."""
        run = self.run
        if self.mode == NODES:
            return lambda n, e: [Untyped(node.value) for node in run(n, e)]
        if self.mode == ITEMS:
            return lambda n, e: [atomized(item) for item in run(n, e)]
        return self.items()


def _one_node_text(run: Run, what: str) -> Run:
    def text(n: Any, e: Values) -> str:
        nodes = run(n, e)
        if not nodes:
            return ""
        if len(nodes) > 1:
            raise too_many(what)
        value: str = nodes[0].value
        return value

    return text


def atomized(item: Item) -> Atom:
    """The typed value of an item: of a node without schema, its string as xs:untypedAtomic."""
    return Untyped(item.value) if isinstance(item, Node) else item


def string(item: Item) -> str:
    """fn:string of one item."""
    return item.value if isinstance(item, Node) else text_of(item)


def truth(items: Sequence[Item]) -> bool:
    """The effective boolean value of a sequence; FORG0006 where it has none."""
    if not items:
        return False
    first = items[0]
    if isinstance(first, Node):
        return True
    if len(items) > 1:
        raise DynamicError("FORG0006", "a sequence of values is neither true nor false")
    return truth_of(first)


def truth_of(atom: Atom) -> bool:
    """The effective boolean value of one atomic value."""
    if isinstance(atom, bool):
        return atom
    if isinstance(atom, str):
        return atom != ""
    if isinstance(atom, int | float | Decimal):
        return bool(atom) and atom == atom  # NaN is false  # noqa: PLR0124
    raise DynamicError("FORG0006", f"{text_of(atom)} is neither true nor false")
