"""Tables and headings of the generated pages; it knows no subject."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def header(title: str, source: str) -> str:
    """A page's first lines: who made it, its title."""
    return f"<!-- Made by `python -m docs.generate` from {source}; change that, then run `make docs`. -->\n\n# {title}\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are made safe."""
    lines = [_line(columns), _line(["---"] * len(columns)), *(_line([cell(c) for c in row]) for row in rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def cell(text: str) -> str:
    """Text as one cell: one line, no bar of its own, no tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def code(text: str) -> str:
    """Text as code; "" stays empty."""
    return f"`{text}`" if text else ""
