"""The intermediate form of a pack: nested lists that JSON can hold, read by every evaluator; here are its words and their types.

A form is `[word, …]`. `ctx` is the node or item that `.` means; slots count into one list of values a document.

    ["string", s]  ["integer", digits]  ["decimal", digits]  ["double", digits]       literals, numbers as text
    ["true"]  ["false"]  ["sequence", [forms]]
    ["context"]                       `.`, known to be a node            ["item"]      `.`, of any type
    ["root"]                          the document node
    ["variable", slot, kind, single]  a let or a loop's variable
    ["memo", slot, form]              the same for the whole document: evaluated once
    ["noted", slot, form]             the same for a node, whatever rule asks: evaluated once a node
    ["and", a, b]  ["or", a, b]  ["if", condition, a, b]  ["union", a, b]
    ["compare", op, a, b]             = != < <= > >=, some pair             ["value-compare", op, a, b]  the same signs, one pair
    ["member", a, [strings]]          some item of a is one of the strings
    ["listed", a, text]               text contains a between two spaces
    ["arithmetic", op, a, b]  ["negative", a]  ["positive", a]
    ["for" | "some" | "every", slot, over, body]       ["let", slot, value, body]
    ["path", start, sort, [steps]]    start: a form, or null for ctx; sort: the nodes may be out of order or repeated
                                      step: [axis, test, [predicates]]; predicate: a form or ["position", n]
                                      axis: XPath's, or "attribute-below": attributes of the node and of all below it
                                      test: ["name", index] ["any"] ["namespace", uri] ["local", name] ["node"] ["text"]
    ["map", base, form, nodes]        form for each node of base; nodes: the answers are nodes, put in document order
    ["filter", a, [predicates]]
    ["call", function, [arguments]]   ["cast", type, optional, a]  ["castable", type, optional, a]
    ["convert", type, occurrence, a]  function conversion rules (XPath 2.0 §3.1.5); type "item" or "node" checks the count only

Nothing is planned or evaluated here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

Form = list[Any]

NODE, STRING, BOOLEAN, INTEGER, DECIMAL, DOUBLE, NUMBER, DATE, ANY = (
    "node", "string", "boolean", "integer", "decimal", "double", "number", "date", "any",
)  # fmt: skip
NUMERIC: Final = frozenset({INTEGER, DECIMAL, DOUBLE, NUMBER})

SIGNATURES: Final[dict[str, tuple[int, int, str]]] = {
    "abs": (1, 1, NUMBER), "boolean": (1, 1, BOOLEAN), "ceiling": (1, 1, NUMBER), "concat": (2, 99, STRING), "contains": (2, 2, BOOLEAN),
    "count": (1, 1, INTEGER), "data": (1, 1, ANY), "distinct-values": (1, 1, ANY), "empty": (1, 1, BOOLEAN), "ends-with": (2, 2, BOOLEAN),
    "exists": (1, 1, BOOLEAN), "false": (0, 0, BOOLEAN), "floor": (1, 1, NUMBER), "local-name": (0, 1, STRING),
    "lower-case": (1, 1, STRING), "matches": (2, 2, BOOLEAN), "name": (0, 1, STRING), "namespace-uri": (0, 1, STRING),
    "normalize-space": (0, 1, STRING), "not": (1, 1, BOOLEAN), "number": (0, 1, DOUBLE), "replace": (3, 3, STRING), "round": (1, 1, NUMBER),
    "starts-with": (2, 2, BOOLEAN), "string": (0, 1, STRING), "string-join": (2, 2, STRING), "string-length": (0, 1, INTEGER),
    "substring": (2, 3, STRING), "substring-after": (2, 2, STRING), "substring-before": (2, 2, STRING), "sum": (1, 1, NUMBER),
    "tokenize": (2, 2, STRING), "translate": (3, 3, STRING), "true": (0, 0, BOOLEAN), "upper-case": (1, 1, STRING),
}  # fmt: skip
"""Function → (fewest, most arguments, kind of its items): every function that may be called, by XPath and XQuery Functions 1.0."""

TYPES: Final = {
    "xs:string": STRING, "xs:boolean": BOOLEAN, "xs:integer": INTEGER, "xs:decimal": DECIMAL, "xs:double": DOUBLE, "xs:date": DATE,
}  # fmt: skip
"""Atomic types that may be cast to, by the name that the rules write."""

_NAMING: Final = frozenset({"child", "descendant", "attribute", "attribute-below"})
_LITERALS: Final = frozenset({"string", "integer", "decimal", "double"})
_BOOLEAN: Final = frozenset({"true", "false", "and", "or", "compare", "value-compare", "member", "listed", "some", "every", "castable"})
_NODES: Final = frozenset({"context", "root", "path", "union"})
_INNER: Final = {"memo": 2, "noted": 2, "for": 3, "let": 3, "filter": 1}
"""Words whose kind is that of the form at this place."""


def kind(form: Form) -> str:
    """The static type of a form's items; `any` where only the document tells."""
    word = form[0]
    if word in _LITERALS:
        return str(word)
    if word in _BOOLEAN:
        return BOOLEAN
    if word in _NODES:
        return NODE
    if word in _INNER:
        return kind(form[_INNER[word]])
    return _KINDS.get(word, _any)(form)


def _any(_: Form) -> str:
    return ANY


def _shared(forms: list[Form]) -> str:
    kinds = {kind(form) for form in forms}
    return kinds.pop() if len(kinds) == 1 else ANY


def _of_call(form: Form) -> str:
    name, arguments = form[1], form[2]
    if name in ("abs", "round", "floor", "ceiling"):
        given = kind(arguments[0])
        return DOUBLE if given == NODE else given if given in NUMERIC else NUMBER
    return SIGNATURES[name][2]


def _of_arithmetic(form: Form) -> str:
    """XPath 2.0 §3.4: untyped values are doubles; decimals stay exact; integers divide into decimals."""
    kinds = {DOUBLE if kind(side) == NODE else kind(side) for side in form[2:4]}
    if DOUBLE in kinds:
        return DOUBLE if kinds <= NUMERIC - {NUMBER} else NUMBER
    if form[1] == "idiv":
        return INTEGER
    if not kinds <= {INTEGER, DECIMAL}:
        return NUMBER
    return INTEGER if kinds == {INTEGER} and form[1] != "div" else DECIMAL


def _of_convert(form: Form) -> str:
    return kind(form[3]) if form[1] in ("item", "node") else str(form[1])


def _of_sign(form: Form) -> str:
    given = kind(form[1])
    return DOUBLE if given == NODE else given if given in NUMERIC else NUMBER


_KINDS: Final = {
    "variable": lambda form: str(form[2]), "sequence": lambda form: _shared(form[1]), "if": lambda form: _shared(form[2:4]),
    "map": lambda form: kind(form[2]), "call": _of_call, "cast": lambda form: str(form[1]), "arithmetic": _of_arithmetic,
    "negative": _of_sign, "positive": _of_sign, "convert": _of_convert,
}  # fmt: skip


def is_single(form: Form) -> bool:
    """Is it never more than one item?"""
    word = form[0]
    return word in _LITERALS or word in _BOOLEAN or word in ("context", "item", "root") or (word == "variable" and bool(form[3]))


def needed_names(form: Form) -> list[int]:
    """Names without which a form that is a path, or asks whether one exists, is empty; [] when nothing is sure.

    Only as far as no predicate is evaluated before: what a predicate might raise must be raised.
    """
    while form[0] in ("memo", "call"):
        if form[0] == "call" and form[1] != "exists":
            return []
        form = form[2] if form[0] == "memo" else form[2][0]
    return list(_names(form[3])) if form[0] == "path" and _finds_safely(form[1]) else []


def _finds_safely(start: Form | None) -> bool:
    """Can the beginning of a path raise nothing? It holds no predicate."""
    if start is None or start[0] in ("root", "context"):
        return True
    if start[0] == "union":
        return _finds_safely(start[1]) and _finds_safely(start[2])
    if start[0] == "memo":
        return _finds_safely(start[2])
    return start[0] == "path" and _finds_safely(start[1]) and not any(predicates for _, _, predicates in start[3])


def _names(steps: list[Any]) -> Iterator[int]:
    for axis, test, predicates in steps:
        if axis in _NAMING and test[0] == "name":
            yield test[1]
        if predicates:
            return
