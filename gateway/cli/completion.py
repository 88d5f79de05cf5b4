"""`gateway completion`: the shell's completion script, from click."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from gateway.cli.options import SiteCommand


@click.command(cls=SiteCommand)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL, to be sourced."""
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(ctx.find_root().command, {}, "gateway", "_GATEWAY_COMPLETE").source())
