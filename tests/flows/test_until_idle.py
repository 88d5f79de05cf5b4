"""`run --until-idle` where something cannot be done now: a State out of reach, a box that refuses, a quota that is reached."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.flows.site import Site
from tests.sshd import free_port
from tests.ubl_invoices import invoice

FAR = """[destinations.loin]
kind = "sftp"
host = "127.0.0.1"
port = {port}
user = "dem"
key = "keys/demo"
known_hosts = "keys/known_hosts"
interfaces = ["FSO1106A"]
batch_seconds = 0.1

"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """The demo's site, CII for a State that nobody has started, a partner whose box on disk is no folder, one with a quota of one file."""
    site = Site(tmp_path / "site")
    settings = site.folder / "gateway.toml"
    settings.write_text(settings.read_text().replace("[destinations.chorus]", FAR.format(port=free_port()) + "[destinations.chorus]"))
    known = "127.0.0.1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE3kaTMV0TGeRZiKQ2HkgT5ikPZsaaYDPQXOC8MlUgzV"  # nobody answers there
    (site.folder / "keys" / "known_hosts").write_text(f"{known}\n")
    (site.folder / "partners" / "ferme.toml").write_text('application = "FER001"\n')
    (site.folder / "partners" / "compte.toml").write_text('application = "COM001"\ndaily_files = 1\n')
    for name in ("ferme", "compte"):
        site.box("in", name).mkdir(parents=True, exist_ok=True)
    site.box("out", "ferme").write_text("no folder")
    return site


def left(done: subprocess.CompletedProcess[bytes]) -> dict[tuple[str, str], int]:
    return {(line["what"], line["source"]): line["count"] for line in logged(done) if line["event"] == "work.left"}


def logged(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    assert (done.returncode, done.stdout) == (0, b""), done.stderr.decode()
    return [json.loads(line) for line in done.stderr.splitlines() if line.startswith(b"{")]


def test_what_waits_for_a_later_attempt_is_told_and_not_waited_for(site: Site, tmp_path: Path) -> None:
    near, far = (site.deposit(site.samples / name)[0]["flow"] for name in ("ubl-analyses.xml", "cii-suisse.xml"))
    (tmp_path / "f.xml").write_bytes(invoice(71, number="FERME-1"))
    site.deposit(tmp_path / "f.xml", partner="ferme")
    for n in range(2):
        (site.box("in", "compte") / f"{n}.xml").write_bytes(invoice(72 + n, number=f"COMPTE-{n}"))
    done = site.run("run", "--until-idle")
    assert left(done) == {("deliveries", "loin"): 1, ("returns", "ferme"): left(done)["returns", "ferme"]}
    assert {line["file"] for line in logged(done) if line["event"] == "drop.postponed" and line["code"] == "DEP-007"} == {"1.xml"}
    assert (site.box("in", "compte") / "1.xml").exists()
    assert [name[:7] for name in site.names("out", "compte") if name.startswith("NOTICE_")] == ["NOTICE_"]
    assert (site.flow(near)["state"], site.invoices(near)[0]["status"]) == ("closed", "11"), "the double is waited for all the same"
    assert [d["state"] for d in site.flow(far)["deliveries"]] == ["sealed"]
    for loops in (("send",), ("receive", "send"), ("receive",), ("work",)):
        alone = site.run("run", *loops, "--until-idle")
        assert len([name for name in site.names("out", "compte") if name.startswith("NOTICE_")]) == 1, "once a day, not once a start"
        wanted = left(done) if "send" in loops else {}
        assert left(alone) == wanted, loops


def test_once_the_way_is_free_all_of_it_is_done(site: Site, tmp_path: Path) -> None:
    flow = site.deposit(site.samples / "cii-suisse.xml")[0]["flow"]
    (tmp_path / "f.xml").write_bytes(invoice(71, number="FERME-1"))
    site.deposit(tmp_path / "f.xml", partner="ferme")
    assert left(site.run("run", "--until-idle"))
    settings = site.folder / "gateway.toml"
    head, _, rest = settings.read_text().partition("[destinations.loin]")
    rest = rest.partition("[destinations.chorus]")[2]
    settings.write_text(f'{head}[destinations.loin]\nkind = "folder"\npath = "var/chorus"\n\n[destinations.chorus]{rest}')
    site.box("out", "ferme").unlink()
    assert left(site.run("run", "--until-idle")) == {}
    assert site.flow(flow)["state"] == "closed"
    assert site.names("out", "ferme")
