"""The native evaluator is loaded once, serves threads, leaves to the readable one what it cannot do, and tells its limits."""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.errors import LimitReached
from gateway.schematron import document, evaluator, native, pack, reference
from gateway.schematron.document import Document
from tests.both import Both, Disagreement, needs_library
from tests.rules_asked import schema
from tests.verdicts.comparison import official

SAMPLES = sorted((Path(__file__).resolve().parents[2] / "samples" / "accepted").glob("*.xml"))
RULES = schema(
    "<pattern><rule context='b'><assert id='ONE' test=\". = '1'\">is <value-of select='.'/></assert>"
    "<report test='c'>a long text</report></rule></pattern>"
)
XML = "<?xml version='1.0' encoding='{}'?>\n<a>\n <b>é</b>  <b>1</b>\n<b><c/></b></a>"


def read(xml: bytes) -> Document:
    found = document.read(xml)
    assert found is not None
    return found


@pytest.fixture(name="judge")
def _judge() -> native.Evaluator:
    return native.Evaluator()


@needs_library
def test_every_sample_gets_the_same_findings_from_both_evaluators() -> None:
    judge, packs = Both(), {file.syntax: name for name, file in pack.files().items()}
    for sample in SAMPLES:
        found = document.read(sample.read_bytes())
        for name in packs.values() if found else ():
            judge.evaluate(official(name), read(sample.read_bytes()))


@needs_library
@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1", "windows-1252", "UTF-16"])
def test_places_are_those_of_what_was_sent_in_every_encoding(encoding: str) -> None:
    found = Both().evaluate(pack.compile_pack("TEST", RULES), read(XML.format(encoding).encode(encoding)))
    assert [(f.rule, f.location, f.line, f.column, f.message) for f in found] == [
        ("ONE", "/a/b[1]", 3, 2, "is é"), ("ONE", "/a/b[3]", 4, 1, "is"), ("a long text", "/a/b[3]", 4, 1, "a long text"),
    ]  # fmt: skip


@needs_library
def test_a_byte_order_mark_counts_for_no_column() -> None:
    (found, *_) = Both().evaluate(pack.compile_pack("TEST", RULES), read(b"\xef\xbb\xbf<a><b>2</b></a>"))
    assert (found.line, found.column) == (1, 4)


@needs_library
def test_one_evaluator_serves_several_threads(judge: native.Evaluator) -> None:
    judging = official("EN16931-UBL")
    data = next(sample for sample in SAMPLES if sample.name.startswith("ubl-")).read_bytes().replace(b"EUR", b"EUQ")
    right = reference.Evaluator().evaluate(judging, read(data))
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: judge.evaluate(judging, read(data)), range(40)))
    assert right
    assert all(answer == right for answer in answers)


@needs_library
def test_a_document_is_read_once_for_all_its_packs(judge: native.Evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Document] = []
    whole = Document.utf8
    monkeypatch.setattr(Document, "utf8", lambda self: asked.append(self) or whole(self))
    found = read(XML.format("UTF-8").encode())
    for name in ("ONE", "TWO"):
        judge.evaluate(pack.compile_pack(name, RULES), found)
    assert asked == [found]


@needs_library
def test_a_document_that_the_library_refuses_is_judged_by_the_readable_evaluator(
    judge: native.Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Document, "utf8", lambda _: b"<a><b></a>")
    judging, found = pack.compile_pack("TEST", RULES), read(XML.format("UTF-8").encode())
    assert judge.evaluate(judging, found) == reference.Evaluator().evaluate(judging, found)
    assert judge.troubles == ["TEST: byte 8: an end tag of another element"]


@needs_library
def test_a_form_that_the_library_does_not_know_is_judged_by_the_readable_evaluator(judge: native.Evaluator) -> None:
    judging = pack.compile_pack("TEST", RULES)
    judging.rules["patterns"][0]["rules"][0]["visits"] = "following::*"
    assert len(judge.evaluate(judging, read(XML.format("UTF-8").encode()))) == 3
    assert judge.troubles[0].startswith("TEST: the walk is not known")


@needs_library
def test_disagreement_is_an_error_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Document, "utf8", lambda _: b"<a><b>2</b></a>")
    with pytest.raises(Disagreement, match=r"native differs: 1 findings instead of 0"):
        Both().evaluate(pack.compile_pack("TEST", RULES), read(b"<a><b>1</b></a>"))


@needs_library
def test_a_document_beyond_our_limits_is_no_finding(judge: native.Evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_NODES", 3)
    with pytest.raises(LimitReached, match="too many nodes"):
        judge.evaluate(pack.compile_pack("TEST", RULES), read(XML.format("UTF-8").encode()))
    assert judge.troubles == []


@needs_library
def test_an_evaluation_that_takes_too_long_is_no_finding(judge: native.Evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "MILLISECONDS", 1)
    rules = schema(
        "<pattern><rule context='a'><assert test='every $x in b satisfies every $y in b satisfies every $z in b satisfies "
        "every $t in b satisfies exists(.)'>m</assert></rule></pattern>"
    )
    with pytest.raises(LimitReached, match="too long"):
        judge.evaluate(pack.compile_pack("TEST", rules), read(b"<a>" + b"<b/>" * 200 + b"</a>"))


def test_without_the_library_the_readable_evaluator_judges(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(native, "LIBRARY", tmp_path / "absent.so")
    native.library.cache_clear()
    try:
        assert native.version() is None
        assert evaluator.best().name == evaluator.name_and_version() == "python"
        judging, found = pack.compile_pack("TEST", RULES), read(XML.format("UTF-8").encode())
        assert native.Evaluator().evaluate(judging, found) == reference.Evaluator().evaluate(judging, found)
    finally:
        native.library.cache_clear()


@needs_library
def test_the_best_evaluator_is_the_native_one_and_says_its_version() -> None:
    assert evaluator.best().name == "native"
    assert evaluator.name_and_version() == f"native {native.version()}"


@needs_library
def test_a_fault_of_the_library_is_an_answer_not_the_end_of_the_process() -> None:
    there = native.library()
    assert there is not None
    for data in (b"", b"\xff\xfe", b"{}", b'{"names": [], "slots": 0, "patterns": [{}]}', b"[" * 100_000):
        answer = there.engine_load(data, len(data))
        assert answer.status == 1
        assert ctypes.string_at(answer.text, answer.length)
        there.engine_free_text(answer.text, answer.length)
