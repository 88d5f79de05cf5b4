"""The string functions of XPath (F&O §7.4, §7.5), on Python's strings; arguments are evaluated elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from math import inf, isnan
from typing import Any, Final

from gateway.schematron.values import rounded

_NOT_WHITE: Final = re.compile(r"[^ \t\r\n]+")


def normalize_space(text: str) -> str:
    """White space is XML's: a no-break space stays (§7.4.5)."""
    return " ".join(text.split() if text.isascii() else _NOT_WHITE.findall(text))


def substring(text: str, start: float, length: float | None = None) -> str:
    """Positions from 1, rounded; NaN gives nothing (§7.4.3)."""
    first = float(rounded(start))
    after = inf if length is None else first + float(rounded(length))
    if isnan(first) or isnan(after):
        return ""
    last = len(text) + 1
    return text[int(max(1, min(first, last))) - 1 : int(max(1, min(after, last))) - 1]


def substring_before(text: str, mark: str) -> str:
    """§7.5.4."""
    return text.partition(mark)[0] if mark and mark in text else ""


def substring_after(text: str, mark: str) -> str:
    """§7.5.5: of an empty mark, everything is after it."""
    return text.partition(mark)[2] if mark else text


def translate(text: str, from_: str, to: str) -> str:
    """§7.4.9: characters without a counterpart are removed; of repeated ones the first counts."""
    return text.translate(_table(from_, to))


@lru_cache(maxsize=256)
def _table(from_: str, to: str) -> dict[int, str | None]:
    table: dict[int, str | None] = {}
    for at, char in enumerate(from_):
        table.setdefault(ord(char), to[at] if at < len(to) else None)
    return table


OF_TEXTS: Final[dict[str, tuple[str, Callable[..., Any]]]] = {
    "contains": ("test", lambda text, part: part in text),
    "starts-with": ("test", str.startswith),
    "ends-with": ("test", str.endswith),
    "substring-before": ("text", substring_before),
    "substring-after": ("text", substring_after),
    "translate": ("text", translate),
    "upper-case": ("text", str.upper),
    "lower-case": ("text", str.lower),
    "normalize-space": ("text", normalize_space),
    "string-length": ("atom", len),
}
"""Functions all of whose arguments are strings, "" for nothing: what they give, and how. Comparison is by code point."""
