"""Builds what takes from the broker and publishes to it, one line a partner, and what declares and probes it; it decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gateway.config import Partner, Settings
from gateway.errors import GatewayError, Unreachable
from gateway.log import logger
from gateway.stages import letters
from gateway.stages.desk import Gateway

if TYPE_CHECKING:
    from adapters.amqp.door import AmqpDoor
    from adapters.amqp.returns import AmqpReturns


def publishes(partner: Partner) -> bool:
    """True when we take its messages now."""
    return bool(partner.amqp.vhost) and partner.enabled


def door(partner: Partner, settings: Settings) -> AmqpDoor:
    """Its deposit queues, not yet connected."""
    from adapters.amqp.door import AmqpDoor

    return AmqpDoor(partner, settings, _restore(partner, settings))


def replies(partner: Partner, settings: Settings) -> AmqpReturns:
    """Its reply exchange, not yet connected."""
    from adapters.amqp.returns import AmqpReturns

    return AmqpReturns(partner, settings, _restore(partner, settings))


@contextmanager
def letter_line(gw: Gateway, partner: Partner, report: Callable[[int], None]) -> Iterator[Any]:
    """The line that takes a partner's messages; the folder of files that they name is made."""
    from adapters.disk import disk_border
    from gateway.correspondence import LetterLine

    folder = letters.references_folder(gw, partner)
    with disk_border(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
    source = door(partner, gw.settings)
    try:
        yield LetterLine(gw, partner, source, report=report)
    finally:
        source.close()


def declare(partner: Partner, settings: Settings) -> Iterator[dict[str, Any]]:
    """Virtual host, logins and permissions where we may, then queues, exchanges and bindings; what was done, one object a step."""
    from adapters.amqp import topology
    from adapters.amqp.administration import accesses, administration, commands

    about = {"partner": partner.name, "vhost": partner.amqp.vhost}
    administrator = administration(settings)
    if administrator is None:
        yield {**about, "what": "virtual host, logins", "how": "", "done": False, "run": commands(partner, settings)}
    else:
        for access in accesses(partner, settings):
            administrator.grant(access)
            yield {**about, "what": f"virtual host, login {access.user}", "how": administrator.how, "done": True, "run": ""}
    _on_channel(partner, settings, topology.ensure)
    yield {**about, "what": "exchanges, queues, bindings", "how": "AMQP", "done": True, "run": ""}


def probe(partner: Partner, settings: Settings) -> str:
    """What `gateway check` prints of a broker that is as it must be; an error of ours when it is not. Declares nothing new."""
    from adapters.amqp import topology

    counts: dict[str, int] = {}

    def look(channel: Any) -> None:
        gone = list(topology.missing(channel, channel.connection.channel))
        if gone:
            raise Unreachable(f"broker {partner.amqp.vhost}: {', '.join(gone)} missing, nothing is consumed; run gateway amqp declare")
        fresh = channel.connection.channel()
        topology.ensure(fresh)  # all of it is there: this proves its arguments, and changes nothing
        for queue in topology.QUEUES:
            counts[queue] = int(fresh.queue_declare(queue, passive=True).method.message_count)

    _on_channel(partner, settings, look)
    said = ", ".join(f"{queue} {count}" for queue, count in counts.items())
    return f"{settings.amqp.host}:{settings.amqp.port}/{partner.amqp.vhost} answers; messages: {said}"


def _on_channel(partner: Partner, settings: Settings, prepare: Callable[[Any], None]) -> None:
    from adapters.amqp.link import Link

    link = Link(settings, partner.amqp.vhost, f"edi declaration {partner.name}", prepare)
    try:
        with link.calling():
            pass
    finally:
        link.close()


def _restore(partner: Partner, settings: Settings) -> Callable[[], None] | None:
    """For a broker that lost its disk; what cannot be made is told, and the connection is tried again all the same."""
    if not settings.amqp.restore:
        return None

    def restore() -> None:
        try:
            for step in declare(partner, settings):
                logger("amqp").warning("broker.restored", source=partner.name, what=step["what"], how=step["how"], run=step["run"])
        except GatewayError as no:
            logger("amqp").error("broker.unrestored", source=partner.name, why=str(no))

    return restore
