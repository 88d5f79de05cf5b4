"""The command line's French: every error that the program can raise has some, and says where, what, and what would be right."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import errors
from gateway.cli import words
from gateway.cli.inspect import FLOW_COLUMNS, INVOICE_COLUMNS
from gateway.cli.partner import COLUMNS

ROOT = Path(__file__).resolve().parents[2]
OURS = {name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, errors.GatewayError)}
TOLD_OTHERWISE = {"not a regular file", "{}: {} {}", "{}: {}; {}", "schema {}: xmlschema cannot build it ({})"}
"""A cause within a finding; wholes put together from parts, tried below; a library's own text."""


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
    "is no regular expression (x); Python's are expected",
])  # fmt: skip
def test_faults_of_settings_have_theirs(fault: str) -> None:
    assert words.said(f"gateway.toml: rules.x: 'y' {fault}", "fr").startswith("gateway.toml : rules.x: 'y' n")


def test_the_most_particular_template_is_taken() -> None:
    assert words.said("partner x: unknown; known: none, see gateway partner add", "fr").endswith("aucun, voir gateway partner add")


def test_what_has_no_french_is_said_as_it_is() -> None:
    assert words.said("libfoo: error 7", "fr") == "libfoo: error 7"
    assert words.heading("nosuch", "fr") == "nosuch"


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
