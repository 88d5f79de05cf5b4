"""`gateway init`, `reload`, `backup`, `migrate`: the site's folder and its state."""

from __future__ import annotations

from pathlib import Path

import click

from gateway import bootstrap, sites
from gateway.cli.options import SiteCommand, chosen
from gateway.cli.output import record, say


@click.command(cls=SiteCommand)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--demo", is_flag=True, help="One partner, its key, the Chorus double, the sample directory: runs as it is.")
@click.pass_context
def init(ctx: click.Context, folder: Path, demo: bool) -> None:
    """Make a site in DIR. Never overwrites."""
    made = sites.make(folder.absolute(), demo=demo)
    if demo:
        with bootstrap.open_site(folder.absolute()) as gw:
            bootstrap.import_directory(gw, folder.absolute() / "directory.csv")
    options = chosen(ctx)
    record(options, made if options.json else {key: value for key, value in made.items() if value is not None}, title="site")
    if not options.json:
        say(options, f"next: gateway --site {folder} check; gateway --site {folder} run")


@click.command(cls=SiteCommand)
@click.pass_context
def reload(ctx: click.Context) -> None:
    """Validate configuration and partners, then have the running loops re-read them; open sessions go on."""
    site = chosen(ctx).site_folder
    bootstrap.configuration(site)
    told = bootstrap.signal_reload(site)
    record(chosen(ctx), {"site": str(site), "reloaded": told}, title="reload")
    if not told and not chosen(ctx).json:
        say(chosen(ctx), "no loop runs on this site; the files are right, and read at the next start")


@click.command(cls=SiteCommand)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.pass_context
def backup(ctx: click.Context, folder: Path) -> None:
    """A consistent copy of the store and the spool in DIR, while the gateway runs."""
    with bootstrap.open_site(chosen(ctx).site_folder) as gw:
        record(chosen(ctx), bootstrap.backup(gw, folder), title="backup")


@click.command(cls=SiteCommand)
@click.pass_context
def migrate(ctx: click.Context) -> None:
    """Bring the store to the current schema; safe to repeat. Refused (exit 4) while a loop runs."""
    record(chosen(ctx), bootstrap.migrate(chosen(ctx).site_folder), title="migrate")
