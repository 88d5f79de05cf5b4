"""What is owed to partners (outbox) and what the State tells (inbox, statuses, strays); it writes no file and reads no box."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from adapters.sqlite.chain import canonical
from adapters.sqlite.part import Part
from adapters.sqlite.records import microseconds, return_of, status_of, text
from gateway.errors import UnknownSubject
from gateway.model import Blob, Box, InvoiceRow, KeptStatus, OwedReturn, Return, ReturnKind, StatusNews


class Exchange(Part):
    """Outbox, inbox, statuses, strays."""

    # --- owed to partners
    def owe(self, owed: Return, at: datetime) -> bool:
        """Owe a file to a partner; False when its key was owed before: name and bytes stay what they were."""
        values = {
            "key": owed.key, "partner": owed.partner, "box": str(owed.box), "flow": owed.flow, "kind": str(owed.kind), "name": owed.name,
            "owed_at": text(at), "body": owed.body,
        }  # fmt: skip
        return self._session.changed("owe", values) > 0

    def returns(self, *, pending: bool = False, flow: str = "", kind: ReturnKind | None = None, limit: int = 0,
                without: Sequence[tuple[str, Box]] = (), partner: str = "", after: int = 0) -> list[OwedReturn]:  # fmt: skip
        """Owed returns with their bytes, in the order in which they were owed; `without`: not those of these partners' boxes; `partner`:
        this one's only; `after`: owed after that one."""
        boxes = orjson.dumps([f"{box}/{partner}" for partner, box in without]).decode() if without else ""
        asked: dict[str, Any] = {"flow": flow, "kind": str(kind or ""), "without": boxes, "partner": partner, "after": after}
        given = {name: value for name, value in asked.items() if value}
        conditions = [*(["only_return_pending"] if pending else []), *(f"only_return_{name}" for name in given)]
        return [return_of(row) for row in self._select("return_rows", conditions, given, order="sequence", limit=limit)]

    def is_owed(self, key: str) -> bool:
        """True when a file was owed under that key, written since or not."""
        return bool(self._session.read("is_owed", {"key": key}))

    def mark_written(self, key: str, at: datetime) -> None:
        """The file is in the partner's box. `UnknownSubject` for a key that is not owed."""
        if not self._session.changed("mark_written", {"key": key, "at": text(at)}):
            raise UnknownSubject(f"return {key}: not owed; see `gateway inspect flow`")

    def owe_again(self, flow: str) -> int:
        """Put every return of the flow back to pending, same bytes; how many."""
        return self._session.changed("owe_again", {"flow": flow})

    # --- told by the State
    def taken(self, source: str, external_id: str, blob: Blob, at: datetime) -> bool:
        """Note a file read from the State; False when it was taken before."""
        values = {"source": source, "external_id": external_id, "sha256": blob.sha256, "size": blob.size, "at": text(at)}
        return self._session.changed("take", values) > 0

    def add_status(self, row: InvoiceRow, news: StatusNews, *, source: str, current: bool, at: datetime) -> bool:
        """Keep a status of an invoice; `current` makes it the invoice's present one. False, and nothing changes, when the same code of the
        same State's time is known of it."""
        values = {
            "flow": row.flow, "position": row.position, "code": news.code, "at": news.at, "news": orjson.dumps(news).decode(),
            "received_at": text(at), "source": source,
        }  # fmt: skip
        if not self._session.changed("add_status", values):
            return False
        if current:
            self._session.write("set_status", {"flow": row.flow, "position": row.position, "code": news.code, "at": news.at})
        return True

    def statuses(self, flow: str, position: int) -> list[KeptStatus]:
        """An invoice's statuses in the order in which we took them."""
        return self._statuses(["only_status_invoice"], {"flow": flow, "position": position})

    def owed_statuses(self, limit: int = 10_000, *, without: Sequence[str] = ()) -> list[KeptStatus]:
        """Statuses not yet told to their partners, oldest first; `without`: not those of these partners."""
        conditions = ["only_status_owed", *(["only_status_without"] if without else [])]
        return self._statuses(conditions, {"without": orjson.dumps(list(without)).decode()} if without else {}, limit=limit)

    def mark_told(self, statuses: Sequence[KeptStatus], key: str) -> None:
        """The return `key` tells these statuses."""
        self._session.write_many("mark_told", [{"id": status.id, "key": key} for status in statuses])

    def keep_stray(self, source: str, kind: str, detail: dict[str, Any], at: datetime) -> None:
        """A report or status that fits nothing we know: kept and shown."""
        values = {"source": source, "kind": kind, "detail": canonical(detail), "at": text(at), "at_us": microseconds(at)}
        self._session.write("keep_stray", values)

    def strays(self, *, since: datetime | None = None) -> list[dict[str, Any]]:
        """{"id","source","kind","detail","at"}, oldest first; `at` as text."""
        rows = self._session.read("strays", {"since": microseconds(since) if since else 0})
        return [{"id": n, "source": source, "kind": kind, "detail": orjson.loads(d), "at": at} for n, source, kind, d, at in rows]

    def _statuses(self, conditions: Sequence[str], asked: dict[str, Any], *, limit: int = 0) -> list[KeptStatus]:
        return [status_of(row) for row in self._select("status_rows", conditions, asked, order="id", limit=limit)]
