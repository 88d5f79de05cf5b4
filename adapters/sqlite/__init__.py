"""The store on SQLite (ports.Store), one part a subject; the blobs are the spool's."""

from adapters.sqlite.store import SqliteStore, migrate

__all__ = ["SqliteStore", "migrate"]
