"""What the archive readers share: the fault, the meter of expansion, one member. Nothing here reads bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from gateway.catalogue import finding
from gateway.config import GB, MB, Limits
from gateway.model import Finding


class ArchiveFault(Exception):
    """The archive cannot be taken as a whole. Internal to the gate, which turns it into its finding."""

    def __init__(self, code: str, *, location: str = "", **fields: Any) -> None:
        self.finding: Finding = finding(code, location=location, **fields)
        super().__init__(self.finding.message_en)


Member = tuple[int, str, int, bytes]
"""One regular file of an archive: its place (from 0, in the order of the bytes), name, size, and data, or only the head where that was
asked for. A plain tuple, because there are thousands a second."""


@dataclass(slots=True)
class Meter:
    """What an archive has expanded to so far, against the limits (row 49)."""

    limits: Limits
    total: int = 0

    def add(self, size: int, consumed: int) -> None:
        """Count `size` more bytes; `consumed` compressed bytes were read for all of them."""
        self.total += size
        limits = self.limits
        if self.total > limits.expanded_bytes or (
            self.total > limits.expansion_free_bytes and self.total > limits.expansion_ratio * max(consumed, 1)
        ):
            self.refuse(consumed)

    def refuse(self, consumed: int) -> None:
        """Stop here."""
        raise ArchiveFault("ARC-012", r=self.total // max(consumed, 1), max=f"{self.limits.expanded_bytes / GB:g}")


def too_large(name: str, size: int, limits: Limits) -> ArchiveFault:
    """Row 52: a member over the limit of a document."""
    return ArchiveFault("ARC-015", location=name, membre=name, n=math.ceil(size / MB), max=f"{limits.document_bytes / MB:g}")


def too_many(count: int, limits: Limits) -> ArchiveFault:
    """Row 51. Of a tar, reading stops at the first file too many."""
    return ArchiveFault("ARC-014", n=count, max=limits.members)
