"""What every stage works with: settings, partners and the ports; it does no work itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.config import Destination, Partner, Settings, partner_named
from gateway.errors import ConfigError
from gateway.ports import Accounting, Bell, Board, Clock, ReturnChannel, Spool
from gateway.store_port import Store


@dataclass(frozen=True)
class Gateway:
    """One site at work. A loop holds one of these and replaces it on reload."""

    settings: Settings
    partners: Mapping[str, Partner]
    store: Store
    spool: Spool
    clock: Clock
    bell: Bell
    board: Board
    channel: ReturnChannel
    accounts: Mapping[str, Accounting] = field(default_factory=dict)

    def close(self) -> None:
        """Give the store and the bell back: nothing more is done with this one, nor with what `replace` made of it."""
        self.store.close()
        self.bell.close()

    def now(self) -> datetime:
        """The clock port's time."""
        return self.clock.now()

    def partner(self, name: str) -> Partner:
        """`UnknownSubject` when the partner's file is gone."""
        return partner_named(dict(self.partners), name)

    def destination(self, name: str) -> Destination:
        """`ConfigError` when what is under way goes to a destination that the settings no longer name."""
        if name not in self.settings.destinations:
            raise ConfigError(f"destinations.{name}: not in gateway.toml, and deliveries to it are under way; put it back")
        return self.settings.destinations[name]

    def account(self, name: str) -> Accounting:
        """The connection to a destination; `ConfigError` when this process was started without it."""
        if name not in self.accounts:
            raise ConfigError(f"destinations.{name}: this process was started without it; put it into gateway.toml and start again")
        return self.accounts[name]
