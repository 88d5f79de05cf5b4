"""The Chorus double at work: takes, counts before it answers, answers along its schedule, and goes on after a crash."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from importlib import resources
from pathlib import Path

import pytest
from lxml import etree

from adapters.chorus.double import ControlPort, Double
from adapters.chorus.double.ledger import Ledger
from gateway.errors import LockHeld
from tests.unit.double_samples import tar_gz, ubl

SCHEDULE = (1.0, 2.0, 3.0)


class Clock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 3, 9, tzinfo=timezone(timedelta(hours=1)))

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def name(sequence: int, interface: str = "1100") -> str:
    return f"FSO{interface}A_APP001_APP001{interface}{sequence:015d}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def double(tmp_path: Path, clock: Clock) -> Iterator[Double]:
    made = Double(tmp_path, SCHEDULE, clock)
    yield made
    made.close()


def drop(double: Double, file: str, data: bytes) -> None:
    part = double.root / "in" / f"{file}.part"
    part.write_bytes(data)
    part.rename(double.root / "in" / file)


def outputs(double: Double, prefix: str = "") -> list[Path]:
    return sorted(p for p in (double.root / "out").iterdir() if p.name.startswith(prefix))


def report(path: Path) -> dict[str, list[str]]:
    """Texts by element name."""
    found: dict[str, list[str]] = {}
    for element in etree.parse(path).iter():
        found.setdefault(str(element.tag), []).append(element.text or "")
    return found


def run_to_the_end(double: Double, clock: Clock) -> None:
    for _ in range(20):
        double.step()
        clock.wait(0.5)
    assert double.idle()


def test_an_empty_double_is_idle_and_does_nothing(double: Double) -> None:
    assert (double.step(), double.idle()) == (False, True)


def test_a_deposit_is_counted_and_reported_at_once(double: Double) -> None:
    drop(double, name(1), tar_gz({"a.xml": ubl("F-1"), "b.xml": ubl("F-2")}))
    assert not double.idle()
    assert double.step()
    (deposit,) = double.deposits()
    assert (deposit["name"], deposit["invoices"], deposit["status"], deposit["application"]) == (name(1), 2, "92", "APP001")
    assert len(deposit["sha256"]) == 64
    assert deposit["numbers"][0] == {"number": "F-1", "supplier": "12345678200077"}
    (cso,) = outputs(double)
    assert cso.name == "CSO1100A_APP001_APP0011100000000000000001"
    assert report(cso)["IdStatut"] == ["92"]
    assert report(cso)["IdFlux"] == [name(1)[-25:]]
    assert not list((double.root / "in").iterdir())


def test_statuses_come_along_the_schedule_in_order(double: Double, clock: Clock) -> None:
    drop(double, name(1), ubl("F-1"))
    double.step()
    seen = []
    for _ in range(4):
        seen.append([report(p)["IdStatut"][0] for p in outputs(double, "FEN1200A_APP001_APP0011200")])
        clock.wait(1.001 + 0.001)
        double.step()
    assert seen == [[], ["01"], ["01", "03"], ["01", "03", "11"]]
    assert double.idle()


def test_a_status_names_invoice_supplier_and_recipient(double: Double, clock: Clock) -> None:
    drop(double, name(1), ubl("F-1"))
    run_to_the_end(double, clock)
    said = report(outputs(double, "FEN")[0])
    assert (said["IdFacture"], said["Identifiant"], said["ComplementStatut"]) == (
        ["F-1"],
        ["12345678200077", "11000201100044"],
        ["Déposée"],
    )
    assert (said["CodeService"], said["DateFacture"]) == (["DSJPFGU057"], ["2026-03-04"])


def test_a_partly_refused_flow_says_which_invoice_and_why(double: Double, clock: Clock) -> None:
    drop(double, name(1), tar_gz({"a.xml": ubl("F-REFUS"), "b.xml": ubl("F-2")}))
    run_to_the_end(double, clock)
    said = report(outputs(double, "CSO")[0])
    assert said["IdStatut"] == ["96"]
    assert said["DescriptionErreur"] == ["numeroDP=F-REFUS;identifiantFournisseur=12345678200077"]
    assert all(report(p)["IdFacture"] == ["F-2"] for p in outputs(double, "FEN"))


def test_a_name_deposited_again_is_counted_as_doubled_and_refused(double: Double, clock: Clock) -> None:
    for data in (ubl("F-1"), ubl("F-1"), ubl("F-2")):
        drop(double, name(1), data)
        double.step()
    assert (len(double.deposits()), len(double.deposits("doubled"))) == (1, 2)
    run_to_the_end(double, clock)
    assert [report(p)["IdStatut"] for p in outputs(double, "CSO")] == [["92"], ["93"], ["93"]]
    assert report(outputs(double, "CSO")[1])["CodeErreur"] == ["IRR_UNCITE"]


def test_the_same_invoice_under_another_name_is_refused_for_duplicate(double: Double) -> None:
    for sequence in (1, 2):
        drop(double, name(sequence), ubl("F-1"))
        double.step()
    assert [d["status"] for d in double.deposits()] == ["92", "93"]
    assert double.deposits()[1]["errors"][0]["code"] == "REJ_UNI"


def test_an_unreadable_flow_is_refused_as_a_whole(double: Double) -> None:
    drop(double, name(1), b"\x1f\x8b broken")
    double.step()
    assert not double.deposits()
    assert double.deposits("refused")[0]["errors"][0]["code"] == "IRR_EXTRAC"
    assert report(outputs(double, "CSO1100A")[0])["IdStatut"] == ["93"]


def test_an_unknown_interface_is_answered_under_its_own_number(double: Double) -> None:
    drop(double, name(1, "9999"), ubl("F-1"))
    double.step()
    assert report(outputs(double, "CSO9999A")[0])["CodeErreur"] == ["IRR_CODE_INTER"]


def test_a_name_outside_the_grammar_is_noted_and_gets_no_report(double: Double) -> None:
    drop(double, "invoice.xml", ubl("F-1"))
    double.step()
    assert double.deposits("refused")[0]["errors"][0]["code"] == "IRR_FORM"
    assert (outputs(double), double.idle()) == ([], True)


@pytest.mark.parametrize("unfinished", [f"{name(1)}.part", f".{name(1)}", f"{name(1)}.tmp", f"{name(1)}.filepart"])
def test_unfinished_files_are_not_taken(double: Double, unfinished: str) -> None:
    (double.root / "in" / unfinished).write_bytes(ubl("F-1"))
    assert (double.step(), double.idle(), double.deposits()) == (False, True, [])


def again(double: Double, clock: Clock) -> Double:
    """Another process after kill -9: the lock is gone with the first, the files stand."""
    double.close()
    return Double(double.root, SCHEDULE, clock)


def test_deposits_and_schedule_survive_a_restart(double: Double, clock: Clock) -> None:
    drop(double, name(1), ubl("F-1"))
    double.step()
    second = again(double, clock)
    assert (second.deposits(), second.idle()) == (double.deposits(), False)
    run_to_the_end(second, clock)
    assert [report(p)["IdStatut"][0] for p in outputs(second, "FEN")] == ["01", "03", "11"]
    drop(second, name(1), ubl("F-1"))
    second.step()
    assert len(second.deposits("doubled")) == 1


def test_a_crash_between_taking_and_counting_loses_nothing(double: Double, clock: Clock) -> None:
    drop(double, name(1), ubl("F-1"))
    double._take()
    second = again(double, clock)
    assert not second.idle()
    second.step()
    assert [d["name"] for d in second.deposits()] == [name(1)]


def test_a_crash_between_counting_and_tidying_counts_once(double: Double, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(double, name(1), ubl("F-1"))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as crash:
        crash.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            double.step()
    second = again(double, clock)
    drop(second, name(2), ubl("F-2"))
    run_to_the_end(second, clock)
    drop(second, name(2), ubl("F-2"))
    second.step()
    assert [d["name"] for d in second.deposits()] == [name(1), name(2)]
    assert [d["name"] for d in second.deposits("doubled")] == [name(2)]


def test_a_crash_before_the_report_is_noted_writes_the_same_bytes_again(
    double: Double, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(double, name(1), ubl("F-1"))
    append = Ledger.append

    def killed(self: Ledger, event: dict[str, object]) -> None:
        if "written" in event:
            raise KeyboardInterrupt
        append(self, event)

    with monkeypatch.context() as crash:
        crash.setattr(Ledger, "append", killed)
        with pytest.raises(KeyboardInterrupt):
            double.step()
    (first,) = outputs(double)
    body = first.read_bytes()
    first.unlink()
    second = again(double, clock)
    second.step()
    assert outputs(second) == [first]
    assert first.read_bytes() == body


def test_a_torn_last_line_counts_as_never_written(double: Double, clock: Clock) -> None:
    drop(double, name(1), ubl("F-1"))
    double.step()
    ledger = double.root / ".double" / "ledger.jsonl"
    whole = ledger.read_bytes()
    double.close()
    ledger.write_bytes(whole + b'{"taken": "000000002_FSO')
    second = Double(double.root, SCHEDULE, clock)
    assert len(second.deposits()) == 1
    assert ledger.read_bytes() == whole


def test_a_second_double_in_the_same_folder_is_refused(double: Double, clock: Clock) -> None:
    with pytest.raises(LockHeld, match="another double"):
        Double(double.root, SCHEDULE, clock)


def test_every_answer_is_valid_against_the_schema(double: Double, clock: Clock) -> None:
    schema = resources.files("schemas").joinpath("chorus/CPPStatut.xsd")
    assert schema.is_file(), "schemas/chorus/CPPStatut.xsd is missing"
    check = etree.XMLSchema(etree.fromstring(schema.read_bytes()))
    drop(double, name(1), tar_gz({"a.xml": ubl("F-REFUS"), "b.xml": ubl("F-SUSP"), "c.xml": ubl("F-REJ"), "d.xml": ubl("F-4", service="")}))
    drop(double, name(2), b"unreadable \x00\x01")
    run_to_the_end(double, clock)
    assert len(outputs(double)) == 2 + 6
    for path in outputs(double):
        check.assertValid(etree.parse(path))


@pytest.fixture
def control(double: Double) -> Iterator[ControlPort]:
    port = ControlPort(double)
    yield port
    port.close()


def get(port: ControlPort, path: str) -> object:
    with urllib.request.urlopen(f"http://127.0.0.1:{port.port}{path}", timeout=5) as answer:
        return json.load(answer)


def test_the_control_port_counts_from_outside(double: Double, control: ControlPort) -> None:
    assert get(control, "/control/deposits") == []
    drop(double, name(1), ubl("F-1"))
    assert get(control, "/control/idle") == {"idle": False}
    double.step()
    assert get(control, "/control/deposits") == double.deposits()
    drop(double, name(1), ubl("F-1"))
    double.step()
    assert get(control, "/control/doubled") == double.deposits("doubled")
    assert get(control, "/control/refused") == []
    pending = get(control, "/control/statuses")
    assert isinstance(pending, list)
    assert [p["name"][:8] for p in pending] == ["FEN1200A"] * 3


def test_the_control_port_writes_where_it_listens_and_knows_nothing_else(double: Double, control: ControlPort) -> None:
    assert (double.root / ".double" / "port").read_text() == f"{control.port}\n"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(control, "/")
