"""Both evaluators as one, for tests: the readable one answers, and the fast one must say the same wherever it is installed."""

from __future__ import annotations

import shutil

import pytest

from gateway.model import Finding
from gateway.schematron import native, reference
from gateway.schematron.document import Document
from gateway.schematron.pack import Pack

needs_library = pytest.mark.skipif(
    native.version() is None and shutil.which("cargo") is None, reason="the native library is not installed: there is no cargo"
)
"""Where a compiler is, a library that is not there is a failure."""


class Disagreement(AssertionError):
    """The evaluators differ: one of them is wrong."""


class Both:
    """Findings of the readable evaluator, after the fast one gave the same, to the letter and in the same order."""

    name = "both"

    def __init__(self) -> None:
        self._readable = reference.Evaluator()
        self._fast = None if native.version() is None else native.Evaluator()

    @property
    def names(self) -> str:
        """Who is compared."""
        return reference.NAME if self._fast is None else f"{reference.NAME} and {native.NAME} {native.version()}"

    def evaluate(self, pack: Pack, document: Document) -> list[Finding]:
        """`Disagreement` when they differ, or when the fast one left its work to the other."""
        findings = self._readable.evaluate(pack, document)
        if self._fast is not None:
            fast = self._fast.evaluate(pack, document)
            if self._fast.troubles:
                raise Disagreement(f"{native.NAME} did not do its work: {self._fast.troubles.pop()}")
            if fast != findings:
                raise Disagreement(f"{pack.name}: {native.NAME} differs: {_first_difference(fast, findings)}")
        return findings


def _first_difference(fast: list[Finding], right: list[Finding]) -> str:
    for one, other in zip(fast, right, strict=False):
        if one != other:
            return f"{one} instead of {other}"
    return f"{len(fast)} findings instead of {len(right)}"
