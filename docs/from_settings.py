"""Settings as a page and as two example files, from gateway/config.py: names, types, defaults and the comment beside each."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import typing
from collections.abc import Iterator
from typing import Any

from docs.markdown import code, header, table
from gateway import config

_CLASS = re.compile(r"class (?P<name>\w+)\b")
_FIELD = re.compile(r"    (?P<name>\w+): .*?  # (?P<comment>.*)$")

SECTIONS: tuple[tuple[str, type[Any]], ...] = (
    ("limits", config.Limits), ("sftp", config.Sftp), ("folder", config.Folder), ("validation", config.Validation), ("rules", config.Rules),
    ("returns", config.Returns), ("double", config.Double), ("amqp", config.Amqp),
)  # fmt: skip
PARTNER_SECTIONS: tuple[tuple[str, type[Any]], ...] = (("poll", config.Poll), ("amqp", config.Publisher))

SITE = """\
# Every setting of a site with its default: what is left out is as here. Relative paths count from the site's folder; sizes are bytes.
# Secrets never stand here: a password is kept as scrypt in the partner's file, keys are files. Made by `make docs` from gateway/config.py.
"""
PARTNER = """\
# Every setting of a partner with its default; partners/NAME.toml, NAME being the partner's name and its SFTP login.
# `gateway partner add` writes one, `gateway reload` has the running gateway take it. Made by `make docs` from gateway/config.py.
"""
INTRODUCTION = """
A site has one `gateway.toml` and one `partners/NAME.toml` for each partner (TOML, UTF-8). What is left out has its default; an unknown key
is refused with the known ones listed. Relative paths count from the site's folder; sizes are bytes; checks are `off`, `warn` or `reject`.
Secrets never stand in them: keys are files, a partner's password is kept as scrypt. The same as files to copy from:
[gateway.example.toml](../config/gateway.example.toml), [partner.example.toml](../config/partner.example.toml).

`gateway check` prints the settings in force. What a reload changes and what needs a new start: [operations](operations.md#reload).
"""


def page() -> str:
    """The whole page."""
    parts = [header("Settings", "`gateway/config.py`"), INTRODUCTION.lstrip(), "## gateway.toml\n", _table(config.Settings)]
    sections: list[tuple[str, type[Any]]] = [*SECTIONS, ("destinations.NAME", config.Destination)]
    for name, cls in sections:
        parts += [f"### `[{name}]`\n\n{_about(cls)}\n", _table(cls)]
    parts += [f"## partners/NAME.toml\n\n{_about(config.Partner)}\n", _table(config.Partner)]
    for name, cls in PARTNER_SECTIONS:
        parts += [f"### `[{name}]`\n\n{_about(cls)}\n", _table(cls)]
    return "\n".join(parts)


def site_example() -> str:
    """config/gateway.example.toml: it is valid and changes nothing; destinations are shown as comments, for a site has none by default."""
    parts = [SITE, _lines(config.Settings)]
    parts += [f"# {_about(cls)}\n[{name}]\n{_lines(cls)}" for name, cls in SECTIONS]
    shown = "".join(f"# {line}\n" for line in _lines(config.Destination).splitlines())
    about = f"# {_about(config.Destination)} Several may stand here, each under a name of its own."
    return "\n".join([*parts, f"{about}\n# [destinations.chorus]\n{shown}"])


def partner_example() -> str:
    """config/partner.example.toml."""
    tables = [f"# {_about(cls)}\n[{name}]\n{_lines(cls)}" for name, cls in PARTNER_SECTIONS]
    return "\n".join([PARTNER, _lines(config.Partner), *tables])


def comments() -> dict[tuple[str, str], str]:
    """(class, field) → the comment beside it."""
    found: dict[tuple[str, str], str] = {}
    current = ""
    for line in inspect.getsource(config).splitlines():
        opened, field = _CLASS.match(line), _FIELD.match(line)
        if opened:
            current = opened["name"]
        elif field:
            found[current, field["name"]] = field["comment"]
    return found


def plain(cls: type[Any]) -> Iterator[dataclasses.Field[Any]]:
    """The fields that are written as `key = value`: no sections, and not what the loader gives."""
    for field in dataclasses.fields(cls):
        given = (cls, field.name) in ((config.Settings, "site"), (config.Partner, "name"))
        if field.default is not dataclasses.MISSING and not given:
            yield field


def _about(cls: type[Any]) -> str:
    return " ".join((cls.__doc__ or "").split()).replace("`name` is the file's name", "Its name is the file's name")


def _lines(cls: type[Any]) -> str:
    said = comments()
    lines = (f"{f.name} = {toml(f.default)}" + (f"  # {c}" if (c := said.get((cls.__name__, f.name))) else "") for f in plain(cls))
    return "\n".join(lines) + "\n"


def toml(value: Any) -> str:
    """A default as TOML writes it (JSON's strings, numbers, booleans and flat lists are TOML's)."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def _table(cls: type[Any]) -> str:
    said, hints = comments(), typing.get_type_hints(cls)
    rows = ((code(f.name), _kind(hints[f.name]), f"`{toml(f.default)}`", said.get((cls.__name__, f.name), "")) for f in plain(cls))
    return table(("key", "type", "default", "meaning"), rows)


def _kind(hint: Any) -> str:
    if typing.get_origin(hint) is tuple:
        return f"list of {_kind(typing.get_args(hint)[0])}"
    return {str: "text", int: "integer", float: "number", bool: "true/false"}[hint]
