"""Rules as written → the pack's intermediate form (`forms.py`): names interned, memo slots, absence guards, code lists as sets.

It evaluates nothing. What costs time on every invoice is decided here once: an expression that needs neither the context nor a local
variable is evaluated once a document (`memo`); an assertion that cannot fire unless an element is there carries that element's name;
a list of codes is a set; `//a[…]` at the start of many paths is shared.
"""

from __future__ import annotations

from typing import Any

from gateway.schematron import xpath
from gateway.schematron.expressions import Expressions, Scope
from gateway.schematron.forms import Form, needed_names
from gateway.schematron.refused import RuleRefused
from gateway.schematron.sharing import share
from gateway.schematron.source import Assertion, Beside, Let, Pattern, Rule, Source, Value, nothing_beside
from gateway.schematron.syntax import Expression, Filter, KindTest, Literal, Path, Root, Step, Union

FORMAT = 5
"""Of the planned rules; a pack of another format is compiled anew."""


def plan(source: Source, *, beside: Beside | None = None) -> dict[str, Any]:
    """The rules of a pack as JSON can hold them: `{"format", "title", "names", "slots", "patterns"}`, described in decision 0011.

    `RuleRefused`, with pattern, line and position, for what is not known.
    """
    return _Plan(source, beside or nothing_beside).whole()


class _Plan:
    def __init__(self, source: Source, beside: Beside) -> None:
        self._source = source
        self._expressions = Expressions(source, beside)

    def whole(self) -> dict[str, Any]:
        scope: Scope = {}
        for let in self._source.lets:
            scope = self._bound(let, scope, "global variables")[0]
        patterns = [self._pattern(pattern, scope) for pattern in self._source.patterns]
        slots = share(patterns, self._expressions.slots())
        names = self._expressions.names()
        return {"format": FORMAT, "title": self._source.title, "names": names, "slots": slots, "patterns": patterns}

    def _parse(self, text: str, where: str) -> Expression:
        try:
            return xpath.parse(text, self._source.namespaces, self._source.default_namespace)
        except RuleRefused as refused:
            raise refused.within(where) from refused

    def _pattern(self, pattern: Pattern, scope: Scope) -> dict[str, Any]:
        rules = [self._rule(rule, scope, f"pattern {pattern.name}, line {rule.line}") for rule in pattern.rules]
        return {"name": pattern.name, "visits": pattern.visits, "rules": rules}

    def _rule(self, rule: Rule, scope: Scope, where: str) -> dict[str, Any]:
        try:
            match = [self._alternative(path, scope) for path in _alternatives(self._parse(rule.context, where))]
        except RuleRefused as refused:
            raise refused.within(f"{where}, context {rule.context}") from refused
        lets: list[list[Any]] = []
        for let in rule.lets:
            scope, slots = self._bound(let, scope, where)
            lets += slots
        assertions = [self._assertion(assertion, scope, where) for assertion in rule.assertions]
        return {"context": rule.context, "line": rule.line, "match": match, "visits": rule.visits, "lets": lets, "assertions": assertions}

    def _bound(self, let: Let, scope: Scope, where: str) -> tuple[Scope, list[list[Any]]]:
        """The scope with one variable more, and `[slot, form]` when it must be evaluated for each node."""
        outside = let.at_root or where == "global variables"
        try:
            return self._expressions.bind(let.name, let.type, self._parse(let.expression, where), scope, "root" if outside else "node")
        except RuleRefused as refused:
            raise refused.within(f"{where}, variable {let.name}") from refused

    def _assertion(self, assertion: Assertion, scope: Scope, where: str) -> dict[str, Any]:
        where = f"{where}, rule {assertion.id or assertion.line}"
        try:
            test = self._expressions.test(self._parse(assertion.test, where), scope)
            message = [self._part(part, scope, where) for part in assertion.message]
        except RuleRefused as refused:
            raise refused.within(where) from refused
        return {
            "id": assertion.id, "flag": assertion.flag, "report": assertion.report, "line": assertion.line, "test": test,
            "message": message, "needs": _needs(test, report=assertion.report),
        }  # fmt: skip

    def _part(self, part: str | Value, scope: Scope, where: str) -> str | Form:
        if isinstance(part, str):
            return part
        return self._expressions.value(self._parse(part.expression, where), scope)

    # What a rule's context matches (XSLT 2.0 §5.5.2), from the last step backwards.

    def _alternative(self, path: list[Expression], scope: Scope) -> dict[str, Any]:
        if path == [Root()]:
            return {"axis": "root", "test": ["node"], "predicates": [], "before": [], "rooted": True}
        rooted, steps = path[0] == Root(), path[1:] if path[0] == Root() else path
        linked: list[list[Any]] = []
        anywhere = False
        for step in steps:
            if step == xpath.ANYWHERE:
                anywhere = True
                continue
            if not isinstance(step, Step) or step.axis not in ("child", "attribute"):
                raise RuleRefused("", "the pattern has a step that is no child and no attribute", "child or attribute steps are expected")
            linked.append([step.axis, *self._pattern_step(step, scope), "//" if anywhere else "/"])
            anywhere = False
        axis, test, predicates, _ = linked[-1]
        before = [[links[3], step[1], step[2]] for links, step in zip(reversed(linked[1:]), reversed(linked[:-1]), strict=True)]
        rooted = rooted and linked[0][3] == "/"
        return {"axis": axis, "test": test, "predicates": predicates, "before": before, "rooted": rooted}

    def _pattern_step(self, step: Step, scope: Scope) -> tuple[Form, list[Form]]:
        if step.test == KindTest("text"):
            raise RuleRefused("", "the pattern matches text()", "an element or an attribute is expected")
        if any(isinstance(p, Literal) for p in step.predicates):
            raise RuleRefused("", "the pattern counts positions", "a condition is expected")
        return self._expressions.name_test(step), [self._expressions.test(p, scope) for p in step.predicates]


def _alternatives(tree: Expression) -> list[list[Expression]]:
    """A pattern as a list of paths: unions, also parenthesised ones within a path, are distributed."""
    match tree:
        case Union():
            return _alternatives(tree.left) + _alternatives(tree.right)
        case Path():
            found: list[list[Expression]] = [[]]
            for step in tree.steps:
                found = [before + after for before in found for after in _alternatives(step)]
            return found
        case Filter() if not any(isinstance(p, Literal) for p in tree.predicates):
            return [[*path[:-1], _narrowed(path[-1], tree)] for path in _alternatives(tree.operand)]
        case _:
            return [[tree]]


def _narrowed(step: Expression, by: Filter) -> Expression:
    if not isinstance(step, Step):
        raise RuleRefused("", "the pattern filters what is no step", "a step is expected")
    return Step(step.axis, step.test, step.predicates + by.predicates)


def _needs(test: Form, *, report: bool) -> list[int]:
    """Names without which the assertion cannot fire: `not(path)` holds, and a report of a path is silent, where a name is absent."""
    if report:
        return needed_names(test)
    test = test[2] if test[0] == "memo" else test
    return needed_names(test[2][0]) if test[0] == "call" and test[1] in ("not", "empty") else []
