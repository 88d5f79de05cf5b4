"""The official processor on the JVM as a second yardstick, where Debian's libsaxonhe-java and a JDK are installed (`Yardstick.java`)."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
from pathlib import Path

JAR = Path("/usr/share/java/Saxon-HE.jar")
WARM = {10: 1_200, 500: 40}
"""Lines → how often it judges: the JVM compiles while it runs, and the last third counts."""


class Jvm:
    """One virtual machine, warm after some hundred documents. Answers nothing where there is none."""

    def __init__(self) -> None:
        command = ["java", "-cp", str(JAR), str(Path(__file__).with_name("Yardstick.java"))]
        is_here = JAR.exists() and shutil.which("javac") is not None
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) if is_here else None

    def median(self, sheet: Path, file: Path, lines: int) -> float | None:
        """CPU seconds of one judgement, warm; None where it cannot compile the sheet, or is not there."""
        if self._process is None or self._process.stdin is None or self._process.stdout is None:
            return None
        self._process.stdin.write(f"{sheet}\t{file}\t{WARM[lines]}\n")
        self._process.stdin.flush()
        spent: list[int] = json.loads(self._process.stdout.readline())
        return statistics.median(spent[-len(spent) // 3 :]) / 1e9 if spent else None

    def close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()
