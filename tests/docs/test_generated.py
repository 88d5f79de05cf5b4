"""Generated pages say what the code says; the generator tells which one does not."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from docs import from_catalogue, from_click, from_lifecycle, generate
from docs.markdown import cell, table
from gateway.catalogue import entries
from gateway.cli import cli
from gateway.lifecycle import DELIVERY_STEPS, TRANSITIONS, DeliveryState, Event, State
from tests.docs.pages import ROOT


@pytest.mark.parametrize("name", sorted(generate.PAGES))
def test_a_generated_page_is_fresh(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == generate.PAGES[name](), "stale; run make docs"


def test_pages_do_not_depend_on_the_order_of_hashes() -> None:
    command = [sys.executable, "-m", "docs.generate", "--check"]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONHASHSEED": "7", "PYTHONUTF8": "1"}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_a_stale_or_absent_page_is_named(tmp_path: Path) -> None:
    for folder in ("docs", "config"):
        (tmp_path / folder).mkdir()
    assert generate.stale(tmp_path) == list(generate.PAGES)
    assert generate.write(tmp_path) == list(generate.PAGES)
    assert generate.stale(tmp_path) == []
    page = tmp_path / "docs" / "codes.md"
    page.write_text(page.read_text(encoding="utf-8") + "x", encoding="utf-8")
    assert generate.stale(tmp_path) == ["docs/codes.md"]


def test_check_ends_with_one_and_names_the_page(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(generate.PAGES, "docs/cli.md", lambda: "other")
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().err == "docs/cli.md: not what the code says; run make docs\n"


def test_an_unknown_word_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--wrong"]) == 2
    assert "--wrong" in capsys.readouterr().err


def test_every_code_is_on_its_page_once() -> None:
    shown = [code for _, codes in from_catalogue.sections() for code in codes]
    assert sorted(shown) == sorted(entries())
    page = (ROOT / "docs" / "codes.md").read_text(encoding="utf-8")
    assert [code for code in entries() if page.count(f"\n| `{code}` |") != 1] == []


def test_every_state_event_and_delivery_state_is_explained() -> None:
    assert set(from_lifecycle.STATES) == set(State)
    assert set(from_lifecycle.EVENTS) == set(Event)
    assert set(from_lifecycle.DELIVERIES) == set(DeliveryState)


def test_every_step_of_the_tables_is_on_the_page() -> None:
    page = from_lifecycle.page()
    assert [step for step, to in TRANSITIONS.items() if f"| `{step[0]}` | `{step[1]}` | `{to}` |" not in page] == []
    assert [(a, b) for a, targets in DELIVERY_STEPS.items() for b in targets if f"    {a} --> {b}\n" not in page] == []


def test_every_command_and_option_is_on_its_page() -> None:
    page = from_click.page()
    for words, command in from_click.walk(cli):
        assert f"## `{words}`\n" in page
        for option in [p for p in command.params if p.param_type_name == "option"]:
            assert f"`{option.opts[0]}`" in page, f"{words} {option.opts[0]}"


def test_a_cell_is_one_line_without_a_bar_of_its_own() -> None:
    assert cell("a | b\n<c>") == "a \\| b &lt;c>"
    assert table(("x",), [["a\nb"]]) == "| x |\n| --- |\n| a b |\n"


def test_examples_are_toml() -> None:
    for name in ("gateway.example.toml", "partner.example.toml"):
        assert tomllib.loads((ROOT / "config" / name).read_text(encoding="utf-8"))
