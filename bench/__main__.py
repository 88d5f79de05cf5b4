"""`make bench`: every figure of the issue in one run, with the machine it was taken on; a full run takes about ten minutes."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from bench import amqp, big_archive, engine, fairness, judging, pipeline, rules


def main() -> None:
    """Measure, then print the table."""
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=os.environ.get("BENCH_DIR")))
    python = f"Python {platform.python_version()} of {sys.base_prefix} ({build()})"
    print(f"{platform.machine()}, {os.cpu_count()} cores, {python}, load {os.getloadavg()[0]:.1f} at the start")
    try:
        rows = {
            "judging of one document / floor (child, one core)": judging.measure(),
            "the same with the policy's rule packs, without the outbound segment": judging.measure(packs=True),
            "rule packs in plain Python": rules.measure(),
            "rule packs, native evaluator": engine.measure(),
            "pipeline / floor (10,000 ten-line UBL, two cores)": pipeline.measure(folder),
            "the same with the policy's rule packs": pipeline.measure(folder, packs=True, rounds=3),
            "1 GB tar.gz": big_archive.measure(folder),
            "AMQP intake / folder intake, flows a second; publish to receipt": amqp.measure(folder),
            "small flows beside a 100,000-invoice flow": fairness.measure(folder),
        }
    finally:
        shutil.rmtree(folder)
    for what, figures in rows.items():
        print(f"{what}\n    " + ", ".join(f"{name}: {value}" for name, value in figures.items()))


def build() -> str:
    """How this interpreter says it was built: a tenth of the pipeline's time hangs on it. Debian's, built with profile, does not say so."""
    says = "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS"))
    return "profile-guided" if says else "says nothing of a profile"


if __name__ == "__main__":
    main()
