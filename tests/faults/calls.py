"""Write-side system calls of one real process, seen and cut by strace: a recording, the points in it, a kill at a point.

Limits: SIGKILL at a call's entry, so that the call itself is not made and what came before stays in the page cache: this is the death of a
process, not a power cut (the order of fsyncs is order.py's subject). Memory mapped writes (SQLite's -shm) are no calls. strace counts calls
thread by thread: a call that another thread reaches first at the same count cannot be aimed at, and is counted as masked.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

WRITING = (
    "write,writev,pwrite64,pwritev,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,link,linkat,symlink,symlinkat,"
    "truncate,ftruncate,fallocate,mkdir,mkdirat,utimensat,fchmod,fchmodat,openat,sendto,sendmsg"
)
SCRATCH = "/.selftest-"
"""Where the SFTP counter tries itself at its start; nothing of a partner's lies there."""

_LINE = re.compile(r"(?P<pid>\d+) +(?:(?P<name>\w+)\((?P<rest>.*)|<\.\.\. (?P<again>\w+) resumed>(?P<end>.*))$")
_PATH = re.compile(r'\d+<(/[^>]*)>|"((?:[^"\\]|\\.)*)"')
_HEX = re.compile(r"[0-9a-f]{32,64}")


def required_strace() -> str:
    """Path of strace; the test skips with a word when it is absent, and fails where CI=true requires it."""
    found = shutil.which("strace")
    if found is None:
        word = "strace: not on this machine (apt-get install strace); the kill enumeration needs it"
        if os.environ.get("CI") == "true":
            pytest.fail(word)
        pytest.skip(word)
    return found


@dataclass(frozen=True, slots=True)
class Call:
    """One call as recorded. `begun`, `ended`: lines of the log; `nth` counts this name in this thread from 1; `paths` as given or open."""

    thread: int
    name: str
    nth: int
    begun: int
    ended: int
    text: str
    paths: tuple[str, ...]
    result: str

    @property
    def done(self) -> bool:
        """It returned without an error."""
        return self.result != "" and not self.result.startswith(("-1", "?"))

    def touches(self, part: str) -> bool:
        """One of its paths contains `part`."""
        return any(part in path for path in self.paths)


def strace(log: Path, command: Sequence[str], *, follow: bool, inject: str = "") -> list[str]:
    """The command under strace."""
    watch = ["-yy", "-s", "64", "-o", str(log), "-e", f"trace={WRITING}", "-e", "signal=none"]
    kill = ["-e", f"inject={inject}"] if inject else []
    return [required_strace(), *(["-f"] if follow else []), *watch, *kill, "--", *command]


def read_log(log: Path) -> list[Call]:
    """Every call of a log, in the order in which they began; reading opens are left out."""
    counts: Counter[tuple[int, str]] = Counter()
    open_calls: dict[int, tuple[str, int, int, str]] = {}
    calls: list[Call] = []
    for number, line in enumerate(log.read_text(encoding="utf-8", errors="replace").splitlines()):
        found = _LINE.match(line if line[:1].isdigit() and " " in line and line.split(None, 1)[0].isdigit() else f"0 {line}")
        if found is None:
            continue
        thread = int(found["pid"])
        if found["name"]:
            counts[thread, found["name"]] += 1
            start = (found["name"], counts[thread, found["name"]], number, found["rest"])
            if found["rest"].endswith("<unfinished ...>"):
                open_calls[thread] = start
            else:
                calls.append(_call(thread, start, number, ""))
        elif thread in open_calls:
            calls.append(_call(thread, open_calls.pop(thread), number, found["end"]))
    calls += [_call(thread, start, start[2], "") for thread, start in open_calls.items()]
    return sorted((c for c in calls if c.name != "openat" or "O_CREAT" in c.text), key=lambda c: c.begun)


def _call(thread: int, start: tuple[str, int, int, str], ended: int, end: str) -> Call:
    name, nth, begun, rest = start
    text = rest.removesuffix(" <unfinished ...>") + end
    arguments, _, result = text.rpartition(" = ")
    if name in ("write", "writev", "pwrite64", "pwritev", "sendto", "sendmsg"):
        arguments = arguments.split(",", 1)[0]  # what is written may look like a path
    paths = tuple(a or b for a, b in _PATH.findall(arguments))
    return Call(thread, name, nth, begun, ended, text, paths, result.strip())


# --- points


@dataclass(frozen=True, slots=True)
class Point:
    """Where to kill: the `nth` call of that name in its thread; `kind` says what it touches."""

    name: str
    nth: int
    kind: str

    @property
    def inject(self) -> str:
        """For strace."""
        return f"{self.name}:signal=SIGKILL:when={self.nth}"


def kind(call: Call, site: Path) -> str:
    """What a call touches inside the site, numbers and hashes taken out: `fdatasync var/gateway.db-wal`."""
    inside = [path.removeprefix(f"{site}/") for path in call.paths if path.startswith(f"{site}/")]
    if not inside and call.name in ("sendto", "sendmsg") and "TCP" in call.text:
        return f"{call.name} answer"
    return f"{call.name} {' → '.join(_class(path) for path in inside)}" if inside else ""


def _class(path: str) -> str:
    folder, _, name = path.rpartition("/")
    folder = re.sub(r"blobs/[0-9a-f]{2}$", "blobs/xx", folder)
    name = _HEX.sub("#", name)
    for prefix in (".claimed-", ".done-", "RECEIPT_", "CONTROL_", "CSO", "FEN", "FSO", ".RECEIPT_", ".CONTROL_", ".CSO", ".FEN"):
        if name.startswith(prefix):
            suffix = name[name.rindex(".") :] if name.endswith((".part", ".json", ".xml")) else ""
            name = f"{prefix}…{suffix}"
    if folder.endswith("spool/blobs"):
        name = re.sub(r"^[0-9a-f]{2}$", "xx", name)
    return f"{folder}/{re.sub(r'[0-9]{4,}[-.0-9]*', '#', name)}"


def points(calls: Sequence[Call], site: Path) -> tuple[list[Point], int]:
    """Every point of a recording in order of time, and how many calls no point can aim at (see Limits). What is said on the wire
    counts in threads that take custody: key exchange does not."""
    custody = {call.thread for call in calls if call.name == "link"}
    made = [(call, kind(call, site)) for call in calls if call.done and not call.touches(SCRATCH)]
    wanted = [(call, word) for call, word in made if word and (call.thread in custody or not word.startswith("send"))]
    first: dict[tuple[str, int], int] = {}
    for call in calls:
        first.setdefault((call.name, call.nth), call.thread)
    found = [Point(call.name, call.nth, word) for call, word in wanted if first[call.name, call.nth] == call.thread]
    return found, len(wanted) - len(found)


def chosen(every: Sequence[Point], limit: int, known: Collection[str] = ()) -> list[Point]:
    """At most `limit` points (0: all), those of kinds not in `known` at least once each even beyond the limit, the rest spread evenly."""
    if limit <= 0 or limit >= len(every):
        return list(every)
    kinds: dict[str, list[int]] = {}
    for place, point in enumerate(every):
        kinds.setdefault(point.kind, []).append(place)
    kept = {places[len(places) // 2] for kind, places in kinds.items() if kind not in known}
    spare = [place for place in range(len(every)) if place not in kept]
    missing = limit - len(kept)
    if missing > 0:
        kept |= {spare[n * len(spare) // missing] for n in range(missing)}
    return [every[place] for place in sorted(kept)]


# --- processes


def end_group(process: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> None:
    """Signal a process that leads its own group, with all that it started; gone already is fine."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
    process.wait(10)
