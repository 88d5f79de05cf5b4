"""Syntax trees → forms: variables become slots, functions of the rule file are written out where they are called, and what does not
depend on the context becomes a memo. It evaluates nothing; `forms.py` describes what it writes, `paths.py` plans paths.

A function's variable that is used once is put where it is used, others are evaluated at once: so does the official processor, and
whether a rule with an unfortunate value can be evaluated at all hangs on it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final

from gateway.schematron import regex, xpath
from gateway.schematron.forms import ANY, NODE, SIGNATURES, STRING, TYPES, Form, is_single, kind
from gateway.schematron.paths import Paths
from gateway.schematron.planned import CONTEXT, Planned
from gateway.schematron.refused import RuleRefused
from gateway.schematron.source import Beside, Function, Source
from gateway.schematron.syntax import (
    Arithmetic,
    Call,
    Cast,
    Comparison,
    ContextItem,
    Expression,
    Filter,
    If,
    Literal,
    Logical,
    Loop,
    NameTest,
    Path,
    Root,
    Sequence,
    Step,
    Unary,
    Union,
    Variable,
)  # fmt: skip

Scope = dict[str, Planned]
"""What each variable in sight stands for."""

_VALUE_SIGNS: Final = {"eq": "=", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_CONTEXT_BY_DEFAULT: Final = frozenset({"local-name", "name", "namespace-uri", "normalize-space", "number", "string", "string-length"})
_OCCURRENCE: Final = re.compile(r"(item\(\)|node\(\)|element\(\)|attribute\(\)|xs:\w+)([?*+]?)$")
_LITERALS: Final = frozenset({"string", "integer", "decimal", "double", "true", "false"})
_FIRST_SLOT: Final = 2
"""Slot 0 is the document, slot 1 the node of the rule at work."""


@dataclass(frozen=True, slots=True)
class Focus:
    """What `.` is: "node", "item" (any type), "root" (the document, for variables outside rules) or "none" (in functions)."""

    kind: str
    scope: Scope


class Expressions:
    """Plans the expressions of one pack; names and slots are counted across all of them."""

    def __init__(self, source: Source, beside: Beside) -> None:
        self._source = source
        self._names: dict[tuple[str, str], int] = {}
        self._memos: dict[str, Form] = {}
        self._slots = _FIRST_SLOT
        self._functions = {function.name: function for function in source.functions}
        self._open: list[str] = []
        self._paths = Paths(self, beside)
        self._writers: dict[type, Callable[[Any, Focus], Planned]] = {
            Literal: self._literal, Variable: self._variable, ContextItem: self._context_item, Root: self._root, Sequence: self._sequence,
            Logical: self._logical, Comparison: self._comparison, Arithmetic: self._arithmetic, Unary: self._unary, Union: self._union,
            If: self._if, Loop: self._loop, Cast: self._cast, Call: self._call, Step: self._paths.step, Path: self._paths.path,
            Filter: self._paths.filter,
        }  # fmt: skip

    # What the plan of rules asks for.

    def names(self) -> list[list[str]]:
        """[namespace, local name] by index."""
        return [list(name) for name in self._names]

    def slots(self) -> int:
        """Length of a document's list of values."""
        return self._slots

    def name_test(self, step: Step) -> Form:
        """The test of a step as a form."""
        test = step.test
        if not isinstance(test, NameTest):
            return [test.kind]
        if test.local is None:
            return ["any"] if test.namespace is None else ["namespace", test.namespace]
        if test.namespace is None:
            return ["local", test.local]
        return ["name", self._names.setdefault((test.namespace, test.local), len(self._names))]

    def test(self, tree: Expression, scope: Scope) -> Form:
        """A condition whose context is a node."""
        return self.memo(self.condition(tree, Focus("node", scope))).form

    def value(self, tree: Expression, scope: Scope) -> Form:
        """An expression whose items are shown in a message."""
        return self.memo(self.write(tree, Focus("node", scope))).form

    def bind(self, name: str, type_: str, tree: Expression, scope: Scope, focus: str) -> tuple[Scope, list[list[Any]]]:
        """The scope with a variable more, and `[[slot, form]]` unless it is the same for the whole document."""
        planned = self._converted(type_, self.write(tree, Focus(focus, scope)), f"variable {name}")
        if not planned.free:
            return {**scope, name: self.memo(planned)}, []
        slot, bound = self._new_variable(planned.form)
        return {**scope, name: bound}, [[slot, planned.form]]

    # What paths ask for.

    def write(self, tree: Expression, focus: Focus) -> Planned:
        """The form of any expression."""
        return self._writers[type(tree)](tree, focus)

    def condition(self, tree: Expression, focus: Focus) -> Planned:
        """The form of an expression of which only the effective boolean value counts: code list files may be asked here."""
        if isinstance(tree, Path) and isinstance(tree.steps[0], Call) and tree.steps[0].name == "document":
            return self._paths.code_list(tree, focus)
        return self.write(tree, focus)

    def join(self, build: Callable[..., Form], *parts: Planned) -> Planned:
        """A form of parts: where the whole depends on the context, parts that do not are memos."""
        free = frozenset[int]().union(*(part.free for part in parts))
        if free:
            parts = tuple(self.memo(part) for part in parts)
        return Planned(build(*(part.form for part in parts)), free, all(part.constant for part in parts))

    def memo(self, planned: Planned) -> Planned:
        """The form, evaluated once a document, unless it depends on the context, or costs nothing."""
        if planned.free or planned.constant or planned.form[0] in ("memo", "root"):
            return planned
        key = json.dumps(planned.form)
        if key not in self._memos:
            self._memos[key] = ["memo", self._slot(), planned.form]
        return Planned(self._memos[key], planned.free)

    def _slot(self) -> int:
        self._slots += 1
        return self._slots - 1

    def _new_variable(self, value: Form, *, single: bool = False) -> tuple[int, Planned]:
        slot = self._slot()
        return slot, Planned(["variable", slot, kind(value), single or is_single(value)], frozenset({slot}))

    # One method a construct.

    def _literal(self, tree: Literal, _: Focus) -> Planned:
        word = {str: "string", int: "integer", float: "double"}.get(type(tree.value), "decimal")
        return Planned([word, str(tree.value)], frozenset(), constant=True)

    def _variable(self, tree: Variable, focus: Focus) -> Planned:
        if tree.name not in focus.scope:
            raise RuleRefused("", f"${tree.name} is not declared", "a variable in sight is expected")
        return focus.scope[tree.name]

    def _context_item(self, _: ContextItem, focus: Focus) -> Planned:
        if focus.kind == "root":
            return Planned(["root"], frozenset())
        if focus.kind == "none":
            raise RuleRefused("", "'.' means nothing within a function", "a parameter is expected")
        return Planned(["context"] if focus.kind == "node" else ["item"], CONTEXT)

    def _root(self, _: Root, focus: Focus) -> Planned:
        if focus.kind == "none":
            raise RuleRefused("", "'/' means nothing within a function", "a parameter is expected")
        return Planned(["root"], frozenset())

    def _sequence(self, tree: Sequence, focus: Focus) -> Planned:
        return self.join(lambda *items: ["sequence", list(items)], *(self.write(item, focus) for item in tree.items))

    def _logical(self, tree: Logical, focus: Focus) -> Planned:
        sides = self.condition(tree.left, focus), self.condition(tree.right, focus)
        return self.join(lambda left, right: [tree.operator, left, right], *sides)

    def _comparison(self, tree: Comparison, focus: Focus) -> Planned:
        left, right = self.write(tree.left, focus), self.write(tree.right, focus)
        if tree.operator in _VALUE_SIGNS:
            return self.join(lambda a, b: ["value-compare", _VALUE_SIGNS[tree.operator], a, b], left, right)
        if tree.operator == "=":
            for value, codes in ((left, _strings(right.form)), (right, _strings(left.form))):
                if codes and kind(value.form) in (NODE, STRING):
                    return self._member(value, codes)
        return self.join(lambda a, b: ["compare", tree.operator, a, b], left, right)

    def _member(self, value: Planned, codes: list[str]) -> Planned:
        return self.join(lambda form: ["member", form, codes], value)

    def _arithmetic(self, tree: Arithmetic, focus: Focus) -> Planned:
        sides = self.write(tree.left, focus), self.write(tree.right, focus)
        return self.join(lambda left, right: ["arithmetic", tree.operator, left, right], *sides)

    def _unary(self, tree: Unary, focus: Focus) -> Planned:
        word = "negative" if tree.operator == "-" else "positive"
        return self.join(lambda operand: [word, operand], self.write(tree.operand, focus))

    def _union(self, tree: Union, focus: Focus) -> Planned:
        sides = self.write(tree.left, focus), self.write(tree.right, focus)
        if any(kind(side.form) not in (NODE, ANY) for side in sides):
            raise RuleRefused("", "'|' joins what are no nodes", "paths are expected")
        return self.join(lambda left, right: ["union", left, right], *sides)

    def _if(self, tree: If, focus: Focus) -> Planned:
        parts = self.condition(tree.condition, focus), self.write(tree.then, focus), self.write(tree.otherwise, focus)
        return self.join(lambda condition, then, otherwise: ["if", condition, then, otherwise], *parts)

    def _loop(self, tree: Loop, focus: Focus) -> Planned:
        over = self.write(tree.over, focus)
        if tree.kind == "some" and (member := self._some_code(tree, over, focus)):
            return member
        slot, bound = self._new_variable(over.form, single=True)
        inner = Focus(focus.kind, {**focus.scope, tree.variable: bound})
        body = self.write(tree.body, inner) if tree.kind == "for" else self.condition(tree.body, inner)
        joined = self.join(lambda over, body: [tree.kind, slot, over, body], over, body)
        return Planned(joined.form, joined.free - {slot}, joined.constant)

    def _some_code(self, tree: Loop, over: Planned, focus: Focus) -> Planned | None:
        """`some $code in tokenize('A B', '\\s') satisfies $code = X` asks whether X is among the codes."""
        codes, body = _strings(over.form), tree.body
        if codes and isinstance(body, Comparison) and body.operator == "=":
            for one, other in ((body.left, body.right), (body.right, body.left)):
                if one == Variable(tree.variable) and not _uses(other, tree.variable):
                    value = self.write(other, focus)
                    return self._member(value, codes) if kind(value.form) in (NODE, STRING) else None
        return None

    def _cast(self, tree: Cast, focus: Focus) -> Planned:
        return self._cast_form(tree.kind, tree.type, tree.optional, self.write(tree.operand, focus))

    def _cast_form(self, word: str, type_: str, optional: bool, operand: Planned) -> Planned:
        if type_ not in TYPES:
            raise RuleRefused("", f"the type {type_} is not known here", f"one of {', '.join(TYPES)} is expected")
        return self.join(lambda form: [word, TYPES[type_], optional, form], operand)

    # Functions: those of the standard, and those of the rule file.

    def _call(self, tree: Call, focus: Focus) -> Planned:
        if tree.name in self._functions:
            return self._written_out(self._functions[tree.name], [self.write(a, focus) for a in tree.arguments])
        if tree.name in TYPES and len(tree.arguments) == 1:
            return self._cast_form("cast", tree.name, True, self.write(tree.arguments[0], focus))
        self._check_signature(tree)
        if tree.name in ("true", "false"):
            return Planned([tree.name], frozenset(), constant=True)
        trees = tree.arguments or ((ContextItem(),) if tree.name in _CONTEXT_BY_DEFAULT else ())
        as_condition = tree.name in ("not", "boolean", "exists", "empty")
        arguments = [self.condition(a, focus) if as_condition else self.write(a, focus) for a in trees]
        return self._code_text(tree.name, arguments) or self.join(lambda *forms: _called(tree.name, list(forms)), *arguments)

    def _check_signature(self, tree: Call) -> None:
        if tree.name not in SIGNATURES:
            raise RuleRefused("", f"the function {tree.name}() is not known here", "a function that official rules use is expected")
        fewest, most, _ = SIGNATURES[tree.name]
        if not fewest <= len(tree.arguments) <= most:
            raise RuleRefused("", f"{tree.name}() has {len(tree.arguments)} arguments", f"{fewest} to {most} are expected")

    def _code_text(self, name: str, arguments: list[Planned]) -> Planned | None:
        """`contains(' A B ', concat(' ', X, ' '))` asks whether X is listed."""
        if name != "contains" or arguments[0].form[0] != "string" or arguments[1].form[:2] != ["call", "concat"]:
            return None
        parts = arguments[1].form[2]
        if len(parts) != 3 or not parts[0] == parts[2] == ["string", " "]:
            return None
        return self.join(lambda form: ["listed", form[2][1], arguments[0].form[1]], arguments[1])

    def _written_out(self, function: Function, arguments: list[Planned]) -> Planned:
        """The body of a function with its arguments: parameters are evaluated first, with their conversion."""
        if function.name in self._open:
            raise RuleRefused("", f"the function {function.name} calls itself", "a function without recursion is expected")
        if len(arguments) != len(function.parameters):
            raise RuleRefused("", f"{function.name} has {len(arguments)} arguments", f"{len(function.parameters)} are expected")
        self._open.append(function.name)
        try:
            return self._body(function, arguments)
        except RuleRefused as refused:
            raise refused.within(f"function {function.name}") from refused
        finally:
            self._open.pop()

    def _body(self, function: Function, arguments: list[Planned]) -> Planned:
        scope: Scope = {}
        bound: list[tuple[int, Planned]] = []
        for parameter, argument in zip(function.parameters, arguments, strict=True):
            scope[parameter.name] = self._held(self._converted(parameter.type, argument, parameter.name), bound)
        trees = [(variable, self._parse(variable.expression)) for variable in function.variables]
        result = self._parse(function.result)
        later = [result, *(tree for _, tree in trees)]
        for variable, tree in trees:
            value = self._converted(variable.type, self.write(tree, Focus("none", scope)), variable.name)
            once = sum(_uses(other, variable.name) for other in later) <= 1
            scope[variable.name] = value if once else self._held(value, bound)
        body = self._converted(function.type, self.write(result, Focus("none", scope)), function.name)
        for slot, value in reversed(bound):
            joined = self.join(lambda value, body, slot=slot: ["let", slot, value, body], value, body)
            body = Planned(joined.form, joined.free - {slot}, joined.constant)
        return body

    def _held(self, value: Planned, bound: list[tuple[int, Planned]]) -> Planned:
        """A value in a slot of its own, unless it is a literal."""
        if value.form[0] in _LITERALS:
            return value
        slot, variable = self._new_variable(value.form)
        bound.append((slot, value))
        return variable

    def _parse(self, text: str) -> Expression:
        return xpath.parse(text, self._source.namespaces, self._source.default_namespace)

    def _converted(self, type_: str, planned: Planned, name: str) -> Planned:
        """The function conversion rules for `as`; nothing where the static type says it all."""
        match = _OCCURRENCE.match(type_ or "item()*")
        if match is None or (match[1].startswith("xs:") and match[1] not in TYPES):
            raise RuleRefused("", f"{name} is of type {type_}", f"node(), item() or one of {', '.join(TYPES)} is expected")
        wanted = TYPES.get(match[1], "item" if match[1] == "item()" else "node")
        if (wanted, match[2]) == ("item", "*") or (kind(planned.form) == wanted and is_single(planned.form)):
            return planned
        return self.join(lambda form: ["convert", wanted, match[2], form], planned)


def _called(name: str, arguments: list[Form]) -> Form:
    """A call, or its value where it is known already."""
    if name == "tokenize" and all(a[0] == "string" for a in arguments):
        text = arguments[0][1]
        return ["sequence", [["string", token] for token in regex.translate(arguments[1][1]).split(text)] if text else []]
    if name in ("matches", "replace", "tokenize"):
        if any(a[0] != "string" for a in arguments[1:]):
            raise RuleRefused("", f"{name}() has a computed expression", "literals are expected")
        regex.translate(arguments[1][1])
        regex.replacement("".join(a[1] for a in arguments[2:]))
    return ["call", name, arguments]


def _strings(form: Form) -> list[str]:
    """The strings of a form that is nothing else; [] otherwise."""
    if form[0] == "string":
        return [form[1]]
    if form[0] == "sequence" and form[1] and all(item[0] == "string" for item in form[1]):
        return [item[1] for item in form[1]]
    return []


def _uses(tree: object, name: str) -> int:
    """How often a variable is named in a tree."""
    if tree == Variable(name):
        return 1
    if isinstance(tree, tuple):
        return sum(_uses(part, name) for part in tree)
    if is_dataclass(tree):
        return sum(_uses(getattr(tree, field.name), name) for field in fields(tree))
    return 0
