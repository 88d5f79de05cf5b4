"""`gateway amqp`: what the RabbitMQ broker must hold for partners who publish."""

from __future__ import annotations

from typing import Any

import click

from gateway import bootstrap_amqp
from gateway.cli.options import Chosen, SiteGroup, chosen
from gateway.cli.output import listing, say
from gateway.config import load_partners, load_settings, partner_named
from gateway.errors import GatewayError, UsageError


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
    done: list[dict[str, Any]] = []
    try:
        for partner in named:
            done.extend(bootstrap_amqp.declare(partner, settings))
    except GatewayError:
        if done:  # the line for the broker's administrator comes before the broker that lacks it says no
            _show(chosen(ctx), done)
        raise
    _show(chosen(ctx), done)


def _show(options: Chosen, done: list[dict[str, Any]]) -> None:
    listing(options, done, title="amqp", columns=("partner", "vhost", "what", "how", "done"))
    for step in done:
        if step["run"] and not options.json:
            say(options, f"to be run by the broker's administrator: {step['run']}")
