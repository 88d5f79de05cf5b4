"""The named statements of adapters/sql as text; it runs none and knows no table."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

_HEAD = re.compile(r"^-- name: (?P<name>[a-z_]+)\n-- (?P<sentence>.+)\n", re.MULTILINE)


@cache
def sql_text(name: str) -> str:
    """A file of adapters/sql, by its path there."""
    return resources.files("adapters").joinpath("sql", name).read_text(encoding="utf-8")


@cache
def named() -> dict[str, str]:
    """Every statement of queries.sql by its name, without the closing semicolon; a name given twice is a `ValueError`."""
    text = sql_text("queries.sql")
    heads = list(_HEAD.finditer(text))
    found: dict[str, str] = {}
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        if head["name"] in found:
            raise ValueError(f"queries.sql: {head['name']} is there twice; give each statement a name of its own")
        found[head["name"]] = _body(text[head.end() : following.start() if following else len(text)])
    return found


@cache
def completed(rows: str, conditions: tuple[str, ...], order: str) -> str:
    """The statement `rows` with conditions of queries.sql joined by AND, and an order with its limit."""
    where = " AND ".join(f"({named()[name]})" for name in conditions)
    return f"{named()[rows]} {'WHERE ' if where else ''}{where} ORDER BY {order} LIMIT :limit"


def sentences() -> dict[str, str]:
    """What each statement does, by its name."""
    return {head["name"]: head["sentence"] for head in _HEAD.finditer(sql_text("queries.sql"))}


def _body(block: str) -> str:
    lines = (line for line in block.splitlines() if not line.startswith("--"))
    return "\n".join(lines).strip().removesuffix(";")
