"""Builds what watches the loops of a site for `run --until-idle`: it looks, says what waits for later, and starts nothing."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import orjson

from gateway import bootstrap, bootstrap_poll
from gateway.config import Settings
from gateway.errors import TransientError
from gateway.lifecycle import DeliveryState
from gateway.log import logger
from gateway.stages import idle
from gateway.stages.dispatch import TO_SEND


class IdleWatch:
    """Whether nothing is left to do now for these loops together, the double's answers included; it looks, it does not wait."""

    def __init__(self, site: Path, names: tuple[str, ...]) -> None:
        self._names = frozenset(names)
        self._held = ExitStack()
        self.gw = self._held.enter_context(bootstrap.open_site(site))
        self._sources = bootstrap.sources(lambda: self.gw, tell=False)
        self._quiet, self._since = 0, time.monotonic()

    def idle(self) -> bool:
        """True when two looks in a row, in the order in which work travels, saw nothing."""
        try:
            self._quiet = self._quiet + 1 if self._nothing_left() else 0
        except TransientError:  # the store is busy: then it is not idle
            self._quiet = 0
        return self._quiet >= 2

    def _nothing_left(self) -> bool:
        return self._doors_are_empty() and self._loops_are_idle() and self._state_is_silent()

    def _doors_are_empty(self) -> bool:
        if "receive" not in self._names:
            return True
        polled = bootstrap_poll.silent(self.gw, self._since)
        return polled and not any(source.waiting() for source in self._sources)

    def _loops_are_idle(self) -> bool:
        """All of them in one look; where only some turn, what waits for the others is not theirs to wait for."""
        if self._names.issuperset(bootstrap.LOOPS):
            return idle.nothing_now(self.gw)
        waits = {
            "work": (idle.flows_wait, idle.envelopes_wait), "send": (idle.returns_wait, idle.deliveries_wait),
            "collect": (idle.statuses_wait,),
        }  # fmt: skip
        return not any(wait(self.gw) for name in self._names & waits.keys() for wait in waits[name])

    def _state_is_silent(self) -> bool:
        settings = self.gw.settings
        if not settings.double.enabled or "collect" not in self._names:
            return True  # nobody would hear it
        says = double_idle(settings)
        if says is None and "double" not in self._names:
            return True  # nobody would answer
        awaited = (*TO_SEND, DeliveryState.SENT, DeliveryState.UNKNOWN)
        if any(_is_doubles(settings, d.destination) for d in self.gw.store.deliveries(states=awaited)) or not says:
            return False
        return self._loops_are_idle()

    def close(self) -> None:
        """Let the store go."""
        self._held.close()


def _is_doubles(settings: Settings, name: str) -> bool:
    """True for a destination that is the demo's double: its folder."""
    destination = settings.destinations.get(name)
    folder = destination and destination.kind == "folder" and settings.under(destination.path).resolve()
    return bool(folder) and folder == settings.under(settings.double.root).resolve()


def double_idle(settings: Settings) -> bool | None:
    """What the demo's double says of itself; None while it does not answer."""
    import urllib.request

    root = settings.under(settings.double.root)
    try:
        port = int((root / ".double" / "port").read_text())
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/control/idle", timeout=2) as answer:
            rests = bool(orjson.loads(answer.read())["idle"])
    except (OSError, ValueError, KeyError):  # what urllib raises is an OSError
        return None
    return rests and not any(not path.name.startswith(".") for path in (root / "out").iterdir())


def tell_later(site: Path) -> None:
    """One line of the log for all that waits for a later attempt, by what and where."""
    with bootstrap.open_site(site) as gw:
        for (what, where), count in idle.left_for_later(gw).items():
            logger("run").warning("work.left", stage="run", what=what, source=where, count=count)
