"""Real documents and archives, broken in thousands of ways: what comes out is a finding or a limit of ours, never a traceback.

Each round is drawn from its sample and number alone, so that a failure comes again. `FUZZ_ROUNDS=2000 pytest tests/fuzz` looks longer.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from lxml import etree

from adapters.validation_pool import ValidationPool
from gateway import gate
from gateway.config import Limits, Partner, Settings, Validation
from gateway.lifecycle import State
from gateway.model import Document, Judgement, Outcome
from tests.fuzz.mutation import ROUNDS, SAMPLES, archive, mutated, seed_of
from tests.memory_site import MemorySite

LIMITS = Limits(flow_bytes=20_000_000, document_bytes=5_000_000)
DOCUMENTS = sorted([*(SAMPLES / "accepted").iterdir(), *(SAMPLES / "mistakes").iterdir()])
XML = [path for path in DOCUMENTS if path.suffix == ".xml"]
OTHERS = [path.read_bytes() for path in DOCUMENTS[::7]]
BATCH = 20
EXPLAINED = 6
"""Rounds above that are explained by xmlschema as well, which takes seconds to build."""


@pytest.fixture(scope="module")
def pool() -> Iterator[ValidationPool]:
    """One real child in its cage: a parser of C that dies takes no test along."""
    made = ValidationPool(Settings(limits=LIMITS), today=lambda: date(2026, 11, 22), children=1)
    yield made
    made.close()


def judged(pool: ValidationPool, documents: list[Document]) -> list[Judgement]:
    found: list[Judgement] = []
    for start in range(0, len(documents), BATCH):
        pool.submit(start, documents[start : start + BATCH])
        while pool.pending():
            found += [judgement for _, batch in pool.results(5.0) for judgement in batch]
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_broken_document_is_judged_or_held_by_a_limit(pool: ValidationPool, path: Path, tmp_path: Path) -> None:
    data = path.read_bytes()
    documents = [Document(n, path.name, mutated(data, seed_of(path.name, n), OTHERS), explain=n > EXPLAINED) for n in range(1, ROUNDS + 1)]
    found = judged(pool, documents)
    assert len(found) == len(documents)
    for judgement in found:
        (tmp_path / "broken").write_bytes(documents[judgement.ordinal - 1].data)
        assert judgement.outcome is not Outcome.CRASH, f"round {judgement.ordinal}: {judgement.detail}"
        assert judgement.outcome is Outcome.LIMIT or judgement.invoices or judgement.findings, f"round {judgement.ordinal}: says nothing"


def an_archive(n: int) -> bytes:
    dice = seed_of("archive", n)
    chosen = dice.sample(XML, dice.randrange(1, 5))
    return archive([(path.name, path.read_bytes()) for path in chosen], dice)


@pytest.mark.parametrize("part", range(8))
def test_a_broken_archive_is_opened_whole_or_refused_in_a_sentence(part: int, tmp_path: Path) -> None:
    for n in range(part, ROUNDS * 160, 8):
        data = an_archive(n)
        (tmp_path / "broken").write_bytes(data)
        stream = io.BytesIO(data)
        opening = gate.open_flow("lot", stream, len(data), partner=Partner(name="demo"), limits=LIMITS)
        held = list(gate.documents(stream, opening, limits=LIMITS)) if opening.admissible else []
        assert opening.admissible or all(f.message_fr and f.message_en for f in opening.findings), n
        assert len(held) == (opening.documents if opening.admissible else 0), n


@pytest.mark.parametrize("part", range(4))
def test_a_broken_flow_comes_to_an_end_and_its_answers_can_be_read(part: int) -> None:
    site = MemorySite(validation=Validation(explain_first=0 if ROUNDS <= EXPLAINED else 20))
    for n in range(part, ROUNDS * 20, 4):
        dice = seed_of("flow", n)
        path = dice.choice(XML)
        data = an_archive(n) if dice.random() < 0.4 else mutated(path.read_bytes(), dice, OTHERS)
        reception = site.take(data, path.name if dice.random() < 0.5 else "lot")
        site.worked()
        flow = site.present(reception.flow)
        assert flow.state in (State.DELIVERED, State.CLOSED), f"round {n}: {flow.state}, {flow.reason}"
    for owed in site.store.returns():
        if owed.owed.name.endswith(".xml"):
            etree.fromstring(owed.owed.body)
