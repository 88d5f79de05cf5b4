"""Forms → closures: every word of `forms.py` but rules; it finds no rule to run and makes no finding.

A closure is made once a pack and process, and called for each node. Comparisons are in `related.py`, functions in `calling.py`, paths in
`walking.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from gateway.schematron import arithmetic, calling, related, walking
from gateway.schematron.closures import ATOM, ITEMS, NODES, TEST, TEXT, Closure, Run, Values, string, truth
from gateway.schematron.faults import DynamicError, wrong_type
from gateway.schematron.forms import ANY, BOOLEAN, NODE, NUMBER, STRING, Form, kind
from gateway.schematron.tree import Node
from gateway.schematron.values import Atom, Date, Untyped, cast, castable

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
            "variable": self._variable, "memo": self._memo, "noted": self._noted, "and": self._and, "or": self._or,
            "if": self._if, "union": self._union,
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

    def _noted(self, form: Form) -> Closure:
        """One answer a node, kept for all rules of the document; an error is not kept, and raised again."""
        slot, inner = form[1], self.link(form[2])
        value, mode = (inner.run, inner.mode) if inner.mode != ATOM else (inner.items(), ITEMS)

        def run(n: Any, e: Values) -> Any:
            known = e[slot]
            if known is None:
                known = e[slot] = {}
            elif n in known:
                return known[n]
            found = known[n] = value(n, e)
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
        one, other = left.loose or left.items(), right.loose or right.items()
        first, second = left.test(), right.test()
        loose: Run = lambda n, e: [*one(n, e), *other(n, e)]  # noqa: E731  used twice
        return Closure(NODES, walking.in_order(loose), lambda n, e: first(n, e) or second(n, e), loose)

    def _path(self, form: Form) -> Closure:
        start = None if form[1] is None else self.link(form[1])
        return walking.path(form, self._names, start, self.predicate)

    def _map(self, form: Form) -> Closure:
        base, inner = self.link(form[1]).items(), self.link(form[2]).items()
        run: Run = lambda n, e: [item for node in base(n, e) for item in inner(node, e)]  # noqa: E731  wrapped below or not
        if form[3]:
            return Closure(NODES, walking.in_order(run))
        return Closure(ITEMS, run, each=lambda n, e: (item for node in base(n, e) for item in inner(node, e)))

    def _filter(self, form: Form) -> Closure:
        operand = self.link(form[1])
        run = operand.items()
        for predicate in form[2]:
            run = walking.position(run, predicate[1]) if predicate[0] == "position" else walking.filtered(run, self.predicate(predicate))
        return Closure(NODES if kind(form) == NODE else ITEMS, run)

    # Comparisons: `related.py`.

    def _compare(self, form: Form) -> Closure:
        _, sign, left, right = form
        return related.some_pair(sign, (self.link(left), kind(left)), (self.link(right), kind(right)))

    def _value_compare(self, form: Form) -> Closure:
        return related.one_pair(form[1], self.link(form[2]), self.link(form[3]))

    def _member(self, form: Form) -> Closure:
        return related.member(frozenset(form[2]), self.link(form[1]))

    def _listed(self, form: Form) -> Closure:
        return related.listed(form[2], self.link(form[1]))

    # Numbers and casts.

    def _arithmetic(self, form: Form) -> Closure:
        sign, left, right = form[1], self.link(form[2]).atom(), self.link(form[3]).atom()
        apply = arithmetic.apply

        def run(n: Any, e: Values) -> Any:
            one, other = left(n, e), right(n, e)
            return None if one is None or other is None else apply(sign, one, other)

        return Closure(ATOM, run)

    def _negative(self, form: Form) -> Closure:
        return calling.numeric(self.link(form[1]), lambda value: -value)

    def _positive(self, form: Form) -> Closure:
        return calling.numeric(self.link(form[1]), lambda value: value)

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

    def _call(self, form: Form) -> Closure:
        return calling.call(form[1], form[2], self)


def _constant(mode: str, value: Any) -> Closure:
    return Closure(mode, lambda n, e: value)


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
