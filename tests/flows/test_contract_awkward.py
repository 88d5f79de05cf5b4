"""Awkward but lawful: repeated names, empty words, numbers out of all proportion, orders that would mean nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.flows.site import COMMAND, Site, lines, one_line, run, running, until
from tests.ubl_invoices import invoice

HUGE = str(10**20)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site whose loops do not turn, with two flows that came to an end: one rejected, one parked for want of a destination."""
    folder = tmp_path_factory.mktemp("awkward")
    site = Site(folder / "site")
    settings = site.folder / "gateway.toml"
    settings.write_text(f'{settings.read_text()}interfaces = ["FSO1106A"]\n')
    for name, data in (("a.xml", invoice(1)), ("b.xml", invoice(2))):
        (folder / name).write_bytes(data)
    site.deposit(folder / "a.xml", folder / "b.xml")
    assert site.run("run", "work", "--until-idle").returncode == 0
    assert {f["state"] for f in site.ask("inspect", "flows")} == {"parked"}
    return site


@pytest.mark.parametrize("what", ["flows", "invoices"])
def test_a_limit_is_a_limit_whatever_its_number(still: Site, what: str) -> None:
    assert [len(still.ask("inspect", what, "--limit", n)) for n in ("0", "1", "2", str(2**63 - 1))] == [0, 1, 2, 2]
    done = still.run("inspect", what, "--limit", HUGE)
    assert done.returncode == 2
    one_line(done)


@pytest.mark.parametrize("words", [("flows",), ("flows", "--json"), ("content",)])
def test_a_reader_that_hangs_up_is_no_failure(still: Site, words: tuple[str, ...]) -> None:
    flow = still.ask("inspect", "flows")[0]["flow"]
    reading, writing = os.pipe()
    os.close(reading)
    command = [COMMAND, "--site", str(still.folder), "inspect", *words, *([flow] if words == ("content",) else [])]
    try:
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False, timeout=60)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_terminal_that_knows_no_accents_breaks_nothing(still: Site) -> None:
    plain = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = still.run("partner", "list", environ=plain)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Partenaire de d?monstration" in done.stdout


def test_a_position_beyond_all_counting_is_an_unknown_one(still: Site) -> None:
    flow = still.ask("inspect", "flows")[0]["flow"]
    for words in (("invoice", flow), ("content", flow)):
        done = still.run("inspect", *words, HUGE)
        assert done.returncode == 2
        one_line(done)


def test_a_flow_named_twice_is_replayed_once(still: Site) -> None:
    flow = still.ask("inspect", "flows")[0]["flow"]
    assert len(still.ask("replay", flow, flow, "--reason", "twice", "--yes")) == 1
    assert still.flow(flow)["generation"] == 2
    assert still.run("run", "work", "--until-idle").returncode == 0


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_flow_is_not_abandoned_without_saying_why(still: Site, reason: str) -> None:
    flow = still.ask("inspect", "flows")[0]["flow"]
    done = still.run("abandon", flow, "--reason", reason)
    assert done.returncode == 2
    assert "--reason" in one_line(done)
    assert still.flow(flow)["state"] == "parked"


def test_a_loop_named_twice_turns_once(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    site.deposit(site.samples / "ubl-analyses.xml")
    done = site.run("run", "work", "work", "--until-idle")
    assert done.returncode == 0, done.stderr
    assert site.ask("inspect", "flows")[0]["state"] == "delivered"


def test_some_of_the_loops_end_when_they_have_nothing_left(tmp_path: Path) -> None:
    """What waits for a loop that does not turn is not waited for; neither is a double that nobody runs."""
    site = Site(tmp_path / "site")
    flow = site.deposit(site.samples / "ubl-analyses.xml")[0]["flow"]
    for loops, state in ((("receive", "send", "collect"), "received"), (("work", "send"), "delivered"), (("send", "collect"), "delivered")):
        assert site.run("run", *loops, "--until-idle").returncode == 0
        assert site.flow(flow)["state"] == state
    assert site.flow(flow)["deliveries"][0]["state"] == "sent"
    assert site.run("run", "work", "collect", "double", "--until-idle").returncode == 0
    assert site.flow(flow)["state"] == "closed"
    assert site.invoices(flow)[0]["status"] == "11"
    assert site.run("run", "--until-idle").returncode == 0


def test_a_disabled_partner_deposits_no_more_by_any_door(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    site.ask("partner", "disable", "demo")
    done = site.run("deposit", "demo", site.samples / "ubl-analyses.xml")
    assert (done.returncode, "disabled" in one_line(done)) == (2, True)
    assert site.ask("inspect", "flows") == []
    site.ask("partner", "enable", "demo")
    assert len(site.deposit(site.samples / "ubl-analyses.xml")) == 1


def test_a_partner_added_while_running_may_be_deposited_for_at_once(tmp_path: Path) -> None:
    with running(tmp_path / "site") as site:
        site.ask("partner", "add", "nouveau", "--application", "NOU001")
        flow = site.deposit(site.samples / "ubl-analyses.xml", partner="nouveau")[0]["flow"]
        site.final(flow, partner="nouveau")
        until(lambda: site.flow(flow)["state"] == "closed", "not closed")


def test_an_empty_path_names_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(invoice(1))
    done = run("validate", "", cwd=tmp_path)
    assert done.returncode == 2
    one_line(done)
    assert len(lines(run("validate", ".", "--json", cwd=tmp_path).stdout)) == 1
