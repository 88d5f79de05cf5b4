"""Comparisons → closures, chosen by what is known of both sides beforehand; what a comparison means is in `comparing.py`.

Most tests of the official rules compare the text of one element with a literal, or ask whether it is one of a list of codes: neither
needs a typed value for each node.
"""

from __future__ import annotations

from typing import Any

from gateway.schematron import comparing
from gateway.schematron.closures import ATOM, NODES, TEST, TEXT, Closure, Run, Values
from gateway.schematron.faults import wrong_type
from gateway.schematron.forms import NUMERIC
from gateway.schematron.values import Atom, boolean, double, text_of

Side = tuple[Closure, str]
"""A closure and the static kind of its items."""


def some_pair(sign: str, left: Side, right: Side) -> Closure:
    """A general comparison: true when some pair of items is related (XPath 2.0 §3.5.2)."""
    (one, one_kind), (other, other_kind) = left, right
    holds = comparing.SIGNS[sign]
    if one.mode == NODES:
        return Closure(TEST, _nodes(holds, one.loose or one.run, other, other_kind))
    if one.mode == other.mode == ATOM and {one_kind, other_kind} <= NUMERIC:
        return Closure(TEST, _numbers(holds, one.run, other.run))
    if one.mode == other.mode == TEXT:
        first, second = one.run, other.run
        return Closure(TEST, lambda n, e: holds(first(n, e), second(n, e)))
    return Closure(TEST, _pairs(holds, one.atoms_one_by_one(), other.atoms()))


def _nodes(holds: comparing.Holds, nodes: Run, other: Closure, kind: str) -> Run:
    """Nodes with something: their untyped values become what the other side is."""
    if other.mode == ATOM and kind in NUMERIC:
        return _nodes_number(holds, nodes, other.run)
    if other.mode == TEXT:
        return _nodes_text(holds, nodes, other.run)
    if other.mode == TEST:
        return _nodes_boolean(holds, nodes, other.run)
    if other.mode == NODES:
        return _nodes_nodes(holds, nodes, other.loose or other.run)
    return _pairs(holds, Closure(NODES, nodes).atoms(), other.atoms())


def one_pair(sign: str, left: Closure, right: Closure) -> Closure:
    """A value comparison: nothing where a side is empty (XPath 2.0 §3.5.1)."""
    holds, one_of, other_of = comparing.SIGNS[sign], left.atom(), right.atom()

    def run(n: Any, e: Values) -> bool | None:
        one, other = one_of(n, e), other_of(n, e)
        return None if one is None or other is None else comparing.value(holds, one, other)

    return Closure(ATOM, run)


def member(codes: frozenset[str], value: Closure) -> Closure:
    """Is some item of the value one of the codes? What is no text does not compare with them (XPTY0004)."""
    run = value.loose or value.run
    if value.mode == NODES:
        return Closure(TEST, lambda n, e: not codes.isdisjoint([node.value for node in run(n, e)]))
    if value.mode == TEXT:
        return Closure(TEST, lambda n, e: run(n, e) in codes)
    atoms = value.atoms()
    return Closure(TEST, lambda n, e: any(code(atom) in codes for atom in atoms(n, e)))


def listed(text: str, value: Closure) -> Closure:
    """`contains(' A B ', concat(' ', value, ' '))`: a code without space is looked up, anything else searched for."""
    codes = frozenset(text.split(" ")[1:-1]) - {""}
    atom_of = value.atom("the code")

    def run(n: Any, e: Values) -> bool:
        atom = atom_of(n, e)
        shown = "" if atom is None else text_of(atom)
        return shown in codes or ((not shown or " " in shown) and f" {shown} " in text)

    return Closure(TEST, run)


def code(atom: Atom) -> str:
    """A text that is compared with codes."""
    if isinstance(atom, str):
        return str(atom)
    raise wrong_type(f"'{text_of(atom)}' is compared with texts")


# By what is known of both sides.

def _numbers(holds: comparing.Holds, left: Run, right: Run) -> Run:
    def run(n: Any, e: Values) -> bool:
        one, other = left(n, e), right(n, e)
        return one is not None and other is not None and comparing.numbers(holds, one, other)

    return run


def _nodes_number(holds: comparing.Holds, left: Run, right: Run) -> Run:
    def run(n: Any, e: Values) -> bool:
        nodes = left(n, e)
        other = right(n, e) if nodes else None
        if other is None:
            return False
        number = float(other)
        return any(holds(double(node.value), number) for node in nodes)

    return run


def _nodes_text(holds: comparing.Holds, left: Run, right: Run) -> Run:
    if holds is comparing.SIGNS["="]:
        return lambda n, e: bool(nodes := left(n, e)) and right(n, e) in [node.value for node in nodes]

    def run(n: Any, e: Values) -> bool:
        nodes = left(n, e)
        text = right(n, e) if nodes else ""
        return any(holds(node.value, text) for node in nodes)

    return run


def _nodes_boolean(holds: comparing.Holds, left: Run, right: Run) -> Run:
    return lambda n, e: any(holds(boolean(node.value), right(n, e)) for node in left(n, e))


def _nodes_nodes(holds: comparing.Holds, left: Run, right: Run) -> Run:
    def run(n: Any, e: Values) -> bool:
        nodes = left(n, e)
        others = [other.value for other in right(n, e)] if nodes else ()
        return any(holds(node.value, other) for node in nodes for other in others)

    return run


def _pairs(holds: comparing.Holds, left: Run, right: Run) -> Run:
    """The first pair that is related ends it: the items after it on the left are not evaluated, as the official processor does."""
    general = comparing.general

    def run(n: Any, e: Values) -> bool:
        others = None
        for one in left(n, e):
            others = right(n, e) if others is None else others
            if any(general(holds, one, other) for other in others):
                return True
        return False

    return run
