"""A partner who publishes to the broker: one line (polling.Line) that takes its messages and looks for the files they name.

One connection, in the line's own thread and nobody else's. A message that cannot be taken now (disk full, store busy, quota) is held,
neither acknowledged nor given back: giving it back would count against it. It connects to nothing itself (bootstrap does).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.back_off import BackOff
from gateway.config import Partner
from gateway.errors import GatewayError, StoreDamaged
from gateway.letter import Letter
from gateway.log import logger
from gateway.stages import letters
from gateway.stages.desk import Gateway
from gateway.stages.letters import Settled

WAIT_SECONDS = 0.5
"""How long a turn waits for a message: a stop waits that long at most."""

LOOK_SECONDS = 2.0
"""Between two looks for files that messages name."""

AT_ONCE = 100
"""Messages of one turn, before files are looked for and a stop is heard."""

TOGETHER = 16
"""Messages of one transaction, at most: they share a COMMIT, and none has its receipt before it."""


class LetterSource(Protocol):
    """A partner's deposit queues at the broker."""

    def pump(self, seconds: float) -> None:
        """Keep the connection alive, connecting where there is none, and wait that long for the first message; `Unreachable`."""
        ...

    def hand(self) -> Sequence[Letter]:
        """The messages in our hands, oldest first."""
        ...

    def settle(self, settled: Sequence[Settled]) -> None:
        """Acknowledge the oldest ones, or have them put aside by the broker: after COMMIT only."""
        ...

    def ready(self) -> int:
        """How many the broker has for us and has not handed over."""
        ...

    def shut(self) -> None:
        """From another thread: `pump` ends soon, and connects no more."""
        ...


class LetterLine:
    """Takes what one partner publishes. `report`: how much is left, after each turn."""

    def __init__(self, gw: Gateway, partner: Partner, source: LetterSource, *, report: Callable[[int], None]) -> None:
        self.quiet, self._untold = False, True
        self._unlooked = False  # a message was taken since the last look, and its file may be there
        self.shut = source.shut
        self._gw, self._partner, self._source, self._report = gw, partner, source, report
        self._back_off, self._files = BackOff(gw.clock), BackOff(gw.clock)
        self._next_look = 0.0

    def turn(self) -> float:
        """See polling.Line."""
        busy = self._try("files", self._look)
        if self._back_off.waits("broker"):
            self._left(0)
            return WAIT_SECONDS
        busy |= self._try("broker", self._converse)
        return 0.0 if busy else 0.01

    def _try(self, what: str, work: Callable[[], bool]) -> bool:
        """True when it did something; what failed is left alone for a while."""
        if self._back_off.waits(what):
            return False
        try:
            return work()
        except StoreDamaged:
            raise
        except GatewayError as why:
            self._postponed("door.postponed", what, why)
            self._left(0)
            return False

    def _converse(self) -> bool:
        holding = self._back_off.waits("letter")
        self._source.pump(WAIT_SECONDS if holding or not self._source.hand() else 0.0)
        self._back_off.forget("broker")
        taken = 0 if holding else self._take_all()
        self._unlooked |= taken > 0
        held = bool(self._source.hand())
        self._left(0 if held else (1 if taken else self._source.ready()))
        return taken > 0

    def _take_all(self) -> int:
        """Take what is in our hands, oldest first: together, and one by one where that fails, until one cannot be taken now."""
        taken, together = 0, TOGETHER
        while taken < AT_ONCE and (group := self._source.hand()[:together]):
            try:
                settled = letters.take(self._gw, self._partner, group)
            except StoreDamaged:
                raise
            except GatewayError as why:
                if len(group) > 1:
                    together = 1
                    continue
                self._postponed("letter.postponed", "letter", why)
                break
            self._back_off.forget("letter")
            self._source.settle(settled)
            taken += len(settled)
        return taken

    def _look(self) -> bool:
        now = self._gw.clock.monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + LOOK_SECONDS
        found = letters.fetch_awaited(self._gw, self._partner, self._files)
        self._back_off.forget("files")
        self._unlooked = False
        return found > 0

    def _postponed(self, event: str, what: str, why: GatewayError) -> None:
        seconds = self._back_off.failed(what).total_seconds()
        logger("amqp").warning(event, stage="receive", source=self._partner.name, why=str(why), seconds=round(seconds, 1))

    def _left(self, left: int) -> None:
        """Told anew while nothing is left, and once while something is: a file is written for it."""
        if self._unlooked and not self._back_off.waits("files"):
            left = max(left, 1)
        if left <= 0 or self.quiet or self._untold:
            self._report(left)
        self.quiet, self._untold = left <= 0, False
