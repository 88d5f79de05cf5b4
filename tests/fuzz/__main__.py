"""`python -m tests.fuzz [SECONDS [SEED]]`: the search for differences, as long as one likes, on every core; exit 1 when one is found."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.differences import Figures, search


def main() -> int:
    """Print what was tried, and keep the documents that differ."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    cores = os.cpu_count() or 1
    print(f"{cores} processes, {seconds:.0f} s each, seeds {seed} to {seed + cores - 1}", flush=True)
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        found = pool.starmap(search, [(seconds, seed + core) for core in range(cores)])
    for figures in found:
        print(figures)
        _keep(figures)
    return 1 if any(figures.different for figures in found) else 0


def _keep(figures: Figures) -> None:
    for said, data in figures.different:
        with tempfile.NamedTemporaryFile(prefix="difference-", suffix=".xml", delete=False) as file:
            file.write(data)
        print(f"{Path(file.name)}: {said}")


if __name__ == "__main__":
    sys.exit(main())
