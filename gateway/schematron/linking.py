"""Forms → closures: every word of `forms.py` but rules; it finds no rule to run and makes no finding.

A closure is made once a pack and process, and called for each node. Where the types are known beforehand the comparison is chosen here,
not there: most tests of the official rules compare the text of one element with a literal.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from gateway.schematron import arithmetic, comparing, regex, walking
from gateway.schematron.closures import ATOM, ITEMS, NODES, TEST, TEXT, Closure, Run, Values, string, truth
from gateway.schematron.faults import DynamicError, too_many, wrong_type
from gateway.schematron.forms import ANY, BOOLEAN, NODE, NUMBER, NUMERIC, STRING, Form, kind
from gateway.schematron.texts import OF_TEXTS, substring
from gateway.schematron.tree import Node
from gateway.schematron.values import Atom, Date, Untyped, boolean, cast, castable, double, floored, raised, rounded, text_of

_UNSURE: Final = frozenset({ANY, NUMBER})


class Linker:
    """Makes the closures of one pack. `names` are the pack's, as Clark names."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._lets: dict[int, Run] = {}
        self._words: dict[str, Callable[[Form], Closure]] = {
            "string": lambda form: _constant(TEXT, form[1]), "integer": lambda form: _constant(ATOM, int(form[1])),
            "decimal": lambda form: _constant(ATOM, Decimal(form[1])), "double": lambda form: _constant(ATOM, float(form[1])),
            "true": lambda form: _constant(TEST, True), "false": lambda form: _constant(TEST, False), "sequence": self._sequence,
            "context": lambda form: Closure(NODES, lambda n, e: (n,), lambda n, e: True),
            "item": lambda form: Closure(ITEMS, lambda n, e: (n,)), "root": lambda form: Closure(NODES, lambda n, e: (e[0].root,)),
            "variable": self._variable, "memo": self._memo, "and": self._and, "or": self._or, "if": self._if, "union": self._union,
            "compare": self._compare, "value-compare": self._value_compare, "member": self._member, "listed": self._listed,
            "arithmetic": self._arithmetic, "negative": self._negative, "positive": self._positive, "for": self._for, "some": self._some,
            "every": self._every, "let": self._let, "path": self._path, "map": self._map, "filter": self._filter, "call": self._call,
            "cast": self._cast, "castable": self._castable, "convert": self._convert,
        }  # fmt: skip

    def link(self, form: Form) -> Closure:
        """The closure of a form, in its own mode."""
        return self._words[form[0]](form)

    def test(self, form: Form) -> Run:
        """Its effective boolean value."""
        return self.link(form).test()

    def let(self, slot: int, form: Form) -> None:
        """A rule's variable: evaluated when it is first asked for, in the context of the rule's node."""
        self._lets[slot] = self.link(form).items()

    def predicate(self, form: Form) -> Run:
        """A condition that must not turn out to be a position (the planner refuses those it sees)."""
        if kind(form) not in _UNSURE:
            return self.test(form)
        items = self.link(form).items()

        def holds(n: Any, e: Values) -> bool:
            found = items(n, e)
            if len(found) == 1 and isinstance(found[0], int | float | Decimal) and not isinstance(found[0], bool):
                raise DynamicError("XPST0003", "a predicate turned out to be a position")
            return truth(found)

        return holds

    # Variables and what is evaluated once.

    def _variable(self, form: Form) -> Closure:
        slot, mode = form[1], NODES if form[2] == NODE else ITEMS
        if slot not in self._lets:
            return Closure(mode, lambda n, e: e[slot])
        value = self._lets[slot]

        def run(n: Any, e: Values) -> Any:
            found = e[slot]
            if found is None:
                found = e[slot] = value(e[1], e)
            return found

        return Closure(mode, run)

    def _memo(self, form: Form) -> Closure:
        slot, inner = form[1], self.link(form[2])
        value, mode = (inner.run, inner.mode) if inner.mode != ATOM else (inner.items(), ITEMS)

        def run(n: Any, e: Values) -> Any:
            found = e[slot]
            if found is None:
                found = e[slot] = value(e[0].root, e)
            return found

        return Closure(mode, run)

    def _let(self, form: Form) -> Closure:
        _, slot, value_form, body_form = form
        value, body = self.link(value_form).items(), self.link(body_form)
        inner = body.run

        def run(n: Any, e: Values) -> Any:
            e[slot] = value(n, e)
            return inner(n, e)

        return Closure(body.mode, run)

    # Logic and loops.

    def _and(self, form: Form) -> Closure:
        left, right = self.test(form[1]), self.test(form[2])
        return Closure(TEST, lambda n, e: left(n, e) and right(n, e))

    def _or(self, form: Form) -> Closure:
        left, right = self.test(form[1]), self.test(form[2])
        return Closure(TEST, lambda n, e: left(n, e) or right(n, e))

    def _if(self, form: Form) -> Closure:
        condition = self.test(form[1])
        if kind(form) == BOOLEAN:
            yes, no = self.test(form[2]), self.test(form[3])
            return Closure(TEST, lambda n, e: yes(n, e) if condition(n, e) else no(n, e))
        then, otherwise = self.link(form[2]).items(), self.link(form[3]).items()
        return Closure(NODES if kind(form) == NODE else ITEMS, lambda n, e: then(n, e) if condition(n, e) else otherwise(n, e))

    def _for(self, form: Form) -> Closure:
        slot, over, body = form[1], self.link(form[2]).items(), self.link(form[3]).items()

        def run(n: Any, e: Values) -> list[Any]:
            found: list[Any] = []
            for item in over(n, e):
                e[slot] = (item,)
                found += body(n, e)
            return found

        return Closure(ITEMS, run)

    def _some(self, form: Form) -> Closure:
        slot, over, body = form[1], self.link(form[2]).items(), self.test(form[3])

        def run(n: Any, e: Values) -> bool:
            for item in over(n, e):
                e[slot] = (item,)
                if body(n, e):
                    return True
            return False

        return Closure(TEST, run)

    def _every(self, form: Form) -> Closure:
        slot, over, body = form[1], self.link(form[2]).items(), self.test(form[3])

        def run(n: Any, e: Values) -> bool:
            for item in over(n, e):
                e[slot] = (item,)
                if not body(n, e):
                    return False
            return True

        return Closure(TEST, run)

    # Sequences and paths.

    def _sequence(self, form: Form) -> Closure:
        parts = [self.link(part) for part in form[1]]
        if all(part[0] in ("string", "integer", "decimal", "double") for part in form[1]):
            fixed = tuple(part.run(None, []) for part in parts)
            return Closure(ITEMS, lambda n, e: fixed)
        runs = [part.items() for part in parts]
        return Closure(NODES if kind(form) == NODE else ITEMS, lambda n, e: [item for run in runs for item in run(n, e)])

    def _union(self, form: Form) -> Closure:
        left, right = self.link(form[1]), self.link(form[2])
        one, other = left.items(), right.items()
        first, second = left.test(), right.test()
        run = walking.in_order(lambda n, e: [*one(n, e), *other(n, e)])
        return Closure(NODES, run, lambda n, e: first(n, e) or second(n, e))

    def _path(self, form: Form) -> Closure:
        start = None if form[1] is None else self.link(form[1])
        return walking.path(form, self._names, start, self.predicate)

    def _map(self, form: Form) -> Closure:
        base, inner = self.link(form[1]).items(), self.link(form[2]).items()
        run: Run = lambda n, e: [item for node in base(n, e) for item in inner(node, e)]  # noqa: E731  wrapped below or not
        return Closure(NODES, walking.in_order(run)) if form[3] else Closure(ITEMS, run)

    def _filter(self, form: Form) -> Closure:
        operand = self.link(form[1])
        run = operand.items()
        for predicate in form[2]:
            run = walking.position(run, predicate[1]) if predicate[0] == "position" else walking.filtered(run, self.predicate(predicate))
        return Closure(NODES if kind(form) == NODE else ITEMS, run)

    # Comparisons.

    def _compare(self, form: Form) -> Closure:
        _, sign, left_form, right_form = form
        holds = comparing.SIGNS[sign]
        kinds = kind(left_form), kind(right_form)
        left, right = self.link(left_form), self.link(right_form)
        if left.mode == ATOM and right.mode == ATOM and set(kinds) <= NUMERIC:
            return Closure(TEST, _numbers(holds, left.run, right.run))
        if left.mode == NODES and right.mode == ATOM and kinds[1] in NUMERIC:
            return Closure(TEST, _nodes_number(holds, left.run, right.run))
        if left.mode == NODES and right.mode == TEXT:
            return Closure(TEST, _nodes_text(holds, left.run, right.run))
        if left.mode == NODES and right_form[0] in ("true", "false"):
            return Closure(TEST, _nodes_boolean(holds, left.run, right_form[0] == "true"))
        if left.mode == NODES and right.mode == NODES:
            return Closure(TEST, _nodes_nodes(holds, left.run, right.run))
        if left.mode == TEXT and right.mode == TEXT:
            one, other = left.run, right.run
            return Closure(TEST, lambda n, e: holds(one(n, e), other(n, e)))
        return Closure(TEST, _pairs(holds, left.atoms(), right.atoms()))

    def _value_compare(self, form: Form) -> Closure:
        holds = comparing.SIGNS[form[1]]
        left, right = self.link(form[2]).atom(), self.link(form[3]).atom()

        def run(n: Any, e: Values) -> bool | None:
            one, other = left(n, e), right(n, e)
            return None if one is None or other is None else comparing.value(holds, one, other)

        return Closure(ATOM, run)

    def _member(self, form: Form) -> Closure:
        codes, value = frozenset(form[2]), self.link(form[1])
        run = value.run
        if value.mode == NODES:

            def some(n: Any, e: Values) -> bool:
                for node in run(n, e):
                    if node.value in codes:
                        return True
                return False

            return Closure(TEST, some)
        if value.mode == TEXT:
            return Closure(TEST, lambda n, e: run(n, e) in codes)
        atoms = value.atoms()
        return Closure(TEST, lambda n, e: any(_code(atom) in codes for atom in atoms(n, e)))

    def _listed(self, form: Form) -> Closure:
        """`contains(' A B ', concat(' ', value, ' '))`: a code without space is looked up, anything else searched for."""
        text: str = form[2]
        codes = frozenset(text.split(" ")[1:-1]) - {""}
        atom = self.link(form[1]).atom("the code")

        def run(n: Any, e: Values) -> bool:
            value = atom(n, e)
            code = "" if value is None else text_of(value)
            return code in codes or ((not code or " " in code) and f" {code} " in text)

        return Closure(TEST, run)

    # Numbers and casts.

    def _arithmetic(self, form: Form) -> Closure:
        sign, left, right = form[1], self.link(form[2]).atom(), self.link(form[3]).atom()
        apply = arithmetic.apply

        def run(n: Any, e: Values) -> Any:
            one, other = left(n, e), right(n, e)
            return None if one is None or other is None else apply(sign, one, other)

        return Closure(ATOM, run)

    def _negative(self, form: Form) -> Closure:
        return _numeric(self.link(form[1]), lambda value: -value)

    def _positive(self, form: Form) -> Closure:
        return _numeric(self.link(form[1]), lambda value: value)

    def _cast(self, form: Form) -> Closure:
        _, type_, optional, operand = form
        atom = self.link(operand).atom(f"the {type_}")

        def run(n: Any, e: Values) -> Atom | None:
            value = atom(n, e)
            if value is not None:
                return cast(value, type_)
            if optional:
                return None
            raise wrong_type(f"nothing is no {type_}")

        return Closure(ATOM, run)

    def _castable(self, form: Form) -> Closure:
        _, type_, optional, operand = form
        atoms = self.link(operand).atoms()

        def run(n: Any, e: Values) -> bool:
            found = atoms(n, e)
            return castable(found[0], type_) if len(found) == 1 else optional and not found

        return Closure(TEST, run)

    def _convert(self, form: Form) -> Closure:
        _, type_, occurrence, operand_form = form
        operand = self.link(operand_form)
        items = operand.atoms() if type_ not in ("item", "node") else operand.items()
        fits, few, many = _fits(type_), occurrence in ("?", "*"), occurrence in ("*", "+")

        def run(n: Any, e: Values) -> Any:
            found = items(n, e)
            if (not found and not few) or (len(found) > 1 and not many):
                raise wrong_type(f"{len(found)} values where the function takes {'one' if not few else 'at most one'}")
            return [fits(item) for item in found]

        return Closure(NODES if type_ == "node" else ITEMS, run)

    # Functions.

    def _call(self, form: Form) -> Closure:
        name, arguments = form[1], form[2]
        if name in OF_TEXTS:
            mode, function = OF_TEXTS[name]
            texts = [self.link(a).text(f"an argument of {name}()") for a in arguments]
            return Closure(mode, _applied(function, texts))
        return _FUNCTIONS[name](self, arguments)


def _constant(mode: str, value: Any) -> Closure:
    return Closure(mode, lambda n, e: value)


def _applied(function: Callable[..., Any], texts: list[Run]) -> Run:
    first = texts[0]
    if len(texts) == 1:
        return lambda n, e: function(first(n, e))
    if len(texts) == 2:
        second = texts[1]
        return lambda n, e: function(first(n, e), second(n, e))
    return lambda n, e: function(*(text(n, e) for text in texts))


def _code(atom: Atom) -> str:
    if isinstance(atom, str):
        return str(atom)
    raise wrong_type(f"'{text_of(atom)}' is compared with codes")


def _fits(type_: str) -> Callable[[Any], Any]:
    """An item as the type: untyped values are cast, integers are decimals, numbers become doubles; others must be of it."""

    def fits(item: Any) -> Any:
        if type_ == "item" or (type_ == "node" and isinstance(item, Node)):
            return item
        if isinstance(item, Untyped):
            return cast(item, type_)
        if type_ == "double" and isinstance(item, int | Decimal) and not isinstance(item, bool):
            return float(item)
        if isinstance(item, _PYTHON[type_]) and (isinstance(item, bool) == (type_ == BOOLEAN)):
            return item
        raise wrong_type(f"'{string(item)}' is no {type_}")

    return fits


_PYTHON: Final[dict[str, Any]] = {
    STRING: str, BOOLEAN: bool, "integer": int, "decimal": int | Decimal, "double": float, "date": Date, NODE: Node,
}  # fmt: skip


# Comparisons by what is known of both sides. Each is `some pair` (XPath 2.0 §3.5.2).

def _numbers(holds: comparing.Holds, left: Run, right: Run) -> Run:
    def run(n: Any, e: Values) -> bool:
        one, other = left(n, e), right(n, e)
        return one is not None and other is not None and comparing.numbers(holds, one, other)

    return run


def _nodes_number(holds: comparing.Holds, left: Run, right: Run) -> Run:
    def run(n: Any, e: Values) -> bool:
        nodes = left(n, e)
        if not nodes:
            return False
        other = right(n, e)
        if other is None:
            return False
        number = float(other)
        return any(holds(double(node.value), number) for node in nodes)

    return run


def _nodes_text(holds: comparing.Holds, left: Run, right: Run) -> Run:
    def run(n: Any, e: Values) -> bool:
        nodes = left(n, e)
        if not nodes:
            return False
        text = right(n, e)
        for node in nodes:
            if holds(node.value, text):
                return True
        return False

    return run


def _nodes_boolean(holds: comparing.Holds, left: Run, other: bool) -> Run:
    return lambda n, e: any(holds(boolean(node.value), other) for node in left(n, e))


def _nodes_nodes(holds: comparing.Holds, left: Run, right: Run) -> Run:
    def run(n: Any, e: Values) -> bool:
        nodes = left(n, e)
        others = [other.value for other in right(n, e)] if nodes else ()
        return any(holds(node.value, other) for node in nodes for other in others)

    return run


def _pairs(holds: comparing.Holds, left: Run, right: Run) -> Run:
    general = comparing.general

    def run(n: Any, e: Values) -> bool:
        ones = left(n, e)
        others = right(n, e) if ones else ()
        return any(general(holds, one, other) for one in ones for other in others)

    return run


# Functions of other than strings (F&O).

def _numeric(operand: Closure, function: Callable[[Any], Any]) -> Closure:
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
    return Closure(TEXT, lambda n, e: separator(n, e).join(_code(atom) for atom in atoms(n, e)))


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
    "abs": lambda linker, a: _numeric(linker.link(a[0]), abs), "round": lambda linker, a: _numeric(linker.link(a[0]), rounded),
    "floor": lambda linker, a: _numeric(linker.link(a[0]), floored), "ceiling": lambda linker, a: _numeric(linker.link(a[0]), raised),
}  # fmt: skip

