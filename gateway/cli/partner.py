"""`gateway partner`: partners without an editor; each is one file under partners/."""

from __future__ import annotations

from pathlib import Path

import click

from gateway import bootstrap, sites
from gateway.cli.options import SiteGroup, chosen
from gateway.cli.output import listing, record
from gateway.config import load_partners, partner_named
from gateway.errors import UsageError

COLUMNS = ("partner", "application", "label", "enabled", "naming", "keys", "language")


@click.group(cls=SiteGroup)
def partner() -> None:
    """Who may deposit."""


@partner.command("list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Every partner."""
    partners = load_partners(chosen(ctx).site_folder)
    listing(chosen(ctx), (sites.partner_line(p) for p in partners.values()), title="partners", columns=COLUMNS)


@partner.command()
@click.argument("name")
@click.option("--application", required=True, help="Application code: three letters, three digits.")
@click.option("--label", default="", help="What people call it.")
@click.option("--naming", type=click.Choice(["lenient", "strict"]), default="lenient",
              help="How deposit names are judged: any safe name, or the State's grammar.")
@click.option("--key", "key_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its OpenSSH public key.")
@click.pass_context
def add(ctx: click.Context, name: str, application: str, label: str, naming: str, key_file: Path | None) -> None:
    """Add a partner; the running gateway lets it in after `gateway reload`, and works on what is deposited for it at once."""
    site = chosen(ctx).site_folder
    keys = (bootstrap.public_key(key_file.read_text(errors="replace")),) if key_file else ()
    made = sites.add_partner(site, name, application=application, label=label, naming=naming, keys=keys)
    bootstrap.signal_reload(site, bootstrap.BEHIND_THE_DOOR)
    record(chosen(ctx), sites.partner_line(made), title=name)


@partner.command()
@click.argument("name")
@click.pass_context
def disable(ctx: click.Context, name: str) -> None:
    """Refuse a partner's deposits, and its logins from the next reload on; its flows go on."""
    site = chosen(ctx).site_folder
    changed = sites.change_partner(site, name, enabled=False)
    record(chosen(ctx), sites.partner_line(changed), title=name)


@partner.command()
@click.argument("name")
@click.pass_context
def enable(ctx: click.Context, name: str) -> None:
    """Let a disabled partner in again."""
    site = chosen(ctx).site_folder
    record(chosen(ctx), sites.partner_line(sites.change_partner(site, name, enabled=True)), title=name)


@partner.group(cls=SiteGroup)
def key() -> None:
    """A partner's public keys."""


@key.command("add")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_context
def key_add(ctx: click.Context, name: str, file: Path) -> None:
    """Let NAME log in with the public key in FILE as well."""
    site = chosen(ctx).site_folder
    line = bootstrap.public_key(file.read_text(errors="replace"))
    keys = partner_named(load_partners(site), name).keys
    changed = sites.change_partner(site, name, keys=tuple(dict.fromkeys([*keys, line])))
    record(chosen(ctx), sites.partner_line(changed), title=name)


@key.command("remove")
@click.argument("name")
@click.argument("fragment")
@click.pass_context
def key_remove(ctx: click.Context, name: str, fragment: str) -> None:
    """Take away the keys of NAME whose line holds FRAGMENT."""
    site = chosen(ctx).site_folder
    keys = partner_named(load_partners(site), name).keys
    kept = tuple(k for k in keys if fragment not in k)
    if not fragment.strip() or kept == keys:
        raise UsageError(
            f"partner {name}: {fragment!r} names none of its {len(keys)} key(s); give a part of the key's line, its comment for one"
        )
    changed = sites.change_partner(site, name, keys=kept)
    record(chosen(ctx), sites.partner_line(changed), title=name)


@partner.command()
@click.argument("name")
@click.password_option(help="Asked for when not given.")
@click.pass_context
def password(ctx: click.Context, name: str, password: str) -> None:
    """Set a password (kept as scrypt); keys are better."""
    site = chosen(ctx).site_folder
    changed = sites.change_partner(site, name, password=bootstrap.hash_password(password))
    record(chosen(ctx), sites.partner_line(changed), title=name)
