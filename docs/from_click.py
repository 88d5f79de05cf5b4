"""docs/cli.md from the commands themselves (click, the lazily loaded ones included); it runs none of them."""

from __future__ import annotations

from collections.abc import Iterator

import click

from docs.markdown import cell, code, header
from gateway.cli import cli
from gateway.cli.options import shared

INTRODUCTION = """
Exit codes: 0 fine · 1 the answer is no · 2 wrong usage or configuration, unknown partner, flow or position · 3 something outside is
unreachable · 4 the lock of a loop is held. An error is one line on stderr: `where: what is wrong; what would be right`. Logs go to stderr.

Every command takes these, wherever they stand on the line:
"""


def page() -> str:
    """The whole page."""
    parts = [header("Commands", "`gateway/cli`"), INTRODUCTION.lstrip(), _options(shared()), *_commands(cli, "gateway")]
    return "\n".join(parts)


def walk(group: click.Group, path: str = "gateway") -> Iterator[tuple[str, click.Command]]:
    """Every command with its words, groups before their own."""
    context = click.Context(group, info_name=path)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from walk(command, f"{path} {name}")


def _commands(group: click.Group, path: str) -> Iterator[str]:
    for words, command in walk(group, path):
        yield f"## `{words}`\n\n{_sentence(command.help)}\n"
        if isinstance(command, click.Group):
            continue
        yield f"```text\n{_usage(words, command)}\n```\n"
        common = {option.name for option in shared()} | {"help"}
        own = [p for p in command.params if isinstance(p, click.Option) and p.name not in common]
        if own:
            yield _options(own)


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split()).replace("<", "&lt;")


def _usage(words: str, command: click.Command) -> str:
    pieces = [_argument(p) for p in command.params if isinstance(p, click.Argument)]
    return " ".join([words, "[OPTIONS]", *pieces])


def _argument(argument: click.Argument) -> str:
    choices = "|".join(argument.type.choices) if isinstance(argument.type, click.Choice) else ""
    name = argument.metavar or (f"{{{choices}}}" if choices else str(argument.name).upper())
    shown = name if argument.required else f"[{name}]"
    return shown if argument.nargs == 1 or name.endswith("…") else f"{shown}…"


def _options(options: list[click.Option]) -> str:
    return "\n".join(_option(option) for option in options) + "\n"


def _option(option: click.Option) -> str:
    names = ", ".join(code(name) for name in option.opts)
    value = "" if option.is_flag else f" {_value(option)}"
    said = [cell(option.help or "").rstrip("."), "required" if option.required else "", "may be repeated" if option.multiple else ""]
    told = "; ".join(text for text in said if text)
    return f"* {names}{value}" + (f" – {told}." if told else "")


def _value(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return code("|".join(str(choice) for choice in option.type.choices))
    return code((option.metavar or option.type.name).upper())
