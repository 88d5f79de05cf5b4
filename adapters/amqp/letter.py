"""A message of pika's as a letter of ours, and a return of ours as a message; it judges neither."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import pika

from adapters.amqp import topology
from gateway.letter import Letter
from gateway.model import Box

_KINDS = {"RECEIPT_": "receipt", "CONTROL_": "control", "CSO": "final", "FEN": "status", "NOTICE_": "notice"}
_TYPES = ((b"{", "application/json"), (b"\x1f\x8b", "application/gzip"))
PERSISTENT = 2


def letter(box: Box, method: Any, properties: Any, body: bytes) -> Letter:
    """A delivery. The count of deliveries is the quorum queue's own; where it gives none, `redelivered` says at least one.

    Nobody but us may publish to the exchange of returns; its queues and ours share a name and so a permission, and a partner may bind them.
    A first delivery carries what the publisher wrote there, or what an earlier queue did (a message put back from `edi.dead`)."""
    headers = dict(properties.headers or {})
    counted = headers.pop("x-delivery-count", None)
    before = counted if method.redelivered and isinstance(counted, int) else int(bool(method.redelivered))
    return Letter(
        box, body, headers, user=_text(properties.user_id), message_id=_text(properties.message_id), deliveries=before,
        echo=method.exchange == topology.RETURNS,
    )  # fmt: skip


def _text(value: str | bytes | None) -> str:
    """pika leaves what is not UTF-8 as bytes."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value or ""


def message_id(partner: str, box: Box, name: str, body: bytes) -> str:
    """The identity of a return: the same whenever it is published again, another one for other bytes under the same name."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"edi:{partner}:{box}:{name}:{hashlib.sha256(body).hexdigest()}"))


def kind(name: str) -> str:
    """What a return is, by its name (contract.md, chapter 1)."""
    return next((said for prefix, said in _KINDS.items() if name.startswith(prefix)), "other")


def routing_key(box: Box, name: str) -> str:
    """`real.receipt`, `test.control`…"""
    return f"{box}.{kind(name)}"


def properties(partner: str, box: Box, name: str, body: bytes) -> Any:
    """Persistent; headers say what a file's name and place say elsewhere."""
    headers = {"partner": partner, "box": str(box), "kind": kind(name), "name": name, "sha256": hashlib.sha256(body).hexdigest()}
    content_type = next((said for start, said in _TYPES if body.startswith(start)), "application/xml")
    return pika.BasicProperties(
        content_type=content_type, delivery_mode=PERSISTENT, message_id=message_id(partner, box, name, body), headers=headers
    )
