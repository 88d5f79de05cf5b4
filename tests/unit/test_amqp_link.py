"""What we change inside pika is still read there: a release that renames it is noticed, instead of making custody slower in silence."""

from __future__ import annotations

import inspect

from pika.adapters.utils.io_services_utils import _AsyncTransportBase

from adapters.amqp import link


def test_pika_receives_as_much_at_once_as_we_say() -> None:
    assert "self._MAX_RECV_BYTES" in inspect.getsource(_AsyncTransportBase._consume)
    assert _AsyncTransportBase._MAX_RECV_BYTES == link._RECEIVED_AT_ONCE
