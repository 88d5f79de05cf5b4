"""What a partner's virtual host holds for us: queues, exchanges, bindings; declared over AMQP itself, and verified by the same declaration.

    edi.in (exchange, direct)  ──in──► edi.in        ──┐ deposits of the real box
                               ──test.in──► edi.test.in ┤ and of the test box
                                                        └─ refused, delivered too often ─► edi.dead (exchange) ─► edi.dead
    edi.out (exchange, topic)  ──real.#──► edi.out · ──test.#──► edi.test.out      returns

All queues are quorum queues. A declaration with other arguments is refused by the broker (406): so a queue that exists and takes ours is
proven to be a quorum queue with dead letters, without asking the management API. Policies are not needed, and cannot replace an argument.

Limits: returns that nobody takes stay in their queues for ever; `edi.dead` is emptied by administrators.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pika import exceptions

from adapters.amqp.link import ACCESS_REFUSED, NOT_FOUND, PRECONDITION_FAILED
from gateway.errors import ConfigError
from gateway.letter import POISON_AFTER
from gateway.model import Box

INTAKE, RETURNS, DEAD = "edi.in", "edi.out", "edi.dead"
DEPOSITS = {Box.REAL: "edi.in", Box.TEST: "edi.test.in"}
REPLIES = {Box.REAL: "edi.out", Box.TEST: "edi.test.out"}
DEPOSIT_KEYS = {Box.REAL: "in", Box.TEST: "test.in"}

_QUORUM: dict[str, object] = {"x-queue-type": "quorum"}
_DEPOSIT: dict[str, object] = {
    **_QUORUM, "x-dead-letter-exchange": DEAD, "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish",
    "x-delivery-limit": 2 * POISON_AFTER,  # never reached before our own answer (gateway/letter.py)
}  # fmt: skip
EXCHANGES = {INTAKE: "direct", RETURNS: "topic", DEAD: "fanout"}
QUEUES: dict[str, dict[str, object]] = {
    DEAD: _QUORUM, **dict.fromkeys(DEPOSITS.values(), _DEPOSIT), **dict.fromkeys(REPLIES.values(), _QUORUM),
}  # fmt: skip


def ensure(channel: Any) -> None:
    """Declare all of it; `ConfigError` where something else stands under one of the names, or where we may not declare."""
    for name, kind in EXCHANGES.items():
        with_words(name, lambda name=name, kind=kind: channel.exchange_declare(name, kind, durable=True))
    for name, arguments in QUEUES.items():
        with_words(name, lambda name=name, arguments=arguments: channel.queue_declare(name, durable=True, arguments=arguments))
    for queue, exchange, key in bindings():
        with_words(queue, lambda queue=queue, exchange=exchange, key=key: channel.queue_bind(queue, exchange, key))


def missing(channel: Any, again: Any) -> Iterator[str]:
    """What is not there; declares nothing. `again`: a fresh channel, for the broker closes one that asks for what is absent."""
    asked = [*((name, "exchange") for name in EXCHANGES), *((name, "queue") for name in QUEUES)]
    for name, kind in asked:
        try:
            (channel.exchange_declare if kind == "exchange" else channel.queue_declare)(name, passive=True)
        except exceptions.ChannelClosedByBroker as no:
            if no.reply_code != NOT_FOUND:
                raise
            channel = again()
            yield f"{kind} {name}"


def bindings() -> Iterator[tuple[str, str, str]]:
    """(queue, exchange, key)."""
    yield DEAD, DEAD, ""
    for box in Box:
        yield DEPOSITS[box], INTAKE, DEPOSIT_KEYS[box]
        yield REPLIES[box], RETURNS, f"{box}.#"


def with_words(name: str, declare: Any) -> None:
    """The broker's *no*, in words of ours."""
    try:
        declare()
    except exceptions.ChannelClosedByBroker as no:
        if no.reply_code == PRECONDITION_FAILED:
            raise ConfigError(f"broker {name}: is not as amqp declare makes it ({no.reply_text}); delete it, declare anew") from no
        if no.reply_code == ACCESS_REFUSED:
            raise ConfigError(f"broker {name}: cannot be declared, and so not verified; let our login configure ^edi\\. there") from no
        raise
