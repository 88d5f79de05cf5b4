"""XPath 2.0 text → syntax tree, for the constructs that official rules use; every other one is refused by name and position.

Grammar: XPath 2.0 (W3C Recommendation, second edition), appendix A. It evaluates nothing and knows no function.

Limits: no ranges (`to`), `intersect`, `except`, `is`, `<<`, `>>`, `instance of`, `treat as`, comment() and processing-instruction()
tests, nor anything of XPath 3 (`let`, `||`, `!`, `=>`). They are refused; none is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from gateway.schematron.refused import RuleRefused
from gateway.schematron.syntax import (
    Arithmetic,
    Call,
    Cast,
    Comparison,
    ContextItem,
    Expression,
    Filter,
    If,
    KindTest,
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

_NAME: Final = r"[^\W\d][\w.\-]*"
_TOKEN: Final = re.compile(
    rf"""(?P<space>\s+)|(?P<comment>\(:)
    |(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    |(?P<string>"(?:[^"]|"")*"|'(?:[^']|'')*')
    |(?P<name>\*:{_NAME}|{_NAME}(?::(?:{_NAME}|\*)(?!:))?)
    |(?P<sign>::|:=|\.\.|//|!=|<=|>=|<<|>>|\|\||=>|[/@\[\]()|+\-*=<>,.$?!])""",
    re.VERBOSE,
)
_AXES: Final = frozenset({
    "child", "descendant", "attribute", "self", "descendant-or-self", "following-sibling", "following", "parent", "ancestor",
    "preceding-sibling", "preceding", "ancestor-or-self",
})  # fmt: skip
_KINDS: Final = frozenset({"text", "node", "comment", "processing-instruction", "element", "attribute", "document-node"})
_GENERAL: Final = frozenset({"=", "!=", "<", "<=", ">", ">="})
_VALUE: Final = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
_BEYOND: Final = frozenset({"to", "intersect", "except", "is", "<<", ">>", "||", "!", "=>"})
ANYWHERE: Final = Step("descendant-or-self", KindTest("node"))
"""What `//` abbreviates."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def parse(source: str, namespaces: Mapping[str, str], default_namespace: str = "") -> Expression:
    """The tree of one expression. `namespaces`: prefix → namespace; `default_namespace` is that of element names without a prefix.

    `RuleRefused` for what is not XPath or beyond what is known, with the position from 1.
    """
    return _Parser(source, namespaces, default_namespace).whole()


def _tokens(source: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise _refused(source, at, f"{source[at : at + 12]!r} is no XPath", "a token of XPath 2.0 is expected")
        if match.lastgroup == "comment":
            at = _after_comment(source, at)
            continue
        if match.lastgroup != "space":
            found.append(_Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    return [*found, _Token("end", "", len(source))]


def _after_comment(source: str, at: int) -> int:
    """Comments nest (XPath 2.0 §2.6)."""
    depth = 0
    for mark in re.compile(r"\(:|:\)").finditer(source, at):
        depth += 1 if mark.group() == "(:" else -1
        if depth == 0:
            return mark.end()
    raise _refused(source, at, "the comment has no end", "':)' is expected")


def _refused(source: str, at: int, what: str, right: str) -> RuleRefused:
    return RuleRefused(f"expression {' '.join(source.split())[:200]!r}, position {at + 1}", what, right)


class _Parser:
    """Recursive descent, one method a precedence."""

    def __init__(self, source: str, namespaces: Mapping[str, str], default_namespace: str) -> None:
        self._source, self._namespaces, self._default = source, namespaces, default_namespace
        self._tokens = _tokens(source)
        self._at = 0

    def whole(self) -> Expression:
        tree = self._sequence()
        if self._now.kind != "end":
            raise self._refuse("an operator or the end")
        return tree

    # The stream of tokens.

    @property
    def _now(self) -> _Token:
        return self._tokens[self._at]

    def _is(self, *texts: str, ahead: int = 0) -> bool:
        """Is it one of these signs or names? A string literal never is."""
        token = self._tokens[min(self._at + ahead, len(self._tokens) - 1)]
        return token.kind in ("sign", "name") and token.text in texts

    def _take(self) -> _Token:
        token = self._now
        if token.kind != "end":
            self._at += 1
        return token

    def _accept(self, *texts: str) -> str:
        """The text when it is one of these, taken; else ""."""
        return self._take().text if self._is(*texts) else ""

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise self._refuse(repr(text))

    def _refuse(self, expected: str) -> RuleRefused:
        token = self._now
        if token.kind in ("sign", "name") and token.text in _BEYOND:
            return _refused(self._source, token.at, f"'{token.text}' is not known here", "XPath 2.0 as official rules use it is expected")
        return _refused(self._source, token.at, f"{token.text or 'the end'!r} is misplaced", f"{expected} is expected")

    # Operators, from the loosest to the tightest.

    def _sequence(self) -> Expression:
        items = [self._single()]
        while self._accept(","):
            items.append(self._single())
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _single(self) -> Expression:
        if self._is("for", "some", "every") and self._is("$", ahead=1):
            return self._loop(self._take().text)
        if self._is("if") and self._is("(", ahead=1):
            return self._if()
        return self._or()

    def _loop(self, kind: str) -> Expression:
        self._expect("$")
        variable = self._variable_name()
        self._expect("in")
        over = self._single()
        if self._accept(","):
            return Loop(kind, variable, over, self._loop(kind))
        self._expect("return" if kind == "for" else "satisfies")
        return Loop(kind, variable, over, self._single())

    def _variable_name(self) -> str:
        if self._now.kind != "name":
            raise self._refuse("a variable's name")
        return self._take().text

    def _if(self) -> Expression:
        self._expect("if")
        self._expect("(")
        condition = self._sequence()
        self._expect(")")
        self._expect("then")
        then = self._single()
        self._expect("else")
        return If(condition, then, self._single())

    def _or(self) -> Expression:
        left = self._and()
        while self._accept("or"):
            left = Logical("or", left, self._and())
        return left

    def _and(self) -> Expression:
        left = self._comparison()
        while self._accept("and"):
            left = Logical("and", left, self._comparison())
        return left

    def _comparison(self) -> Expression:
        left = self._additive()
        operator = self._accept(*_GENERAL, *_VALUE)
        return Comparison(operator, left, self._additive()) if operator else left

    def _additive(self) -> Expression:
        left = self._multiplicative()
        while operator := self._accept("+", "-"):
            left = Arithmetic(operator, left, self._multiplicative())
        return left

    def _multiplicative(self) -> Expression:
        left = self._union()
        while operator := self._accept("*", "div", "idiv", "mod"):
            left = Arithmetic(operator, left, self._union())
        return left

    def _union(self) -> Expression:
        left = self._cast()
        while self._accept("|", "union"):
            left = Union(left, self._cast())
        return left

    def _cast(self) -> Expression:
        operand = self._unary()
        if self._is("instance", "treat"):
            raise self._refuse("no type test")
        kind = self._accept("castable", "cast")
        if not kind:
            return operand
        self._expect("as")
        return Cast(kind, operand, self._variable_name(), bool(self._accept("?")))

    def _unary(self) -> Expression:
        operator = self._accept("-", "+")
        return Unary(operator, self._unary()) if operator else self._path()

    # Paths.

    def _path(self) -> Expression:
        steps: list[Expression] = []
        if self._accept("/"):
            if not self._starts_step():
                return Root()
            steps += [Root(), self._step()]
        elif self._accept("//"):
            steps += [Root(), ANYWHERE, self._step()]
        else:
            steps.append(self._step())
        while separator := self._accept("/", "//"):
            steps += [self._step()] if separator == "/" else [ANYWHERE, self._step()]
        return steps[0] if len(steps) == 1 else Path(tuple(steps))

    def _starts_step(self) -> bool:
        return self._now.kind in ("name", "number", "string") or self._is("@", ".", "..", "*", "(", "$")

    def _step(self) -> Expression:
        if self._accept(".."):
            return Step("parent", KindTest("node"), self._predicates())
        if self._accept("@"):
            return Step("attribute", self._test(attribute=True), self._predicates())
        if self._now.kind == "name" and self._is("::", ahead=1):
            return self._axis_step()
        if self._is("*") or (self._now.kind == "name" and (not self._is("(", ahead=1) or self._is(*_KINDS))):
            return Step("child", self._test(attribute=False), self._predicates())
        operand, predicates = self._primary(), self._predicates()
        return Filter(operand, predicates) if predicates else operand

    def _axis_step(self) -> Expression:
        if not self._is(*_AXES):
            raise self._refuse("an axis")
        axis = self._take().text
        self._expect("::")
        return Step(axis, self._test(attribute=axis == "attribute"), self._predicates())

    def _predicates(self) -> tuple[Expression, ...]:
        found: list[Expression] = []
        while self._accept("["):
            found.append(self._sequence())
            self._expect("]")
        return tuple(found)

    def _test(self, *, attribute: bool) -> NameTest | KindTest:
        if self._accept("*"):
            return NameTest(None, None)
        if self._now.kind != "name":
            raise self._refuse("a name")
        if self._is(*_KINDS) and self._is("(", ahead=1):
            return self._kind_test()
        prefix, colon, local = self._now.text.rpartition(":")
        test = self._name_test(prefix, local) if colon else NameTest("" if attribute else self._default, local)
        self._take()
        return test

    def _name_test(self, prefix: str, local: str) -> NameTest:
        if prefix == "*":
            return NameTest(None, local)
        if prefix not in self._namespaces:
            raise _refused(self._source, self._now.at, f"the prefix {prefix!r} stands for no namespace", "a declared prefix is expected")
        return NameTest(self._namespaces[prefix], None if local == "*" else local)

    def _kind_test(self) -> KindTest:
        if not self._is("node", "text"):
            raise self._refuse("node() or text()")
        kind = self._take().text
        self._expect("(")
        self._expect(")")
        return KindTest(kind)

    # Primary expressions.

    def _primary(self) -> Expression:
        token = self._now
        if token.kind == "number":
            return Literal(_number(self._take().text))
        if token.kind == "string":
            quote = self._take().text[0]
            return Literal(token.text[1:-1].replace(quote * 2, quote))
        if token.kind == "name":
            return self._call()
        if self._accept("."):
            return ContextItem()
        if self._accept("$"):
            return Variable(self._variable_name())
        if not self._accept("("):
            raise self._refuse("an expression")
        inner = Sequence(()) if self._is(")") else self._sequence()
        self._expect(")")
        return inner

    def _call(self) -> Expression:
        name = self._take().text.removeprefix("fn:")
        self._expect("(")
        arguments: list[Expression] = []
        while not self._is(")"):
            arguments.append(self._single())
            if not self._accept(","):
                break
        self._expect(")")
        return Call(name, tuple(arguments))


def _number(text: str) -> int | Decimal | float:
    """XPath 2.0 §3.1.1: digits are an integer, a point makes a decimal, an exponent a double."""
    if "e" in text.lower():
        return float(text)
    return Decimal(text) if "." in text else int(text)
