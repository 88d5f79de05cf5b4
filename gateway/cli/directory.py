"""`gateway directory`: the recipients' directory, imported from a file; rules that use it are off until there is one."""

from __future__ import annotations

from pathlib import Path

import click

from gateway import bootstrap
from gateway.cli.options import SiteGroup, chosen
from gateway.cli.output import record


@click.group(cls=SiteGroup)
def directory() -> None:
    """The recipients' directory: SIRET, name, active, what each recipient requires, services."""


@directory.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_context
def import_(ctx: click.Context, file: Path) -> None:
    """Replace the directory by FILE (CSV; the columns are in docs/operations.md)."""
    with bootstrap.open_site(chosen(ctx).site_folder) as gw:
        record(chosen(ctx), bootstrap.import_directory(gw, file), title="directory")


@directory.command()
@click.pass_context
def status(ctx: click.Context) -> None:
    """When the directory was imported, how many recipients, and whether the rules use it."""
    with bootstrap.open_site(chosen(ctx).site_folder) as gw:
        record(chosen(ctx), bootstrap.directory_status(gw), title="directory")
