"""A validation child: a caged interpreter that reads batches on its standard input and answers judgements; it has no network and no files.

Order at the start: everything that must be imported or opened, then the cage, then the first byte of a partner. It ends with the end of its
input, with its parent, or after an answer marked *last* once its memory has grown (libxml2 keeps every name it met).

Limits: an exception that is no verdict is answered as a crash of ours with its type and place, never with a document's content.
"""

from __future__ import annotations

import gc
import mimetypes
import os
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import pypdf  # noqa: F401  # facturx imports it when it meets a PDF; here that must be before the cage

from adapters import sandbox
from adapters import validation_wire as wire
from gateway.config import Limits, Rules, Validation
from gateway.errors import EngineMissing, LimitReached
from gateway.judging import Desk, in_steps
from gateway.model import Document, Judgement, Outcome
from gateway.packs import Packs
from gateway.policies import Panel
from gateway.steps import side_by_side

GROWN = 0.6
"""Share of the memory limit past which a child asks to be replaced."""
SIDE_BY_SIDE, SIDE_BY_SIDE_BYTES = 24, 256 * 1024
"""How many documents are judged side by side, and from how many bytes on no other joins them."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Child:
    """The loop. `source` gives frames, `answers` is the descriptor that takes them."""

    def __init__(self, source: BinaryIO, answers: int) -> None:
        self._source = source
        self._answers = answers
        self._memory = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        self._terms: dict[str, Any] = {}

    def run(self) -> None:
        terms = self._header()
        if terms is None:
            return
        self._terms = terms
        validation = Validation(**terms["validation"])
        desk = _desk(validation, terms)
        self._say(wire.frame({"cage": self._enter(validation)}))
        while (header := self._header()) is not None:
            desk = desk.on(date.fromisoformat(header["today"]))
            sandbox.allow_cpu(header["seconds"])
            if not self._work(validation, desk, wire.documents(header, self._take)):
                return

    def _enter(self, validation: Validation) -> dict[str, str]:
        """Into the cage: only libraries (the packaged schemas are among them) and the administrator's schemas stay readable."""
        mimetypes.init(files=[])  # else its first use reads /etc/mime.types
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)  # a document makes few cycles and many short-lived objects
        readable = [*sandbox.library_folders(), *_folders(validation), *_pack_folder(self._terms)]
        return sandbox.enter(readable, memory_bytes=validation.memory_bytes)

    def _work(self, validation: Validation, desk: Desk, documents: Iterable[Document]) -> bool:
        """Judge and answer one batch; False when this was the last one."""
        judged = [judgement for lot in lots(documents) for judgement in self._judge(lot, desk)]
        last = any(j.outcome is Outcome.LIMIT for j in judged) or self._size() > GROWN * validation.memory_bytes
        troubles = desk.packs.troubles() if desk.packs else []
        self._say(wire.answer(judged, last=last, troubles=troubles))
        return not last

    def _judge(self, lot: Sequence[Document], desk: Desk) -> list[Judgement]:
        return side_by_side((in_steps(document, desk) for document in lot), lambda n, error: _broken_off(lot[n], error))

    def _size(self) -> int:
        """Address space in use, bytes: what RLIMIT_AS counts."""
        return int(os.pread(self._memory, 64, 0).split()[0]) * _PAGE

    # --- frames

    def _header(self) -> dict[str, Any] | None:
        prefix = self._source.read(wire.PREFIX.size)
        if len(prefix) < wire.PREFIX.size:
            return None
        length, _ = wire.PREFIX.unpack(prefix)
        header: dict[str, Any] = orjson.loads(self._take(length))
        return header

    def _take(self, size: int) -> bytes:
        data = self._source.read(size)
        if len(data) < size:
            raise EOFError("the parent is gone")
        return data

    def _say(self, pieces: Sequence[bytes]) -> None:
        rest = memoryview(b"".join(pieces))
        while rest:
            rest = rest[os.write(self._answers, rest) :]


def _desk(validation: Validation, terms: dict[str, Any]) -> Desk:
    return Desk.build(
        policy=validation.policy, folder=next(iter(_folders(validation)), None), rules=Rules(**terms["rules"]),
        limits=Limits(**terms["limits"]), is_deposit=terms["is_deposit"],
        packs=_packs(terms) if validation.packs else None, panel=_panel(terms["panel"]),
    )  # fmt: skip


def _packs(terms: dict[str, Any]) -> Packs:
    return Packs(next(iter(_pack_folder(terms)), None), tried=dict(terms["panel"]["tried"]))


def _panel(raw: dict[str, Any]) -> Panel:
    named = raw["named"]
    return Panel(None if named is None else tuple(named), raw["rules_only"], tuple((name, file) for name, file in raw["tried"]))


def _pack_folder(terms: dict[str, Any]) -> list[Path]:
    """Where compiled packs lie: a pack is read when a document first needs it."""
    return [Path(terms["packs"])] if terms["packs"] else []


def _folders(validation: Validation) -> list[Path]:
    return [Path(validation.schemas)] if validation.schemas else []


def lots(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Documents to be judged side by side: as many as the processor's caches hold together, as the evaluator keeps them."""
    lot: list[Document] = []
    for document in documents:
        lot.append(document)
        if len(lot) >= SIDE_BY_SIDE or sum(len(d.data) for d in lot) >= SIDE_BY_SIDE_BYTES:
            yield lot
            lot = []
    if lot:
        yield lot


def _broken_off(document: Document, error: Exception) -> Judgement:
    """What stands for a judgement that an exception ended: a limit, or a bug of ours on this document, told with its place."""
    if isinstance(error, (MemoryError, LimitReached)):
        return wire.held(document, Outcome.LIMIT, f"memory limit of the validation child ({type(error).__name__})", memory=True)
    return wire.held(document, Outcome.CRASH, str(error) if isinstance(error, EngineMissing) else _place(error))


def _place(bug: Exception) -> str:
    """Type and place of an exception: its text may hold what a partner wrote."""
    last = traceback.extract_tb(bug.__traceback__)[-1]
    return f"{type(bug).__name__} at {Path(last.filename).name}:{last.lineno} in {last.name}"


def main() -> None:
    """`python -m adapters.validation_child PARENT`."""
    if not sandbox.die_with_parent(int(sys.argv[1])):
        return
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.SIG_IGN)  # a service manager signals the whole group: the parent decides when we end
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever prints does not speak for us
    try:
        with open(0, "rb", buffering=1024 * 1024, closefd=False) as source:
            Child(source, answers).run()
    except MemoryError:
        os._exit(wire.MEMORY_EXIT)  # outside a document's judgement: the pool must know it for a limit of ours


if __name__ == "__main__":
    main()
