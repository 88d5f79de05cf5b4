"""The process that polls is killed at random moments while files wait on a partner's server: each is one flow in the end."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.bootstrap import open_site
from tests.flows.test_polled_servers import poll_table
from tests.sshd import Sshd

pytestmark = pytest.mark.faults

KILLS = int(os.environ.get("KILLS", "20"))
FILES = 40


def test_killed_at_any_moment_a_polled_file_is_one_flow(tmp_path: Path) -> None:
    sshd = Sshd(tmp_path / "sshd")
    sshd.start()
    site, program = tmp_path / "site", [sys.executable, "-m", "gateway", "--site", str(tmp_path / "site")]
    subprocess.run([*program[:3], "init", str(site), "--demo"], check=True, capture_output=True)
    file = site / "partners" / "demo.toml"
    file.write_text(file.read_text() + poll_table(sshd, tmp_path / "server", "demo", interval_seconds=0.1))
    folder, dice, bodies = tmp_path / "server" / "demo" / "in", random.Random(11), set[str]()
    kills_at_work = 0
    try:
        for cycle in range(KILLS):
            for n in range(FILES):
                body = dice.randbytes(20_000)
                bodies.add(hashlib.sha256(body).hexdigest())
                (folder / f"{cycle}-{n}.part").write_bytes(body)
                (folder / f"{cycle}-{n}.part").rename(folder / f"{cycle}-{n}.bin")
            before = len(list(folder.iterdir()))
            with subprocess.Popen([*program, "run", "receive"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                deadline = time.monotonic() + 20
                while len(list(folder.iterdir())) == before and not any(folder.glob(".claimed-*")) and time.monotonic() < deadline:
                    time.sleep(0.002)
                time.sleep(dice.random() * 0.3)
                process.kill()
            kills_at_work += any(folder.iterdir())
        subprocess.run([*program, "run", "receive", "--until-idle"], check=True, capture_output=True, timeout=120)
    finally:
        sshd.stop()
    assert list(folder.iterdir()) == []
    with open_site(site) as gw:
        taken = [flow.sha256 for flow in gw.store.flows()]
        returns = len(gw.store.returns())
    lost, doubled, repeated = len(bodies - set(taken)), len(taken) - len(set(taken)), returns // 2 - len(taken)
    counts = f"{lost} lost, {doubled} doubled, {repeated} told again"
    print(f"\n{KILLS} kills, {kills_at_work} with files left, {len(bodies)} files: {counts}")
    assert (lost, doubled, repeated, len(taken)) == (0, 0, 0, len(bodies))
    assert kills_at_work > KILLS // 3, "it was never killed at work: the test proves nothing"
    shutil.rmtree(site)
