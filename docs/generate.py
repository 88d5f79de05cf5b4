"""Writes the pages that repeat what the code says (settings, commands, codes, rules, life cycle); by itself it knows nothing of them.

`python -m docs.generate` writes them, `--check` names those that are stale and exits 1 (called by `make check`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from docs import from_catalogue, from_click, from_lifecycle, from_rules, from_settings

ROOT = Path(__file__).resolve().parent.parent

PAGES: dict[str, Callable[[], str]] = {
    "docs/cli.md": from_click.page,
    "docs/codes.md": from_catalogue.page,
    "docs/lifecycle.md": from_lifecycle.page,
    "docs/rules.md": from_rules.page,
    "docs/settings.md": from_settings.page,
    "config/gateway.example.toml": from_settings.site_example,
    "config/partner.example.toml": from_settings.partner_example,
}


def stale(root: Path = ROOT) -> list[str]:
    """Pages whose file is absent or differs from what the code says now."""
    return [name for name, page in PAGES.items() if _present(root / name) != page()]


def _present(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def write(root: Path = ROOT) -> list[str]:
    """Write what is stale; which pages."""
    written = stale(root)
    for name in written:
        (root / name).write_text(PAGES[name](), encoding="utf-8")
    return written


def main(words: list[str]) -> int:
    """The command line; its exit code."""
    if words == ["--check"]:
        old = stale()
        for name in old:
            print(f"{name}: not what the code says; run make docs", file=sys.stderr)
        return 1 if old else 0
    if words:
        print(f"docs.generate: {' '.join(words)}: unknown; nothing, or --check", file=sys.stderr)
        return 2
    for name in write():
        print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
