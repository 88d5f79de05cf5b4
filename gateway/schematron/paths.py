"""Paths → forms: `//` joined to its step, the order of nodes followed from step to step, shared beginnings, code list files as sets.

A path's nodes must come in document order without repetition (XPath 2.0 §3.2). Most steps keep an order that they find; where one may
not, the path is marked `sort`. The states of `_ORDER`: "one" node; "apart", in order and none within another; "nested", in order but
perhaps one within another; "mixed", in no order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from gateway.schematron.forms import ANY, NODE, NUMERIC, STRING, Form, kind
from gateway.schematron.planned import CONTEXT, Planned
from gateway.schematron.refused import RuleRefused
from gateway.schematron.source import Beside, document
from gateway.schematron.syntax import (
    Call,
    Comparison,
    ContextItem,
    Expression,
    Filter,
    Literal,
    NameTest,
    Path,
    Step,
    Union,
)  # fmt: skip
from gateway.schematron.xpath import ANYWHERE

if TYPE_CHECKING:
    from gateway.schematron.expressions import Expressions, Focus

_ORDER: Final[dict[str, dict[str, str]]] = {
    "one": {
        "child": "apart", "attribute": "apart", "attribute-below": "apart", "following-sibling": "apart", "self": "one", "parent": "one",
        "descendant": "nested", "descendant-or-self": "nested",
    },
    "apart": {
        "child": "apart", "attribute": "apart", "attribute-below": "apart", "self": "apart", "descendant": "nested",
        "descendant-or-self": "nested",
    },
    "nested": {"attribute": "apart", "self": "nested"},
    "mixed": {},
}  # fmt: skip
"""State → axis → state; "mixed" where none is named."""

_NODE_AXES: Final = frozenset({"self", "parent", "ancestor", "ancestor-or-self", "descendant-or-self"})
"""Axes on which node() is an element or the document: comments are not in the tree."""


class Paths:
    """Plans the paths of one pack."""

    def __init__(self, expressions: Expressions, beside: Beside) -> None:
        self._expressions, self._beside = expressions, beside
        self._code_lists: dict[str, etree._Element] = {}

    def step(self, tree: Step, focus: Focus) -> Planned:
        """A step that stands alone."""
        return self.path(Path((tree,)), focus)

    def path(self, tree: Path, focus: Focus) -> Planned:
        """A whole path, from left to right: runs of axis steps are one form, any other expression is mapped over what it follows."""
        first, *rest = _joined(tree.steps)
        if isinstance(first, Union) and not rest:
            return self._expressions.write(first, focus)
        begun = _Begun(self._expressions, focus, first)
        for step in rest:
            begun.go(step)
        return begun.done()

    def filter(self, tree: Filter, focus: Focus) -> Planned:
        """A filter over a whole sequence."""
        operand = self._expressions.write(tree.operand, focus)
        predicates, free = _predicates(self._expressions, tree.predicates, focus, kind(operand.form))
        return _with_predicates(self._expressions, operand, free, lambda form: ["filter", form, predicates])

    def code_list(self, tree: Path, focus: Focus) -> Planned:
        """`document('lists.xml')/codedb/cl[@id=4]/enumeration[@value=X]` as a condition: X is one of the values of that list."""
        call, *steps = tree.steps
        last = steps[-1] if steps else None
        if not isinstance(call, Call) or not isinstance(last, Step) or len(last.predicates) != 1:
            raise RuleRefused("", "document() is used otherwise than for a code list", "enumeration[@value = X] at the end is expected")
        wanted = last.predicates[0]
        match wanted:
            case Comparison("=", Step("attribute", NameTest("", str(attribute))), value):
                planned = self._expressions.write(value, type(focus)("none", focus.scope))
            case _:
                raise RuleRefused("", "the code list's last predicate is unknown", "[@value = X] is expected")
        if kind(planned.form) not in (NODE, STRING, ANY):
            raise RuleRefused("", "the code is no text", "a node or a string is expected")
        found = [self._list_file(call)]
        for step in [*steps[:-1], Step(last.axis, last.test)]:
            found = [inner for outer in found for inner in _inner(outer, step)]
        codes = [element.get(attribute) for element in found if element.get(attribute) is not None]
        return self._expressions.join(lambda form: ["member", form, codes], planned)

    def _list_file(self, call: Call) -> etree._Element:
        """The document node of the file, as an element around its root."""
        match call.arguments:
            case (Literal(str(href)),):
                if href not in self._code_lists:
                    around = etree.Element("document")
                    around.append(document(self._beside(href), href))
                    self._code_lists[href] = around
                return self._code_lists[href]
            case _:
                raise RuleRefused("", "document() has a computed name", "a literal name is expected")


def _joined(steps: tuple[Expression, ...]) -> list[Expression]:
    """`//x` becomes one descendant step, `//@x` one of our own; `//(a | b)` the union of `//a` and `//b`: neither counts positions."""
    done: list[Expression] = []
    for step in steps:
        anywhere = bool(done) and done[-1] == ANYWHERE
        if anywhere and isinstance(step, Step) and step.axis == "child" and not _counts(step.predicates):
            done[-1] = Step("descendant", step.test, step.predicates)
        elif anywhere and isinstance(step, Step) and step.axis == "attribute" and not _counts(step.predicates):
            done[-1] = Step("attribute-below", step.test, step.predicates)
        elif anywhere and (choices := _choices(step)):
            paths = [Path((*done, choice)) for choice in choices]
            tree: Expression = paths[0]
            for path in paths[1:]:
                tree = Union(tree, path)
            done = [Filter(tree, step.predicates) if isinstance(step, Filter) else tree]
        else:
            done.append(step)
    return done


def _choices(tree: Expression) -> list[Step]:
    """The child steps of a union of nothing else; [] otherwise."""
    match tree:
        case Filter() if not _counts(tree.predicates):
            return _choices(tree.operand) if isinstance(tree.operand, Union) else []
        case Union():
            left, right = _choices(tree.left), _choices(tree.right)
            return left + right if left and right else []
        case Step(axis="child") if not _counts(tree.predicates):
            return [tree]
        case _:
            return []


def _counts(predicates: tuple[Expression, ...]) -> bool:
    return any(isinstance(predicate, Literal) for predicate in predicates)


class _Begun:
    """A path under construction."""

    def __init__(self, expressions: Expressions, focus: Focus, first: Expression) -> None:
        self._expressions, self._focus = expressions, focus
        self._start: Planned | None = None
        self._steps: list[Any] = []
        self._free: frozenset[int] = frozenset()
        self._state = "one"
        if isinstance(first, Step | ContextItem):
            self._from_context()
            self.go(first)
        else:
            self._start = expressions.write(first, focus)
            self._state = _state(self._start.form)

    def _from_context(self) -> None:
        if self._focus.kind == "root":
            self._start = Planned(["root"], frozenset())
        elif self._focus.kind != "node":
            raise RuleRefused("", "a step starts from what is no node", "a node before it is expected")

    def go(self, tree: Expression) -> None:
        """One step further."""
        if isinstance(tree, Step):
            self._axis(tree)
        elif not isinstance(tree, ContextItem):
            self._map(tree)

    def _axis(self, tree: Step) -> None:
        if not isinstance(tree.test, NameTest) and tree.test.kind == "node" and tree.axis not in _NODE_AXES:
            raise RuleRefused("", f"{tree.axis}::node() is not known here", "a name, * or text() is expected")
        if self._start is not None and kind(self._start.form) not in (NODE, ANY):
            raise RuleRefused("", "a step starts from what is no node", "a node before it is expected")
        predicates, free = _predicates(self._expressions, tree.predicates, self._focus, NODE)
        self._steps.append([tree.axis, self._expressions.name_test(tree), predicates])
        self._free |= free
        self._state = _ORDER[self._state].get(tree.axis, "mixed")
        if tree.predicates and self._start is not None and not (self._start.free | self._free):
            self._share()

    def _share(self) -> None:
        """A beginning that is the same for the whole document is a memo of its own: many paths have it."""
        self._start = self._expressions.memo(self._closed())
        self._steps, self._free = [], frozenset()

    def _map(self, tree: Expression) -> None:
        base = self._closed()
        if kind(base.form) not in (NODE, ANY):
            raise RuleRefused("", "a step starts from what is no node", "a node before it is expected")
        inner = self._expressions.write(tree, type(self._focus)("node", self._focus.scope))
        nodes = kind(inner.form) == NODE
        if kind(inner.form) == ANY and inner.form[0] != "call":
            raise RuleRefused("", "a step gives perhaps nodes, perhaps values", "a step of one kind is expected")
        self._start = _with_predicates(self._expressions, base, inner.free - CONTEXT, lambda form: ["map", form, inner.form, nodes])
        self._steps, self._free, self._state = [], frozenset(), "nested" if nodes else "mixed"

    def done(self) -> Planned:
        """The whole path."""
        return self._closed()

    def _closed(self) -> Planned:
        if self._start is not None and not self._steps:
            return self._start
        sort, steps = self._state == "mixed", self._steps
        if self._start is None:
            return Planned(["path", None, sort, steps], self._free | CONTEXT)
        return _with_predicates(self._expressions, self._start, self._free, lambda form: ["path", form, sort, steps])


def _state(form: Form) -> str:
    """The order of nodes that a form gives."""
    if form[0] in ("context", "root") or (form[0] == "variable" and form[3]):
        return "one"
    while form[0] in ("memo", "filter"):
        form = form[2 if form[0] == "memo" else 1]
    return "nested" if form[0] in ("path", "union") else "mixed"


def _predicates(
    expressions: Expressions, trees: tuple[Expression, ...], focus: Focus, item: str
) -> tuple[list[Form], frozenset[int]]:
    """Forms of predicates, `["position", n]` for an integer, and what they depend on beside their own context."""
    inner = type(focus)("node" if item == NODE else "item", focus.scope)
    forms: list[Form] = []
    free: frozenset[int] = frozenset()
    for tree in trees:
        if isinstance(tree, Literal) and isinstance(tree.value, int):
            forms.append(["position", tree.value])
            continue
        planned = expressions.memo(expressions.condition(tree, inner))
        if kind(planned.form) in NUMERIC:
            raise RuleRefused("", "a predicate computes a position", "a condition or an integer is expected")
        forms.append(planned.form)
        free |= planned.free - CONTEXT
    return forms, free


def _with_predicates(expressions: Expressions, base: Planned, free: frozenset[int], build: Any) -> Planned:
    """A form around a base, whose inner forms depend on `free` as well."""
    if base.free or not free:
        return Planned(build(base.form), base.free | free)
    return Planned(build(expressions.memo(base).form), base.free | free)


def _inner(outer: etree._Element, step: Expression) -> list[etree._Element]:
    """Elements of a code list file that a step finds; its predicates compare an attribute with a literal."""
    match step:
        case Step("child" | "descendant-or-self", NameTest(_, str(local)), predicates):
            return [child for child in outer if child.tag == local and all(_holds(child, p) for p in predicates)]
        case _ if step == ANYWHERE:
            return list(outer.iter(tag=etree.Element))
        case _:
            raise RuleRefused("", "document() is walked by an unknown step", "element names are expected")


def _holds(element: etree._Element, predicate: Expression) -> bool:
    match predicate:
        case Comparison("=", Step("attribute", NameTest("", str(attribute))), Literal(wanted)):
            return element.get(attribute) == str(wanted)
        case _:
            raise RuleRefused("", "document() is filtered by an unknown predicate", "[@name = literal] is expected")


