"""Returns that are brought to a partner (ports.ReturnChannel): its local box, and its own server or the broker; no list of what is owed.

The local box waits for neither (`at_home`). What the other place does not take stays owed, and is not written at home again meanwhile: its
partner may have fetched and removed it there. After a new start it is, once: the same name, the same bytes.

Limits: what was brought to a partner's server or published is the partner's: it is never purged there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from gateway.config import Partner
from gateway.model import Box
from gateway.ports import ReturnChannel

Bring = Callable[[Box, str, bytes], None]
"""Write a return, whatever stood under its name; `TransientError` when the other side does not take it."""


class BroughtReturns:
    """The returns of one partner."""

    def __init__(self, partner: Partner, bring: Bring, home: ReturnChannel, *, local_box: bool) -> None:
        self._partner, self._bring, self._home, self._local_box = partner, bring, home, local_box
        self._at_home: set[tuple[Box, str, bytes]] = set()

    def at_home(self, box: Box, name: str, body: bytes) -> None:
        """In the local box, unless it is there already or goes there by no setting."""
        if not self._partner.brings_back(box is Box.TEST):
            return  # the other loop's
        written = (box, name, hashlib.sha256(body).digest())
        if self._local_box and written not in self._at_home:
            self._home.write(self._partner.name, box, name, body)
            self._at_home.add(written)

    def write(self, partner: str, box: Box, name: str, body: bytes) -> None:
        """Write a return in each of its places; `Unreachable`, `StorageRefused` when one refuses, and then it is to be written again."""
        if partner != self._partner.name or "/" in name or name.startswith(".") or not name:
            raise ValueError(f"{partner}/{name}")
        if not self._partner.brings_back(box is Box.TEST):
            self._home.write(partner, box, name, body)
            return
        self.at_home(box, name, body)
        self._bring(box, name, body)
        self._at_home.discard((box, name, hashlib.sha256(body).digest()))
