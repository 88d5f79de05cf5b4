"""Help pages in the language of the line: click's own layout, its texts from schemas/words.toml ([help]); it knows no command.

Limits: a text is known by its English words; one that has no French is shown as it is (tests/docs/test_words.py looks for such).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from gateway.cli import words


class SpokenFormatter(click.HelpFormatter):
    """Says each text of a page in the language that the command line asks for."""

    def __init__(self, *args: int | None, **more: int | None) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]  # widths, as click gives them
        self._language = words.spoken(sys.argv[1:])

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """The first line."""
        super().write_usage(prog, args, words.helped(prefix or "Usage: ", self._language))

    def write_heading(self, heading: str) -> None:
        """Of options, of commands; French puts a space before the colon that click adds."""
        super().write_heading(words.helped(heading, self._language) + (" " if self._language == "fr" else ""))

    def write_text(self, text: str) -> None:
        """What the command does."""
        super().write_text(words.helped(text, self._language))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Options or commands, each with its words."""
        super().write_dl([(name, words.helped(text, self._language)) for name, text in rows], col_max, col_spacing)


class SpokenContext(click.Context):
    """A context whose help is spoken so."""

    formatter_class = SpokenFormatter
