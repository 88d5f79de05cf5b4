"""Texts for people are French or English (contract.md, first page): tables, errors and plans, on the line or by the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.site import Site, lines, one_line, run
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


def test_tables_hold_no_python_and_one_language(still: Site, tmp_path: Path) -> None:
    (tmp_path / "wrong.xml").write_bytes(invoice(8, number="N" * 30))
    flow = still.deposit(tmp_path / "wrong.xml")[0]["flow"]
    assert still.run("run", "work", "--until-idle").returncode == 0
    for words in (("inspect", "flow", flow), ("inspect", "invoice", flow, "1")):
        english, french = (still.run(*words, "--lang", language).stdout.decode() for language in ("en", "fr"))
        assert "{'" not in english + french
        assert "message_fr" not in english
        assert "message anglais" not in french
    assert "30 caractères, maximum 20" in french
    assert "30 characters, at most 20" in english
    assert "caractères" not in english


def test_why_a_flow_waits_is_said_in_the_language_asked_for(still: Site) -> None:
    flow = next(one for one in still.ask("inspect", "flows") if one["state"] == "parked")
    said = " ".join(still.run("inspect", "flow", flow["flow"], "--lang", "fr").stdout.decode().split())
    assert "acheminement : aucune destination ne prend" in said
    assert flow["reason"].startswith("routing: no destination takes")


def test_a_settings_value_is_shown_as_its_file_has_it(still: Site) -> None:
    shown = {one["check"]: one["answer"] for one in still.ask("check")}
    assert (shown["setting rules.luhn"], shown["setting rules.mandate"]) == ("true", "off")
    assert shown["setting double.schedule_seconds"] == "[0.5, 1.0, 1.5]"
    assert shown["setting destinations.chorus.report_partial"] == '["96"]'
    rows = still.run("check", "--lang", "fr").stdout.decode().splitlines()
    (french,) = (row.split("│")[2:4] for row in rows if "réglage rules.mandate" in row)
    assert [cell.strip() for cell in french] == ["réglage rules.mandate", "off"]


def test_a_site_without_demo_is_told_without_empty_lines(tmp_path: Path) -> None:
    told = run("init", tmp_path / "site", "--lang", "fr").stdout.decode()
    assert "port" in told
    assert "partenaire" not in told
    assert told.splitlines()[-1].startswith("ensuite : gateway --site ")


def test_a_reload_that_reaches_nobody_says_so(still: Site) -> None:
    assert "no loop runs on this site" in still.run("reload").stdout.decode()
    assert "aucune boucle ne tourne" in still.run("reload", "--lang", "fr").stdout.decode()
    assert lines(still.run("reload", "--json").stdout) == [{"site": str(still.folder), "reloaded": []}]


@pytest.mark.parametrize("fragment", ["", " ", "no such comment"])
def test_no_key_is_taken_away_by_a_fragment_that_names_none(still: Site, fragment: str) -> None:
    before = (still.folder / "partners" / "demo.toml").read_text()
    done = still.run("partner", "key", "remove", "demo", fragment, "--lang", "fr")
    assert done.returncode == 2
    assert "ne désigne aucune de ses 1 clé(s)" in one_line(done)
    assert (still.folder / "partners" / "demo.toml").read_text() == before


def test_a_key_is_taken_away_by_its_comment(still: Site) -> None:
    assert still.run("partner", "add", "two", "--application", "TWO001", "--key", still.folder / "keys" / "demo.pub").returncode == 0
    assert lines(still.run("partner", "key", "remove", "two", "demo partner", "--json").stdout)[0]["keys"] == 0


def test_what_would_open_or_judge_nothing_is_a_failed_check(still: Site) -> None:
    settings, partner = still.folder / "gateway.toml", still.folder / "partners" / "shut.toml"
    before = settings.read_text()
    partner.write_text('application = "SHU001"\nkeys = ["ssh-dss AAAA x"]\npassword = "hunter2"\n')
    settings.write_text(before.replace('["FSO1106A"]', '["FSO9999A"]') + '\n[validation]\nschemas = "nowhere"\n')
    failed = {(one["check"], one["answer"].split(";")[0]) for one in still.ask("check", code=3) if not one["ok"]}
    said = still.run("check", "--lang", "fr")
    settings.write_text(before)
    partner.unlink()
    assert failed == {
        ("login shut", "key ssh-dss: type not accepted"), ("login shut", "password: not a scrypt string"),
        ("destination chorus", "interface FSO9999A: unknown"), ("validation.schemas", f"{still.folder}/nowhere: no such folder"),
    }  # fmt: skip
    assert "hunter2" not in (said.stdout + said.stderr).decode()
    assert said.stderr.decode().startswith("check : échec de ")


def test_what_the_brokers_administrator_must_run_is_told_where_we_may_not(still: Site) -> None:
    with (still.folder / "gateway.toml").open("a") as settings:
        settings.write('\n[amqp]\nport = 1\npassword_file = "keys/demo"\n')
    (still.folder / "partners" / "pub.toml").write_text('application = "PUB001"\n\n[amqp]\nvhost = "pub"\n')
    done = still.run("amqp", "declare", "--lang", "fr", environ={"PATH": "/nowhere"})
    assert done.returncode == 3, "nothing listens there"
    assert "à lancer par l'administrateur du courtier : rabbitmqctl add_vhost pub ; " in done.stdout.decode()
