"""`gateway replay` and `gateway abandon`: the plan first; what the State may hold is never deposited again unless forced."""

from __future__ import annotations

import getpass
from typing import Any

import click

from gateway import bootstrap, queries
from gateway.cli.options import SiteCommand, chosen
from gateway.cli.output import lines, listing, say
from gateway.cli.words import said
from gateway.errors import UsageError
from gateway.model import Flow
from gateway.stages import replay as stage
from gateway.stages.desk import Gateway


@click.command(cls=SiteCommand)
@click.argument("flows", nargs=-1)
@click.option("--state", "word", default="", help="Every flow in this state instead of named ones.")
@click.option(
    "--from", "start", type=click.Choice(["open", "validate", "deliver", "close"]), default=None, help="Default: where it stopped."
)
@click.option("--dry-run", is_flag=True, help="Print the plan only.")
@click.option("--yes", is_flag=True, help="Run the plan.")
@click.option("--reason", default="", help="Why: recorded with who.")
@click.option("--force-delivery", is_flag=True, help="Deposit again what the State holds or may hold.")
@click.pass_context
def replay(ctx: click.Context, flows: tuple[str, ...], word: str, start: str | None, dry_run: bool, yes: bool, reason: str,
           force_delivery: bool) -> None:  # fmt: skip
    """Run FLOWS again from their bytes. Prints the plan; runs it only with --yes."""
    options = chosen(ctx)
    if bool(flows) == bool(word):
        raise UsageError("replay: name flows or --state, one of them; see gateway inspect flows")
    if not dry_run:
        _say_why("replay", reason)
    with bootstrap.open_site(options.site_folder) as gw:
        plans = [stage.plan(gw, flow, start, force=force_delivery) for flow in _named(gw, flows, word)]
        _show(ctx, plans)
        if yes and not dry_run:
            for planned in plans:
                if planned.refused is None:
                    stage.apply(gw, planned, who=getpass.getuser(), reason=reason)
        elif not options.json:
            say(options, "nothing was done; --yes and --reason TEXT run this plan")
        if any(planned.refused for planned in plans):
            ctx.exit(1)


def _say_why(command: str, reason: str) -> None:
    if not reason.strip():
        raise UsageError(f"{command}: --reason TEXT is missing; say why, it is recorded")


def _named(gw: Gateway, numbers: tuple[str, ...], word: str) -> list[Flow]:
    return gw.store.flows(states=queries.states(word)) if word else [gw.store.flow(number) for number in dict.fromkeys(numbers)]


def _show(ctx: click.Context, plans: list[stage.Plan]) -> None:
    rows: list[dict[str, Any]] = [{"flow": p.flow.number, "from": p.start, "will": list(p.will), "refused": p.refused} for p in plans]
    if chosen(ctx).json:
        lines(rows)
    else:
        language = chosen(ctx).language
        spoken = ({**row, "will": " · ".join(said(step, language) for step in row["will"]), "refused": said(row["refused"] or "", language)}
                  for row in rows)  # fmt: skip
        listing(chosen(ctx), spoken, title="replay", columns=("flow", "from", "will", "refused"))


@click.command(cls=SiteCommand)
@click.argument("flow")
@click.option("--reason", required=True, help="Why: recorded, and told to the partner.")
@click.pass_context
def abandon(ctx: click.Context, flow: str, reason: str) -> None:
    """Close a parked FLOW for good; the partner gets a report that says so."""
    _say_why("abandon", reason)
    with bootstrap.open_site(chosen(ctx).site_folder) as gw:
        moved = stage.abandon(gw, gw.store.flow(flow), who=getpass.getuser(), reason=reason)
        listing(chosen(ctx), [queries.flow_line(gw, moved)], title="abandon", columns=("flow", "state", "reason"))
