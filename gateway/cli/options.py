"""What every command accepts, wherever it stands on the line: --site, --lang, --json; and the site that follows from it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from gateway.cli.help import SpokenContext
from gateway.cli.words import LANGUAGES, spoken
from gateway.errors import ConfigError


@dataclass
class Chosen:
    """What the caller chose, on the group or on the command."""

    site: Path | None = None
    lang: str | None = None
    json: bool = False

    @property
    def language(self) -> str:
        """fr or en: chosen, else from LC_ALL / LANG, else English."""
        return self.lang or spoken()

    @property
    def site_folder(self) -> Path:
        """The site named, or GATEWAY_SITE; `ConfigError` when neither is."""
        named = self.site or (Path(os.environ["GATEWAY_SITE"]) if os.environ.get("GATEWAY_SITE") else None)
        if named is None:
            raise ConfigError("gateway: no site named; use --site DIR or set GATEWAY_SITE (gateway init DIR makes one)")
        if not (named / "gateway.toml").is_file():
            raise ConfigError(f"{named}: not a site (no gateway.toml); gateway init {named} makes one")
        return named.absolute()


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    chosen = ctx.ensure_object(Chosen)
    if value not in (None, False):
        setattr(chosen, str(param.name), value)
    return value


def shared() -> list[click.Option]:
    """Fresh options, kept in the context's object and not passed to the function."""
    return [
        click.Option(["--site"], type=click.Path(path_type=Path), callback=_keep, expose_value=False, help="The site (or GATEWAY_SITE)."),
        click.Option(["--lang"], type=click.Choice(LANGUAGES), callback=_keep, expose_value=False, help="Language of texts for people."),
        click.Option(["--json"], is_flag=True, callback=_keep, expose_value=False, help="JSON Lines on stdout, nothing else."),
    ]  # fmt: skip


class SiteCommand(click.Command):
    """A command with the shared options."""

    context_class = SpokenContext

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(shared())


class SiteGroup(click.Group):
    """A group with the shared options, whose commands have them too."""

    command_class = SiteCommand
    context_class = SpokenContext
    group_class = type

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(shared())


class ReadingGroup(SiteGroup):
    """Commands that only look: a reader that hangs up (`| head -1`) has seen enough, and that is no failure."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still to be flushed
            raise click.exceptions.Exit(0) from None


def chosen(ctx: click.Context) -> Chosen:
    """What the caller chose."""
    return ctx.ensure_object(Chosen)
