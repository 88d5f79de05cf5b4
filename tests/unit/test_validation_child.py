"""What a validation child does with a batch before any process is started: which documents go side by side, and what one that breaks off
leaves the others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from io import BytesIO

import pytest

from adapters import pack_cache
from adapters import validation_wire as wire
from adapters.validation_child import SIDE_BY_SIDE, SIDE_BY_SIDE_BYTES, Child, lots
from gateway.config import Validation
from gateway.errors import LimitReached
from gateway.judging import Desk
from gateway.model import Document, Finding, Outcome
from gateway.packs import Packs
from gateway.schematron import document as schematron
from gateway.schematron.evaluator import best
from gateway.schematron.pack import Pack
from tests.ubl_invoices import invoice


def a_document(n: int, size: int = 10) -> Document:
    return Document(n, f"{n}.xml", bytes(size))


def sizes(*documents: Document) -> list[list[int]]:
    return [[d.ordinal for d in lot] for lot in lots(documents)]


def test_as_many_go_side_by_side_as_the_caches_hold() -> None:
    assert [len(lot) for lot in lots(a_document(n) for n in range(2 * SIDE_BY_SIDE + 3))] == [SIDE_BY_SIDE, SIDE_BY_SIDE, 3]
    large = SIDE_BY_SIDE_BYTES
    assert sizes(a_document(1), a_document(2, large), a_document(3, large), a_document(4)) == [[1, 2], [3], [4]]
    assert sizes() == []


def test_the_next_document_is_not_taken_in_before_a_large_one_is_judged() -> None:
    taken: list[int] = []

    def coming() -> Iterator[Document]:
        for n in (1, 2):
            taken.append(n)
            yield a_document(n, SIDE_BY_SIDE_BYTES)

    assert len(next(lots(coming()))) == 1
    assert taken == [1]


class Troubled:
    """An evaluator that breaks off on some documents, by what stands in them."""

    name, walks_the_tree = "troubled", False

    def __init__(self, errors: dict[bytes, Exception]) -> None:
        self._errors, self._real = errors, best()
        self.troubles: list[str] = []

    def evaluate(self, pack: Pack, document: schematron.Document) -> list[Finding]:
        for mark, error in self._errors.items():
            if mark in document.utf8() and pack.name.startswith("EN16931"):  # after CPRO has judged all of them
                raise error
        return self._real.evaluate(pack, document)


def answered(documents: list[Document], desk: Desk) -> wire.Answer:
    """What the pool would read of a child that has memory left, however large the process of the tests has grown."""
    reading, writing = os.pipe()
    try:
        Child(BytesIO(), writing)._work(Validation(memory_bytes=1 << 50), desk, documents)
        header, body = wire.PREFIX.unpack(os.read(reading, wire.PREFIX.size))
        return wire.read_answer(os.read(reading, header), memoryview(os.read(reading, body) if body else b""), documents)
    finally:
        os.close(reading), os.close(writing)


@pytest.mark.parametrize(
    ("error", "outcome", "detail"),
    [
        (LimitReached("rule engine: a minute"), Outcome.LIMIT, "memory limit of the validation child (LimitReached)"),
        (MemoryError(), Outcome.LIMIT, "memory limit of the validation child (MemoryError)"),
        (ValueError("B00000003 says"), Outcome.CRASH, "ValueError at test_validation_child.py:"),
    ],
)
def test_one_that_breaks_off_while_the_packs_judge_leaves_the_others_their_judgement(
    error: Exception, outcome: Outcome, detail: str
) -> None:
    documents = [Document(n, f"{n}.xml", invoice(n)) for n in range(1, 6)]
    whole = Desk.build(policy="chorus", today=date(2026, 11, 22), packs=Packs(pack_cache.folder()))
    broken = replace(whole, packs=Packs(pack_cache.folder(), Troubled({documents[2].data: error})))
    right, found = answered(documents, whole).judgements, answered(documents, broken)
    assert [j.outcome for j in found.judgements] == [Outcome.JUDGED] * 2 + [outcome] + [Outcome.JUDGED] * 2
    assert found.judgements[2].detail.startswith(detail)
    assert "B00000003" not in found.judgements[2].detail
    assert [j for j in found.judgements if j.outcome is Outcome.JUDGED] == [j for n, j in enumerate(right) if n != 2]
    assert found.last is (outcome is Outcome.LIMIT)
