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
    names = {let.name: let for let in source.lets}
    functions = {function.name: repr(function) for function in source.functions}
    for pattern in source.patterns:
        for rule in pattern.rules:
            for assertion in rule.assertions:
                name = assertion.id or _text(assertion)[:_NAME_LENGTH].strip()
                seen[name] = seen.get(name, -1) + 1
                yield (name, seen[name]), _facts(rule, assertion, names, functions)


def _facts(rule: Rule, assertion: Assertion, lets: dict[str, Let], functions: dict[str, str]) -> dict[str, str]:
    used = _used(assertion.test, {**lets, **{let.name: let for let in rule.lets}})
    called = [text for name, text in functions.items() if any(f"{name}(" in part for part in (assertion.test, *used))]
    return {
        "context": " ".join(rule.context.split()), "test": " | ".join([" ".join(assertion.test.split()), *used, *called]),
        "severity": assertion.flag, "message": " ".join(_text(assertion).split()),
    }  # fmt: skip


def _used(expression: str, lets: dict[str, Let]) -> list[str]:
    """The variables that an expression uses, those that they use included."""
    used, waiting = dict[str, str](), [expression]
    while waiting:
        text = waiting.pop()
        for name, let in lets.items():
            if f"${name}" in text and name not in used:
                used[name] = f"{name} := {' '.join(let.expression.split())}"
                waiting.append(let.expression)
    return [used[name] for name in sorted(used)]


def _text(assertion: Assertion) -> str:
    return "".join(f"{{{part.expression}}}" if isinstance(part, Value) else part for part in assertion.message)
