"""The fast evaluator's door: packs and documents handed to the native library, its answers read as findings. It evaluates nothing itself.

The library (`engine/`, Rust) stands beside this module when a compiler was there at installation; without it the Python evaluator judges.
It is called without the interpreter's lock, so that threads share the cores; a pack is handed over once a process, a document is read once
for all its packs. Its answers are those of `reference.py`, to the letter: what it cannot do itself (a document that it refuses although
the gateway's parser took it, a crash of its own) is done by that evaluator, and kept in `troubles` for who wants to know.

Limits: a document that takes longer than `MILLISECONDS` is `LimitReached`, as is one beyond the limits of `gateway.parsing`.
"""

from __future__ import annotations

import ctypes
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from gateway import parsing
from gateway.errors import LimitReached
from gateway.model import Finding
from gateway.schematron import reference, wording
from gateway.schematron.document import Document
from gateway.schematron.pack import Pack

NAME: Final = "native"
LIBRARY: Final = Path(__file__).with_name("libedi_rule_engine.so")
MILLISECONDS: Final = 60_000
_NODES: Final = 4 * parsing.ELEMENTS
_FIELD, _RECORD = "\x1f", "\x1e"
_DONE, _REFUSED, _LIMITED, _CRASHED = range(4)
_MOST_TROUBLES: Final = 100


class _Answer(ctypes.Structure):
    """What every function of the library answers (engine/src/ffi.rs)."""

    _fields_ = (("status", ctypes.c_uint32), ("handle", ctypes.c_void_p), ("text", ctypes.c_void_p), ("length", ctypes.c_size_t))


class NotDone(Exception):
    """The library did not do its work, by a fault of its own or of what it was given; another evaluator may."""


@cache
def library() -> ctypes.CDLL | None:
    """The library, loaded once a process; None where it is not installed or does not load."""
    try:
        loaded = ctypes.CDLL(str(LIBRARY))
    except OSError:
        return None
    size, handle, text = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_char_p
    _declare(loaded.engine_version, text)
    _declare(loaded.engine_load, _Answer, text, size)
    _declare(loaded.engine_read, _Answer, text, size, ctypes.c_bool, size, size, size)
    _declare(loaded.engine_evaluate, _Answer, handle, handle, ctypes.c_uint64)
    _declare(loaded.engine_needs_text_nodes, ctypes.c_bool, handle)
    _declare(loaded.engine_free_pack, None, handle)
    _declare(loaded.engine_free_document, None, handle)
    _declare(loaded.engine_free_text, None, handle, size)
    return loaded


def _declare(function: Any, answer: Any, *arguments: Any) -> None:
    """The types that engine/src/ffi.rs has."""
    function.restype, function.argtypes = answer, arguments


def version() -> str | None:
    """The library's version, None where there is none: for `gateway check` and `gateway packs`."""
    loaded = library()
    return None if loaded is None else str(loaded.engine_version().decode())


class _Handle:
    """Something the library made, given back when nobody holds it any more."""

    __slots__ = ("_free", "pointer", "with_text_nodes")

    def __init__(self, pointer: int, free: Any, *, with_text_nodes: bool) -> None:
        self.pointer, self._free, self.with_text_nodes = pointer, free, with_text_nodes

    def __del__(self) -> None:
        self._free(self.pointer)


class Evaluator:
    """Evaluates packs in the native library. An instance may serve several threads, each with documents of its own."""

    name, walks_the_tree = NAME, False

    def __init__(self) -> None:
        self._packs: dict[tuple[str, str], _Handle] = {}
        self._reference = reference.Evaluator()
        self.troubles: list[str] = []

    def evaluate(self, pack: Pack, document: Document) -> list[Finding]:
        """The findings of `reference.Evaluator`, in its order. `LimitReached` when the document is beyond our own limits."""
        try:
            held = self._held(pack)
            answer = _evaluated(held, _read(document, held.with_text_nodes))
        except NotDone as trouble:
            if len(self.troubles) < _MOST_TROUBLES:
                self.troubles.append(f"{pack.name}: {trouble}")
            return self._reference.evaluate(pack, document)
        return [_finding(pack.name, record) for record in answer.split(_RECORD)[:-1]]

    def _held(self, pack: Pack) -> _Handle:
        key = pack.name, pack.digest
        held = self._packs.get(key)
        if held is None:
            held = self._packs[key] = _loaded(pack)
        return held


def reads(data: bytes) -> bool:
    """Does the library take these bytes for a document, as UTF-8?"""
    try:
        _document(data, with_text_nodes=True)
    except (NotDone, LimitReached):
        return False
    return True


def _loaded(pack: Pack) -> _Handle:
    there = _library()
    data = json.dumps(pack.rules).encode("ascii")
    pointer = _made(there, there.engine_load(data, len(data)))
    return _Handle(pointer, there.engine_free_pack, with_text_nodes=there.engine_needs_text_nodes(pointer))


def _read(document: Document, with_text_nodes: bool) -> _Handle:
    """The document in the library, read once unless a later pack asks for more of it."""
    kept = document.kept.get(NAME)
    if isinstance(kept, _Handle) and kept.with_text_nodes >= with_text_nodes:
        return kept
    handle = _document(document.utf8(), with_text_nodes=with_text_nodes)
    document.kept[NAME] = handle
    return handle


def _document(data: bytes, *, with_text_nodes: bool) -> _Handle:
    there = _library()
    answer = there.engine_read(data, len(data), with_text_nodes, parsing.DEPTH, _NODES, parsing.DOCUMENT)
    return _Handle(_made(there, answer), there.engine_free_document, with_text_nodes=with_text_nodes)


def _evaluated(pack: _Handle, document: _Handle) -> str:
    there = _library()
    return _told(there, there.engine_evaluate(pack.pointer, document.pointer, MILLISECONDS))


def _library() -> ctypes.CDLL:
    there = library()
    if there is None:
        raise NotDone("the library is not installed")
    return there


def _made(there: ctypes.CDLL, answer: _Answer) -> int:
    _told(there, answer)
    return int(answer.handle)


def _told(there: ctypes.CDLL, answer: _Answer) -> str:
    """The answer's text, given back to the library; an exception where it says that the work is not done."""
    text = ""
    if answer.length:  # no text is no memory: nothing to give back
        text = ctypes.string_at(answer.text, answer.length).decode()
        there.engine_free_text(answer.text, answer.length)
    if answer.status == _DONE:
        return text
    if answer.status == _LIMITED:
        raise LimitReached(f"rule engine: {text}; a document within the parser's limits, judged within a minute, is expected")
    raise NotDone("it panicked" if answer.status == _CRASHED else text)  # a panic may quote the document


def _finding(pack: str, record: str) -> Finding:
    """One record of engine/src/findings.rs."""
    id_, flag, line, column, location, text, reason = record.split(_FIELD)
    place = location, int(line), int(column)
    return wording.unevaluable(pack, id_, text, reason, place) if reason else wording.fired(pack, id_, flag, text, place)
