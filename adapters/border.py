"""Foreign errors → ours, one table a library; it decides nothing about retry (the class does) and never swallows a cause.

A bug (`TypeError`, `KeyError`…) is in no table and passes through untouched. SQLite's errors are mapped where SQLite is spoken to
(adapters/sqlite/connection.py), pika's in adapters/amqp/border.py, the disk's in adapters/disk.py, so that whoever speaks neither SFTP nor
AMQP loads no library for them.

Limits: paramiko says most things with a bare `SSHException` and a text; we do not guess from texts, so all of them read as *unreachable*.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import paramiko
from paramiko import ssh_exception

from gateway.errors import ConfigError, GatewayError, Unreachable

PARAMIKO: dict[type[BaseException], type[GatewayError]] = {
    # what an operator has to correct: a key file, a client configuration
    paramiko.PasswordRequiredException: ConfigError,
    ssh_exception.CouldNotCanonicalize: ConfigError,
    ssh_exception.ConfigParseError: ConfigError,
    paramiko.UnknownKeyType: ConfigError,
    # the other side, or the way to it
    paramiko.AuthenticationException: Unreachable,
    paramiko.AuthFailure: Unreachable,
    paramiko.BadAuthenticationType: Unreachable,
    ssh_exception.PartialAuthentication: Unreachable,
    ssh_exception.UnableToAuthenticate: Unreachable,
    paramiko.BadHostKeyException: Unreachable,
    paramiko.ChannelException: Unreachable,
    ssh_exception.IncompatiblePeer: Unreachable,
    ssh_exception.MessageOrderError: Unreachable,
    paramiko.ProxyCommandFailure: Unreachable,
    ssh_exception.NoValidConnectionsError: Unreachable,
    paramiko.SFTPError: Unreachable,
    paramiko.SSHException: Unreachable,
    # a lost channel shows as a bare EOFError, a lost socket as an OSError
    EOFError: Unreachable,
    OSError: Unreachable,
}

def from_paramiko(error: BaseException, where: str) -> GatewayError:
    """Our error for one of paramiko's, worded `where: what`; the nearest class of the table decides. `KeyError` for a stranger."""
    kind = next(PARAMIKO[c] for c in type(error).__mro__ if c in PARAMIKO)
    said = isinstance(error, OSError) and error.strerror  # without a number, and without the name that `where` has already
    return kind(f"{where}: {said or str(error) or type(error).__name__}")


@contextmanager
def paramiko_border(where: str) -> Iterator[None]:
    """Around calls into paramiko's client: its errors leave as ours, with their cause."""
    try:
        yield
    except GatewayError:
        raise
    except tuple(PARAMIKO) as foreign:
        raise from_paramiko(foreign, where) from foreign
