"""`gateway inspect`: flows, invoices, content; reading only, while the gateway runs or not."""

from __future__ import annotations

import sys
from datetime import datetime, time
from itertools import islice

import click

from gateway import bootstrap, queries
from gateway.cli.options import ReadingGroup, chosen
from gateway.cli.output import listing, record
from gateway.errors import UsageError
from gateway.stages.desk import Gateway

FLOW_COLUMNS = ("flow", "partner", "file", "interface", "state", "generation", "received_at", "invoices", "accepted", "rejected", "held")
INVOICE_COLUMNS = ("flow", "position", "number", "supplier", "recipient", "total", "currency", "verdict", "status_label", "delivery")


LARGEST = 2**63 - 1
"""What the store can count to."""
LIMIT = click.option("--limit", type=click.IntRange(0, LARGEST), help="At most so many; all by default.")
POSITION = click.IntRange(1, LARGEST)


@click.group(cls=ReadingGroup)
def inspect() -> None:
    """Look at flows, invoices and their content."""


@inspect.command()
@click.option("--partner", default="", help="Only this partner's.")
@click.option("--state", "word", default="", help="received, opened, validated, delivered, closed, inadmissible, parked, abandoned.")
@click.option("--since", default="", help="A day (YYYY-MM-DD) or a time, of reception.")
@LIMIT
@click.pass_context
def flows(ctx: click.Context, partner: str, word: str, since: str, limit: int | None) -> None:
    """List flows, newest first."""
    with bootstrap.open_site(chosen(ctx).site_folder) as gw:
        if partner:
            gw.partner(partner)
        states = queries.states(word) if word else ()
        begin = moment(gw, since) if since else None
        found = gw.store.flows(states=states, partner=partner, since=begin, limit=limit or 0, newest_first=True)
        listing(chosen(ctx), (queries.flow_line(gw, f) for f in islice(found, limit)), title="flows", columns=FLOW_COLUMNS)


def moment(gw: Gateway, since: str) -> datetime:
    """What `--since` says, in Paris where no offset is given; `UsageError` when it is no time."""
    try:
        told = datetime.fromisoformat(since)
    except ValueError:
        raise UsageError(f"--since {since}: not a date; write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS") from None
    return told if told.tzinfo else datetime.combine(told.date(), told.time() or time(), gw.now().tzinfo)


@inspect.command()
@click.argument("number", metavar="FLOW")
@click.pass_context
def flow(ctx: click.Context, number: str) -> None:
    """One flow with its members, deliveries, returns and whole history."""
    with bootstrap.open_site(chosen(ctx).site_folder) as gw:
        record(chosen(ctx), queries.flow_detail(gw, gw.store.flow(number)), title=number)


@inspect.command()
@click.option("--flow", "flow_number", default="", help="Only this flow's.")
@click.option("--number", default="", help="The invoice's number, case kept.")
@click.option("--supplier", default="", help="The supplier's identifier, as in the invoice.")
@click.option("--status", default="", help="The State's status, IdStatut (01 … 41).")
@LIMIT
@click.pass_context
def invoices(ctx: click.Context, flow_number: str, number: str, supplier: str, status: str, limit: int | None) -> None:
    """List invoices, in order of flow and position."""
    with bootstrap.open_site(chosen(ctx).site_folder) as gw:
        if flow_number:
            gw.store.flow(flow_number)
        rows = gw.store.invoices(flow=flow_number, number=number, supplier=supplier, status=status, limit=limit or 0)
        listing(chosen(ctx), map(queries.invoice_line, islice(rows, limit)), title="invoices", columns=INVOICE_COLUMNS)


@inspect.command()
@click.argument("flow_number", metavar="FLOW")
@click.argument("position", type=POSITION)
@click.pass_context
def invoice(ctx: click.Context, flow_number: str, position: int) -> None:
    """One invoice with its findings, the State's statuses and the packs that judged it."""
    with bootstrap.open_site(chosen(ctx).site_folder) as gw:
        gw.store.flow(flow_number)
        row = gw.store.invoice(flow_number, position)
        record(chosen(ctx), queries.invoice_detail(gw, row), title=f"{flow_number} {position}")


@inspect.command()
@click.argument("flow_number", metavar="FLOW")
@click.argument("position", type=POSITION, required=False)
@click.pass_context
def content(ctx: click.Context, flow_number: str, position: int | None) -> None:
    """The exact bytes received, on stdout: of the flow, or of the file that holds the invoice at POSITION."""
    with bootstrap.open_site(chosen(ctx).site_folder) as gw:
        sys.stdout.buffer.write(queries.content(gw, gw.store.flow(flow_number), position))
        sys.stdout.buffer.flush()


@inspect.command()
@click.pass_context
def strays(ctx: click.Context) -> None:
    """What the State sent that fits nothing we know: kept, and shown here."""
    with bootstrap.open_site(chosen(ctx).site_folder) as gw:
        listing(chosen(ctx), gw.store.strays(), title="strays", columns=("at", "source", "kind", "detail"))
