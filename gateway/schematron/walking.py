"""Paths → closures over the compact tree: axes, node tests, predicates, document order; it knows no operator and no function.

Axes give nodes in their own order, so that positions count as they must (XPath 2.0 §3.2.1.1); reverse axes are put into document order
by the path's `sort`. Steps by child name are the common case and are only look-ups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Any, Final

from gateway.schematron.closures import NODES, Closure, Run, Values
from gateway.schematron.faults import wrong_type
from gateway.schematron.forms import Form
from gateway.schematron.tree import ATTRIBUTE, DOCUMENT, ELEMENT, Node, Tree

Axis = Callable[[Node], Any]
Predicate = Callable[[Form], Run]

_NONE: Final[tuple[Node, ...]] = ()


def path(form: Form, names: list[str], start: Closure | None, predicate: Predicate) -> Closure:
    """A path form, from `start` or from the context."""
    _, _, sort, steps = form
    run = _walk(steps, names, predicate)
    if start is None:
        return Closure(NODES, in_order(run) if sort else run, _existence(steps, names) or _any(run), run)
    if start.mode != NODES:
        run = _from_items(start.items(), run)
        return Closure(NODES, in_order(run) if sort else run, _any(run), run)
    loose = _from(start.loose or start.run, run)
    return Closure(NODES, in_order(_from(start.run, run)) if sort else _from(start.run, run), _any(loose), loose)


def _any(run: Run) -> Run:
    return lambda n, e: bool(run(n, e))


def in_order(run: Run) -> Run:
    """The same nodes in document order, each once."""

    def ordered(n: Any, e: Values) -> Any:
        nodes = run(n, e)
        return nodes if len(nodes) < 2 else sorted_once(nodes)

    return ordered


def sorted_once(nodes: Any) -> list[Node]:
    """Document order without repetition; mostly they are in order already."""
    orders = [node.order for node in nodes]
    if all(map(float.__lt__, map(float, orders), map(float, orders[1:]))):
        return list(nodes)
    return [node for _, node in sorted({node.order: node for node in nodes}.items())]


def _from(start: Run, run: Run) -> Run:
    """The rest of a path from each node of its beginning."""

    return _then(start, run)


def _from_items(start: Run, run: Run) -> Run:
    """The same where only the document tells whether the beginning is of nodes."""

    def nodes(n: Any, e: Values) -> Any:
        found = start(n, e)
        if all(isinstance(item, Node) for item in found):
            return found
        raise wrong_type("a step starts from what is no node")

    return _then(nodes, run)


def _existence(steps: list[Any], names: list[str]) -> Run | None:
    """Whether a single step by name finds anything: one look-up."""
    if len(steps) == 1 and not steps[0][2] and steps[0][1][0] == "name":
        name = names[steps[0][1][1]]
        if steps[0][0] == "child":
            return lambda n, e: name in n.kids
        if steps[0][0] == "attribute":
            return lambda n, e: name in n.attributes
    return None


def _walk(steps: list[Any], names: list[str], predicate: Predicate) -> Run:
    """All steps, one after the other; steps by child name that follow each other are one closure."""
    runs: list[Run] = []
    at = 0
    while at < len(steps):
        chain = list(takewhile(_by_child_name, steps[at:]))
        if chain:
            runs.append(_children([names[test[1]] for _, test, _ in chain]))
        else:
            runs.append(_step(steps[at], names, predicate))
        at += len(chain) or 1
    run = runs[0]
    for after in runs[1:]:
        run = _then(run, after)
    return run


def _by_child_name(step: list[Any]) -> bool:
    return step[0] == "child" and step[1][0] == "name" and not step[2]


def _children(chain: list[str]) -> Run:
    """`a/b/c`: look-ups only. Written out for one, two and three steps: this is what evaluation does most."""
    if len(chain) == 1:
        (only,) = chain
        return lambda n, e: n.kids.get(only, _NONE)
    if len(chain) == 2:
        first, second = chain

        def two(n: Any, e: Values) -> Any:
            found = n.kids.get(first, _NONE)
            if len(found) == 1:
                return found[0].kids.get(second, _NONE)
            return [last for node in found if second in node.kids for last in node.kids[second]]

        return two
    if len(chain) == 3:
        first, second, third = chain

        def three(n: Any, e: Values) -> Any:
            return [
                last
                for node in n.kids.get(first, _NONE) if second in node.kids
                for inner in node.kids[second] if third in inner.kids
                for last in inner.kids[third]
            ]  # fmt: skip

        return three
    return _then(_children(chain[:3]), _children(chain[3:]))


def _then(before: Run, after: Run) -> Run:
    def both(n: Any, e: Values) -> Any:
        nodes = before(n, e)
        if not nodes:
            return _NONE
        if len(nodes) == 1:
            return after(nodes[0], e)
        return [found for node in nodes for found in after(node, e)]

    return both


def _step(step: list[Any], names: list[str], predicate: Predicate) -> Run:
    axis, test, predicates = step
    along = _axis(axis, test, names)
    run: Run = lambda n, e: along(n)  # noqa: E731  the context of a step is all it needs
    if axis == "child" and test[0] == "name":
        run = _children([names[test[1]]])
    elif axis == "parent" and test[0] == "node":
        run = lambda n, e: _NONE if n.kind == DOCUMENT else (n.parent,)  # noqa: E731  `..` is common too
    for form in predicates:
        run = position(run, form[1]) if form[0] == "position" else filtered(run, predicate(form))
    return run


def filtered(run: Run, holds: Run) -> Run:
    """Items for which a predicate holds."""
    return lambda n, e: [item for item in run(n, e) if holds(item, e)]


def position(run: Run, place: int) -> Run:
    """The item at one place, from 1."""
    return lambda n, e: run(n, e)[place - 1 : place] if place > 0 else _NONE


# Node tests.

def node_test(test: Form, names: list[str], kind: int = ELEMENT) -> Callable[[Node], bool]:
    """Does a node pass? `kind` is the axis's principal kind, elements or attributes."""
    word = test[0]
    if word == "node":
        return lambda node: True
    if word == "any":
        return lambda node: node.kind == kind
    if word == "name":
        name = names[test[1]]
        return lambda node: node.name == name and node.kind == kind
    if word == "namespace":
        return lambda node: node.kind == kind and node.namespace == test[1]
    if word == "local":
        return lambda node: node.kind == kind and node.local == test[1]
    return lambda node: False  # text(): on the child axis only, see `_axis`


# Axes.

def _axis(axis: str, test: Form, names: list[str]) -> Axis:
    """Nodes along an axis that pass a test, in the axis's order."""
    if axis in ("attribute", "attribute-below"):
        return _attributes(axis, test, names)
    if test[0] == "text":
        return _texts(axis)
    passes = node_test(test, names)
    name = names[test[1]] if test[0] == "name" else None
    if axis == "descendant" and (name or test[0] == "any"):
        return lambda n: n.tree.below(n, name)
    along = _ALONG[axis]
    return lambda n: [node for node in along(n, name) if passes(node)]


def _attributes(axis: str, test: Form, names: list[str]) -> Axis:
    passes = node_test(test, names, kind=ATTRIBUTE)
    if axis == "attribute-below":
        if test[0] == "name":
            name = names[test[1]]
            return lambda n: n.tree.attributes_below(n, name)
        return lambda n: [a for node in (n, *n.tree.below(n, None)) for a in node.attributes.values() if passes(a)]
    if test[0] == "name":
        name = names[test[1]]
        return lambda n: (n.attributes[name],) if name in n.attributes else _NONE
    return lambda n: [node for node in n.attributes.values() if passes(node)]


def _texts(axis: str) -> Axis:
    if axis == "child":
        return lambda n: n.tree.text_nodes(n)
    if axis == "descendant":
        return lambda n: [text for node in (n, *n.tree.below(n, None)) for text in n.tree.text_nodes(node)]
    return lambda n: _NONE


def ancestors(node: Node) -> Iterator[Node]:
    """Parents up to the document, the nearest first."""
    while node.kind != DOCUMENT:
        node = node.parent
        yield node


def _ancestors_or_self(node: Node, _: str | None) -> Iterator[Node]:
    yield node
    yield from ancestors(node)


def _siblings(node: Node, name: str | None) -> list[Node]:
    if node.kind != ELEMENT:
        return []
    return node.parent.children() if name is None else node.parent.kids.get(name, [])


def _candidates(tree: Tree, name: str | None) -> list[Node]:
    return tree.below(tree.root, name)


_ALONG: Final[dict[str, Callable[[Node, str | None], Any]]] = {
    "child": lambda n, name: n.children() if name is None else n.kids.get(name, _NONE),
    "parent": lambda n, name: _NONE if n.kind == DOCUMENT else (n.parent,),
    "self": lambda n, name: (n,),
    "descendant": lambda n, name: n.tree.below(n, name),
    "descendant-or-self": lambda n, name: [n, *n.tree.below(n, name)],
    "ancestor": lambda n, name: ancestors(n),
    "ancestor-or-self": _ancestors_or_self,
    "following-sibling": lambda n, name: [node for node in _siblings(n, name) if node.order > n.order],
    "preceding-sibling": lambda n, name: [node for node in reversed(_siblings(n, name)) if node.order < n.order],
    "following": lambda n, name: [node for node in _candidates(n.tree, name) if node.order >= n.end],
    "preceding": lambda n, name: [node for node in reversed(_candidates(n.tree, name)) if node.end <= n.order],
}  # fmt: skip
"""Axis → (node, name or None) → candidates, in the axis's order."""

