"""The command line's French: every error that the program can raise has some, and says where, what, and what would be right."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from docs.from_click import walk
from gateway import errors
from gateway.bootstrap_double import double_rules
from gateway.cli import cli, words
from gateway.cli.inspect import FLOW_COLUMNS, INVOICE_COLUMNS
from gateway.cli.partner import COLUMNS

ROOT = Path(__file__).resolve().parents[2]
OURS = {name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, errors.GatewayError)}
TOLD_OTHERWISE = {"{}: {} {}", "{}: {}; {}", "schema {}: xmlschema cannot build it ({})"}
"""Wholes put together from parts, tried below; a library's own text."""


def wording(node: ast.expr) -> str:
    """A message with `{}` for what varies."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(wording(value) if isinstance(value, ast.Constant) else "{}" for value in values)
        case _:
            return ""


def raised() -> Iterator[str]:
    for part in ("gateway", "adapters"):
        for path in sorted((ROOT / part).rglob("*.py")):
            calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
            named = (call for call in calls if isinstance(call.func, ast.Name) and call.func.id in OURS and call.args)
            yield from (wording(call.args[0]) for call in named if path.name != "memory.py")


@pytest.mark.parametrize("message", sorted(set(raised()) - {""} - TOLD_OTHERWISE))
def test_every_error_has_its_french_and_its_three_parts(message: str) -> None:
    tried = message.replace("{}", "X1: Y", 1).replace("{}", "X1")
    french = words.said(tried, "fr")
    assert french != tried
    assert french.count("X1") == tried.count("X1") or "gateway init" in tried, "what varies is kept"
    assert words.said(tried, "en") == tried
    assert ": " in tried
    assert "; " in tried


@pytest.mark.parametrize("fault", [
    "is no amount; write 0.01", "cannot be; 0 or more is expected", "cannot be; more than 0 is expected",
    "is no regular expression (x); Python's are expected", "is no network; an address or 192.0.2.0/24 is expected",
])  # fmt: skip
def test_faults_of_settings_have_theirs(fault: str) -> None:
    assert words.said(f"gateway.toml: rules.x: 'y' {fault}", "fr").startswith("gateway.toml : rules.x: 'y' n")


@pytest.mark.parametrize("line", [line for line in double_rules().splitlines() if line and "01 Déposée, 03 Mise" not in line])
def test_the_rules_of_the_double_have_theirs(line: str) -> None:
    assert words.said(line, "fr") != line
    assert set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", line)) == set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", words.said(line, "fr"))), "codes are kept"


def test_the_most_particular_template_is_taken() -> None:
    assert words.said("partner x: unknown; known: none, see gateway partner add", "fr").endswith("aucun, voir gateway partner add")


def test_what_has_no_french_is_said_as_it_is() -> None:
    assert words.said("libfoo: error 7", "fr") == "libfoo: error 7"
    assert words.heading("nosuch", "fr") == "nosuch"


def texts_of_help() -> Iterator[str]:
    """What the program says of each of its commands and options."""
    for command in (cli, *(command for _, command in walk(cli))):
        yield command.help or f"{command.name}: has no help"
        options = (p for p in command.get_params(click.Context(command)) if isinstance(p, click.Option))
        yield from (option.help or f"{command.name} {option.opts}: has no help" for option in options)


@pytest.mark.parametrize("text", sorted(set(texts_of_help())))
def test_every_command_and_option_is_explained_in_both_languages(text: str) -> None:
    known = words._catalogue()["help"]
    assert " ".join(text.split()) in known
    assert words.helped(text, "en") == text
    assert words.helped(f"{text}  [default: 1; required]", "fr") == f"{words.helped(text, 'fr')}  [défaut : 1; obligatoire]"


def test_no_text_of_help_is_kept_that_nothing_says() -> None:
    said = {" ".join(text.split()) for text in texts_of_help()}
    assert set(words._catalogue()["help"]) - said == {"Usage:", "Options", "Commands"}


@pytest.mark.parametrize(("line", "environ", "heads"), [
    (["run", "--help", "--lang", "fr"], {}, ["Usage : gateway run", "  Fait tourner les boucles LOOPS"]),
    (["-h"], {"LC_ALL": "fr_FR.UTF-8"}, ["Usage : gateway", "  Concentrateur EDI"]),
    (["partner", "--lang=fr", "--help"], {}, ["Usage : gateway partner", "  Qui peut déposer."]),
    (["run", "--help"], {}, ["Usage: gateway run", "  Run the LOOPS"]),
])  # fmt: skip
def test_help_is_spoken_in_the_language_of_the_line(line: list[str], environ: dict[str, str], heads: list[str]) -> None:
    plain = {key: value for key, value in os.environ.items() if key not in ("LC_ALL", "LANG")}
    command = [sys.executable, "-m", "gateway", *line]
    page = subprocess.run(command, env={**plain, "PYTHONUTF8": "1", **environ}, capture_output=True, text=True, check=True).stdout
    first, _, second = page.splitlines()[:3]
    assert [first.startswith(heads[0]), second.startswith(heads[1])] == [True, True], page
    assert ("Commandes :" in page) == (line[0] != "run")


@pytest.mark.parametrize("column", sorted({*FLOW_COLUMNS, *INVOICE_COLUMNS, *COLUMNS}))
def test_every_column_has_its_french(column: str) -> None:
    assert column in words._catalogue()["headings"]


@pytest.mark.parametrize(("line", "environment", "language"), [
    ([], {}, "en"), ([], {"LANG": "fr_FR.UTF-8"}, "fr"), ([], {"LC_ALL": "C", "LANG": "fr_FR"}, "en"),
    ([], {"LC_ALL": "", "LANG": "fr"}, "fr"),
    (["--lang", "fr"], {}, "fr"), (["inspect", "--lang=fr"], {}, "fr"), (["--lang", "en", "x"], {"LANG": "fr"}, "en"),
    (["--lang", "de"], {}, "en"), (["--lang"], {}, "en"),
])  # fmt: skip
def test_the_language_of_a_line_that_could_not_be_understood(
    monkeypatch: pytest.MonkeyPatch, line: list[str], environment: dict[str, str], language: str
) -> None:
    for name in ("LC_ALL", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert words.spoken(line) == language
