"""The schema: from scratch it is what the migrations make; a store of another age or another program is told apart."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from adapters.sqlite import SqliteStore, migrate, schema
from adapters.sqlite.connection import Database
from adapters.sqlite.queries import sql_text
from gateway.errors import ConfigError
from tests.stored import received


def objects(database: Database) -> list[tuple[str, str, str]]:
    """Every table, index and view with its text, white space and comments apart."""
    rows = database.session.run("SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name")
    return [(kind, name, " ".join(text.split())) for kind, name, text in rows]


def test_the_schema_from_scratch_is_the_schema_by_migrations() -> None:
    scratch, steps = Database(":memory:"), Database(":memory:")
    schema.check(scratch.session)
    schema.by_migrations(steps.session)
    assert objects(scratch) == objects(steps)
    assert schema.version(scratch.session) == schema.version(steps.session) == schema.latest()
    assert {kind for kind, *_ in objects(scratch)} == {"table", "index", "view"}


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [step.number for step in schema.migrations()] == list(range(1, schema.latest() + 1))


def test_migrating_is_safe_to_repeat(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    assert migrate(path) == (0, schema.latest())
    assert migrate(path) == (schema.latest(), schema.latest())
    store = SqliteStore(path)
    flow = received(store)
    store.close()
    assert migrate(path) == (schema.latest(), schema.latest())
    assert SqliteStore(path).flow(flow.number) == flow


def stamp(path: Path, pragma: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(pragma)
    connection.close()


@pytest.mark.parametrize("act", [SqliteStore, migrate])
def test_a_store_newer_than_the_program_is_left_alone(tmp_path: Path, act: type[SqliteStore]) -> None:
    path = tmp_path / "gateway.db"
    SqliteStore(path).close()
    stamp(path, "PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=rf"gateway\.db: schema 99 is newer than the program {schema.latest()} \(ADM-004\)"):
        act(path)
    assert path.read_bytes() == before


def test_an_older_store_asks_for_migrate_and_gets_the_missing_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "gateway.db"
    store = SqliteStore(path)
    flow = received(store)
    store.close()
    next_number = schema.latest() + 1
    steps = (*schema.migrations(), schema.Migration(next_number, "added.sql"))
    monkeypatch.setattr(schema, "migrations", lambda: steps)
    added = "CREATE TABLE added (a INTEGER) STRICT; INSERT INTO added VALUES (7);"
    monkeypatch.setattr(schema, "sql_text", lambda name: added if name == "migrations/added.sql" else sql_text(name))
    with pytest.raises(ConfigError, match="gateway migrate"):
        SqliteStore(path)
    assert migrate(path) == (next_number - 1, next_number)
    assert migrate(path) == (next_number, next_number)
    assert SqliteStore(path).flow(flow.number) == flow


def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "gateway.db"
    SqliteStore(path).close()
    steps = (*schema.migrations(), schema.Migration(schema.latest() + 1, "broken.sql"))
    with monkeypatch.context() as patched:
        patched.setattr(schema, "migrations", lambda: steps)
        patched.setattr(schema, "sql_text", lambda _: "CREATE TABLE half (a INTEGER); SELECT no_such_function();")
        with pytest.raises(apsw.SQLError):
            migrate(path)
    store = SqliteStore(path)
    assert store.schema_version == schema.latest()
    assert store._session.run("SELECT name FROM sqlite_schema WHERE name = 'half'") == []


def test_a_file_of_another_program_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    stamp(path, "CREATE TABLE theirs (a)")
    with pytest.raises(ConfigError, match="another program"):
        SqliteStore(path)


def test_the_file_says_whose_it_is(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "gateway.db").close()
    assert (tmp_path / "gateway.db").read_bytes()[68:72] == b"EDIC"


def test_foreign_keys_are_kept() -> None:
    store = SqliteStore()
    with pytest.raises(apsw.ConstraintError), store.transaction():
        store.note("F-unknown", "x", at=received(SqliteStore()).received_at, who="x")
