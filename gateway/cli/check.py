"""`gateway check`: effective settings (secrets masked), what is off, connections, the disk, the engines; it mends nothing."""

from __future__ import annotations

import click

from gateway import bootstrap_check
from gateway.cli.options import SiteCommand, chosen
from gateway.cli.output import lines, table
from gateway.cli.words import said
from gateway.errors import Unreachable


@click.command(cls=SiteCommand)
@click.pass_context
def check(ctx: click.Context) -> None:
    """Try everything the site needs; exit 3 when something does not answer."""
    options = chosen(ctx)
    results = list(bootstrap_check.probe(options.site_folder))
    if options.json:
        lines(result.as_json() for result in results)
    else:
        table("check", ("", "what", "answer"), [_spoken(r, options.language) for r in results], language=options.language)
    failed = [r.what for r in results if not r.ok]
    if failed:
        raise Unreachable(f"check: {', '.join(failed)} failed; see the lines marked NO")


def _spoken(result: bootstrap_check.Result, language: str) -> tuple[str, str, str]:
    """In that language, but for a setting's value: it is shown as its file has it."""
    answer = result.answer if result.what.startswith("setting ") else said(result.answer, language)
    return said("ok" if result.ok else "NO", language), said(result.what, language), answer
