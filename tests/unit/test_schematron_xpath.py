"""XPath 2.0 is parsed as its grammar says; what is not known is refused by name and position."""

from __future__ import annotations

from decimal import Decimal

import pytest

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
)
from gateway.schematron.xpath import ANYWHERE, parse

NAMESPACES = {"x": "urn:x"}
A, B, C = (Step("child", NameTest("", name)) for name in "abc")


def read(text: str) -> Expression:
    return parse(text, NAMESPACES)


@pytest.mark.parametrize(("text", "tree"), [
    ("1", Literal(1)), ("1.50", Literal(Decimal("1.50"))), (".5", Literal(Decimal(".5"))), ("1e3", Literal(1000.0)),
    ("'it''s'", Literal("it's")),
    ('"a ""b"""', Literal('a "b"')), ("$v", Variable("v")), ("$p:v", Variable("p:v")), (".", ContextItem()), ("()", Sequence(())),
    ("(a)", A), ("(a, b)", Sequence((A, B))), ("a (: a comment (: in a comment :) :)", A),
])  # fmt: skip
def test_primary_expressions(text: str, tree: Expression) -> None:
    assert read(text) == tree


@pytest.mark.parametrize(("text", "tree"), [
    ("a", A), ("x:a", Step("child", NameTest("urn:x", "a"))), ("*", Step("child", NameTest(None, None))),
    ("x:*", Step("child", NameTest("urn:x", None))),
    ("*:a", Step("child", NameTest(None, "a"))), ("@a", Step("attribute", NameTest("", "a"))),
    ("@*", Step("attribute", NameTest(None, None))),
    ("..", Step("parent", KindTest("node"))), ("ancestor::a", Step("ancestor", NameTest("", "a"))),
    ("text()", Step("child", KindTest("text"))),
    ("self::node()", Step("self", KindTest("node"))), ("/", Root()), ("/a", Path((Root(), A))), ("a/b", Path((A, B))),
    ("//a", Path((Root(), ANYWHERE, A))), ("a//b", Path((A, ANYWHERE, B))), ("a[b]", Step("child", NameTest("", "a"), (B,))),
    ("a[1][b]", Step("child", NameTest("", "a"), (Literal(1), B))), ("(a)[1]", Filter(A, (Literal(1),))),
    ("a/(b | c)", Path((A, Union(B, C)))),
    ("a/string(b)", Path((A, Call("string", (B,))))), ("./a", Path((ContextItem(), A))), ("child::a", A),
    ("div", Step("child", NameTest("", "div"))),
    ("if", Step("child", NameTest("", "if"))),
    ("for/every", Path((Step("child", NameTest("", "for")), Step("child", NameTest("", "every"))))),
])  # fmt: skip
def test_paths(text: str, tree: Expression) -> None:
    assert read(text) == tree


@pytest.mark.parametrize(("text", "tree"), [
    ("a or b and c", Logical("or", A, Logical("and", B, C))), ("a = b or c", Logical("or", Comparison("=", A, B), C)),
    ("a eq b", Comparison("eq", A, B)), ("a + b * c", Arithmetic("+", A, Arithmetic("*", B, C))),
    ("a - b - c", Arithmetic("-", Arithmetic("-", A, B), C)),
    ("a-b", Step("child", NameTest("", "a-b"))), ("a * b div c", Arithmetic("div", Arithmetic("*", A, B), C)),
    ("- a + b", Arithmetic("+", Unary("-", A), B)),
    ("* * *", Arithmetic("*", Step("child", NameTest(None, None)), Step("child", NameTest(None, None)))),
    ("a | b | c", Union(Union(A, B), C)),
    ("a union b", Union(A, B)), ("a idiv b mod c", Arithmetic("mod", Arithmetic("idiv", A, B), C)),
    ("a cast as xs:date?", Cast("cast", A, "xs:date", optional=True)),
    ("a castable as xs:date", Cast("castable", A, "xs:date", optional=False)), ("fn:not(a)", Call("not", (A,))),
    ("my:f(a, 1)", Call("my:f", (A, Literal(1)))),
    ("if (a) then b else c", If(A, B, C)), ("some $v in a satisfies b", Loop("some", "v", A, B)),
    ("for $v in a, $w in b return c", Loop("for", "v", A, Loop("for", "w", B, C))),
    ("every $v in a satisfies $v = b", Loop("every", "v", A, Comparison("=", Variable("v"), B))),
])  # fmt: skip
def test_operators_bind_as_the_grammar_says(text: str, tree: Expression) -> None:
    assert read(text) == tree


def test_names_without_prefix_are_in_the_default_namespace_but_for_attributes() -> None:
    assert parse("a/@b", {}, "urn:d") == Path((Step("child", NameTest("urn:d", "a")), Step("attribute", NameTest("", "b"))))


@pytest.mark.parametrize(("text", "at", "what"), [
    ("1 to 3", 3, "'to' is not known here"), ("a intersect b", 3, "'intersect'"), ("a except b", 3, "'except'"), ("a is b", 3, "'is'"),
    ("a << b", 3, "'<<'"), ("a || b", 3, "'||'"), ("a ! b", 3, "'!'"), ("let $x := 1 return $x", 5, "'$' is misplaced"),
    ("a instance of xs:string", 3, "'instance' is misplaced; no type test"), ("comment()", 1, "node() or text()"),
    ("y:a", 1, "the prefix 'y'"),
    ("a[", 3, "'the end' is misplaced"), ("a b", 3, "an operator or the end is expected"), ("(: a", 1, "the comment has no end"),
    ("a # b", 3, "is no XPath"),
    ("a =", 4, "an expression is expected"), ("side::a", 1, "an axis is expected"), ("if (a) then b", 14, "'else' is expected"),
    ("1.2.3", 1, "is no XPath"),
    ("f(a", 4, "')' is expected"), ("$", 2, "a variable's name"), ("'open", 1, "is no XPath"),
])  # fmt: skip
def test_what_is_not_known_is_refused_with_its_position(text: str, at: int, what: str) -> None:
    with pytest.raises(RuleRefused) as refused:
        read(text)
    assert f"position {at}:" in str(refused.value)
    assert what in str(refused.value)
    assert str(refused.value).startswith(f"expression {text!r}"[:20])
