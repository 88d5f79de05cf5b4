"""How commands speak: JSON Lines for programs, rich tables for people; it computes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
import orjson

from gateway.catalogue import echo
from gateway.cli.options import Chosen
from gateway.cli.words import LANGUAGES, OURS, cell, heading, said


def lines(objects: Iterable[dict[str, Any]]) -> None:
    """One JSON object a line, flushed as it comes."""
    for one in objects:
        sys.stdout.buffer.write(orjson.dumps(one) + b"\n")
    sys.stdout.buffer.flush()


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, language: str) -> None:
    """A table for people, its headings in their language; what partners sent is shown safely."""
    from rich.console import Console  # imported when a person reads: programs do not pay for it
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=heading(title, language), title_justify="left", header_style="bold", show_header=any(columns))
    for column in columns:
        drawn.add_column(heading(column, language), overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(safe(cell(value, language))) for value in row))
    try:
        Console(width=None if sys.stdout.isatty() else 200).print(drawn)
    except SystemExit:  # rich ends the program when the reader hangs up; what that means is the command's to say
        raise BrokenPipeError from None


def listing(chosen: Chosen, objects: Iterable[dict[str, Any]], *, title: str, columns: Sequence[str]) -> None:
    """The same objects as JSON Lines or as a table of some of their keys."""
    if chosen.json:
        lines(objects)
    else:
        told = (spoken(one, chosen.language) for one in objects)
        table(title, columns, ([one.get(column) for column in columns] for one in told), language=chosen.language)


def record(chosen: Chosen, one: dict[str, Any], *, title: str) -> None:
    """One object: a JSON line, or its keys down the page with nested lists as tables of their own."""
    if chosen.json:
        lines([one])
        return
    nested = {k: v for k, v in one.items() if isinstance(v, list) and v and isinstance(v[0], dict)}
    language = chosen.language
    plain = spoken(one, language).items()
    table(title, ("", ""), ([heading(key, language), value] for key, value in plain if key not in nested), language=language)
    for key, rows in nested.items():
        told = [spoken(row, language) for row in rows]
        columns = list(dict.fromkeys(column for row in told for column in row))
        table(key, columns, ([row.get(c) for c in columns] for row in told), language=language)


def spoken(one: dict[str, Any], language: str) -> dict[str, Any]:
    """The object as a person reads it: sentences in that language, and of a message in several languages that one only."""
    told = {key: said(value, language) if key in OURS and isinstance(value, str) else value for key, value in one.items()}
    if f"message_{language}" in told:
        told["message"] = told[f"message_{language}"]
    return {key: value for key, value in told.items() if key not in {f"message_{other}" for other in LANGUAGES}}


def safe(text: str) -> str:
    """Text whatever a partner wrote in it: control and direction characters visible, length kept."""
    return "".join(echo(c) if not c.isprintable() else c for c in text)


def say(chosen: Chosen, text: str) -> None:
    """A line for people, on stdout."""
    click.echo(said(text, chosen.language))
