"""`gateway deposit`: custody from the command line, while the gateway runs or not."""

from __future__ import annotations

from pathlib import Path

import click

from gateway import bootstrap
from gateway.cli.options import SiteCommand, chosen
from gateway.cli.output import listing
from gateway.model import Box


@click.command(cls=SiteCommand)
@click.argument("partner")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--test", is_flag=True, help="Into the partner's test box: receipt and control report only.")
@click.pass_context
def deposit(ctx: click.Context, partner: str, files: tuple[Path, ...], test: bool) -> None:
    """Take FILES into custody for PARTNER and print their flow numbers."""
    options = chosen(ctx)
    with bootstrap.open_site(options.site_folder) as gw:
        answers = (bootstrap.deposit_file(gw, partner, file, Box.TEST if test else Box.REAL) for file in files)
        listing(options, answers, title="deposit", columns=("flow", "file", "sha256", "again"))
