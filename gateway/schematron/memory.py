"""Python's cyclic collector, held back while everything that is made is kept anyway; nothing is collected here.

A tree and the answers noted on it are hundreds of thousands of objects for a large invoice. The collector walks all of them again and
again while they are made and afterwards, and finds nothing: that doubles the time of 500 lines, and makes that of 10,000 grow faster than
the lines. So it rests for as long as any tree lives; a tree that is let go of unties itself and needs no collector.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final


class Collector:
    """How many hold it back, and whether it was on before."""

    def __init__(self) -> None:
        self._turn = threading.RLock()
        self.holders, self._was_on = 0, False

    def hold(self) -> None:
        """No collection until `let_go` was called as often."""
        with self._turn:
            if self.holders == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self.holders += 1

    def let_go(self) -> None:
        """As before the first `hold`, when this was the last."""
        with self._turn:
            self.holders -= 1
            if self.holders == 0 and self._was_on:
                gc.enable()


collector: Final = Collector()


@contextmanager
def uncollected() -> Iterator[None]:
    """No collection meanwhile."""
    collector.hold()
    try:
        yield
    finally:
        collector.let_go()
