"""What the pool and its children say to each other: framed JSON and raw bytes; it starts nothing and judges nothing.

A frame is `<I header length><Q body length>` (little endian), a JSON header, a raw body. Towards the child the body is the documents one
after the other; back it is the outbound segments. JSON is data only: a child parses hostile XML, so what it says is read as such, every
shape and type checked, anything else is a `WrongAnswer`. Records travel as arrays in the order of the model's fields: an invoice costs
microseconds here, on the one path that every document takes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from operator import attrgetter, itemgetter
from typing import Any

import orjson

from gateway.catalogue import finding
from gateway.flat import ATTACHMENTS, NAMES, PRECEDING, SUPPLIER, flat, whole
from gateway.model import (
    Document,
    Finding,
    Invoice,
    JudgedInvoice,
    Judgement,
    Outcome,
    PackUse,
    Severity,
    SideFile,
    Syntax,
    maker,
)  # fmt: skip

PREFIX = struct.Struct("<IQ")
HEADER_LIMIT = 256 * 1024 * 1024
"""No answer's header is longer: a longer one is not ours."""
MEMORY_EXIT = 86
"""Exit code of a child whose memory did not suffice even for taking a batch in."""
BODY_MARGIN = 64 * 1024 * 1024
"""No answer's body is longer than twice what was sent, and this."""

_FINDING = tuple(f.name for f in fields(Finding))
_LINES = NAMES.index("lines")
_invoice_texts = itemgetter(*(n for n in range(len(NAMES)) if n not in {SUPPLIER, PRECEDING, ATTACHMENTS, _LINES}))
_finding_values = attrgetter(*_FINDING)
_finding_texts = itemgetter(*(_FINDING.index(n) for n in ("pack", "rule", "message", "message_fr", "message_en", "location")))
_SEVERITY_AT, _TERMS_AT, _FLAG_AT = (_FINDING.index(n) for n in ("severity", "terms", "flag"))

_SYNTAXES = {str(s): s for s in Syntax}
_SEVERITIES = {str(s): s for s in Severity}
_OUTCOMES = {str(o): o for o in Outcome}
_NUMBER = {int}


_make_document = maker(Document)
_make_judgement = maker(Judgement)


class WrongAnswer(ValueError):
    """What came from a child is not what a child of ours says."""


def frame(header: Any, body: Iterable[bytes] = ()) -> list[bytes]:
    """The pieces of a frame, to be written one after the other."""
    text = orjson.dumps(header)
    pieces = list(body)
    return [PREFIX.pack(len(text), sum(map(len, pieces))), text, *pieces]


# --- towards the child


def batch(documents: Sequence[Document], *, today: str, seconds: float) -> list[bytes]:
    """A batch as a frame; `today` is ISO 8601, `seconds` the time allowed for it."""
    body: list[bytes] = []
    rows: list[list[Any]] = []
    for document in documents:
        body.append(document.data)
        body.extend(side.data for side in document.sides)
        rows.append(_document_row(document))
    return frame({"today": today, "seconds": seconds, "documents": rows}, body)


def _document_row(document: Document) -> list[Any]:
    return [
        document.ordinal, writable(document.member), len(document.data), document.segment_name, document.explain, document.interface,
        [[writable(side.name), len(side.data)] for side in document.sides],
    ]  # fmt: skip


def writable(name: str) -> str:
    """A name that JSON can hold: a file system may give one that is not text."""
    return name if name.isascii() else name.encode("utf-8", "replace").decode("utf-8")


def documents(header: dict[str, Any], take: Any) -> Iterable[Document]:
    """The documents of a batch's header, one by one; `take(n)` gives the next n bytes of the body."""
    for ordinal, member, size, segment_name, explain, interface, sides in header["documents"]:
        data = take(size)
        beside = tuple([SideFile(name, take(length)) for name, length in sides]) if sides else ()
        yield _make_document((ordinal, member, data, beside, segment_name, explain, interface))


# --- back to the pool


def answer(judgements: Sequence[Judgement], *, last: bool, troubles: Sequence[str] = ()) -> list[bytes]:
    """A batch's judgements as a frame. `last`: the child ends after it (its memory is used up). `troubles`: what the fast evaluator could
    not do, and the readable one did."""
    packs: dict[tuple[PackUse, ...], int] = {}
    rows = [_judgement_row(j, packs.setdefault(j.packs, len(packs))) for j in judgements]
    uses = [[[p.name, p.version, p.digest] for p in used] for used in packs]
    return frame({"judgements": rows, "packs": uses, "last": last, "troubles": troubles}, [j.segment for j in judgements if j.segment])


def _judgement_row(judgement: Judgement, packs: int) -> list[Any]:
    return [
        judgement.sha256, str(judgement.syntax), judgement.profile, str(judgement.outcome), judgement.detail, packs,
        [[flat(j.invoice), [_finding_row(f) for f in j.findings]] for j in judgement.invoices],
        [_finding_row(f) for f in judgement.findings], len(judgement.segment), judgement.segment_crc, judgement.segment_size,
    ]  # fmt: skip


def _finding_row(finding: Finding) -> tuple[Any, ...]:
    values: tuple[Any, ...] = _finding_values(finding)
    return values


def cage(header: bytes) -> dict[str, str]:
    """A child's first word: which layers hold it."""
    try:
        layers = orjson.loads(header)["cage"]
        return {_text(name): _text(state) for name, state in layers.items()}
    except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError) as broken:
        raise WrongAnswer(f"validation child: first word unreadable ({broken}); the state of its cage is expected") from broken


def held(document: Document, outcome: Outcome, cause: str, *, memory: bool = False) -> Judgement:
    """What stands for a judgement that could not be given: a finding that says so, no verdict (reliability.md, rows 81–83)."""
    code = "LIM-003" if outcome is Outcome.CRASH else "LIM-002" if memory else "LIM-001"
    return Judgement(
        document.ordinal, document.member, sha256(document.data).hexdigest(), len(document.data), Syntax.UNKNOWN,
        outcome=outcome, findings=(finding(code),), detail=cause,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """See `answer`."""

    judgements: list[Judgement]
    last: bool
    troubles: tuple[str, ...]


def read_answer(header: bytes, body: memoryview, judged: Sequence[Document]) -> Answer:
    """What a child answers on these documents; `WrongAnswer` on any other shape."""
    try:
        raw = orjson.loads(header)
        packs = [tuple(PackUse(*map(_text, use)) for use in uses) for uses in raw["packs"]]
        rows = raw["judgements"]
        return Answer(list(_judgements(rows, body, judged, packs)), bool(raw["last"]), tuple(map(_text, raw["troubles"])))
    except WrongAnswer:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as broken:
        cause = f"{type(broken).__name__}: {broken}"
        raise WrongAnswer(f"validation child: answer unreadable ({cause}); one row per document is expected") from broken


def _judgements(
    rows: Sequence[Any], body: memoryview, judged: Sequence[Document], packs: Sequence[tuple[PackUse, ...]]
) -> Iterable[Judgement]:
    offset = 0
    for document, row in zip(judged, rows, strict=True):
        sha256, syntax, profile, outcome, detail, pack, invoices, findings, length, crc, size = row
        numbers = (length, crc, size, pack)
        "".join((sha256, profile, detail))
        if set(map(type, numbers)) != _NUMBER or min(numbers) < 0:
            raise WrongAnswer(f"validation child: judgement of {document.member} has values of other types than ours")
        segment = bytes(body[offset : offset + length]) if length else b""
        offset += length
        yield _make_judgement((
            document.ordinal, document.member, sha256, len(document.data), _SYNTAXES[syntax], profile, _OUTCOMES[outcome],
            tuple([JudgedInvoice(_invoice(i), tuple(map(_finding, f)) if f else ()) for i, f in invoices]),
            tuple(map(_finding, findings)) if findings else (), packs[pack], segment, crc, size, detail,
        ))  # fmt: skip
    if offset != len(body):
        raise WrongAnswer(f"validation child: {len(body)} bytes of segments where {offset} were announced")


def _invoice(row: list[Any]) -> Invoice:
    """The cheapest check that all are texts is to join them: anything else is a TypeError."""
    "".join(_invoice_texts(row))
    "".join(row[SUPPLIER])
    "".join(row[PRECEDING])
    _whole(row[_LINES])
    for attachment in row[ATTACHMENTS]:
        _check_attachment(attachment)
    return whole(row)


def _check_attachment(row: list[Any]) -> None:
    name, size, mime, zipped, kind, error, external, line = row
    "".join((name, mime, kind, external))
    if type(zipped) is not bool:
        raise WrongAnswer(f"validation child: {type(zipped).__name__} where a truth value is expected")
    _whole(size), _whole(error), _maybe(line)


def _finding(row: list[Any]) -> Finding:
    "".join(_finding_texts(row))
    row[_SEVERITY_AT] = _SEVERITIES[row[_SEVERITY_AT]]
    row[_TERMS_AT] = tuple(map(_text, row[_TERMS_AT]))
    row[_FLAG_AT] = None if row[_FLAG_AT] is None else _SEVERITIES[row[_FLAG_AT]]
    found = Finding(*row)
    _maybe(found.line), _maybe(found.column)
    return found


def _text(value: Any) -> str:
    if type(value) is not str:
        raise WrongAnswer(f"validation child: {type(value).__name__} where a text is expected")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise WrongAnswer(f"validation child: {type(value).__name__} where a number is expected")
    return value


def _maybe(value: Any) -> int | None:
    return None if value is None else _whole(value)
