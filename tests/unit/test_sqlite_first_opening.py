"""A new store opened by several processes at once: each waits for the one that changes the journal mode."""

from __future__ import annotations

import threading
from pathlib import Path

import apsw

from adapters.sqlite.connection import Database


def test_opening_waits_while_another_connection_reads_a_file_that_is_not_in_wal_mode_yet(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    reader = apsw.Connection(str(path))
    reader.execute("CREATE TABLE t(n); INSERT INTO t VALUES (1); BEGIN; SELECT n FROM t").fetchall()
    leaving = threading.Timer(0.2, lambda: reader.execute("COMMIT"))
    leaving.start()
    database = Database(path)
    try:
        assert database.session.run("PRAGMA journal_mode") == [("wal",)]
    finally:
        leaving.join()
        database.close()
        reader.close()
