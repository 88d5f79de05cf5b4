"""Directed mutants: for each assertion, a document made so that it fails; nothing is judged here.

An assertion `not(path)` fails where the path exists, `count(path) <= 1` where it exists twice, a report of a path where it exists. So
the rule's context is built into a sound invoice, then the path, one missing element after the other, each predicate made true as far as
it says a value. What cannot be built that way is left out: the table of `make verdicts` shows how many assertions were seen failing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lxml import etree

from gateway.schematron import pack, source, xpath
from gateway.schematron.refused import RuleRefused
from gateway.schematron.source import Assertion, Rule, Source
from gateway.schematron.syntax import (
    Call,
    Comparison,
    ContextItem,
    Expression,
    Filter,
    Literal,
    Logical,
    NameTest,
    Root,
    Step,
    Union,
)
from gateway.schematron.syntax import (
    Path as Steps,
)
from tests import ubl_invoices

_CII = Path(__file__).resolve().parents[2] / "samples" / "accepted" / "cii-lingerie-hopital.xml"
_SIMPLE = frozenset({"normalize-space", "upper-case", "string", "xs:decimal", "exists", "string-length", "count"})


@dataclass(frozen=True, slots=True)
class Mutant:
    """`key`: pattern, rule and assertion by number; `aimed`: `not(path)`, where firing is promised."""

    key: str
    rule: str
    aimed: bool
    data: bytes


class Unbuildable(Exception):
    """No element can be made for this expression."""


@cache
def base(syntax: str) -> bytes:
    """The sound invoice that mutants are made from."""
    return ubl_invoices.invoice(1, lines=1) if syntax == "ubl" else _CII.read_bytes()


def mutants(name: str) -> Iterator[Mutant]:
    """Every mutant of a pack, at most one an assertion, in the order of the rule file."""
    file = pack.others()[name]
    if file.syntax == "cdar":
        return
    written = source.read(file.locate().read_bytes())
    for p, pattern in enumerate(written.patterns):
        for r, rule in enumerate(pattern.rules):
            for a, assertion in enumerate(rule.assertions):
                data = _Maker(written, base(file.syntax)).failing(rule, assertion)
                if data:
                    yield Mutant(f"{p}.{r}.{a}", name_of(assertion.id, assertion.message), _is_aimed(assertion, written), data)


def _is_aimed(assertion: Assertion, written: Source) -> bool:
    match xpath.parse(assertion.test, written.namespaces, written.default_namespace):
        case Call("not", (Call("exists", (inner,)) | inner,)) if not assertion.report:
            return isinstance(inner, Step | Steps | Union)
        case _:
            return False


def name_of(id_: str, message: Iterable[object]) -> str:
    """A rule's name: its id, or the beginning of its text (contract, chapter 3)."""
    return id_ or "".join(part for part in message if isinstance(part, str))[:60].strip()


class _Maker:
    """Builds into one copy of a document."""

    def __init__(self, written: Source, data: bytes) -> None:
        self._source = written
        self._root = etree.fromstring(data)

    def failing(self, rule: Rule, assertion: Assertion) -> bytes | None:
        """The document in which the assertion should fail; None when it cannot be built."""
        try:
            goal, times = _goal(self._parse(assertion.test), report=assertion.report)
            context = self._context(self._parse(rule.context))
            if goal is not None:
                made = self._build(context, goal)
                if times == 2:
                    self._again(made)
        except (Unbuildable, RuleRefused):
            return None
        return etree.tostring(self._root, encoding="UTF-8", xml_declaration=True)

    def _parse(self, text: str) -> Expression:
        return xpath.parse(text, self._source.namespaces, self._source.default_namespace)

    def _context(self, tree: Expression) -> etree._Element:
        """An element that the context matches: the first alternative that can be built."""
        match tree:
            case Union(left, right):
                try:
                    return self._context(left)
                except Unbuildable:
                    return self._context(right)
            case Steps(steps) if isinstance(steps[0], Root):
                return self._build(self._root, tree)
            case Steps(steps):
                return self._build(self._root, Steps((Root(), xpath.ANYWHERE, *steps)))
            case _:
                return self._build(self._root, Steps((Root(), xpath.ANYWHERE, tree)))

    def _build(self, at: etree._Element, tree: Expression) -> etree._Element:
        """What the expression finds from `at`, made where it is missing."""
        match tree:
            case Steps(steps):
                return self._steps(at, list(steps))
            case Step():
                return self._step(at, tree, anywhere=False)
            case Union(left, right):
                try:
                    return self._build(at, left)
                except Unbuildable:
                    return self._build(at, right)
            case Filter(operand, predicates):
                made = self._build(at, operand)
                self._satisfy(made, predicates)
                return made
            case Call(name, (inner, *_)) if name in _SIMPLE:
                return self._build(at, inner)
            case ContextItem():
                return at
            case _:
                raise Unbuildable(str(tree))

    def _steps(self, at: etree._Element, steps: list[Expression]) -> etree._Element:
        rooted = bool(steps) and steps[0] == Root()
        anywhere = False
        for number, step in enumerate(steps[1:] if rooted else steps):
            if step == xpath.ANYWHERE:
                anywhere = True
            elif rooted and number == 0:
                at = self._top(step)
            elif isinstance(step, Step):
                at = self._step(self._root if rooted and anywhere and number == 1 else at, step, anywhere=anywhere)
                anywhere = False
            else:
                at = self._build(at, step)
        return at

    def _top(self, step: Expression) -> etree._Element:
        """The first step of an absolute path is the root or nothing."""
        match step:
            case Step("child", NameTest(namespace, local)) if (namespace, local) in ((None, None), _split(self._root)):
                return self._root
            case Union(left, right):
                try:
                    return self._top(left)
                except Unbuildable:
                    return self._top(right)
            case _:
                raise Unbuildable("another root")

    def _step(self, at: etree._Element, step: Step, *, anywhere: bool) -> etree._Element:
        match step:
            case Step("child", NameTest(str(namespace), str(local)), predicates):
                made = self._child(at, f"{{{namespace}}}{local}", predicates, anywhere=anywhere)
            case Step("attribute", NameTest(_, str(local))):
                owner = next((e for e in at.iter() if len(e) == 0), at) if anywhere else at
                owner.set(local, owner.get(local, "x"))
                return owner
            case Step("parent", _, predicates):
                parent = at.getparent()
                if parent is None:
                    raise Unbuildable("above the root")
                made = parent
            case Step("self", _, predicates):
                made = at
            case _:
                raise Unbuildable(step.axis)
        self._satisfy(made, predicates)
        return made

    def _child(self, at: etree._Element, name: str, predicates: tuple[Expression, ...], *, anywhere: bool) -> etree._Element:
        """A child, or an element anywhere: an existing one unless its predicates would have to change it."""
        found = [at] if anywhere and at.tag == name else list(at.iter(name) if anywhere else at.iterchildren(name))
        if found and not predicates:
            return found[0]
        return etree.SubElement(at, name) if not found or len(found[0]) == 0 or not anywhere else found[0]

    def _again(self, made: etree._Element) -> None:
        parent = made.getparent()
        if parent is None:
            raise Unbuildable("the root twice")
        twin = etree.SubElement(parent, str(made.tag))
        twin.text = made.text

    # Predicates.

    def _satisfy(self, at: etree._Element, predicates: tuple[Expression, ...]) -> None:
        for predicate in predicates:
            self._make_true(at, predicate)

    def _make_true(self, at: etree._Element, tree: Expression) -> None:
        """Values and existence are made; what is denied is hoped for."""
        match tree:
            case Logical("and", left, right):
                self._make_true(at, left)
                self._make_true(at, right)
            case Logical("or", left, _):
                self._make_true(at, left)
            case Comparison("=" | "eq", left, Literal(value)):
                self._give(at, left, str(value))
            case Comparison("!=", left, Literal(value)):
                self._give(at, left, f"not {value}")
            case Comparison("=", left, Call("true" | "false" as word, ())):
                self._give(at, left, word)
            case Step() | Steps():
                self._build(at, tree)
            case Call("exists", (inner,)):
                self._build(at, inner)
            case _:
                pass

    def _give(self, at: etree._Element, tree: Expression, value: str) -> None:
        """Make the expression have a value."""
        match tree:
            case Call(name, (inner,)) if name in _SIMPLE:
                self._give(at, inner, value)
            case Step("attribute", NameTest(_, str(local))):
                at.set(local, value)
            case Steps(steps) if isinstance(steps[-1], Step) and steps[-1].axis == "attribute":
                self._give(self._steps(at, list(steps[:-1])), steps[-1], value)
            case Steps(steps) if isinstance(steps[-1], Call):
                self._give(self._steps(at, list(steps[:-1])), steps[-1], value)
            case _:
                self._build(at, tree).text = value


def _goal(tree: Expression, *, report: bool) -> tuple[Expression | None, int]:
    """What must be there, and how often, for the assertion to fail; None when its context is enough."""
    match tree:
        case Call("not" | "empty", (inner,)) if not report:
            return (inner.arguments[0] if isinstance(inner, Call) and inner.name == "exists" else inner), 1
        case Comparison("<=" | "le" | "=" | "eq" | "<", Call("count", (inner,)), Literal(1 | 2)) if not report:
            return inner, 2
        case Step() | Steps():
            return (tree if report else None), 1
        case _:
            return None, 1


def _split(element: etree._Element) -> tuple[str | None, str]:
    name = etree.QName(element)
    return name.namespace, name.localname
