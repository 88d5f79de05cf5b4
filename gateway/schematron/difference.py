"""What two releases of a rule file do not have in common: assertions added, removed, changed, and in what; it judges no document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.schematron.source import Assertion, Let, Rule, Source, Value

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
_NAME_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Difference:
    """One rule by its name. `what`: of a changed one, which of context, test, severity and message; `message`: the newer one there is."""

    rule: str
    change: str
    what: tuple[str, ...]
    message: str


def differences(old: Source, new: Source) -> list[Difference]:
    """In the order of the newer file, what was removed at the end. Rules are matched by name, those of one name by their order.

    A test has changed, too, when a variable or function that it may use has.
    """
    before, after = dict(_told(old)), dict(_told(new))
    found = []
    for key, told in after.items():
        if key not in before:
            found.append(Difference(key[0], ADDED, (), told["message"]))
        elif what := tuple(part for part in told if told[part] != before[key][part]):
            found.append(Difference(key[0], CHANGED, what, told["message"]))
    return found + [Difference(key[0], REMOVED, (), gone["message"]) for key, gone in before.items() if key not in after]


def _told(source: Source) -> Iterator[tuple[tuple[str, int], dict[str, str]]]:
    """Every assertion by (name, how many of that name came before), as far as it can differ."""
    seen: dict[str, int] = {}
    shared = _definitions(source.lets) | {f"{function.name}(": repr(function) for function in source.functions}
    for pattern in source.patterns:
        for rule in pattern.rules:
            definitions = shared | _definitions(rule.lets)
            for assertion in rule.assertions:
                name = assertion.id or _text(assertion)[:_NAME_LENGTH].strip()
                seen[name] = seen.get(name, -1) + 1
                yield (name, seen[name]), _facts(rule, assertion, definitions)


def _definitions(lets: tuple[Let, ...]) -> dict[str, str]:
    """Variables by how an expression refers to them."""
    return {f"${let.name}": f"{let.name} := {' '.join(let.expression.split())}" for let in lets}


def _facts(rule: Rule, assertion: Assertion, definitions: dict[str, str]) -> dict[str, str]:
    tested = " ".join(assertion.test.split())
    return {
        "context": " ".join(rule.context.split()),
        "test": " | ".join(["report" if assertion.report else "assert", tested, *_used(tested, definitions)]),
        "severity": assertion.flag, "message": " ".join(_text(assertion).split()),
    }  # fmt: skip


def _used(expression: str, definitions: dict[str, str]) -> list[str]:
    """The definitions of variables and functions that an expression may use, those that they use included."""
    used, waiting = set[str](), [expression]
    while waiting:
        text = waiting.pop()
        found = {reference for reference in definitions if reference in text} - used
        used |= found
        waiting += [definitions[reference] for reference in found]
    return [definitions[reference] for reference in sorted(used)]


def _text(assertion: Assertion) -> str:
    return "".join(f"{{{part.expression}}}" if isinstance(part, Value) else part for part in assertion.message)
