"""Builds what fetches from partners' own servers, takes what they publish and brings returns to both, one thread a partner and direction;
it decides nothing.

What is left at a door is reported on the site's board, for `run --until-idle`, which watches from another process.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from gateway import bootstrap_amqp
from gateway.config import Configuration, Partner, Settings
from gateway.model import Box
from gateway.polling import DropLine, Line, Lines, ReturnLine
from gateway.stages import admission
from gateway.stages.desk import Gateway

if TYPE_CHECKING:
    from adapters.polled_door import PolledDoor
    from adapters.polled_server import PolledServer

Assemble = Callable[..., Gateway]


def is_polled(partner: Partner) -> bool:
    """True when we fetch from its server now."""
    return bool(partner.poll.host) and partner.enabled


def is_brought(partner: Partner) -> bool:
    """True when returns go to its server or to the broker; a disabled partner's too, flows under way go on."""
    return any(partner.brings_back(box is Box.TEST) for box in Box)


def polling(configuration: Configuration, assemble: Assemble) -> Lines:
    """The loop beside *receive*."""
    return Lines("poll", configuration, is_polled, lambda now, partner: _drop_line(now, partner, assemble))


def taking(configuration: Configuration, assemble: Assemble) -> Lines:
    """The loop beside *receive* for the broker."""
    return Lines("amqp", configuration, bootstrap_amqp.publishes, lambda now, partner: _letter_line(now, partner, assemble))


def bringing(configuration: Configuration, assemble: Assemble) -> Lines:
    """The loop beside *send*."""
    return Lines("bring", configuration, is_brought, lambda now, partner: _return_line(now, partner, assemble))


def server(partner: Partner, settings: Settings) -> PolledServer:
    """The client of a partner's server, not yet connected."""
    from adapters.polled_server import PolledServer

    return PolledServer(partner.poll, settings)


def door(gw: Gateway, partner: Partner, remote: PolledServer) -> PolledDoor:
    """A partner's deposit folders as a door; what an earlier process had fetched only in part is thrown away."""
    from adapters.disk import disk_border
    from adapters.polled_door import PolledDoor

    staging = gw.settings.var / "poll" / partner.name
    with disk_border(str(staging)):
        staging.mkdir(parents=True, exist_ok=True)
        for left in staging.iterdir():
            left.unlink(missing_ok=True)
    return PolledDoor(
        partner, gw.settings, remote, staging, gw.clock, seen=lambda drop: gw.store.deposit_seen(drop) is not None,
        refusal=partial(admission.postponement, gw),
    )  # fmt: skip


def silent(gw: Gateway, since: float) -> bool:
    """True when every server and the broker were looked at since then (monotonic seconds) and nothing to fetch now was left."""
    partners = gw.partners.values()
    polled = [_topic("polled", partner) for partner in partners if is_polled(partner)]
    published = [_topic("published", partner) for partner in partners if bootstrap_amqp.publishes(partner)]
    return all(gw.board.left(topic, since) == 0 for topic in polled + published)


def probe(partner: Partner, settings: Settings) -> str:
    """What `gateway check` prints of a server that answers; `Unreachable`, `ConfigError` when it does not."""
    poll = partner.poll
    remote = server(partner, settings)
    try:
        folders = [folder for folder in (poll.deposit, poll.test_deposit, poll.returns, poll.test_returns) if folder]
        seen = ", ".join(f"{folder}: {remote.probe(folder)} names" for folder in folders)
    finally:
        remote.close()
    return f"{remote.where} answers; {seen}; {poll.strategy}, every {poll.interval_seconds:g} s"


def _topic(door: str, partner: Partner) -> str:
    """One partner's door on the board."""
    return f"{door}-{partner.name}"


@contextmanager
def _drop_line(configuration: Configuration, partner: Partner, assemble: Assemble) -> Iterator[Line]:
    settings = configuration.settings
    gw = assemble(settings, configuration.partners, bell=f"poll-{partner.name}")
    remote = server(partner, settings)
    try:
        report = partial(gw.board.report, _topic("polled", partner))
        yield DropLine(gw, partner, door(gw, partner, remote), report=report, shut=remote.shut)
    finally:
        remote.close()
        gw.close()


@contextmanager
def _letter_line(configuration: Configuration, partner: Partner, assemble: Assemble) -> Iterator[Line]:
    settings = configuration.settings
    gw = assemble(settings, configuration.partners, bell=f"amqp-{partner.name}")
    try:
        with bootstrap_amqp.letter_line(gw, partner, partial(gw.board.report, _topic("published", partner))) as line:
            yield line
    finally:
        gw.close()


@contextmanager
def _return_line(configuration: Configuration, partner: Partner, assemble: Assemble) -> Iterator[Line]:
    from adapters.brought_returns import BroughtReturns

    settings, published = configuration.settings, partner.publishes_back
    gw = assemble(settings, configuration.partners, bell=f"bring-{partner.name}")
    remote = bootstrap_amqp.replies(partner, settings) if published else server(partner, settings)
    local_box = partner.amqp.local_box if published else partner.poll.local_box
    try:
        channel = BroughtReturns(partner, remote.bring, gw.channel, local_box=local_box)
        gw = dataclasses.replace(gw, channel=channel)
        yield ReturnLine(gw, partner, home=channel.at_home, shut=remote.shut, keep=remote.keep)
    finally:
        remote.close()
        gw.close()
