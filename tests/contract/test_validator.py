"""What every `Validator` promises, asked of the pool of children with one child and with two."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import date

import pytest

from adapters import pack_cache
from adapters.validation_pool import ValidationPool
from gateway.config import Settings
from gateway.judging import Desk, judge
from gateway.model import Document, Judgement, Outcome, Syntax
from gateway.packs import Packs
from gateway.ports import Validator
from tests.ubl_invoices import invoice

TODAY = date(2026, 11, 22)


@pytest.fixture(params=[1, 2], ids=["one child", "two children"])
def validator(request: pytest.FixtureRequest) -> Iterator[Validator]:
    made = ValidationPool(Settings(), today=lambda: TODAY, children=request.param, packs=pack_cache.folder())
    yield made
    made.close()


def drained(validator: Validator) -> list[tuple[object, list[Judgement]]]:
    answers: list[tuple[object, list[Judgement]]] = []
    until = time.monotonic() + 60
    while validator.pending():
        assert time.monotonic() < until, "the validator does not come to an end"
        answers += validator.results(1.0)
    return answers


def test_every_document_of_every_batch_is_answered_in_order(validator: Validator) -> None:
    batches = {f"batch {n}": [Document(i, f"{i}.xml", invoice(i)) for i in range(n * 10 + 1, n * 10 + 11)] for n in range(12)}
    for token, documents in batches.items():
        validator.submit(token, documents)
    answers = dict(drained(validator))
    assert sorted(map(str, answers)) == sorted(batches)
    for token, documents in batches.items():
        assert [(j.ordinal, j.member) for j in answers[token]] == [(d.ordinal, d.member) for d in documents]


def test_the_children_say_what_judging_says(validator: Validator) -> None:
    """A process away, and still the same to the last field."""
    documents = [
        Document(1, "a.xml", invoice(1), segment_name="F-1.xml"),
        Document(2, "b.xml", invoice(2).replace(b"cbc:IssueDate>", b"cbc:IssueDay>")),
        Document(3, "c.xml", b""),
        Document(4, "d.pdf", b"%PDF-1.4 nothing"),
        Document(5, "e.xml", invoice(5), interface="FSO1106A"),
        Document(6, "f.xml", invoice(6).replace(b"80000006900012", b"80000006900013")),
    ]
    validator.submit(1, documents)
    ((_, judgements),) = drained(validator)
    desk = Desk.build(policy="chorus", today=TODAY, packs=Packs(pack_cache.folder()))
    assert judgements == [judge(d, desk) for d in documents]


def test_an_empty_batch_is_answered(validator: Validator) -> None:
    validator.submit("empty", [])
    assert drained(validator) == [("empty", [])]


def test_results_with_nothing_under_way_come_at_once(validator: Validator) -> None:
    before = time.monotonic()
    assert validator.results(30.0) == []
    assert time.monotonic() - before < 5.0


def test_room_shrinks_as_batches_come_and_comes_back(validator: Validator) -> None:
    free = validator.room()
    assert free > 0
    validator.submit(1, [Document(1, "long.xml", invoice(1, lines=3_000))])
    assert validator.room() == free - 1
    drained(validator)
    assert validator.room() == free


def test_more_than_there_is_room_for_is_kept_and_done(validator: Validator) -> None:
    for n in range(validator.room() + 10):
        validator.submit(n, [Document(1, "a.xml", invoice(n + 1))])
    assert validator.room() == 0
    assert validator.pending() > 0
    assert {j.outcome for _, js in drained(validator) for j in js} == {Outcome.JUDGED}


def test_pending_counts_until_the_results_are_taken(validator: Validator) -> None:
    assert validator.pending() == 0
    validator.submit(1, [Document(1, "a.xml", invoice(1))])
    assert validator.pending() == 1
    drained(validator)
    assert validator.pending() == 0


def test_a_document_larger_than_any_pipe_goes_through(validator: Validator) -> None:
    document = Document(1, "large.xml", invoice(1, lines=6_000, padding="x" * 400), segment_name="F-1.xml")
    assert len(document.data) > 5_000_000
    validator.submit(1, [document])
    ((_, (judged,)),) = drained(validator)
    assert (judged.size, judged.invoices[0].invoice.lines) == (len(document.data), 6_000)
    assert judged.segment_size >= len(document.data)


def test_an_answer_of_the_state_is_read_at_once_from_any_thread(validator: Validator) -> None:
    validator.submit(1, [Document(1, "a.xml", invoice(1))])
    read: list[Judgement] = []
    threads = [threading.Thread(target=lambda: read.extend(validator.read_answer(b"<CPPStatut/>"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [j.syntax for j in read] == [Syntax.CPP_STATUT] * 3
    assert len(drained(validator)) == 1


def test_closing_twice_is_as_good_as_once(validator: Validator) -> None:
    validator.close()
    validator.close()
    assert validator.pending() == 0
