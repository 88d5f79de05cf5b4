"""`python -m tests.faults`: all faults, the broker's beside the others (they mostly wait for it to come back); what each prints, then both
ends. Exit 1 when one failed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

FOLDER = Path(__file__).parent
BROKER = sorted(str(file) for file in FOLDER.glob("test_amqp_*.py"))
PYTEST = (sys.executable, "-m", "pytest", "-m", "faults", "-s", "-o", "faulthandler_timeout=600")
"""The timeout is for one test: the long ones kill hundreds of times."""


@contextmanager
def beside(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run whose output is shown when it is over."""
    said: IO[bytes]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([*PYTEST, *words], stdout=said, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.wait()
            said.seek(0)
            print(said.read().decode(errors="replace"), flush=True)


def main() -> int:
    """The others are shown as they go."""
    with beside(*BROKER) as broker:
        others = subprocess.run([*PYTEST, str(FOLDER), *(f"--ignore={file}" for file in BROKER)], check=False)
    return int(bool(broker.returncode or others.returncode))


if __name__ == "__main__":
    sys.exit(main())
