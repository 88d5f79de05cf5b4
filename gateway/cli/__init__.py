"""The command line: one module a subject, thin; what it prints comes from queries and stages. Commands are loaded when called."""

from __future__ import annotations

import importlib

import click

from gateway.cli.options import SiteGroup

COMMANDS = {
    "init": "gateway.cli.site:init",
    "check": "gateway.cli.check:check",
    "run": "gateway.cli.run:run",
    "reload": "gateway.cli.site:reload",
    "partner": "gateway.cli.partner:partner",
    "amqp": "gateway.cli.amqp:amqp",
    "directory": "gateway.cli.directory:directory",
    "backup": "gateway.cli.site:backup",
    "migrate": "gateway.cli.site:migrate",
    "returns": "gateway.cli.returns:returns",
    "deposit": "gateway.cli.deposit:deposit",
    "inspect": "gateway.cli.inspect:inspect",
    "replay": "gateway.cli.replay:replay",
    "abandon": "gateway.cli.replay:abandon",
    "validate": "gateway.cli.validate:validate",
    "packs": "gateway.cli.packs:packs",
    "chorus-double": "gateway.cli.chorus_double:chorus_double",
    "completion": "gateway.cli.completion:completion",
}


class LazyGroup(SiteGroup):
    """Imports a command's module only when it is named: `gateway validate` pays for nothing else."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        where = COMMANDS.get(cmd_name)
        if where is None:
            return None
        module, name = where.split(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="edi-concentrator", prog_name="gateway")
def cli() -> None:
    """EDI concentrator for French public-sector invoices: custody, checks, routing to Chorus, acknowledgements, replay."""
