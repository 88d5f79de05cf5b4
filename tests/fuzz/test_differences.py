"""The fast evaluator and reader say what the readable one and lxml do of documents drawn at random (longer: `python -m tests.fuzz`)."""

from __future__ import annotations

import os

import pytest

from gateway.schematron import native
from tests.fuzz.differences import search, seeds

SECONDS = float(os.environ.get("FUZZ_SECONDS", "8"))


@pytest.mark.skipif(native.version() is None, reason="the native library is not installed: no cargo when `make setup` ran")
def test_both_evaluators_and_both_readers_agree_on_documents_drawn_at_random() -> None:
    assert seeds()
    figures = search(SECONDS, seed=int(os.environ.get("FUZZ_SEED", "1")))
    assert figures.different == []
    assert figures.read + figures.judged > 0
