"""The pool of validation children (`ports.Validator`): hands out batches, takes judgements back, replaces the dead; it parses nothing.

Children are fresh interpreters (`python -m adapters.validation_child`) in a cage. Each holds at most three batches: one under work,
the next in its pipe. One thread drives everything: pipes are never waited on, answers are read before any deadline is judged, so a slow
caller kills nobody. When a child dies or says something else than an answer, its first batch is run again document by document, the
others go to the next child unblamed; a document that ends a child alone three times, or reaches a limit alone, is marked and held,
never rejected.

Limits: one thread at a time, apart from `read_answer`, which has a child and a lock of its own. A child that is killed from outside
costs the time of its batch. `seconds` is wall clock: a machine that is far too busy can make a large document reach it.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from adapters import validation_wire as wire
from adapters.validation_process import ChildProcess, Ended
from gateway.config import Settings
from gateway.errors import EngineMissing
from gateway.log import logger
from gateway.model import Document, Judgement, Outcome
from gateway.policies import ALL, Panel

QUEUED = 3
SECONDS_PER_BYTE = 2e-6
"""What size adds to the time limit: 2 ms for a line of about a kilobyte (reliability.md, row 81)."""
START_SECONDS = 60.0
"""How long a fresh child may take to its first word, whatever the documents are allowed."""
STARTS = 3
"""A child that ends before its first word so many times in a row cannot work here."""


@dataclass(slots=True)
class _Batch:
    """What was submitted. `left` documents still lack a judgement."""

    token: object
    documents: Sequence[Document]
    judgements: list[Judgement | None]
    left: int


@dataclass(slots=True)
class _Job:
    """Documents of one batch under work together; `positions` are theirs in it. `deaths`: children that this one document ended."""

    batch: _Batch
    positions: Sequence[int]
    deaths: int = 0

    def documents(self) -> list[Document]:
        return [self.batch.documents[n] for n in self.positions]


@dataclass(slots=True)
class _Worker:
    process: ChildProcess
    since: float  # when it started; then when the first job came to its turn, or last took bytes
    allowed: float  # seconds from then
    jobs: deque[_Job] = field(default_factory=deque)
    spoken: bool = False  # its first word, the state of its cage, has come


class ValidationPool:
    """See the module. `children`: 0 for the setting; `is_deposit`: false where life-cycle messages are judged for their own sake.

    `panel`: who sits in judgement; `packs`: the folder of the compiled packs, None: each child compiles its own.
    """

    def __init__(
        self, settings: Settings, *, today: Callable[[], date], children: int = 0, is_deposit: bool = True,
        panel: Panel = ALL, packs: Path | None = None, monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._today = today
        self._monotonic = monotonic
        self._is_deposit = is_deposit
        self._panel, self._packs = panel, str(packs or "")
        self._waiting: deque[_Job] = deque()
        self._finished: list[tuple[object, list[Judgement]]] = []
        self._pending = self._failed_starts = 0
        self._cage: dict[str, str] = {}
        self._desk: ValidationPool | None = None
        self._desk_lock = threading.Lock()
        self._workers = [self._start() for _ in range(children or settings.validation.children or _cores())]

    # --- the port

    def room(self) -> int:
        """Batches that would find a place with a child now."""
        self._pump(0)
        return max(0, QUEUED * len(self._workers) - sum(len(w.jobs) for w in self._workers) - len(self._waiting))

    def submit(self, token: object, documents: Sequence[Document]) -> None:
        """Take a batch; it is sent as far as the pipes take it, the rest as the caller comes back."""
        count = len(documents)
        batch = _Batch(token, documents, [None] * count, count)
        self._pending += 1
        if not count:
            self._complete(batch)
            return
        self._waiting.append(_Job(batch, range(count)))
        self._pump(0)

    def results(self, timeout: float) -> list[tuple[object, list[Judgement]]]:
        """Finished batches in the order in which they ended; [] when none did in `timeout` seconds or none is under way."""
        until = self._monotonic() + timeout
        self._pump(0)
        while not self._finished and self._pending:
            left = until - self._monotonic()
            if left <= 0:
                break
            self._pump(left)
        finished, self._finished = self._finished, []
        return finished

    def pending(self) -> int:
        """Batches submitted whose judgements were not handed over yet."""
        return self._pending + len(self._finished)

    def read_answer(self, data: bytes) -> list[Judgement]:
        """Judge one document at once, in a child of its own that no partner's document enters; safe from any thread."""
        with self._desk_lock:
            if self._desk is None:
                self._desk = ValidationPool(self._settings, today=self._today, children=1, is_deposit=False, monotonic=self._monotonic)
            asked = object()
            self._desk.submit(asked, [Document(1, "", data)])
            while self._desk.pending():
                for token, judgements in self._desk.results(60.0):
                    if token is asked:  # an earlier call may have been broken off
                        return judgements
        raise EngineMissing("validation: no answer from its child; see the log")

    def cage(self) -> dict[str, str]:
        """Which layers hold the children, by layer; waits for a child's first word."""
        while not self._cage:
            self._pump(1.0)
        return dict(self._cage)

    def processes(self) -> list[int]:
        """The children's process ids."""
        return [worker.process.pid for worker in self._workers]

    def close(self) -> None:
        """End every child; what is under way is forgotten."""
        for worker in self._workers:
            worker.process.end()
        self._finished.clear()
        self._workers, self._pending = [], 0
        self._waiting.clear()
        if self._desk is not None:
            self._desk.close()

    # --- driving the children

    def _start(self) -> _Worker:
        process = ChildProcess(self._settings, is_deposit=self._is_deposit, panel=self._panel, packs=self._packs)
        return _Worker(process, since=self._monotonic(), allowed=START_SECONDS)

    def _pump(self, timeout: float) -> None:
        """Hand out, write and read what is possible, then judge deadlines. Waits at most `timeout` seconds for something to happen."""
        self._assign()
        self._wait(timeout)
        for worker in list(self._workers):
            try:
                self._exchange(worker)
            except (Ended, wire.WrongAnswer) as ended:
                self._bury(worker, str(ended), Outcome.LIMIT if isinstance(ended, Ended) and ended.limit else Outcome.CRASH)
        self._check_deadlines()
        self._assign()

    def _assign(self) -> None:
        while self._waiting:
            worker = min(self._workers, key=lambda w: len(w.jobs))
            if len(worker.jobs) >= QUEUED:
                return
            job = self._waiting.popleft()
            worker.jobs.append(job)
            documents, seconds = job.documents(), self._allowed(job)
            worker.process.queue(wire.batch(documents, today=self._today().isoformat(), seconds=seconds))
            if len(worker.jobs) == 1 and worker.spoken:
                self._turn(worker)
            worker.process.write()

    def _allowed(self, job: _Job) -> float:
        """Seconds for a job: the setting and what its size adds."""
        return self._settings.validation.seconds + SECONDS_PER_BYTE * sum(len(d.data) for d in job.documents())

    def _turn(self, worker: _Worker) -> None:
        """The clock of a job starts when it is the first one."""
        worker.since = self._monotonic()
        worker.allowed = self._allowed(worker.jobs[0]) if worker.jobs else 0.0

    def _wait(self, timeout: float) -> None:
        if timeout <= 0:
            return
        poll = select.poll()
        for worker in self._workers:
            worker.process.register(poll)
            worker.process.read_stderr()
            if worker.jobs:
                timeout = min(timeout, max(0.0, worker.since + worker.allowed - self._monotonic()))
        poll.poll(int(timeout * 1000) + 1)

    def _exchange(self, worker: _Worker) -> None:
        for header, body in worker.process.frames():
            if not worker.spoken:
                self._first_word(worker, header)
            elif self._take(worker, header, body):
                self._replace(worker)
                return
        if worker.process.write() and len(worker.jobs) == 1:
            worker.since = self._monotonic()  # it cannot be late with what it has not been given

    def _first_word(self, worker: _Worker, header: bytes) -> None:
        self._cage = wire.cage(header)
        worker.spoken, self._failed_starts = True, 0
        self._turn(worker)

    def _take(self, worker: _Worker, header: bytes, body: memoryview) -> bool:
        """Take the answer to the first job; True when it is the child's last."""
        if not worker.jobs:
            raise wire.WrongAnswer("validation child: an answer that nobody asked for")
        job = worker.jobs[0]
        answer = wire.read_answer(header, body, job.documents())
        for trouble in answer.troubles:
            logger("validate").warning("evaluator.trouble", stage="validate", why=trouble)
        worker.jobs.popleft()
        self._turn(worker)
        for position, judgement in zip(job.positions, answer.judgements, strict=True):
            if judgement.outcome is not Outcome.JUDGED and len(job.positions) > 1:
                self._waiting.appendleft(_Job(job.batch, (position,)))  # its neighbours may be the cause: once more, alone
            else:
                self._settle(job.batch, position, judgement)
        return answer.last

    def _settle(self, batch: _Batch, position: int, judgement: Judgement) -> None:
        batch.judgements[position] = judgement
        batch.left -= 1
        if not batch.left:
            self._complete(batch)

    def _complete(self, batch: _Batch) -> None:
        self._pending -= 1
        self._finished.append((batch.token, [j for j in batch.judgements if j is not None]))

    # --- deaths

    def _check_deadlines(self) -> None:
        for worker in list(self._workers):
            busy = worker.jobs or not worker.spoken
            if busy and self._monotonic() - worker.since > worker.allowed:
                self._bury(worker, f"no answer in {worker.allowed:.0f} s (validation.seconds)", Outcome.LIMIT)

    def _bury(self, worker: _Worker, cause: str, outcome: Outcome) -> None:
        """Its first batch is to blame, the others only waited behind."""
        if not worker.spoken:
            self._count_failed_start(worker, cause)
        elif worker.jobs:
            self._blame(worker.jobs.popleft(), cause, outcome)
        self._replace(worker)

    def _count_failed_start(self, worker: _Worker, cause: str) -> None:
        self._failed_starts += 1
        if self._failed_starts >= STARTS:
            raise EngineMissing(f"validation child: ends before its first word ({cause}); it must start with {worker.process.command}")

    def _blame(self, job: _Job, cause: str, outcome: Outcome) -> None:
        if len(job.positions) > 1:
            self._waiting.extendleft(_Job(job.batch, (n,)) for n in reversed(job.positions))
            return
        job.deaths += 1
        if outcome is Outcome.CRASH and job.deaths < self._settings.validation.attempts:
            self._waiting.appendleft(job)
            return
        position = job.positions[0]
        self._settle(job.batch, position, wire.held(job.batch.documents[position], outcome, cause, memory="memory" in cause))

    def _replace(self, worker: _Worker) -> None:
        worker.process.end()
        self._waiting.extendleft(reversed(worker.jobs))
        self._workers[self._workers.index(worker)] = self._start()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
