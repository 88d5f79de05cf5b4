"""`gateway packs`: the rule packs there are, what changed between two releases, what one would refuse of what was accepted."""

from __future__ import annotations

import click

from gateway import bootstrap
from gateway.cli.inspect import moment
from gateway.cli.options import ReadingGroup, chosen
from gateway.cli.output import lines, listing, table
from gateway.errors import EngineMissing

COLUMNS = ("name", "syntax", "version", "rules", "judges", "evaluator", "source", "digest")


@click.group(cls=ReadingGroup, invoke_without_command=True)
@click.pass_context
def packs(ctx: click.Context) -> None:
    """Rule packs: without a command, every pack with version, digest, number of rules, policies and evaluator."""
    if ctx.invoked_subcommand is None:
        _list(ctx)


@packs.command("list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Every pack with version, digest, number of rules, policies and evaluator; exit 3 when one cannot judge."""
    _list(ctx)


def _list(ctx: click.Context) -> None:
    from gateway import bootstrap_packs

    found = list(bootstrap_packs.rows())
    options = chosen(ctx)
    shown = found if options.json else [row | {"judges": _judges(row["policies"]), "digest": (row["digest"] or "")[:12]} for row in found]
    listing(options, shown, title="packs", columns=COLUMNS)
    missing = next((row["missing"] for row in found if row["missing"]), None)
    if missing:
        raise EngineMissing(missing)


def _judges(rows: list[dict[str, str | None]]) -> str:
    """For people: under which policies, how hard at most where the policy says so, and when."""
    return ", ".join(" ".join(part for part in _judging(row) if part) for row in rows)


def _judging(row: dict[str, str | None]) -> tuple[str | None, ...]:
    limit = "" if row["severity"] == "as flagged" else f"≤ {row['severity']}"
    days = f"{row['first'] or ''}…{row['last'] or ''}" if row["first"] or row["last"] else ""
    return row["policy"], limit, days


@packs.command()
@click.argument("old")
@click.argument("new")
@click.pass_context
def diff(ctx: click.Context, old: str, new: str) -> None:
    """What changed from OLD to NEW, each a rule file or a pack's name; exit 1 when anything did."""
    from gateway import bootstrap_packs

    found = bootstrap_packs.compared(old, new)
    listing(chosen(ctx), found, title="differences", columns=("rule", "change", "what", "message"))
    ctx.exit(1 if found else 0)


@packs.command("shadow")
@click.argument("pack")
@click.option("--since", required=True, help="A day (YYYY-MM-DD) or a time, of reception.")
@click.pass_context
def shadow_(ctx: click.Context, pack: str, since: str) -> None:
    """What PACK (a name or a rule file) would refuse of the invoices accepted since a day.

    Exit 1 when it would refuse one, or could not judge one.
    """
    from gateway import bootstrap_packs

    options = chosen(ctx)
    with bootstrap.open_site(options.site_folder) as gw:
        found = list(bootstrap_packs.shadowed(gw, pack, moment(gw, since)))
    if options.json:
        lines(found)
    else:
        told = f"message_{options.language}"
        rows = [[one["flow"], one["position"], one["number"], f["rule"], f[told]] for one in found[:-1] for f in one["findings"]]
        table("refused", ("flow", "position", "number", "rule", "message"), rows, language=options.language)
        last = found[-1]
        counts = ("pack", "invoices", "refused", "failed")
        table("shadow", counts, [[last[name] for name in counts]], language=options.language)
    ctx.exit(1 if found[-1]["refused"] or found[-1]["failed"] else 0)
