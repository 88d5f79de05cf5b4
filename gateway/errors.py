"""Our errors, drawn as a tree: each class says whether to try again and who must act; it holds no text for partners.

    GatewayError
    ├── UsageError            the caller is wrong: exit 2
    │   ├── ConfigError       a setting, a partner file
    │   │   └── HostKeyChanged    the pinned server shows another key: outbound stops
    │   └── UnknownSubject    no such partner, flow, position
    ├── TransientError        try later
    │   ├── Unreachable       something outside does not answer: exit 3
    │   ├── OutcomeUnknown    asked for, and the answer was lost: look before asking again
    │   ├── ReturnRefused     a partner's side takes returns, and not this one
    │   ├── StoreBusy         somebody else holds the store's writer
    │   └── StorageRefused    disk full, no inodes, failed fsync: answer *no*, keep nothing
    ├── StoreDamaged          the store's file cannot be trusted: stop everything, no repair by itself
    ├── LockHeld              a second run of the same loop: exit 4
    ├── ParkError             stop for a person: the flow is parked
    │   ├── LimitReached      our own memory, CPU or time limit; never the invoice's fault
    │   ├── ChildCrashed      a validation child died on it
    │   └── EngineMissing     a schema or pack that must judge is absent: exit 3
    ├── StaleFlow             somebody else moved the flow meanwhile: stop, touch nothing
    └── IllegalTransition     an event that the table of states does not know

A broken rule is not an error: it is a `Finding`, a value.
"""

from __future__ import annotations


class GatewayError(Exception):
    """Anything we could not do. The message reads `where: what is wrong; what would be right`."""

    retry = False
    exit_code = 1


class UsageError(GatewayError):
    """The command, its options or a setting is wrong."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration file or value cannot be used."""


class HostKeyChanged(ConfigError):
    """A server that we know shows another host key (SEC-010, SEC-020): nothing is sent until a person compares the keys."""


class UnknownSubject(UsageError):
    """The named partner, flow or position does not exist."""


class TransientError(GatewayError):
    """The same call may succeed later."""

    retry = True
    exit_code = 3


class Unreachable(TransientError):
    """A server, broker or folder outside does not answer."""


class OutcomeUnknown(TransientError):
    """The other side may have done what we asked: the answer is lost. Never repeated blindly, always looked at first."""


class ReturnRefused(TransientError):
    """One return is not taken as it is (larger than the broker lets through): those behind it are not kept waiting for it."""


class StoreBusy(TransientError):
    """The store's only writer is taken past the busy timeout."""


class StorageRefused(TransientError):
    """The disk did not keep what we wrote (full, read-only, failed fsync): nothing may be acknowledged."""


class StoreDamaged(GatewayError):
    """The store's file is not what SQLite wrote: nothing goes on until a person has restored a backup (reliability.md 2.12)."""

    exit_code = 3


class LockHeld(GatewayError):
    """Another process runs this loop, a migration or a restore on the same site."""

    exit_code = 4


class ParkError(GatewayError):
    """The work cannot go on without a person; bytes and history stay."""


class LimitReached(ParkError):
    """A child hit its memory, CPU or time limit. Never a rejection."""


class ChildCrashed(ParkError):
    """A validation child died while it worked on these documents. Never a rejection."""


class EngineMissing(ParkError):
    """A schema, pack or engine that has to judge is absent. Never a pass."""

    exit_code = 3


class StaleFlow(GatewayError):
    """The row changed under us: another loop or an operator moved the flow."""


class IllegalTransition(GatewayError):
    """The table of states has no such step."""
