"""Which destination an invoice goes to: the first route that takes its interface; it opens no connection."""

from __future__ import annotations

from gateway.config import Destination
from gateway.errors import ParkError


def destination_for(interface: str, destinations: dict[str, Destination]) -> str:
    """Name of the first destination (in the order of the settings) that takes this interface; `ParkError` when none does."""
    for name, destination in destinations.items():
        if not destination.interfaces or interface in destination.interfaces:
            return name
    known = ", ".join(destinations) or "none"
    raise ParkError(f"routing: no destination takes {interface} (destinations: {known}); add the interface to one in gateway.toml")
