"""Returns to a partner's reply exchange: persistent, mandatory, confirmed; it keeps no list of what is owed.

Returned by the broker (no queue is bound), nacked, or not confirmed: `Unreachable`, and the return stays owed. A confirm that was lost
makes us publish once more, under the same message id. One that the broker will not have (its `max_message_size`) is `ReturnRefused`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pika import exceptions

from adapters.amqp import topology
from adapters.amqp.letter import properties, routing_key
from adapters.amqp.link import PRECONDITION_FAILED, Link
from gateway.config import Partner, Settings
from gateway.errors import ReturnRefused, Unreachable
from gateway.model import Box


class AmqpReturns:
    """For one thread, but for `shut`."""

    def __init__(self, partner: Partner, settings: Settings, restore: Callable[[], None] | None = None) -> None:
        self._partner = partner.name
        self._link = Link(settings, partner.amqp.vhost, f"edi returns {partner.name}", _prepare, restore)
        self.shut, self.close = self._link.shut, self._link.close

    def keep(self) -> None:
        """Answer the broker's heartbeats, where there is a connection; one that is lost is made anew when it is needed."""
        with suppress(Unreachable):
            self._link.keep()

    def bring(self, box: Box, name: str, body: bytes) -> None:
        """Publish one return; when it comes back without an error, the broker has it on disk."""
        said = properties(self._partner, box, name, body)
        with self._link.calling(name) as channel:
            try:
                channel.basic_publish(topology.RETURNS, routing_key(box, name), body, said, mandatory=True)
            except exceptions.ChannelClosedByBroker as no:
                if no.reply_code != PRECONDITION_FAILED:
                    raise
                why = f"{len(body)} bytes are not taken ({no.reply_text})"
                raise ReturnRefused(f"{self._link.where}: {name}: {why}; raise the broker's max_message_size") from no


def _prepare(channel: Any) -> None:
    topology.ensure(channel)
    channel.confirm_delivery()
