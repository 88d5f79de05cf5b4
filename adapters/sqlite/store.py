"""The store on SQLite: ports.Store composed of its parts, its opening and upkeep; its statements are in adapters/sql.

The in-memory twin is the same class on ":memory:".
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import apsw

from adapters.sqlite import schema
from adapters.sqlite.connection import MEMORY, Database, border
from adapters.sqlite.deliveries import Deliveries
from adapters.sqlite.directory import Directory
from adapters.sqlite.exchange import Exchange
from adapters.sqlite.records import microseconds
from adapters.sqlite.references import References
from gateway.errors import StoreDamaged

_FOREVER = 2**62


class SqliteStore(Deliveries, Exchange, References, Directory):
    """Flows, invoices, deliveries, outbox, inbox and directory in one file. Threads may share it: each gets its own connection."""

    def __init__(self, path: Path | str = MEMORY) -> None:
        """Open or create. `ConfigError` for another schema, a foreign file or an engine that loses commits; `StoreDamaged`."""
        self._database = Database(path)
        try:
            schema.check(self._session)
        except BaseException:
            self._database.close()
            raise

    @property
    def schema_version(self) -> int:
        """The number of the store's schema."""
        return schema.version(self._session)

    def engine(self) -> str:
        """Version of the SQLite that keeps the store."""
        return apsw.sqlite_lib_version()

    def idle(self, at: datetime | None = None) -> bool:
        """True when no flow, planned, sealed or sending delivery, return or status waits for us; `at`: what is postponed past then does
        not wait now (without it, it does)."""
        return not self._session.read("something_waits", {"at": microseconds(at) if at else _FOREVER})[0][0]

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file and cut it, as far as readers allow; done by itself every 16 MB."""
        with border(self._session.where):
            self._session.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._session.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def verify(self) -> None:
        """`StoreDamaged` when the file does not hold together (SQLite's quick_check); reads all of it."""
        faults = self._session.run("PRAGMA quick_check(1)")
        if faults != [("ok",)]:
            raise StoreDamaged(f"{self._session.where}: {faults[0][0]}; stop, copy it aside and restore a backup")

    def backup(self, target: Path) -> None:
        """A consistent copy of the store while it runs, synced; blobs are copied after it, by the caller (reliability.md 2.14)."""
        with border(str(target)):
            copy = apsw.Connection(str(target))
            try:
                copy.execute("PRAGMA synchronous = FULL")
                with copy.backup("main", self._session.connection, "main") as pages:
                    while not pages.done:
                        pages.step(-1)
                copy.execute("PRAGMA journal_mode = DELETE").fetchall()
            finally:
                copy.close()

    def close(self) -> None:
        """Close every connection; safe to repeat."""
        self._database.close()


def migrate(path: Path | str) -> tuple[int, int]:
    """Bring a store's file to this program's schema: (schema before, schema now). Safe to repeat; `ConfigError` when it is newer."""
    database = Database(path)
    try:
        return schema.migrate(database.session)
    finally:
        database.close()
