"""What pool and children say to each other comes back as it went, and nothing else is believed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from adapters import validation_wire as wire
from gateway.catalogue import finding
from gateway.model import Attachment, Document, Invoice, JudgedInvoice, Judgement, Outcome, PackUse, Party, Severity, SideFile, Syntax

DOCUMENT = Document(7, "été/a.xml", b"<a/>", (SideFile("a.sig", b"sig"),), "F1-000007.xml", True, "FSO1100A")
INVOICE = Invoice(
    number="F1", issue_date="2026-09-30", supplier=Party("1", "80000005100014", "Société", "FR"), preceding=("F0",), lines=3,
    payable="12.50",
    attachments=(Attachment("a.pdf", 12, "application/pdf", True, "01", -1, "", 8), Attachment("b", 0, external="https://x")),
)  # fmt: skip
JUDGED = Judgement(
    ordinal=7, member="été/a.xml", sha256="ab" * 32, size=4, syntax=Syntax.UBL_INVOICE, profile="p",
    invoices=(JudgedInvoice(INVOICE, (finding("BUS-001", line=3, column=9, terms=("BT-1",)),)),),
    findings=(replace(finding("XML-005"), unevaluable=True),), packs=(PackUse("XSD", "2.1", "d1"),), segment=b"segment", segment_crc=5,
    segment_size=1024, detail="",
)  # fmt: skip


def read(pieces: list[bytes]) -> tuple[bytes, memoryview]:
    """Header and body of a frame."""
    whole = b"".join(pieces)
    header, body = wire.PREFIX.unpack_from(whole)
    rest = memoryview(whole)[wire.PREFIX.size :]
    assert len(rest) == header + body
    return bytes(rest[:header]), rest[header:]


def changed(judgement: Judgement, where: list[Any], value: object) -> tuple[bytes, memoryview]:
    """An answer with one value of its header replaced."""
    header, body = read(wire.answer([judgement], last=False))
    raw = orjson.loads(header)
    at = raw
    for step in where[:-1]:
        at = at[step]
    at[where[-1]] = value
    return orjson.dumps(raw), body


def test_documents_come_back_as_they_went() -> None:
    other = Document(8, "b.xml", b"", segment_name="")
    header, body = read(wire.batch([DOCUMENT, other], today="2026-11-22", seconds=61.5))
    rest = body

    def take(size: int) -> bytes:
        nonlocal rest
        taken, rest = bytes(rest[:size]), rest[size:]
        return taken

    raw = orjson.loads(header)
    assert list(wire.documents(raw, take)) == [DOCUMENT, other]
    assert (raw["today"], raw["seconds"], len(rest)) == ("2026-11-22", 61.5, 0)


def test_a_member_name_that_is_no_text_still_travels() -> None:
    header, _ = read(wire.batch([replace(DOCUMENT, member="a\udcff.xml")], today="2026-11-22", seconds=1.0))
    assert orjson.loads(header)["documents"][0][1] == "a?.xml"


def test_judgements_come_back_as_they_went() -> None:
    bare = Judgement(8, "b.xml", "cd" * 32, 0, Syntax.UNKNOWN, outcome=Outcome.LIMIT, detail="wall clock")
    header, body = read(wire.answer([JUDGED, bare], last=True, troubles=["CPRO: it panicked"]))
    answer = wire.read_answer(header, body, [DOCUMENT, Document(8, "b.xml", b"")])
    assert answer == wire.Answer([JUDGED, bare], last=True, troubles=("CPRO: it panicked",))
    assert answer.judgements[0].invoices[0].findings[0].severity is Severity.FATAL


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (["judgements", 0, 0], 5),
        (["judgements", 0, 1], "word"),
        (["judgements", 0, 3], "passed"),
        (["judgements", 0, 5], 9),
        (["judgements", 0, 5], -1),
        (["judgements", 0, 5], True),
        (["judgements", 0, 6, 0, 0, 0], ["a list for a number"]),
        (["judgements", 0, 6, 0, 0, 6], ["1", 2]),
        (["judgements", 0, 6, 0, 0, 20], "three lines"),
        (["judgements", 0, 6, 0, 1, 0, 2], "mild"),
        (["judgements", 0, 6, 0, 1, 0, 3], None),
        (["judgements", 0, 6, 0, 1, 0, 7], "line 3"),
        (["judgements", 0, 6, 0, 0, 21, 0, 1], "12"),
        (["judgements", 0, 8], 10_000),
        (["judgements", 0, 8], -1),
        (["judgements", 0, 8], 0),
        (["judgements"], []),
        (["judgements"], [[], []]),
        (["packs"], None),
        (["troubles"], [5]),
    ],
)
def test_an_answer_of_another_shape_is_not_believed(where: list[Any], value: object) -> None:
    header, body = changed(JUDGED, where, value)
    with pytest.raises(wire.WrongAnswer):
        wire.read_answer(header, body, [DOCUMENT])


@pytest.mark.parametrize("header", [b"", b"{", b"[]", b"null", b"\x80\x04K\x01.", b'{"judgements":[]}'])
def test_bytes_that_are_no_answer_are_not_believed(header: bytes) -> None:
    with pytest.raises(wire.WrongAnswer):
        wire.read_answer(header, memoryview(b""), [DOCUMENT])


@pytest.mark.parametrize("header", [b"", b"{}", b'{"cage":5}', b'{"cage":{"landlock":1}}'])
def test_a_first_word_of_another_shape_is_not_believed(header: bytes) -> None:
    with pytest.raises(wire.WrongAnswer):
        wire.cage(header)


@pytest.mark.parametrize(
    ("outcome", "memory", "code"), [(Outcome.LIMIT, False, "LIM-001"), (Outcome.LIMIT, True, "LIM-002"), (Outcome.CRASH, False, "LIM-003")]
)
def test_what_could_not_be_judged_is_told_and_is_no_verdict(outcome: Outcome, memory: bool, code: str) -> None:
    held = wire.held(DOCUMENT, outcome, "child killed", memory=memory)
    assert (held.outcome, [f.rule for f in held.findings], held.invoices) == (outcome, [code], ())
    assert held.detail == "child killed"
