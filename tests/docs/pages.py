"""The project's own pages, as the tests of this folder read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SOURCES = sorted(p for folder in ("gateway", "adapters") for p in (ROOT / folder).rglob("*.py"))

_FENCE = re.compile(r"^```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def named(page: Path) -> str:
    """A page's path from the root: the name of its test."""
    return str(page.relative_to(ROOT))


def fences(page: Path, kind: str) -> Iterator[str]:
    """Fenced blocks of one kind."""
    return (found["body"] for found in _FENCE.finditer(page.read_text(encoding="utf-8")) if found["kind"] == kind)


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def commands(page: Path) -> Iterator[list[str]]:
    """Every `make …` and `gateway …` line of the page's shell blocks, as words; shell comments left out."""
    for block in fences(page, "sh"):
        for line in block.splitlines():
            words = line.split("#")[0].split()
            if words and Path(words[0]).name in ("make", "gateway"):
                yield [Path(words[0]).name, *words[1:]]
