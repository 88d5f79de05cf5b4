"""Escapes from the cage, tried for real: each attempt runs in a child of its own that has entered it."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adapters import sandbox

ROOT = Path(__file__).resolve().parents[2]
FULL = sandbox.report()
needs_landlock = pytest.mark.skipif("absent" in FULL["landlock"], reason=f"Landlock {FULL['landlock']}")
needs_seccomp = pytest.mark.skipif("absent" in FULL["seccomp"], reason=f"seccomp {FULL['seccomp']}")

PRELUDE = """
import ctypes, errno, json, os, resource, signal, socket, sys
from pathlib import Path
from adapters import sandbox
import lxml.etree
import mimetypes
mimetypes.init(files=[])  # else its first use reads /etc/mime.types
sys.dont_write_bytecode = True
readable = [Path(p) for p in json.loads(sys.argv[1])] + list(sandbox.library_folders())
state = sandbox.enter(readable, memory_bytes=600_000_000)
def attempt(act):
    try:
        return repr(act())
    except OSError as refused:
        return errno.errorcode.get(refused.errno, str(refused))
    except MemoryError:
        return "MemoryError"
"""


def caged(attempt: str, *, readable: list[Path] | None = None, timeout: float = 20.0) -> subprocess.CompletedProcess[str]:
    """Run an attempt in the cage; `attempt` is an expression."""
    code = f"{PRELUDE}\nprint(attempt(lambda: {attempt}))"
    return subprocess.run(
        [sys.executable, "-c", code, json.dumps([str(p) for p in readable or []])],
        capture_output=True, text=True, timeout=timeout, env={"PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip


def answer(attempt: str, **options: object) -> str:
    done = caged(attempt, **options)  # type: ignore[arg-type]  # the two options of caged
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@needs_landlock
@needs_seccomp
def test_the_cage_says_what_is_in_force() -> None:
    state = answer("state")
    assert "'limits': 'in force'" in state
    assert "'landlock': 'in force" in state
    assert "'seccomp': 'in force'" in state
    assert "'no_new_privs': 'in force'" in state


@needs_landlock
def test_a_file_outside_the_given_folders_cannot_be_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    assert answer(f"open({str(secret)!r}).read()") == "EACCES"
    assert answer("open('/etc/passwd').read()") == "EACCES"
    assert answer("os.listdir('/')") == "EACCES"


def test_a_given_folder_stays_readable(tmp_path: Path) -> None:
    (tmp_path / "schema.xsd").write_text("<x/>")
    assert answer(f"open({str(tmp_path / 'schema.xsd')!r}).read()", readable=[tmp_path]) == "'<x/>'"


def test_a_single_given_file_stays_readable(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("1")
    assert answer(f"open({str(tmp_path / 'one')!r}).read()", readable=[tmp_path / "one", tmp_path / "missing"]) == "'1'"


def test_modules_can_still_be_imported_lazily() -> None:
    assert answer("__import__('xmlschema').__name__") == "'xmlschema'"


@needs_landlock
def test_nothing_can_be_written_not_even_where_reading_is_allowed(tmp_path: Path) -> None:
    assert answer(f"open({str(tmp_path / 'x')!r}, 'w').write('x')", readable=[tmp_path]) == "EACCES"
    assert not (tmp_path / "x").exists()


@needs_seccomp
@pytest.mark.parametrize(
    "act",
    [
        "socket.socket()",
        "socket.socketpair()",
        "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)",
        "os.execv('/bin/true', ['true'])",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.fork()",
        "os.kill(os.getppid(), 9)",
        "os.kill(os.getpid(), 9)",
        "os.unlink('/tmp/nothing')",
        "os.rename('/tmp/nothing', '/tmp/other')",
        "os.mkdir('/tmp/nothing-new')",
        "os.memfd_create('x')",
        "os.pidfd_open(os.getppid())",
        "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (0, 0))",
        "os.setuid(65534)",
    ],
)
def test_a_call_that_reaches_outside_is_refused(act: str) -> None:
    assert answer(act) == "EPERM"


@needs_seccomp
def test_io_uring_which_would_go_round_the_filter_is_refused() -> None:
    libc = "ctypes.CDLL(None, use_errno=True)"
    assert answer(f"({libc}.syscall(425, 8, None), ctypes.get_errno())") == "(-1, 1)"


@needs_seccomp
@pytest.mark.skipif(platform.machine() != "x86_64", reason="x32 calls exist on x86_64 only")
def test_the_x32_numbers_kill() -> None:
    done = caged("ctypes.CDLL(None).syscall(0x40000000 + 41, 2, 1, 0)")
    assert done.returncode == -signal.SIGSYS


@needs_landlock
@needs_seccomp
def test_the_parent_outlives_every_attempt_on_it() -> None:
    tried = f"[attempt(lambda s=s: os.kill({os.getpid()}, s)) for s in (9, 15, 19)]"
    assert answer(tried) == "['EPERM', 'EPERM', 'EPERM']"


def test_two_gigabytes_are_refused() -> None:
    assert answer("len(bytearray(2 << 30))") == "MemoryError"


def test_a_limit_once_set_cannot_be_raised() -> None:
    done = caged("resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)) if os.getuid() else 'root'")
    assert done.returncode != 0 or "root" in done.stdout  # root keeps CAP_SYS_RESOURCE: Landlock and seccomp stand behind


def test_an_endless_loop_ends_by_the_cpu_signal() -> None:
    done = caged("[sandbox.allow_cpu(0.2), [0 for _ in iter(int, 1)]]")
    assert done.returncode == -signal.SIGXCPU


def test_the_cpu_limit_rolls_on() -> None:
    assert answer("[sandbox.allow_cpu(1.0), sum(range(10**6)), sandbox.allow_cpu(1.0)][1]") == "499999500000"


def test_an_abort_of_the_interpreter_still_ends_it() -> None:
    assert caged("os.abort()").returncode == -signal.SIGABRT


def test_a_child_dies_with_its_parent() -> None:
    grandchild = (
        "import os,sys,time;from adapters import sandbox;"
        "print(sandbox.die_with_parent(int(sys.argv[1])),os.getpid(),flush=True);time.sleep(60)"
    )
    parent = (
        "import os,subprocess,sys;"
        f"c=subprocess.Popen([sys.executable,'-c',{grandchild!r},str(os.getpid())],stdout=subprocess.PIPE,text=True);"
        "print(c.stdout.readline(),end='',flush=True);os.kill(os.getpid(),9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", parent], capture_output=True, text=True, timeout=20, env={"PYTHONPATH": str(ROOT)}, check=False
    )
    alive, pid = done.stdout.split()
    assert alive == "True"
    assert _gone(int(pid))


def test_a_parent_that_is_gone_already_is_noticed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from adapters import sandbox; print(sandbox.die_with_parent(1 << 22))"],
        capture_output=True, text=True, timeout=20, env={"PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "False"


def test_the_report_enters_nothing() -> None:
    assert set(sandbox.report()) == {"limits", "landlock", "seccomp"}
    assert Path(__file__).read_text()  # still outside the cage


def test_every_denied_call_is_known_on_both_architectures() -> None:
    named = {n: number for n, (number, _) in sandbox._DENIED.items()}
    assert len(set(named.values())) == len(named)
    arm = [number for _, number in sandbox._DENIED.values() if number is not None]
    assert len(set(arm)) == len(arm)


def _gone(pid: int) -> bool:
    """True when the process has ended (or waits to be reaped) within a few seconds."""
    for _ in range(2000):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        os.sched_yield()
    return False
