"""Regular expressions of XPath (F&O §7.6) → Python's, for the constructs that rules use; others are refused. It matches nothing.

The differences that matter: `$` matches at the very end only; `.` neither line feed nor carriage return; `\\s` is XML's white space;
`\\d` is any decimal digit, as in Python.

Limits: no flags, no `\\w \\W \\i \\c \\p{…}`, no subtraction in classes, no back-references. Like every backtracking engine Python's can
be slow on a hostile text: the child's limits of time hold (decision 0007).
"""

from __future__ import annotations

import re
from typing import Final

from gateway.schematron.refused import RuleRefused

_PART: Final = re.compile(
    r"""(?P<escape>\\.)|(?P<class>\[)|(?P<dot>\.)|(?P<end>\$)|(?P<group>\(\??)|(?P<quantifier>[*+?]\??|\{\d+(?:,\d*)?\}\??)|(?P<other>[^\\])""",
    re.VERBOSE | re.DOTALL,
)
_IN_CLASS: Final = re.compile(r"\\.|[^\\]", re.DOTALL)
_ESCAPES: Final = {"s": r"[ \t\r\n]", "S": r"[^ \t\r\n]", "d": r"\d", "D": r"\D", "n": r"\n", "r": r"\r", "t": r"\t"}
_IN_CLASS_ESCAPES: Final = {"s": r" \t\r\n", "d": r"\d", "n": r"\n", "r": r"\r", "t": r"\t"}
_LITERAL: Final = frozenset("\\|.?*+(){}[]^$-")


def translate(pattern: str) -> re.Pattern[str]:
    """The pattern as Python's. `RuleRefused` for what is not known."""
    return re.compile("".join(_translated(pattern)))


def _translated(pattern: str) -> list[str]:
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        match = _PART.match(pattern, at)
        if match is None:
            raise _refused(pattern, at)
        kind, text, at = match.lastgroup, match.group(), match.end()
        if kind == "class":
            inner, at = _class(pattern, at)
            parts.append(inner)
        elif kind == "escape":
            parts.append(_escape(text[1], _ESCAPES, pattern, at))
        elif kind == "group" and text != "(":
            raise _refused(pattern, at)
        else:
            parts.append({"dot": r"[^\n\r]", "end": r"\Z"}.get(str(kind), text))
    return parts


def _class(pattern: str, at: int) -> tuple[str, int]:
    """A class `[…]` from after its bracket, and where it ends."""
    parts = ["["]
    if pattern.startswith("^", at):
        parts, at = ["[^"], at + 1
    while match := _IN_CLASS.match(pattern, at):
        text, at = match.group(), match.end()
        if text == "]":
            return "".join([*parts, "]"]), at
        if text == "[":
            raise _refused(pattern, at)
        parts.append(_escape(text[1], _IN_CLASS_ESCAPES, pattern, at) if text[0] == "\\" else text if text in "-^" else re.escape(text))
    raise _refused(pattern, at)


def _escape(char: str, known: dict[str, str], pattern: str, at: int) -> str:
    if char in known:
        return known[char]
    if char in _LITERAL:
        return re.escape(char)
    raise _refused(pattern, at)


def replacement(text: str) -> str:
    """The third argument of fn:replace, without groups."""
    if "$" in text or "\\" in text:
        raise RuleRefused(f"replacement {text!r}", "it names a group or escapes", "plain text is expected")
    return text


def _refused(pattern: str, at: int) -> RuleRefused:
    where = f"regular expression {pattern!r}, position {at}"
    return RuleRefused(where, "the construct is not known here", "F&O §7.6 without \\p, \\w and flags is expected")
