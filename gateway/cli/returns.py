"""`gateway returns`: what partners are owed, written again on demand."""

from __future__ import annotations

import click

from gateway import bootstrap, queries
from gateway.cli.options import SiteGroup, chosen
from gateway.cli.output import listing


@click.group(cls=SiteGroup)
def returns() -> None:
    """What goes back to partners."""


@returns.command()
@click.argument("flow")
@click.pass_context
def resend(ctx: click.Context, flow: str) -> None:
    """Write the returns of FLOW again, the same bytes (by the running gateway, or at its next start)."""
    with bootstrap.open_site(chosen(ctx).site_folder) as gw:
        gw.store.flow(flow)
        with gw.store.transaction():
            gw.store.owe_again(flow)
            gw.store.note(flow, "returns.resent", at=gw.now(), who=bootstrap.operator(), detail={})
        gw.bell.ring("send")
        owed = [queries.return_line(kept) for kept in gw.store.returns(flow=flow)]
        listing(chosen(ctx), owed, title=flow, columns=("kind", "file", "size"))
