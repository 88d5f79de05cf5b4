"""The hash chain of a flow's events: any byte that changes is found, and so is a missing event."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from adapters.sqlite import SqliteStore
from adapters.sqlite.chain import FIRST, canonical, first_fault, seal
from gateway.lifecycle import Event
from tests.stored import NOON, moved, received

Row = tuple[str, int, str, str, str, str, str, str]


def chained(length: int = 4) -> list[Row]:
    rows: list[Row] = []
    previous = FIRST
    for n in range(1, length + 1):
        detail = canonical({"n": n})
        digest = seal("F1", n, at="2026-11-22T12:00:00+01:00", who="work", what="open", detail=detail, previous=previous)
        rows.append(("F1", n, "2026-11-22T12:00:00+01:00", "work", "open", detail, previous, digest))
        previous = digest
    return rows


def test_a_chain_is_whole() -> None:
    assert first_fault(chained()) is None
    assert first_fault([]) is None


@pytest.mark.parametrize("column", range(8))
@pytest.mark.parametrize("place", [0, 2])
def test_any_field_that_changes_is_found_where_it_is(column: int, place: int) -> None:
    rows = chained()
    row = list(rows[place])
    row[column] = row[column] + 1 if isinstance(row[column], int) else row[column] + "x"  # type: ignore[operator]  # int or str
    rows[place] = tuple(row)  # type: ignore[call-overload]  # the same eight columns
    fault = first_fault(rows)
    assert fault is not None
    assert f"event {place + 1}" in fault


def test_a_missing_or_exchanged_event_is_found() -> None:
    rows = chained()
    assert "event 2: missing" in str(first_fault(rows[:1] + rows[2:]))
    assert first_fault([rows[0], rows[2], rows[1], rows[3]]) is not None
    assert "event 1: missing" in str(first_fault(rows[1:]))


def test_the_same_facts_give_the_same_seal_whatever_their_order() -> None:
    assert canonical({"b": 1, "a": "é"}) == canonical({"a": "é", "b": 1}) == '{"a":"é","b":1}'


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A store with one flow of four events."""
    path = tmp_path / "gateway.db"
    store = SqliteStore(path)
    moved(store, received(store), Event.OPEN, Event.VALIDATE, Event.DELIVER, detail={"codes": ["BUS-003"]})
    store.close()
    return path


def tamper(path: Path, statement: str) -> str | None:
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    connection.close()
    store = SqliteStore(path)
    try:
        return store.verify_chain("F261122-000001")
    finally:
        store.close()


def test_an_untouched_history_verifies(written: Path) -> None:
    assert tamper(written, "SELECT 1") is None


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE event SET detail = replace(detail, 'BUS-003', 'BUS-004') WHERE n = 2", "event 2: its content"),
        ("UPDATE event SET who = 'nobody' WHERE n = 1", "event 1: its content"),
        ("UPDATE event SET hash = replace(hash, substr(hash, 1, 1), 'z') WHERE n = 3", "event 3: its content"),
        ("UPDATE event SET previous = 'x' WHERE n = 4", "event 4: follows another"),
        ("DELETE FROM event WHERE n = 2", "event 2: missing"),
        ("DELETE FROM event WHERE n = 4", "is delivered, and its last event leads to validated"),
        ("DELETE FROM event", "leads to nothing"),
        ("UPDATE flow SET state = 'closed'", "is closed, and its last event leads to delivered"),
    ],
)
def test_what_was_changed_behind_our_back_is_told(written: Path, statement: str, found: str) -> None:
    assert found in str(tamper(written, statement))


def test_a_note_moves_nothing_and_keeps_the_chain_whole() -> None:
    store = SqliteStore()
    flow = received(store)
    with store.transaction():
        store.note(flow.number, "delivery.sent", at=NOON, who="send", detail={"delivery": "x"})
    assert store.verify_chain(flow.number) is None
