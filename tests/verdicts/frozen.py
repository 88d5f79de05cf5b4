"""The official processor's answers in the shared corpora (`verdicts/*.jsonl`), and the documents they were given on; read in place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.corpora import FOLDER
from tests.verdicts import mutation

KINDS = ("documents", "mutants", "cen_cases")


@dataclass(frozen=True, slots=True)
class Run:
    """One pack on one document. `failed`: rule → instances; None where the official processor stopped with an error."""

    pack: str
    failed: dict[str, int] | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A document, named as in its list, with every run that was frozen on it."""

    kind: str
    id: str
    runs: tuple[Run, ...]

    def data(self) -> bytes:
        """The bytes that were judged."""
        if self.kind == "documents":
            return (FOLDER / self.id).read_bytes()
        if self.kind == "cen_cases":
            return str(_cases()[self.id]["xml"]).encode()
        change = _mutants()[self.id]
        return mutation.applied(_base(change["base"]), change["op"], change["path"], change.get("value"))


def judged() -> list[Judged]:
    """Everything that was frozen, in the order of the lists."""
    return [Judged(kind, id_, tuple(runs)) for kind in KINDS for id_, runs in _grouped(FOLDER / "verdicts" / f"{kind}.jsonl")]


def _grouped(path: Path) -> Iterator[tuple[str, Iterator[Run]]]:
    lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    for id_, runs in groupby(lines, key=lambda line: str(line["id"])):
        yield id_, (Run(line["pack"], None if "error" in line else line["failed"]) for line in runs)


@cache
def _mutants() -> dict[str, dict[str, Any]]:
    return _by_id(FOLDER / "mutants.jsonl")


@cache
def _cases() -> dict[str, dict[str, Any]]:
    return _by_id(FOLDER / "cen" / "cen_cases.jsonl")


@cache
def _base(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def _by_id(path: Path) -> dict[str, dict[str, Any]]:
    return {line["id"]: line for line in map(json.loads, path.read_text(encoding="utf-8").splitlines())}
