"""Where the returns of a polled partner go (ports.ReturnChannel): its own server, and its local box; it keeps no list of what is owed.

Local first. A server that does not answer leaves the return owed, and it is not written at home again meanwhile: its partner may have
fetched and removed it there. After a new start it is, once: the same name, the same bytes.

Limits: what was brought to a partner's server is the partner's: it is never purged there.
"""

from __future__ import annotations

import hashlib

from adapters.polled_server import PolledServer
from gateway.config import Partner
from gateway.model import Box
from gateway.ports import ReturnChannel


class BroughtReturns:
    """The returns of one partner."""

    def __init__(self, partner: Partner, server: PolledServer, home: ReturnChannel) -> None:
        self._partner, self._server, self._home = partner, server, home
        self._at_home: set[tuple[Box, str, bytes]] = set()

    def write(self, partner: str, box: Box, name: str, body: bytes) -> None:
        """Write a return in each of its places; `Unreachable`, `StorageRefused` when one refuses, and then it is to be written again."""
        if partner != self._partner.name or "/" in name or name.startswith(".") or not name:
            raise ValueError(f"{partner}/{name}")
        poll = self._partner.poll
        if not self._partner.brings_back(box is Box.TEST):
            self._home.write(partner, box, name, body)
            return
        written = (box, name, hashlib.sha256(body).digest())
        if poll.local_box and written not in self._at_home:
            self._home.write(partner, box, name, body)
            self._at_home.add(written)
        self._server.write((poll.test_returns if box is Box.TEST else poll.returns).rstrip("/"), name, body)
        self._at_home.discard(written)
