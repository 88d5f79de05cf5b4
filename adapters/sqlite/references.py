"""Files that partners' messages name and that are waited for; it looks at no folder."""

from __future__ import annotations

from datetime import datetime

from adapters.sqlite.part import Part
from adapters.sqlite.records import text
from gateway.letter import Reference
from gateway.model import Box, Drop


class References(Part):
    """One row a file that has not come."""

    def await_file(self, reference: Reference) -> bool:
        """Wait for a file; False when the same act waits for it already."""
        drop = reference.drop
        values = {
            "partner": drop.partner, "channel": drop.channel, "transport_id": drop.transport_id, "box": str(drop.box), "name": drop.name,
            "file": reference.file, "sha256": reference.sha256, "size": reference.size, "at": text(reference.asked_at),
        }  # fmt: skip
        return self._session.changed("await_file", values) > 0

    def awaited_files(self, partner: str) -> list[Reference]:
        """What is waited for, oldest first."""
        rows = self._session.read("awaited_files", {"partner": partner})
        return [
            Reference(Drop(partner, Box(box), channel, act, name), file, sha256, size, datetime.fromisoformat(at))
            for partner, box, channel, act, name, file, sha256, size, at in rows
        ]

    def file_answered(self, drop: Drop) -> None:
        """It came, or its time is over."""
        self._session.write("file_answered", {"partner": drop.partner, "channel": drop.channel, "transport_id": drop.transport_id})
