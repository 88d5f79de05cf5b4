"""A pass over planned rules: what many rules ask of the same node is asked once a node (`["noted", slot, form]`); it changes no answer.

27 contexts of EN 16931 look at the VAT category of the same element, each with another code in mind: `normalize-space(cbc:ID)` is then
one look-up. A form is shared when it depends on its node alone, is more than a step or two, and stands in the rules `_OFTEN` times.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final

from gateway.schematron.forms import Form

_OFTEN: Final = 4
_WORTH: Final = frozenset({"call", "compare", "member", "listed", "cast", "value-compare"})
"""No `map`: a comparison reads its items one by one, and stops."""
_NOT_ALONE: Final = frozenset({"variable", "item", "let", "for", "some", "every"})
"""Words of forms that may depend on more than their node."""


def share(patterns: list[dict[str, Any]], slots: int) -> int:
    """Put `noted` into the forms of all patterns, in place; gives the number of slots then used."""
    forms = [form for pattern in patterns for rule in pattern["rules"] for form in _of_rule(rule)]
    counts: Counter[str] = Counter()
    for form in forms:
        _count(form, counts)
    taken: dict[str, int] = {}
    for form in forms:
        slots = _note(form, counts, taken, slots)
    return slots


def _of_rule(rule: dict[str, Any]) -> list[Form]:
    steps = [step for alternative in rule["match"] for step in alternative["before"]]
    predicates = [alternative["predicates"] for alternative in rule["match"]] + [step[2] for step in steps]
    return [*predicates, *([form] for _, form in rule["lets"]), *([assertion["test"]] for assertion in rule["assertions"])]


def _count(form: Form, counts: Counter[str]) -> None:
    for part in form:
        if isinstance(part, list):
            if _is_candidate(part):
                counts[json.dumps(part)] += 1
            _count(part, counts)


def _is_candidate(form: Form) -> bool:
    return bool(form) and isinstance(form[0], str) and form[0] in _WORTH and _alone(form) and _relative(form)


def _alone(form: Any) -> bool:
    """Nothing in it depends on more than its node and the document."""
    if not isinstance(form, list) or not form:
        return True
    return not (isinstance(form[0], str) and form[0] in _NOT_ALONE) and all(_alone(part) for part in form)


def _relative(form: Any) -> bool:
    """Does it depend on its node at all? A path from a start of its own does not by that path's steps."""
    if not isinstance(form, list) or not form:
        return False
    if form[0] == "context" or form[:2] == ["path", None]:
        return True
    if form[0] == "memo":
        return False
    inner = form[1:2] if form[0] in ("path", "map", "filter") else form
    return any(_relative(part) for part in inner)


def _note(form: Form, counts: Counter[str], taken: dict[str, int], slots: int) -> int:
    """Wrap what is counted often, from the outside in; a slot a distinct form. What stands in several places is wrapped once."""
    if form[:1] == ["noted"]:
        return _note(form[2], counts, taken, slots)
    for index, part in enumerate(form):
        if not isinstance(part, list):
            continue
        key = json.dumps(part) if _is_candidate(part) else ""
        slots = _note(part, counts, taken, slots)
        if key and counts[key] >= _OFTEN:
            if key not in taken:
                taken[key], slots = slots, slots + 1
            form[index] = ["noted", taken[key], part]
    return slots
