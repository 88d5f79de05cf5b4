"""SQLite itself: the engine that is refused, foreign errors as ours, settings, threads, the write-ahead log, backup."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import apsw
import pytest

from adapters.sqlite import SqliteStore, connection
from adapters.sqlite.connection import MAPPED, Database, check_engine, ours
from gateway.errors import ConfigError, GatewayError, StorageRefused, StoreBusy, StoreDamaged
from tests.stored import NOON, a_flow, a_return, a_row, opened, put, received

BUGS = {
    "AbortError", "BindingsError", "ConnectionClosedError", "ConnectionNotClosedError", "ConstraintError", "CursorClosedError",
    "EmptyError", "ExecTraceAbort", "ExecutionCompleteError", "ExtensionLoadingError", "ForkingViolationError", "IncompleteExecutionError",
    "InternalError", "InvalidContextError", "MismatchError", "MisuseError", "NoFTS5Error", "NotFoundError", "RangeError", "SQLError",
    "SchemaChangeError", "ThreadingViolationError", "VFSFileClosedError", "VFSNotImplementedError",
}  # fmt: skip
"""apsw's exceptions that only a mistake of ours can cause: they keep their class."""


def exceptions() -> list[type[apsw.Error]]:
    found = (getattr(apsw, name) for name in dir(apsw))
    return [kind for kind in found if isinstance(kind, type) and issubclass(kind, apsw.Error) and kind is not apsw.Error]


@pytest.mark.parametrize("kind", exceptions(), ids=lambda kind: kind.__name__)
def test_every_exception_of_apsw_is_mapped_or_a_bug(kind: type[apsw.Error]) -> None:
    assert (kind in MAPPED) != (kind.__name__ in BUGS)
    mapped = ours(kind("told"), "gateway.db")
    if kind in MAPPED:
        assert isinstance(mapped, GatewayError)
        assert str(mapped).startswith("gateway.db: told; ")
    else:
        assert mapped is None


@pytest.mark.parametrize("version", ["3.51.3", "3.54.1", "3.50.7", "3.50.9", "3.44.6", "4.0.0"])
def test_a_fixed_engine_serves(version: str) -> None:
    check_engine(version)


@pytest.mark.parametrize("version", ["3.7.0", "3.40.1", "3.44.5", "3.45.0", "3.49.2", "3.50.6", "3.51.0", "3.51.2"])
def test_an_engine_with_the_wal_reset_bug_is_refused(version: str) -> None:
    with pytest.raises(ConfigError, match=version):
        check_engine(version)


def test_the_engine_at_hand_is_told() -> None:
    assert SqliteStore().engine() == apsw.sqlite_lib_version()


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 5000), ("trusted_schema", 0),
        ("cell_size_check", 1),
    ],
)
def test_every_connection_has_the_settings_that_keep_commits(tmp_path: Path, pragma: str, value: object) -> None:
    store = SqliteStore(tmp_path / "gateway.db")
    found: list[object] = []

    def ask() -> None:
        found.append(store._session.run(f"PRAGMA {pragma}")[0][0])

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    ask()
    assert found == [value, value]


def test_a_writer_past_the_busy_timeout_is_busy_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BUSY_MILLISECONDS", 10)
    one, two = SqliteStore(tmp_path / "gateway.db"), SqliteStore(tmp_path / "gateway.db")
    with one.transaction(), pytest.raises(StoreBusy, match="try again") as busy, two.transaction():
        pytest.fail("two writers at a time")
    assert isinstance(busy.value.__cause__, apsw.BusyError)
    assert received(two) == one.flow(a_flow().number)


def test_readers_see_the_last_commit_while_another_writes(tmp_path: Path) -> None:
    one, two = SqliteStore(tmp_path / "gateway.db"), SqliteStore(tmp_path / "gateway.db")
    with one.transaction():
        one.owe(a_return(a_flow()), NOON)
        assert two.returns() == []
    assert len(two.returns()) == 1


def test_a_full_disk_is_refused_and_the_store_goes_on(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "gateway.db")
    pages = store._session.run("PRAGMA page_count")[0][0]
    store._session.run(f"PRAGMA max_page_count = {pages + 5}")
    with pytest.raises(StorageRefused, match="disk"), store.transaction():
        store.owe(a_return(a_flow(), body=b"x" * 100_000), NOON)
    with pytest.raises(StorageRefused), store.transaction(), store.transaction():
        store.owe(a_return(a_flow(), body=b"x" * 100_000), NOON)
    with store.transaction():
        assert store.owe(a_return(a_flow(), body=b"small"), NOON)
    assert len(store.returns()) == 1


def test_writing_after_the_disk_has_ended_the_transaction_is_refused(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "gateway.db")

    def go_on_after_a_rollback() -> None:
        with store.transaction():
            store._session.run("ROLLBACK")  # what SQLite does by itself on a full disk
            store.owe(a_return(a_flow()), NOON)

    with pytest.raises(RuntimeError, match="outside a transaction"):
        go_on_after_a_rollback()
    assert store.returns() == []


def test_a_read_only_or_absent_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageRefused):
        SqliteStore(tmp_path / "absent" / "gateway.db")


def test_what_is_not_a_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "gateway.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreDamaged, match="restore a backup"):
        SqliteStore(tmp_path / "gateway.db")


def test_a_torn_page_is_found(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    store = SqliteStore(path)
    flow = opened(store)
    put(store, flow, *(a_row(flow, n) for n in range(1, 200)))
    store.verify()
    store.close()
    data = bytearray(path.read_bytes())
    for page in range(20, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(data)
    with pytest.raises(StoreDamaged):
        SqliteStore(path).verify()


def test_threads_share_a_store_each_with_its_own_transaction(tmp_path: Path) -> None:
    for store in (SqliteStore(tmp_path / "gateway.db"), SqliteStore()):
        drawn: list[int] = []

        def draw(store: SqliteStore = store, drawn: list[int] = drawn) -> None:
            for _ in range(20):
                with store.transaction():
                    drawn.append(store.next_number("flow"))

        threads = [threading.Thread(target=draw) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(drawn) == list(range(1, 81))
        store.close()


def test_a_closed_store_is_not_used_by_mistake(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "gateway.db")
    store.close()
    store.close()
    with pytest.raises(RuntimeError, match="after close"):
        store.flows()


def test_a_thread_that_ends_lets_its_connection_go(tmp_path: Path) -> None:
    database = Database(tmp_path / "gateway.db")
    thread = threading.Thread(target=lambda: database.session.run("SELECT 1"))
    thread.start()
    thread.join()
    assert len(database._sessions) == 0


# --- the write-ahead log


def test_a_large_flow_does_not_grow_the_log_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CHECKPOINT_PAGES", 100)
    store = SqliteStore(tmp_path / "gateway.db")
    flow = opened(store)
    sizes = []
    for start in range(1, 4001, 200):
        put(store, flow, *(a_row(flow, n) for n in range(start, start + 200)))
        sizes.append((tmp_path / "gateway.db-wal").stat().st_size)
    assert max(sizes) < 4 * sizes[0]
    store.checkpoint()
    assert (tmp_path / "gateway.db-wal").stat().st_size == 0
    assert store.counts(flow.number)["invoices"] == 4000


# --- backup


def test_a_backup_is_whole_while_the_store_is_written(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "gateway.db")
    flow = opened(store)
    put(store, flow, *(a_row(flow, n) for n in range(1, 300)))
    other = SqliteStore(tmp_path / "gateway.db")
    with other.transaction():
        other.next_number("flow")
        store.backup(tmp_path / "copy.db")
    copy = SqliteStore(tmp_path / "copy.db")
    copy.verify()
    assert list(copy.invoices(flow=flow.number)) == list(store.invoices(flow=flow.number))
    assert copy.verify_chain(flow.number) is None
    with copy.transaction():
        assert copy.next_number("flow") == 1


def test_a_backup_is_one_file(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "gateway.db")
    received(store)
    target = tmp_path / "backup"
    target.mkdir()
    store.backup(target / "gateway.db")
    assert [path.name for path in target.iterdir()] == ["gateway.db"]
    with sqlite3.connect(target / "gateway.db") as plain:
        assert plain.execute("SELECT count(*) FROM flow").fetchone() == (1,)


def test_a_backup_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageRefused):
        SqliteStore(tmp_path / "gateway.db").backup(tmp_path / "absent" / "copy.db")
