"""`gateway amqp`: what the RabbitMQ broker must hold for partners who publish."""

from __future__ import annotations

import click

from gateway import bootstrap_amqp
from gateway.cli.options import SiteGroup, chosen
from gateway.cli.output import listing
from gateway.config import load_partners, load_settings, partner_named
from gateway.errors import UsageError


@click.group(cls=SiteGroup)
def amqp() -> None:
    """The broker of partners who publish."""


@amqp.command()
@click.argument("partners", nargs=-1)
@click.pass_context
def declare(ctx: click.Context, partners: tuple[str, ...]) -> None:
    """Make what the broker must hold for PARTNERS (all that publish by default); safe to repeat."""
    site = chosen(ctx).site_folder
    settings, known = load_settings(site), load_partners(site)
    named = [partner_named(known, name) for name in partners] or [p for p in known.values() if p.amqp.vhost]
    for partner in named:
        if not partner.amqp.vhost:
            raise UsageError(f"partner {partner.name}: has no [amqp] vhost; give it one in partners/{partner.name}.toml")
    steps = (step for partner in named for step in bootstrap_amqp.declare(partner, settings))
    listing(chosen(ctx), steps, title="amqp", columns=("partner", "vhost", "what", "how", "done", "run"))
