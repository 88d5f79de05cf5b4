"""Calls of XPath functions → closures (XPath and XQuery Functions and Operators 1.0): arguments fetched, types checked, function applied.

What the functions on strings do is in `texts.py`, on numbers in `values.py` and `arithmetic.py`; here is how their arguments come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from gateway.schematron import arithmetic, comparing, regex
from gateway.schematron.closures import ATOM, ITEMS, NODES, TEST, TEXT, Closure, Run, Values, string
from gateway.schematron.faults import too_many, wrong_type
from gateway.schematron.forms import Form
from gateway.schematron.texts import OF_TEXTS, substring
from gateway.schematron.tree import Node
from gateway.schematron.values import cast, castable, floored, raised, rounded, text_of

if TYPE_CHECKING:
    from gateway.schematron.linking import Linker


def call(name: str, arguments: list[Form], linker: Linker) -> Closure:
    """The closure of a call of one of `forms.SIGNATURES`."""
    if name in OF_TEXTS:
        mode, function = OF_TEXTS[name]
        return Closure(mode, _applied(function, [linker.link(a).text(f"an argument of {name}()") for a in arguments]))
    return _FUNCTIONS[name](linker, arguments)


def _applied(function: Callable[..., Any], texts: list[Run]) -> Run:
    first = texts[0]
    if len(texts) == 1:
        return lambda n, e: function(first(n, e))
    if len(texts) == 2:
        second = texts[1]
        return lambda n, e: function(first(n, e), second(n, e))
    return lambda n, e: function(*(text(n, e) for text in texts))


def numeric(operand: Closure, function: Callable[[Any], Any]) -> Closure:
    """A function of one number, nothing for nothing."""
    atom, number = operand.atom(), arithmetic.number

    def run(n: Any, e: Values) -> Any:
        value = atom(n, e)
        return None if value is None else function(number(value))

    return Closure(ATOM, run)


def _not(linker: Linker, arguments: list[Form]) -> Closure:
    test = linker.test(arguments[0])
    return Closure(TEST, lambda n, e: not test(n, e))


def _exists(linker: Linker, arguments: list[Form]) -> Closure:
    operand = linker.link(arguments[0])
    if operand.mode == NODES:
        return Closure(TEST, operand.test())
    items = operand.items()
    return Closure(TEST, lambda n, e: bool(items(n, e)))


def _empty(linker: Linker, arguments: list[Form]) -> Closure:
    exists = _exists(linker, arguments).run
    return Closure(TEST, lambda n, e: not exists(n, e))


def _count(linker: Linker, arguments: list[Form]) -> Closure:
    items = linker.link(arguments[0]).items()
    return Closure(ATOM, lambda n, e: len(items(n, e)))


def _sum(linker: Linker, arguments: list[Form]) -> Closure:
    atoms = linker.link(arguments[0]).atoms()
    return Closure(ATOM, lambda n, e: arithmetic.total(atoms(n, e)))


def _string(linker: Linker, arguments: list[Form]) -> Closure:
    items = linker.link(arguments[0]).items()

    def run(n: Any, e: Values) -> str:
        found = items(n, e)
        if len(found) > 1:
            raise too_many("the argument of string()")
        return string(found[0]) if found else ""

    return Closure(TEXT, run)


def _number(linker: Linker, arguments: list[Form]) -> Closure:
    atom = linker.link(arguments[0]).atom("the argument of number()")

    def run(n: Any, e: Values) -> float:
        value = atom(n, e)
        return float(cast(value, "double")) if value is not None and castable(value, "double") else float("nan")  # type: ignore[arg-type]

    return Closure(ATOM, run)


def _concat(linker: Linker, arguments: list[Form]) -> Closure:
    atoms = [linker.link(a).atom("an argument of concat()") for a in arguments]

    def run(n: Any, e: Values) -> str:
        values = [atom(n, e) for atom in atoms]
        return "".join(text_of(value) for value in values if value is not None)

    return Closure(TEXT, run)


def _string_join(linker: Linker, arguments: list[Form]) -> Closure:
    atoms, separator = linker.link(arguments[0]).atoms(), linker.link(arguments[1]).text("the separator")
    return Closure(TEXT, lambda n, e: separator(n, e).join(text_of(atom) for atom in atoms(n, e)))  # of any type, as since F&O 3.1


def _substring(linker: Linker, arguments: list[Form]) -> Closure:
    text = linker.link(arguments[0]).text("the argument of substring()")
    numbers = [linker.link(a).atom("a position") for a in arguments[1:]]

    def run(n: Any, e: Values) -> str:
        values = [number(n, e) for number in numbers]
        if None in values:
            raise wrong_type("substring() needs a position")
        return substring(text(n, e), *(float(arithmetic.number(value)) for value in values))

    return Closure(TEXT, run)


def _data(linker: Linker, arguments: list[Form]) -> Closure:
    return Closure(ITEMS, linker.link(arguments[0]).atoms())


def _distinct(linker: Linker, arguments: list[Form]) -> Closure:
    atoms = linker.link(arguments[0]).atoms()
    return Closure(ITEMS, lambda n, e: comparing.distinct(atoms(n, e)))


def _naming(attribute: str) -> Callable[[Linker, list[Form]], Closure]:
    def build(linker: Linker, arguments: list[Form]) -> Closure:
        operand = linker.link(arguments[0]).items()

        def run(n: Any, e: Values) -> str:
            nodes = operand(n, e)
            if len(nodes) > 1:
                raise too_many("the argument of a name")
            if nodes and not isinstance(nodes[0], Node):
                raise wrong_type("a value has no name")
            return str(getattr(nodes[0], attribute)) if nodes else ""

        return Closure(TEXT, run)

    return build


def _matches(linker: Linker, arguments: list[Form]) -> Closure:
    text, search = linker.link(arguments[0]).text(), _expression(arguments[1]).search
    return Closure(TEST, lambda n, e: search(text(n, e)) is not None)


def _replace(linker: Linker, arguments: list[Form]) -> Closure:
    text, expression = linker.link(arguments[0]).text(), _expression(arguments[1])
    new = regex.replacement(arguments[2][1])
    return Closure(TEXT, lambda n, e: expression.sub(lambda _: new, text(n, e)))


def _tokenize(linker: Linker, arguments: list[Form]) -> Closure:
    text, split = linker.link(arguments[0]).text(), _expression(arguments[1]).split
    return Closure(ITEMS, lambda n, e: split(whole) if (whole := text(n, e)) else ())


def _expression(form: Form) -> Any:
    return regex.translate(form[1])


_FUNCTIONS: Final[dict[str, Callable[[Linker, list[Form]], Closure]]] = {
    "not": _not, "exists": _exists, "empty": _empty, "count": _count, "sum": _sum, "string": _string, "number": _number,
    "concat": _concat, "string-join": _string_join, "substring": _substring, "data": _data, "distinct-values": _distinct,
    "name": _naming("qualified"), "local-name": _naming("local"), "namespace-uri": _naming("namespace"), "matches": _matches,
    "replace": _replace, "tokenize": _tokenize, "boolean": lambda linker, a: Closure(TEST, linker.test(a[0])),
    "abs": lambda linker, a: numeric(linker.link(a[0]), abs), "round": lambda linker, a: numeric(linker.link(a[0]), rounded),
    "floor": lambda linker, a: numeric(linker.link(a[0]), floored), "ceiling": lambda linker, a: numeric(linker.link(a[0]), raised),
}  # fmt: skip

