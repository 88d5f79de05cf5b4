"""Texts for people are French or English (contract.md, first page): tables, errors and plans, on the line or by the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.site import Site, lines, one_line
from tests.ubl_invoices import invoice


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site whose loops do not turn, with one parked flow."""
    folder = tmp_path_factory.mktemp("language")
    site = Site(folder / "site")
    settings = site.folder / "gateway.toml"
    settings.write_text(f'{settings.read_text()}interfaces = ["FSO1106A"]\n')
    (folder / "a.xml").write_bytes(invoice(1))
    site.deposit(folder / "a.xml")
    assert site.run("run", "work", "--until-idle").returncode == 0
    return site


@pytest.mark.parametrize("words", [
    ("inspect", "flow", "NONE"), ("inspect", "flows", "--state", "asleep"), ("inspect", "flows", "--since", "hier"),
    ("inspect", "flows", "--limit", "x"), ("inspect", "flow"), ("inspect", "content", "NONE", "0"), ("nosuch",), ("inspect", "--nosuch"),
    ("deposit", "nobody", __file__), ("deposit", "demo", "/no/such/file"), ("deposit", "demo", "/tmp"), ("replay", "--reason", "x"),
    ("replay", "NONE"), ("abandon", "NONE"), ("partner", "add", "demo", "--application", "ABC001"), ("run", "nosuch"),
    ("validate", "/no/such/file"), ("directory", "import", __file__), ("chorus-double",),
])  # fmt: skip
def test_every_error_is_one_line_in_the_language_asked_for(still: Site, words: tuple[str, ...]) -> None:
    french, english = still.run(*words, "--lang", "fr"), still.run("--lang", "en", *words)
    by_environment = still.run(*words, environ={"LC_ALL": "fr_FR.UTF-8"})
    assert (french.returncode, english.returncode) == (2, 2)
    assert one_line(french) == one_line(by_environment) != one_line(english)
    assert "; " in one_line(french)
    assert "; " in one_line(english)
    assert still.run(*words).stderr == english.stderr


def test_tables_and_plans_are_in_the_language_asked_for(still: Site) -> None:
    flow = still.ask("inspect", "flows")[0]["flow"]
    for words in (("inspect", "flows"), ("inspect", "flow", flow), ("inspect", "invoices"), ("partner", "list"), ("check",), ("migrate",),
                  ("directory", "status"), ("replay", flow, "--dry-run"), ("replay", flow, "--from", "close", "--dry-run")):  # fmt: skip
        french, english = still.run(*words, "--lang", "fr"), still.run(*words, "--lang", "en")
        assert french.returncode == english.returncode
        assert french.stdout != english.stdout, words
    assert "rien n'a été fait" in still.run("replay", flow, "--dry-run", "--lang", "fr").stdout.decode()


def test_json_knows_no_language(still: Site) -> None:
    for words in (("inspect", "flows"), ("inspect", "invoices"), ("partner", "list")):
        assert still.run(*words, "--json", "--lang", "fr").stdout == still.run(*words, "--json", "--lang", "en").stdout


def test_a_plan_is_shown_to_its_end(still: Site) -> None:
    flow = still.ask("inspect", "flows")[0]["flow"]
    shown = " ".join(still.run("replay", flow, "--from", "open", "--dry-run").stdout.decode().split())
    for step in lines(still.run("replay", flow, "--from", "open", "--dry-run", "--json").stdout)[0]["will"]:
        assert step in shown


def test_what_a_partner_wrote_is_shown_safely_in_full(still: Site, tmp_path: Path) -> None:
    name = f"{'n' * 100}.xml"
    (tmp_path / name).write_bytes(invoice(7))
    flow = still.deposit(tmp_path / name)[0]["flow"]
    assert name in still.run("inspect", "flow", flow).stdout.decode()
