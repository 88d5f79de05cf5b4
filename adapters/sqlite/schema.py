"""The schema and its numbered migrations; it changes nothing but the schema.

The number of a store's schema is SQLite's `user_version`; `application_id` tells a store from any other SQLite file.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import NamedTuple

from adapters.sqlite.connection import Session
from adapters.sqlite.queries import sql_text
from gateway.errors import ConfigError

APPLICATION_ID = 0x45444943
"""The bytes "EDIC"."""

_FILE = re.compile(r"(?P<number>\d{4})_[a-z0-9_]+\.sql")


class Migration(NamedTuple):
    """One numbered step of the schema."""

    number: int
    file: str


@cache
def migrations() -> tuple[Migration, ...]:
    """Every migration in order: 1, 2, 3 … without a gap."""
    names = [entry.name for entry in resources.files("adapters").joinpath("sql", "migrations").iterdir()]
    found = sorted(Migration(int(match["number"]), name) for name in names if (match := _FILE.fullmatch(name)))
    if [m.number for m in found] != list(range(1, len(found) + 1)):
        raise ConfigError(f"adapters/sql/migrations: {', '.join(m.file for m in found)}; numbers 0001, 0002 … without a gap are expected")
    return tuple(found)


def latest() -> int:
    """The schema that this program writes."""
    return len(migrations())


def version(session: Session) -> int:
    """The store's schema, 0 for an empty file."""
    return int(session.run("PRAGMA user_version")[0][0])


def check(session: Session) -> None:
    """`ConfigError` unless the store's schema is this program's (ADM-004); an empty file gets it."""
    found = version(session)
    if found == 0:
        found = _create(session)
    if found > latest():
        raise _newer(session, found)
    if found < latest():
        raise ConfigError(f"{session.where}: schema {found} is older than the program {latest()}; run `gateway migrate`")


def migrate(session: Session) -> tuple[int, int]:
    """Bring the store to this program's schema: (schema before, schema now). Safe to repeat; each step is one transaction."""
    before = version(session)
    if before > latest():
        raise _newer(session, before)
    if before == 0:
        return 0, _create(session)
    for step in migrations()[before:]:
        _apply(session, step)
    return before, version(session)


def by_migrations(session: Session) -> None:
    """An empty store by every migration in turn: what a store that was there from the beginning has gone through."""
    for step in migrations():
        _apply(session, step)


def _apply(session: Session, step: Migration) -> None:
    with session.transaction():
        if version(session) < step.number:  # another process may have been quicker
            session.run(sql_text(f"migrations/{step.file}"))
            _sign(session, step.number)


def _create(session: Session) -> int:
    with session.transaction():
        if version(session) == 0:
            _refuse_foreign(session)
            session.run(sql_text("schema.sql"))
            _sign(session, latest())
        return version(session)


def _sign(session: Session, number: int) -> None:
    session.run(f"PRAGMA user_version = {number}")
    session.run(f"PRAGMA application_id = {APPLICATION_ID}")


def _refuse_foreign(session: Session) -> None:
    if session.run("SELECT count(*) FROM sqlite_schema")[0][0]:
        raise ConfigError(f"{session.where}: an SQLite file of another program; name a file of the gateway's own, or none")


def _newer(session: Session, found: int) -> ConfigError:
    wrong = f"schema {found} is newer than the program {latest()} (ADM-004), nothing was changed"
    return ConfigError(f"{session.where}: {wrong}; run the program that wrote it")
