"""What every part of the store shares: the calling thread's connection; it holds no statement."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from adapters.sqlite.connection import Bindings, Database, Row, Session
from adapters.sqlite.queries import completed

NO_LIMIT = -1


class Part:
    """A subject of the store. The parts are composed into one class by adapters/sqlite/store.py."""

    _database: Database

    @property
    def _session(self) -> Session:
        return self._database.session

    def transaction(self) -> AbstractContextManager[None]:
        """BEGIN IMMEDIATE … COMMIT, rolled back on any exception. Inside another one it is a savepoint of that one."""
        return self._session.transaction()

    def _select(self, rows: str, conditions: Sequence[str], bindings: Bindings, *, order: str, limit: int = 0) -> list[Row]:
        """Rows of `rows` that meet the conditions of queries.sql; `limit` 0: all."""
        statement = completed(rows, tuple(conditions), order)
        return self._session.run(statement, {**dict(bindings), "limit": limit or NO_LIMIT})
