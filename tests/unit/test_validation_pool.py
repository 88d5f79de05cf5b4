"""The pool under trouble: killed, stopped, starved and lying children; every document is answered, only the guilty one is held."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import structlog

from adapters.validation_pool import ValidationPool
from adapters.validation_process import ChildProcess
from gateway.config import Settings, Validation
from gateway.errors import EngineMissing
from gateway.model import Document, Judgement, Outcome
from gateway.policies import Panel
from gateway.schematron import pack
from tests.both import needs_library
from tests.ubl_invoices import invoice

TODAY = date(2026, 11, 22)
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def pool(*, children: int = 1, **settings: object) -> Iterator[ValidationPool]:
    made = ValidationPool(Settings(validation=Validation(**{"packs": False, **settings})), today=lambda: TODAY, children=children)  # type: ignore[arg-type]  # its own fields
    try:
        yield made
    finally:
        made.close()


def documents(count: int, first: int = 1) -> list[Document]:
    return [Document(n, f"{n}.xml", invoice(n), segment_name=f"F-{n}.xml") for n in range(first, first + count)]


def drained(under: ValidationPool, seconds: float = 60.0) -> dict[object, list[Judgement]]:
    answers: dict[object, list[Judgement]] = {}
    until = time.monotonic() + seconds
    while under.pending():
        assert time.monotonic() < until, "the pool does not come to an end"
        answers.update(under.results(1.0))
    return answers


def test_a_killed_child_costs_no_document() -> None:
    with pool() as under:
        under.cage()
        for token in range(3):
            under.submit(token, documents(20, token * 20 + 1))
        os.kill(under.processes()[0], signal.SIGKILL)
        answers = drained(under)
        assert sorted(answers) == [0, 1, 2]  # type: ignore[type-var]  # tokens are integers here
        assert [j.ordinal for token in range(3) for j in answers[token]] == list(range(1, 61))
        assert {j.outcome for js in answers.values() for j in js} == {Outcome.JUDGED}


@pytest.mark.parametrize(
    ("blow", "outcome", "code"), [(signal.SIGSEGV, Outcome.CRASH, "LIM-003"), (signal.SIGXCPU, Outcome.LIMIT, "LIM-001")]
)
def test_a_document_that_ends_every_child_is_held_and_says_why(blow: signal.Signals, outcome: Outcome, code: str) -> None:
    """A document of seconds, so that each child that took it is hit while at work on it."""
    hit: set[int] = set()
    with pool() as under:
        under.submit("t", [Document(1, "long.xml", invoice(1, lines=8_000))])
        while not (finished := under.results(0.02)):
            worker = under._workers[0]
            if worker.spoken and worker.process.pid not in hit:
                hit.add(worker.process.pid)
                os.kill(worker.process.pid, blow)
        ((token, (held,)),) = finished
        assert (token, held.outcome, [f.rule for f in held.findings]) == ("t", outcome, [code])
        assert blow.name in held.detail
        assert len(hit) == (Validation().attempts if outcome is Outcome.CRASH else 1)
        under.submit("u", documents(1, 2))
        assert drained(under)["u"][0].outcome is Outcome.JUDGED


def test_a_child_that_does_not_answer_in_time_is_replaced_and_its_document_held() -> None:
    with pool(seconds=3.0) as under:  # the second document must be judged within it, however busy the machine
        under.cage()
        freeze(under)
        under.submit("t", documents(1))
        (held,) = drained(under)["t"]
        assert held.outcome is Outcome.LIMIT
        assert "validation.seconds" in held.detail
        assert held.sha256 == drained_one(under).sha256


def drained_one(under: ValidationPool) -> Judgement:
    """The same document on the new child: judged, with the same identity."""
    under.submit("again", documents(1))
    (judged,) = drained(under)["again"]
    assert judged.outcome is Outcome.JUDGED
    return judged


def test_only_the_document_that_needs_too_much_memory_is_held() -> None:
    big = b"<r>" + b'<a b="1">x</a>' * 1_500_000 + b"</r>"
    with pool(memory_bytes=450_000_000) as under:
        batch = [*documents(2), Document(3, "big.xml", big), *documents(2, 4)]
        under.submit("t", batch)
        answers = drained(under)["t"]
        assert [j.outcome for j in answers] == [Outcome.JUDGED] * 2 + [Outcome.LIMIT] + [Outcome.JUDGED] * 2
        assert [f.rule for f in answers[2].findings] == ["LIM-002"]
        assert [j.member for j in answers] == [d.member for d in batch]


def test_a_slow_caller_lets_nobody_be_late() -> None:
    """The answer waits in the pipe while the caller does something else for longer than any limit."""
    clock = [0.0]
    made = ValidationPool(Settings(), today=lambda: TODAY, children=1, monotonic=lambda: clock[0])
    try:
        made.cage()
        made.submit("t", documents(3))
        answers = select.poll()
        answers.register(made._workers[0].process._from, select.POLLIN)
        assert answers.poll(20_000)
        clock[0] += 1_000.0
        ((_, judgements),) = made.results(0.0)
        assert {j.outcome for j in judgements} == {Outcome.JUDGED}
    finally:
        made.close()


def test_a_child_that_speaks_out_of_turn_is_not_believed() -> None:
    """A taken-over child answers what nobody asked, then nonsense: it is replaced, the documents are judged by the next one."""
    with pool() as under:
        under.cage()
        process = under._workers[0].process
        process._buffer += b"\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00nope!"
        before = under.processes()
        under.submit("t", documents(4))
        assert {j.outcome for j in drained(under)["t"]} == {Outcome.JUDGED}
        assert under.processes() != before


def test_an_answer_that_announces_gigabytes_is_not_waited_for() -> None:
    with pool() as under:
        under.cage()
        under._workers[0].process._buffer += b"\x00\x00\x00\x00" + (1 << 50).to_bytes(8, "little")
        before = under.processes()
        under.submit("t", documents(1))
        assert drained(under)["t"][0].outcome is Outcome.JUDGED
        assert under.processes() != before


def test_a_child_that_cannot_start_is_an_engine_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    made = ValidationPool(Settings(), today=lambda: TODAY, children=1)
    try:
        with pytest.raises(EngineMissing, match="before its first word"):
            made.cage()
    finally:
        made.close()


def test_a_schema_that_is_missing_is_never_a_pass(tmp_path: Path) -> None:
    (tmp_path / "ubl-invoice.xsd").write_text("<not a schema")
    with pool(schemas=str(tmp_path)) as under:
        under.submit("t", documents(2))
        held = drained(under)["t"]
        assert [j.outcome for j in held] == [Outcome.CRASH] * 2
        assert "ubl-invoice" in held[0].detail


def test_children_get_no_secret_and_no_terminal() -> None:
    with pool() as under:
        under.cage()
        (pid,) = under.processes()
        assert os.getsid(pid) == pid
        child = ChildProcess(Settings(), is_deposit=True)
        child.end()
        assert child._process.args[0] == sys.executable  # type: ignore[index]  # a list of ours


def test_a_child_ends_with_its_parent() -> None:
    code = (
        "import os,signal\nfrom datetime import date\nfrom gateway.config import Settings\n"
        "from adapters.validation_pool import ValidationPool\n"
        "p=ValidationPool(Settings(),today=date.today,children=1)\np.cage()\nprint(p.processes()[0],flush=True)\nos.kill(os.getpid(),signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, cwd=ROOT, check=False)
    pid = int(done.stdout)
    until = time.monotonic() + 5
    while Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
        assert time.monotonic() < until, "the child outlives its parent"


def test_asking_children_to_stop_by_signal_leaves_them_to_the_parent() -> None:
    with pool() as under:
        under.cage()
        before = under.processes()
        for stop in (signal.SIGTERM, signal.SIGINT):
            os.kill(before[0], stop)
        under.submit("t", documents(1))
        assert drained(under)["t"][0].outcome is Outcome.JUDGED
        assert under.processes() == before


def test_a_pool_closed_in_the_middle_leaves_no_process() -> None:
    made = ValidationPool(Settings(), today=lambda: TODAY, children=2)
    made.submit("t", documents(50))
    pids = made.processes()
    made.close()
    assert made.pending() == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_the_day_reaches_the_rules() -> None:
    day = [date(2026, 11, 22)]
    made = ValidationPool(Settings(), today=lambda: day[0], children=1)
    try:
        made.submit("today", documents(1))
        assert [f.rule for f in drained(made)["today"][0].invoices[0].findings] == []
        day[0] = date(2020, 1, 1)
        made.submit("then", documents(1))
        assert [f.rule for f in drained(made)["then"][0].invoices[0].findings] == ["BUS-007"]
    finally:
        made.close()


def test_settings_of_validation_reach_the_children() -> None:
    with pool(policy="reform") as under:
        broken = replace(documents(1)[0], data=invoice(1).replace(b"cbc:IssueDate>", b"cbc:IssueDay>"), interface="FSO1110A")
        under.submit("t", [broken])
        assert {str(f.severity) for f in drained(under)["t"][0].findings} == {"fatal"}


def freeze(under: ValidationPool) -> None:
    """Stop every child and see it stopped: what is sent to it now is not taken."""
    for pid in under.processes():
        os.kill(pid, signal.SIGSTOP)
        while Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "T":
            os.sched_yield()


@needs_library
def test_what_the_fast_evaluator_cannot_do_is_done_by_the_other_and_logged(tmp_path: Path) -> None:
    compiled = pack.official("CPRO-UBL")
    compiled.rules["patterns"][0]["rules"][0]["visits"] = "following::*"  # a walk that the readable evaluator takes for none
    kept = tmp_path / "odd.json"
    kept.write_text(json.dumps({"version": "1", "assertions": compiled.assertions, "rules": compiled.rules}))
    panel = Panel(("ODD",), rules_only=True, tried=(("ODD", str(kept)),))
    under = ValidationPool(Settings(), today=lambda: TODAY, children=1, panel=panel, packs=tmp_path)
    try:
        with structlog.testing.capture_logs() as logged:
            under.submit(0, documents(1))
            (judgement,) = drained(under)[0]
    finally:
        under.close()
    assert [use.name for use in judgement.packs] == ["ODD"]
    (said,) = [line for line in logged if line["event"] == "evaluator.trouble"]
    assert said["why"].startswith("ODD: the walk is not known")
