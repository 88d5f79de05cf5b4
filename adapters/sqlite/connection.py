"""Connections to the store's file and its transactions; it knows no table.

A file gets one connection a thread (SQLite serialises the processes and threads, writers wait up to the busy timeout); ":memory:" has one
connection and a lock. Foreign errors leave as ours (`MAPPED`); a bug of ours (`SQLError`, `MisuseError`…) passes through untouched.

Source: reliability.md 2.4 (settings, engine) and 2.12 (errors from below).

Limits: local disks only, never NFS; a reader that keeps a statement open would keep the write-ahead log from shrinking, so every read is
fetched whole before it returns.
"""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw

from adapters.sqlite.queries import named
from gateway.errors import ConfigError, GatewayError, StorageRefused, StoreBusy, StoreDamaged

MEMORY = ":memory:"
BUSY_MILLISECONDS = 5000
CHECKPOINT_PAGES = 4000
"""Pages of 4 KiB after which a commit moves the log into the file: 16 MB, about fifteen chunks of 500 invoices."""

JOURNAL_BYTES = 64 * 1024 * 1024

FIXED_ENGINES = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""First releases without the WAL-reset bug, newest branch first (sqlite.org release history; bug since 3.7.0)."""

MAPPED: dict[type[apsw.Error], type[GatewayError]] = {
    apsw.BusyError: StoreBusy,
    apsw.LockedError: StoreBusy,
    apsw.ProtocolError: StoreBusy,  # WAL locking gave up after its own retries
    apsw.InterruptError: StoreBusy,
    apsw.FullError: StorageRefused,
    apsw.IOError: StorageRefused,
    apsw.CantOpenError: StorageRefused,
    apsw.ReadOnlyError: StorageRefused,
    apsw.PermissionsError: StorageRefused,
    apsw.NoMemError: StorageRefused,
    apsw.TooBigError: StorageRefused,
    apsw.CorruptError: StoreDamaged,
    apsw.NotADBError: StoreDamaged,
    apsw.FormatError: StoreDamaged,
    apsw.NoLFSError: ConfigError,
    apsw.AuthError: ConfigError,
}
"""apsw's exceptions that tell of the world. The others tell of a bug of ours and keep their class."""

_WRONG = {
    StoreBusy: "another process writes; try again",
    StorageRefused: "nothing was committed; look at the disk (full, read-only, broken)",
    StoreDamaged: "the file is damaged; stop, copy it aside and restore a backup",
    ConfigError: "this SQLite cannot serve; install the apsw of requirements.lock",
}

Row = tuple[Any, ...]
Bindings = Mapping[str, Any] | Sequence[Any]


def ours(error: apsw.Error, where: str) -> GatewayError | None:
    """Our error for one of apsw's, None for a bug."""
    kind = next((MAPPED[c] for c in type(error).__mro__ if c in MAPPED), None)
    return None if kind is None else kind(f"{where}: {error}; {_WRONG[kind]}")


@contextlib.contextmanager
def border(where: str) -> Iterator[None]:
    """Around calls into apsw: its errors leave as ours, with their cause."""
    try:
        yield
    except apsw.Error as foreign:
        mapped = ours(foreign, where)
        if mapped is None:
            raise
        raise mapped from foreign


def check_engine(version: str) -> None:
    """`ConfigError` for an SQLite that can lose committed transactions in WAL mode."""
    have = tuple(int(part) for part in version.split(".")[:3])
    if have >= FIXED_ENGINES[0] or any(fixed <= have < (*fixed[:2], 1000) for fixed in FIXED_ENGINES[1:]):
        return
    wanted = ", ".join(".".join(map(str, fixed)) for fixed in FIXED_ENGINES)
    raise ConfigError(f"SQLite {version}: has the WAL-reset bug; one of {wanted} or newer in its branch is needed (apsw brings it)")


class Database:
    """One store's file, or memory. Safe to use from several threads."""

    def __init__(self, path: Path | str) -> None:
        check_engine(apsw.sqlite_lib_version())
        self.path = str(path)
        self.where = "store" if self.path == MEMORY else Path(self.path).name
        self._threads = threading.local()
        self._sessions: weakref.WeakSet[Session] = weakref.WeakSet()
        self._shared = Session(self) if self.path == MEMORY else None
        self._closed = False

    @property
    def session(self) -> Session:
        """The calling thread's connection, opened on first use."""
        if self._shared is not None:
            return self._shared
        session: Session | None = getattr(self._threads, "session", None)
        if session is None:
            if self._closed:
                raise RuntimeError(f"{self.where}: used after close(); open the store again")
            session = self._threads.session = Session(self)
            self._sessions.add(session)
        return session

    def close(self) -> None:
        """Close every thread's connection; safe to repeat."""
        self._closed = True
        for session in [*self._sessions, *([self._shared] if self._shared else [])]:
            session.close()
        self._threads = threading.local()


class Session:
    """One connection with its transaction depth. Reads are fetched whole."""

    def __init__(self, database: Database) -> None:
        self.where = database.where
        self._lock = threading.RLock()
        self.depth = 0
        with border(self.where):
            self.connection = _open(database.path)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """BEGIN IMMEDIATE … COMMIT. Inside another one: a savepoint of it, so that a block that raises leaves nothing of its own."""
        with self._lock:
            begin, commit, undo = _WORDS[min(self.depth, 1)]
            self._run(begin)
            self.depth += 1
            try:
                yield
                self._run(commit)
            except BaseException:
                self._undo(undo)
                raise
            finally:
                self.depth -= 1

    def read(self, name: str, bindings: Bindings | None = None) -> list[Row]:
        """Rows of a named statement that changes nothing."""
        return self.run(named()[name], bindings)

    def write(self, name: str, bindings: Bindings | None = None) -> list[Row]:
        """Run a named statement that changes rows; its RETURNING rows. Outside a transaction it is a bug of ours."""
        self.must_write(name)
        return self.run(named()[name], bindings)

    def write_many(self, name: str, bindings: Sequence[Bindings]) -> int:
        """Run a named statement once for each set of bindings; how many rows changed."""
        self.must_write(name)
        before = self.connection.total_changes()
        with border(self.where):
            self.connection.executemany(named()[name], bindings)
        return self.connection.total_changes() - before

    def changed(self, name: str, bindings: Bindings) -> int:
        """Run a named statement that changes rows; how many it changed."""
        self.write(name, bindings)
        return self.connection.changes()

    def run(self, statement: str, bindings: Bindings | None = None) -> list[Row]:
        """Rows of a statement's text."""
        with self._lock:
            try:
                return self.connection.execute(statement, bindings).fetchall()
            except apsw.Error as foreign:
                mapped = ours(foreign, self.where)
                if mapped is None:
                    raise
                raise mapped from foreign

    def must_write(self, name: str) -> None:
        """`RuntimeError` outside a transaction."""
        if not self.connection.in_transaction:
            raise RuntimeError(f"{self.where}: {name} writes outside a transaction; wrap it in `with store.transaction():`")

    def close(self) -> None:
        """Close the connection; safe to repeat."""
        with border(self.where):
            self.connection.close()

    def _run(self, statement: str) -> None:
        with border(self.where):
            self.connection.execute(statement)

    def _undo(self, statements: str) -> None:
        """Roll back, where SQLite has not done so by itself (it does on a full disk)."""
        if self.connection.in_transaction:
            self._run(statements)


_WORDS = (
    ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"),
    ("SAVEPOINT inner", "RELEASE inner", "ROLLBACK TO inner; RELEASE inner"),
)


def _open(path: str) -> apsw.Connection:
    connection = apsw.Connection(path)
    connection.set_busy_timeout(BUSY_MILLISECONDS)
    connection.execute("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -16000")
    if path != MEMORY:
        _log_ahead(connection)
    return connection


def _log_ahead(connection: apsw.Connection) -> None:
    """Write-ahead log, synced at each commit (a commit that returned survives a power cut)."""
    mode = _patiently(connection, "PRAGMA journal_mode")
    if mode != "wal":
        mode = _patiently(connection, "PRAGMA journal_mode = WAL")
    if mode != "wal":
        raise ConfigError(f"{connection.filename}: journal mode {mode}; the store needs a local disk that allows a write-ahead log")
    connection.execute("PRAGMA synchronous = FULL")
    connection.wal_autocheckpoint(CHECKPOINT_PAGES)
    connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_BYTES}").fetchall()


def _patiently(connection: apsw.Connection, pragma: str) -> Any:
    """A pragma's value. SQLite does not wait by itself where the journal mode changes or a dead process's journal is rolled back, and all
    loops of a new site come here at once."""
    until = time.monotonic() + BUSY_MILLISECONDS / 1000
    while True:
        try:
            return connection.execute(pragma).fetchall()[0][0]
        except apsw.BusyError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
