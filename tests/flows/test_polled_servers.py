"""Whole sites that poll partners' own servers: the answers of any door; a server that is silent harms its own partner only."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.site import Site, running, until
from tests.polled import polled_partner
from tests.sshd import Sshd, free_port
from tests.ubl_invoices import invoice

pytestmark = pytest.mark.services  # a real OpenSSH server


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    server = Sshd(tmp_path_factory.mktemp("sshd"))
    server.start()
    yield server
    server.stop()


def poll_table(sshd: Sshd, root: Path, name: str, *, port: int = 0, **poll: object) -> str:
    """The `[poll]` of a partner's file, with its folders made under `root/name`."""
    made = polled_partner(name, sshd, root, port=port).poll
    values = {k: getattr(made, k) for k in ("host", "port", "user", "key", "known_hosts", "deposit", "returns")}
    values |= {"connect_seconds": 3.0, "silence_seconds": 3.0, "interval_seconds": 0.3, **poll}
    return "\n[poll]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())


def add(site: Site, name: str, application: str, table: str) -> None:
    path = site.folder / "partners" / f"{name}.toml"
    path.write_text(f'application = "{application}"\n{table}' if application else path.read_text() + table)


def drop(folder: Path, name: str, data: bytes) -> None:
    (folder / f"{name}.part").write_bytes(data)
    (folder / f"{name}.part").rename(folder / name)


def logged(site: Site) -> list[dict[str, object]]:
    return [json.loads(line) for line in (site.folder / "gateway.log").read_text().splitlines() if line.startswith("{")]


def test_a_polled_flow_gets_what_a_dropped_one_gets_byte_for_byte(tmp_path: Path, sshd: Sshd) -> None:
    """But for number, door and time (issue of the other doors)."""
    data = invoice(900, number="POLLED-1", lines=3) + b"\n"
    answers = []
    for door in ("polled", "folder"):
        site = Site(tmp_path / door)
        if door == "polled":
            add(site, "demo", "", poll_table(sshd, tmp_path / "server", "demo"))
            drop(tmp_path / "server" / "demo" / "in", "lot.xml", data)
        else:
            site.drop("lot.xml", data)
        done = site.run("run", "--until-idle")
        assert done.returncode == 0, done.stderr.decode()
        (flow,) = site.ask("inspect", "flows")
        assert (flow["file"], flow["accepted"], flow["state"]) == ("lot.xml", 1, "closed")
        out = tmp_path / "server" / "demo" / "out" if door == "polled" else site.box("out")
        files = {path.name: path.read_bytes() for path in out.iterdir()}
        if door == "polled":
            assert not list((tmp_path / "server" / "demo" / "in").iterdir())
            assert files == {path.name: path.read_bytes() for path in site.box("out").iterdir()}  # the local box has them too
        answers.append(comparable(files, flow["flow"]))
    assert answers[0] == answers[1]
    assert {name.split("_")[0] for name in answers[0]} >= {"RECEIPT", "CONTROL", "CSO1100A"}


def comparable(files: dict[str, bytes], flow: str) -> dict[str, str]:
    """A flow's returns byte for byte but for number, door and time. Status returns as one: how many come together is a matter of the moment
    of collection (contract.md), not of the door."""
    texts = {neutral(name, flow): neutral(files[name].decode(), flow) for name in sorted(files)}
    unit = re.compile(r"<CPPFactureStatutUnitaire .*?</CPPFactureStatutUnitaire>", re.DOTALL)
    told = [re.sub(r'NumOrdre="\d+"', "", one) for name in texts if name[:3] == "FEN" for one in unit.findall(texts[name])]
    assert len(told) == 3, "the double's whole schedule"
    return {name: text for name, text in texts.items() if not name.startswith("FEN")} | {"statuses": "\n".join(told)}


def neutral(text: str, flow: str) -> str:
    """Without number, door and time."""
    text = text.replace(flow, "FLOW").replace(flow.replace("-", ""), "FLOW")
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(\+\d\d:\d\d|Z)?", "TIME", text)
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|(?<=Horodate)\S+?(?=<)", "TIME", text)


def test_servers_that_do_not_answer_delay_their_own_partners_only(tmp_path: Path, sshd: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hole:  # takes the connection and never says a word
        dead, silent = free_port(), hole.getsockname()[1]

        def prepare(site: Site) -> None:
            add(site, "demo", "", poll_table(sshd, tmp_path / "server", "demo"))
            add(site, "dead", "DEA001", poll_table(sshd, tmp_path / "server", "dead", port=dead))
            add(site, "hole", "HOL001", poll_table(sshd, tmp_path / "server", "hole", port=silent))

        with running(tmp_path / "site", prepare) as site:
            for n in range(3):
                site.deposit(kept(tmp_path, f"h{n}.xml", invoice(910 + n, number=f"HOLE-{n}")), partner="hole")
                drop(tmp_path / "server" / "demo" / "in", f"d{n}.xml", invoice(920 + n, number=f"DEMO-{n}"))
                started = time.monotonic()
                until(lambda n=n: len(receipts(tmp_path / "server" / "demo" / "out")) == n + 1, "no receipt, and the server answers", 15)
                print(f"receipt brought after {time.monotonic() - started:.2f} s")
            until(lambda: site.names("out", "hole"), "the local box waits for the server")
            check = site.run("check", environ={"COLUMNS": "200"})
            assert check.returncode == 3
            said = check.stdout.decode()
            assert re.search(r"NO.*poll dead", said)
            assert re.search(r"NO.*poll hole", said)
            assert re.search(r"ok.*poll demo", said)
            code, took = site.stop(signal.SIGTERM)
            assert (code, took < 5.0) == (0, True), took
            site.start()
        told = [line for line in logged(site) if "postponed" in str(line["event"])]
        assert {("dead", "door.postponed"), ("hole", "door.postponed"), ("hole", "returns.postponed")} <= {
            (line["source"], line["event"]) for line in told
        }
        others = [str(line["why"]) for line in told if line["source"] == "demo"]  # a busy machine may be late for its own server
        assert not [why for why in others if f":{dead}" in why or f":{silent}" in why]


def kept(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def receipts(out: Path) -> list[Path]:
    return [path for path in out.iterdir() if path.name.startswith("RECEIPT_") and path.suffix == ".json"]


def test_a_server_named_at_a_reload_is_polled_from_then_on(tmp_path: Path, sshd: Sshd) -> None:
    with running(tmp_path / "site") as site:
        add(site, "late", "LAT001", poll_table(sshd, tmp_path / "server", "late"))
        drop(tmp_path / "server" / "late" / "in", "late.xml", invoice(930, number="LATE-1"))
        assert site.run("reload").returncode == 0
        until(lambda: receipts(tmp_path / "server" / "late" / "out"), "the reload is not followed")
        (site.folder / "partners" / "late.toml").write_text('application = "LAT001"\n')
        assert site.run("reload").returncode == 0
        until(lambda: reloads(site) == 2, "no reload")
        time.sleep(0.5)
        drop(tmp_path / "server" / "late" / "in", "later.xml", invoice(931, number="LATE-2"))
        time.sleep(1.5)
        assert (tmp_path / "server" / "late" / "in" / "later.xml").exists()


def reloads(site: Site) -> int:
    return sum(line["event"] == "configuration.reloaded" and "poll" in str(line["loops"]) for line in logged(site))


def test_loops_without_receive_do_not_wait_for_a_look_at_a_server(tmp_path: Path, sshd: Sshd) -> None:
    site = Site(tmp_path / "site")
    add(site, "demo", "", poll_table(sshd, tmp_path / "server", "demo"))
    drop(tmp_path / "server" / "demo" / "in", "a.xml", invoice(950, number="IDLE-1"))
    assert site.run("run", "work", "double", "--until-idle").returncode == 0
    assert (tmp_path / "server" / "demo" / "in" / "a.xml").exists()


def test_a_changed_host_key_is_told_and_nothing_is_sent(tmp_path: Path) -> None:
    server = Sshd(tmp_path / "sshd")
    server.start()
    try:
        site = Site(tmp_path / "site")
        add(site, "demo", "", poll_table(server, tmp_path / "server", "demo"))
        drop(tmp_path / "server" / "demo" / "in", "a.xml", invoice(940, number="KEY-1"))
        server.change_host_key()
        check = site.run("check", "--json")
        assert (check.returncode, b"the host key changed" in check.stdout) == (3, True)
        done = site.run("run", "receive", "--until-idle")
        assert done.returncode == 0
        (line,) = [json.loads(one) for one in done.stderr.splitlines() if b"SEC-010" in one]
        assert line["motif"] == f"La clé d'hôte de 127.0.0.1:{server.port} a changé ; connexion refusée par nos soins."
        assert line["why"] == f"The host key of 127.0.0.1:{server.port} has changed; we refused the connection."
        assert (tmp_path / "server" / "demo" / "in" / "a.xml").exists()
    finally:
        server.stop()
