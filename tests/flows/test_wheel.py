"""The wheel carries its package data: installed into a fresh environment, it runs from any folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.flows.site import ROOT, lines, run


def call(*command: str | Path) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bin/` of an environment with our wheel and the libraries present here (linked, not fetched); nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    known = ("git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in subprocess.run(known, capture_output=True, check=True).stdout.decode().split("\0"):
        if name and (ROOT / name).is_file() and not name.startswith("tests/"):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    call(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source)
    call(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    site_packages = next((folder / "venv" / "lib").glob("python*/site-packages"))
    for present in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if "edi_concentrator" not in present.name and present.name != "__pycache__":
            _linked(present, site_packages / present.name)
    target = ("--python", folder / "venv" / "bin" / "python")
    call(sys.executable, "-m", "pip", *target, "install", "--quiet", "--no-deps", "--no-index", next(folder.glob("*.whl")))
    return folder / "venv" / "bin"


def _linked(present: Path, copy: Path) -> None:
    """The same files under another folder: hard links where the disk is the same one."""
    link = os.link if present.stat().st_dev == copy.parent.stat().st_dev else shutil.copy2
    if present.is_dir():
        shutil.copytree(present, copy, copy_function=link, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        link(present, copy)


def test_it_is_the_wheel_that_runs(installed: Path, tmp_path: Path) -> None:
    found = run("-c", "import gateway, adapters, schemas; print(gateway.__file__, adapters.__file__, schemas.__file__)", cwd=tmp_path,
                program=(str(installed / "python"),)).stdout.decode().split()  # fmt: skip
    assert len(found) == 3
    assert all(path.startswith(str(installed.parent)) for path in found)


def test_the_installed_program_works_from_another_folder(installed: Path, tmp_path: Path) -> None:
    program = (str(installed / "gateway"),)
    made = run("init", tmp_path / "site", "--demo", "--json", program=program, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    samples = Path(lines(made.stdout)[0]["samples"])
    files = sorted(samples.iterdir())
    judged = run("validate", samples, "--json", program=program, cwd=tmp_path)
    assert judged.returncode == 0, judged.stderr
    assert [line["accepted"] for line in lines(judged.stdout)] == [True] * len(files)
    answers = lines(run("--site", "site", "deposit", "demo", *files[::12], "--json", program=program, cwd=tmp_path).stdout)
    assert len(answers) == len(files[::12])
    done = run("--site", "site", "run", "--until-idle", program=program, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = lines(run("--site", "site", "inspect", "flows", "--json", program=program, cwd=tmp_path).stdout)
    assert {line["state"] for line in told} == {"closed"}
    assert sum(line["accepted"] for line in told) == sum(line["invoices"] for line in told) >= len(answers)
    out = [path.name for path in (tmp_path / "site" / "var" / "boxes" / "demo" / "out").iterdir()]
    assert sum(name.startswith("CSO") for name in out) == len(answers)
    assert any(name.startswith("FEN1200A") for name in out)
    assert run("--site", "site", "check", program=program, cwd=tmp_path).returncode == 0
