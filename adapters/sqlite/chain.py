"""The hash chain of a flow's events: how an entry is sealed and how a chain is checked; it reads and writes no row.

Limits: a chain cut at its end still verifies by itself; the flow's row, which names the state that the last move led to, tells it
(`Flows.verify_chain`), and so does the daily seal of all heads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from gateway.model import HistoryEntry

_CANONICAL = orjson.OPT_SORT_KEYS
FIRST = ""
"""What the first event of a flow names as its predecessor."""


def canonical(detail: dict[str, Any]) -> str:
    """A detail as JSON text: keys sorted, no white space, UTF-8."""
    return orjson.dumps(detail, option=_CANONICAL | orjson.OPT_NON_STR_KEYS).decode()


def seal(flow: str, n: int, *, at: str, who: str, what: str, detail: str, previous: str) -> str:
    """SHA-256 over the canonical JSON of an event's fields, `previous` among them. `detail` is hashed as the text that is stored."""
    fields = {"flow": flow, "n": n, "at": at, "who": who, "what": what, "detail": detail, "previous": previous}
    return hashlib.sha256(orjson.dumps(fields, option=_CANONICAL)).hexdigest()


Row = tuple[str, int, str, str, str, str, str, str]
"""flow, n, at, who, what, detail, previous, hash as stored."""


def entry(row: Row) -> HistoryEntry:
    """A stored event in the field's words."""
    flow, n, at, who, what, detail, previous, digest = row
    return HistoryEntry(flow, n, datetime.fromisoformat(at), who, what, orjson.loads(detail), previous, digest)


def first_fault(rows: Sequence[Row]) -> str | None:
    """What is wrong with the first event that does not hold, None when the chain is whole."""
    previous = FIRST
    for place, row in enumerate(rows, start=1):
        flow, n, at, who, what, detail, said, digest = row
        if n != place:
            return f"{flow} event {place}: missing; the next one there is {n}"
        if said != previous:
            return f"{flow} event {n}: follows another event than the one before it"
        if seal(flow, n, at=at, who=who, what=what, detail=detail, previous=said) != digest:
            return f"{flow} event {n}: its content is not what was sealed"
        previous = digest
    return None
