"""One validation child seen from its parent: its process, its pipes, its frames, its end; what it is asked is the pool's business.

No call here waits: pipes are non-blocking and hold a megabyte where the kernel allows it. The child gets an empty environment, a session of
its own and the code of the very folder that this module comes from.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import select
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from adapters import validation_wire as wire
from gateway.config import Settings
from gateway.policies import ALL, Panel

PIPE_BYTES = 1024 * 1024
F_SETPIPE_SZ = 1031  # fcntl names it on Linux only
STDERR_KEPT = 2_000
READS = 32
READ_BYTES = 256 * 1024
GATHERED = 256  # pieces a writev; Linux takes 1,024

_ROOT = str(Path(__file__).resolve().parent.parent)
ENVIRONMENT = {
    "PYTHONPATH": _ROOT, "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1",
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=1000",
}  # fmt: skip
"""A document is hundreds of small blocks of a size, made and freed at once: kept at hand they cost less than with glibc's seven. Without a
bound the lists age: blocks far from each other stand side by side in them, and a child was a quarter slower after 50,000 documents.
Another libc does not know the variable."""


class Ended(Exception):
    """The child is gone. `limit`: by a limit of ours."""

    def __init__(self, cause: str, *, limit: bool = False) -> None:
        super().__init__(cause)
        self.limit = limit


class ChildProcess:
    """Starts at once; its first frame is the state of its cage."""

    def __init__(self, settings: Settings, *, is_deposit: bool, panel: Panel = ALL, packs: str = "") -> None:
        self.command = f"{sys.executable} -P -s -m adapters.validation_child"
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-s", "-m", "adapters.validation_child", str(os.getpid())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, start_new_session=True,
            env=ENVIRONMENT,
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._to, self._from, self._err = (p.fileno() for p in (self._process.stdin, self._process.stdout, self._process.stderr))
        for descriptor in (self._to, self._from, self._err):
            os.set_blocking(descriptor, False)
            with contextlib.suppress(OSError):  # a user's share of pipe memory may be used up: smaller pipes do too
                fcntl.fcntl(descriptor, F_SETPIPE_SZ, PIPE_BYTES)
        self._out: deque[bytes | memoryview] = deque()
        self._buffer = bytearray()
        self._largest = 0  # frame sent, bytes
        self._stderr = b""
        self.queue(wire.frame(_terms(settings, is_deposit, panel, packs)))
        self.write()

    @property
    def pid(self) -> int:
        return self._process.pid

    def queue(self, pieces: list[bytes]) -> None:
        """Have a frame written as the pipe takes it; its pieces are not joined: the kernel gathers them without a copy of ours."""
        self._largest = max(self._largest, sum(map(len, pieces)))
        self._out.extend(piece for piece in pieces if piece)

    def write(self) -> int:
        """Write what the pipe takes now: bytes written. Raises `Ended`."""
        written = 0
        while self._out:
            try:
                taken = os.writev(self._to, list(islice(self._out, GATHERED)))
            except (BlockingIOError, BrokenPipeError):
                break  # full; or gone, and the reading side says why
            written += taken
            self._drop(taken)
        return written

    def _drop(self, taken: int) -> None:
        """Forget the first bytes of what is to be written."""
        while taken:
            first = self._out.popleft()
            if len(first) > taken:
                self._out.appendleft(memoryview(first)[taken:])
                return
            taken -= len(first)

    def frames(self) -> Iterator[tuple[bytes, memoryview]]:
        """Every complete frame that has come: header, body. Raises `Ended` once the child is gone and its frames are taken."""
        ended = self._read()
        while (size := self._complete()) is not None:
            header, body = size
            start = wire.PREFIX.size
            with memoryview(self._buffer) as buffer:
                taken = bytes(buffer[: start + header + body])
            del self._buffer[: len(taken)]
            yield taken[start : start + header], memoryview(taken)[start + header :]
        if ended:
            raise self._cause()

    def _complete(self) -> tuple[int, int] | None:
        """Lengths of header and body of the first frame, once all of it is here."""
        if len(self._buffer) < wire.PREFIX.size:
            return None
        header, body = wire.PREFIX.unpack_from(self._buffer)
        if header > wire.HEADER_LIMIT or body > 2 * self._largest + wire.BODY_MARGIN:
            raise wire.WrongAnswer(f"validation child: a frame of {header} + {body} bytes announced")
        return (header, body) if len(self._buffer) >= wire.PREFIX.size + header + body else None

    def _read(self) -> bool:
        """Take what the pipe holds, a bounded number of times: a child that writes for ever is not to keep us. True at its end."""
        for _ in range(READS):
            try:
                data = os.read(self._from, READ_BYTES)
            except BlockingIOError:
                return False
            if not data:
                return True
            self._buffer += data
        return False

    def read_stderr(self) -> None:
        """Keep the end of what it complains of; to be called now and then, or a child that complains for ever would stand still."""
        with contextlib.suppress(BlockingIOError):
            if data := os.read(self._err, READ_BYTES):
                self._stderr = (self._stderr + data)[-STDERR_KEPT:]

    def _cause(self) -> Ended:
        code = self._wait(2.0)
        if code == wire.MEMORY_EXIT:
            return Ended("memory limit of the validation child", limit=True)
        self.read_stderr()
        words = self._stderr.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
        if code is None or code >= 0:
            return Ended(f"child closed its pipe, exit {code}; {words}" if words else f"child closed its pipe, exit {code}")
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return Ended(f"child killed by {name}" + (f"; {words}" if words else ""), limit=-code == signal.SIGXCPU)

    def register(self, poll: select.poll) -> None:
        """What the pool waits for."""
        poll.register(self._from, select.POLLIN)
        if self._out:
            poll.register(self._to, select.POLLOUT)

    def end(self) -> None:
        """Kill and reap it: it holds no state, and what it says after an answer that was wrong or late is of no use."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _wait(self, seconds: float) -> int | None:
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


def _terms(settings: Settings, is_deposit: bool, panel: Panel, packs: str) -> dict[str, object]:
    """What a child must know of the site: nothing secret. `packs`: the folder of the compiled ones."""
    validation = settings.validation
    schemas = str(settings.under(validation.schemas).resolve()) if validation.schemas else ""
    return {
        "validation": dataclasses.asdict(dataclasses.replace(validation, schemas=schemas)), "limits": dataclasses.asdict(settings.limits),
        "rules": dataclasses.asdict(settings.rules), "is_deposit": is_deposit, "panel": dataclasses.asdict(panel), "packs": packs,
    }  # fmt: skip
