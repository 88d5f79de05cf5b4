"""Partners with a server of their own: one thread each, so that a server that does not answer keeps only its own partner waiting.

`Lines` is a loop (loops.Loop) that keeps the threads: it starts and ends them with the configuration, and a bug in one of them ends the
whole process, never leaving a gateway half alive. A line is what one thread does: `DropLine` fetches, `ReturnLine` brings back. Threads
share nothing: each has its connection to the store and to its server. It opens none of them (bootstrap does).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from gateway.back_off import BackOff
from gateway.catalogue import finding
from gateway.config import Configuration, Partner
from gateway.errors import GatewayError, HostKeyChanged, StoreDamaged
from gateway.log import logger
from gateway.model import Box
from gateway.ports import DropSource
from gateway.stages import housekeeping, idle, receive, send
from gateway.stages.desk import Gateway

STOP_SECONDS = 1.0
"""How long a stop waits for the threads; one that waits for a connection is left behind, what it does is safe to cut anywhere."""

RETURNS_SECONDS = 1.0
"""Between two looks at what is owed, where no wake-up came: a receipt is promised within 2 s."""


class Line(Protocol):
    """One partner's work in a thread of its own."""

    quiet: bool  # true when the last turn left nothing that could be done now

    def turn(self) -> float:
        """Do what is there; seconds until the next turn. Errors of ours are dealt with inside, `StoreDamaged` and bugs come out."""
        ...

    def shut(self) -> None:
        """From another thread: end what waits for the server."""
        ...


OpenLine = Callable[[Configuration, Partner], AbstractContextManager[Line]]


class PolledSource(DropSource, Protocol):
    """A door on somebody else's server."""

    left: int
    more: bool

    def refusals(self) -> Sequence[Any]: ...

    def put_aside(self, refusal: Any) -> None: ...


class DropLine:
    """Fetches what a partner left on its server, and tells it what was refused there. `report`: how much is left, after each turn."""

    def __init__(
        self, gw: Gateway, partner: Partner, door: PolledSource, *, report: Callable[[int], None], shut: Callable[[], None]
    ) -> None:
        self.quiet = False
        self.shut = shut
        self._gw, self._partner, self._door, self._report = gw, partner, door, report
        self._back_off = BackOff(gw.clock)

    def turn(self) -> float:
        """See Line."""
        try:
            taken = self._take()
        except StoreDamaged:
            raise
        except GatewayError as why:
            return self._later(why)
        self._back_off.forget("")
        if taken:
            logger("poll").info("server.polled", stage="receive", source=self._partner.name, taken=taken, left=self._door.left)
        self._now_left(self._door.left)
        return 0.0 if self._door.more and taken else self._partner.poll.interval_seconds

    def _take(self) -> int:
        """What a look refused is told however it ends: a file refused at each of them would else be told at none."""
        try:
            return receive.receive_from(self._gw, self._door)
        finally:
            for refusal in self._door.refusals():
                housekeeping.owe_notices(self._gw, [refusal])
                self._door.put_aside(refusal)

    def _later(self, why: GatewayError) -> float:
        seconds = self._back_off.failed("").total_seconds()
        tell_failure("door.postponed", "receive", self._partner, why, seconds)
        self._now_left(0)  # nothing that could be done now
        return seconds

    def _now_left(self, left: int) -> None:
        self.quiet = left <= 0
        self._report(max(0, left))


class ReturnLine:
    """Brings a partner's returns to its server or to the broker, oldest first.

    `home`: its local box, which waits for neither; `keep`: keeps a connection alive that nothing is brought over."""

    def __init__(
        self, gw: Gateway, partner: Partner, *, home: Callable[[Box, str, bytes], None], shut: Callable[[], None],
        keep: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.quiet = False
        self.shut, self._keep = shut, keep
        self._gw, self._partner, self._home = gw, partner, home
        self._home_off, self._server_off = BackOff(gw.clock), idle.back_off(gw, idle.servers_of(partner.name))
        self._at_home = 0

    def turn(self) -> float:
        """See Line."""
        if self._try(self._home_off, self._write_home) is None:
            self._try(self._server_off, self._bring)
        self.quiet = True  # what was refused waits for a later attempt
        return RETURNS_SECONDS

    def _try(self, back_off: BackOff, work: Callable[[], GatewayError | None]) -> GatewayError | None:
        """What refuses in a place; one that refused is left alone for a while."""
        if back_off.waits(self._partner.name):
            return None
        try:
            refused = work()
        except StoreDamaged:
            raise
        except GatewayError as why:
            refused = why
        if refused is None:
            back_off.forget(self._partner.name)
        else:
            tell_failure("returns.postponed", "send", self._partner, refused, back_off.failed(self._partner.name).total_seconds())
        return refused

    def _write_home(self) -> None:
        """What was owed since the last look; what is to be written again (`returns resend`) is written with what is brought."""
        while batch := self._gw.store.returns(pending=True, partner=self._partner.name, after=self._at_home, limit=send.BATCH):
            for owed in batch:
                self._home(owed.owed.box, owed.owed.name, owed.owed.body)
                self._at_home = owed.sequence

    def _bring(self) -> GatewayError | None:
        self._keep()
        return send.send_brought(self._gw, self._partner)


def tell_failure(event: str, stage: str, partner: Partner, why: GatewayError, seconds: float) -> None:
    """One line of the log; a changed host key (row 33) has its own code, for an administrator has to look."""
    said: dict[str, Any] = {"stage": stage, "source": partner.name, "seconds": round(seconds, 1)}
    if isinstance(why, HostKeyChanged):
        sentence = finding("SEC-010", hôte=f"{partner.poll.host}:{partner.poll.port}")
        logger("poll").error(event, code=sentence.rule, why=sentence.message_en, motif=sentence.message_fr, detail=str(why), **said)
    else:
        logger("poll").warning(event, why=str(why), **said)


class Lines:
    """The loop that keeps the threads; `chosen` says which partners have one."""

    def __init__(self, name: str, configuration: Configuration, chosen: Callable[[Partner], bool], open_line: OpenLine) -> None:
        self.name = name
        self._configuration, self._chosen, self._open = configuration, chosen, open_line
        self._threads: dict[str, _Thread] = {}
        self._woken = threading.Event()

    def step(self) -> bool:
        """Threads for whom there should be one; what ended one comes out here: a bug, or a store or disk that refused to be opened."""
        for name, thread in list(self._threads.items()):
            if thread.fault is not None:
                del self._threads[name]
                raise thread.fault
        for partner in self._wanted().values():
            if partner.name not in self._threads:
                self._threads[partner.name] = _Thread(self.name, self._configuration, partner, self._open)
        return False

    def idle(self) -> bool:
        """Every line has turned, and nothing that could be done now is left."""
        return all(name in self._threads and self._threads[name].quiet for name in self._wanted())

    def wait(self) -> None:
        """See Loop: short, it runs beside another loop."""
        self._woken.wait(1.0)
        self._woken.clear()

    def wake(self) -> None:
        """See Loop."""
        self._woken.set()

    def nudge(self) -> None:
        """From another thread: each line's next turn begins now. A hint, never waited for; without it the turn begins in its time."""
        for thread in list(self._threads.values()):
            thread.nudge()

    def reload(self, configuration: Configuration) -> bool:
        """See Loop: threads whose partner or whose site changed end here and begin anew at the next step."""
        before, self._configuration = self._configuration, configuration
        wanted = self._wanted()
        same_site = before.settings == configuration.settings
        ending = [name for name, thread in self._threads.items() if not same_site or thread.partner != wanted.get(name)]
        self._end(ending)
        return True

    def close(self) -> None:
        """End all."""
        self._end(list(self._threads))

    def _wanted(self) -> Mapping[str, Partner]:
        return {name: partner for name, partner in self._configuration.partners.items() if self._chosen(partner)}

    def _end(self, names: Sequence[str]) -> None:
        ending = [self._threads.pop(name) for name in names]
        for thread in ending:
            thread.stop()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in ending:
            thread.join(max(0.0, deadline - time.monotonic()))


class _Thread:
    def __init__(self, name: str, configuration: Configuration, partner: Partner, open_line: OpenLine) -> None:
        self.partner = partner
        self.fault: BaseException | None = None
        self._line: Line | None = None
        self._leave, self._woken = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(configuration, open_line), name=f"{name} {partner.name}", daemon=True)
        self._thread.start()

    @property
    def quiet(self) -> bool:
        return self._line is not None and self._line.quiet

    def nudge(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        self._leave.set()
        self._woken.set()
        if self._line is not None:
            self._line.shut()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _run(self, configuration: Configuration, open_line: OpenLine) -> None:
        try:
            with open_line(configuration, self.partner) as self._line:
                while not self._leave.is_set():
                    self._woken.wait(self._line.turn())
                    self._woken.clear()
        except BaseException as fault:  # noqa: BLE001 - comes out in the loop's own thread
            self.fault = fault
