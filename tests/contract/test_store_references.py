"""The contract of `ports.Store`: files that partners' messages name."""

from __future__ import annotations

from dataclasses import replace

from adapters.sqlite import SqliteStore
from gateway.letter import Reference
from gateway.model import Box, Drop
from tests.stored import NOON

FIRST = Reference(Drop("demo", Box.TEST, "amqp", "act-1", "a.xml"), "lot.zip", "ab" * 32, 4_000_000_000, NOON)
SECOND = replace(FIRST, drop=replace(FIRST.drop, transport_id="act-2"), file="autre.zip")
OTHERS = replace(FIRST, drop=replace(FIRST.drop, partner="autre"))


def wait_for(store: SqliteStore, *references: Reference) -> list[bool]:
    with store.transaction():
        return [store.await_file(reference) for reference in references]


def test_what_is_waited_for_comes_back_oldest_first(store: SqliteStore) -> None:
    assert wait_for(store, SECOND, OTHERS, FIRST) == [True, True, True]
    assert store.awaited_files("demo") == [SECOND, FIRST]
    assert store.awaited_files("autre") == [OTHERS]
    assert store.awaited_files("nobody") == []


def test_the_same_act_waits_once(store: SqliteStore) -> None:
    assert wait_for(store, FIRST, replace(FIRST, file="other")) == [True, False]
    assert store.awaited_files("demo") == [FIRST]


def test_what_was_answered_is_gone_and_nothing_else(store: SqliteStore) -> None:
    wait_for(store, FIRST, SECOND, OTHERS)
    with store.transaction():
        store.file_answered(FIRST.drop)
        store.file_answered(FIRST.drop)
    assert (store.awaited_files("demo"), store.awaited_files("autre")) == ([SECOND], [OTHERS])
