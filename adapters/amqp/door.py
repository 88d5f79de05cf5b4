"""A partner's deposit queues as a source of letters (correspondence.LetterSource): consumed with a prefetch, acknowledged after COMMIT.

At each connection the topology is declared, which also verifies it: a queue without dead letters is not consumed (`ConfigError`).
After a loss nothing is in our hands any more: what was not acknowledged comes again, and its act is known.

Limits: a queue that is deleted and made anew within some milliseconds; RabbitMQ 3.10 then moves our consumer over without a word, and hands
it nothing more until the next connection. Slower, it says so, and we connect anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from pika import exceptions

from adapters.amqp import topology
from adapters.amqp.letter import letter
from adapters.amqp.link import Link
from gateway.config import Partner, Settings
from gateway.letter import Letter
from gateway.model import Box
from gateway.stages.letters import Settled


class AmqpDoor:
    """For one thread, but for `shut`."""

    def __init__(self, partner: Partner, settings: Settings, restore: Callable[[], None] | None = None) -> None:
        self._prefetch = partner.amqp.prefetch
        self._in_hand: deque[tuple[int, Letter]] = deque()
        self._link = Link(settings, partner.amqp.vhost, f"edi deposits {partner.name}", self._prepare, restore)
        self.where, self.shut = self._link.where, self._link.shut

    def pump(self, seconds: float) -> None:
        """See LetterSource."""
        self._link.process(seconds)

    def hand(self) -> list[Letter]:
        """See LetterSource."""
        return [letter for _, letter in self._in_hand]

    def settle(self, settled: Sequence[Settled]) -> None:
        """See LetterSource. One ack says all: what is refused among them was rejected before."""
        taken = None
        with self._link.calling() as channel:
            for one in settled:
                tag, _ = self._in_hand.popleft()
                if one is Settled.KEPT:
                    channel.basic_reject(tag, requeue=False)
                else:
                    taken = tag
            if taken is not None:
                channel.basic_ack(taken, multiple=True)

    def ready(self) -> int:
        """See LetterSource."""
        with self._link.calling() as channel:
            asked = [channel.queue_declare(queue, passive=True) for queue in topology.DEPOSITS.values()]
        return sum(int(answer.method.message_count) for answer in asked) + len(self._in_hand)

    def close(self) -> None:
        """Give the connection back; what is in our hands is the broker's again."""
        self._in_hand.clear()
        self._link.close()

    def _prepare(self, channel: Any) -> None:
        self._in_hand.clear()
        topology.ensure(channel)
        channel.basic_qos(prefetch_count=self._prefetch)
        channel.add_on_cancel_callback(_cancelled)
        for box, queue in topology.DEPOSITS.items():
            channel.basic_consume(queue, self._hearing(box))

    def _hearing(self, box: Box) -> Callable[..., None]:
        def heard(channel: Any, method: Any, properties: Any, body: bytes) -> None:
            self._in_hand.append((method.delivery_tag, letter(box, method, properties, body)))

        return heard


def _cancelled(_: Any) -> None:
    """The broker ended a consumer (its queue was deleted): a queue made anew under that name has none, and never would."""
    raise exceptions.ConsumerCancelled("it cancelled our consumer")
