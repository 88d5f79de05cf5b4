"""Where the shared test material lies; it is read in place and never copied into the project."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[1].parent / "shared" / "corpora"


def corpora() -> Path:
    """The folder of the corpora; the test skips with a word when it is absent, and fails where CI=true requires it."""
    if not (FOLDER / "manifest.jsonl").is_file():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{FOLDER}: absent; CI needs the corpora")
        pytest.skip(f"{FOLDER}: the shared corpora are not here")
    return FOLDER


@cache
def manifest() -> tuple[dict[str, Any], ...]:
    """Every line of the manifest; empty when there is none (tests that need it call `corpora` first)."""
    path = FOLDER / "manifest.jsonl"
    return tuple(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()) if path.is_file() else ()
