"""Foreign errors → ours, one table a library; it decides nothing about retry (the class does) and never swallows a cause.

A bug (`TypeError`, `KeyError`…) is in no table and passes through untouched. SQLite's errors are mapped where SQLite is spoken
to, in adapters/sqlite_store.py.

Limits: paramiko says most things with a bare `SSHException` and a text; we do not guess from texts, so all of them read as *unreachable*.
Of pika's errors, what only a mistake of ours can raise (BUGS_OF_PIKA) keeps its class.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import paramiko
from paramiko import ssh_exception
from pika import exceptions as pika
from pika.adapters.utils import connection_workflow as workflow

from gateway.errors import ConfigError, GatewayError, StorageRefused, Unreachable

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

AMQP: dict[type[BaseException], type[GatewayError]] = {
    # the broker, or the way to it
    pika.AMQPConnectionError: Unreachable,
    pika.AMQPHeartbeatTimeout: Unreachable,
    pika.AuthenticationError: Unreachable,
    pika.ConnectionBlockedTimeout: Unreachable,
    pika.ConnectionClosed: Unreachable,
    pika.ConnectionClosedByBroker: Unreachable,
    pika.ConnectionClosedByClient: Unreachable,
    pika.ConnectionOpenAborted: Unreachable,
    pika.ConnectionWrongStateError: Unreachable,
    pika.IncompatibleProtocolError: Unreachable,
    pika.NoFreeChannels: Unreachable,
    pika.ProbableAccessDeniedError: Unreachable,
    pika.ProbableAuthenticationError: Unreachable,
    pika.StreamLostError: Unreachable,
    # it closed the channel, returned or nacked what we published, or cancelled our consumer (a queue that was deleted)
    pika.AMQPChannelError: Unreachable,
    pika.ChannelClosed: Unreachable,
    pika.ChannelClosedByBroker: Unreachable,
    pika.ChannelClosedByClient: Unreachable,
    pika.ChannelWrongStateError: Unreachable,
    pika.ConsumerCancelled: Unreachable,
    pika.NackError: Unreachable,
    pika.UnroutableError: Unreachable,
    # it speaks another language
    pika.AMQPError: Unreachable,
    pika.InvalidFieldTypeException: Unreachable,
    pika.InvalidFrameError: Unreachable,
    pika.ProtocolSyntaxError: Unreachable,
    pika.ProtocolVersionMismatch: Unreachable,
    pika.UnexpectedFrameError: Unreachable,
    pika.UnsupportedAMQPFieldException: Unreachable,
    # what stands between its connection and its user, and is in none of its public lists
    workflow.AMQPConnectorException: Unreachable,
    workflow.AMQPConnectorAborted: Unreachable,
    workflow.AMQPConnectorAMQPHandshakeError: Unreachable,
    workflow.AMQPConnectorPhaseErrorBase: Unreachable,
    workflow.AMQPConnectorSocketConnectError: Unreachable,
    workflow.AMQPConnectorStackTimeout: Unreachable,
    workflow.AMQPConnectorTransportSetupError: Unreachable,
    workflow.AMQPConnectionWorkflowAborted: Unreachable,
    workflow.AMQPConnectionWorkflowFailed: Unreachable,
    # name resolution, refused connections, TLS
    OSError: Unreachable,
}

BUGS_OF_PIKA = frozenset({
    pika.BodyTooLongError, pika.ChannelError, pika.DuplicateConsumerTag, pika.DuplicateGetOkCallback, pika.InvalidChannelNumber,
    pika.MethodNotImplemented, pika.ReentrancyError, pika.ShortStringTooLong,
    workflow.AMQPConnectorWrongState, workflow.AMQPConnectionWorkflowWrongState,
})  # fmt: skip

_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EFBIG})


def from_paramiko(error: BaseException, where: str) -> GatewayError:
    """Our error for one of paramiko's, worded `where: what`; the nearest class of the table decides. `KeyError` for a stranger."""
    kind = next(PARAMIKO[c] for c in type(error).__mro__ if c in PARAMIKO)
    return kind(f"{where}: {str(error) or type(error).__name__}")


@contextmanager
def paramiko_border(where: str) -> Iterator[None]:
    """Around calls into paramiko's client: its errors leave as ours, with their cause."""
    try:
        yield
    except GatewayError:
        raise
    except tuple(PARAMIKO) as foreign:
        raise from_paramiko(foreign, where) from foreign


def from_amqp(error: BaseException, where: str) -> GatewayError:
    """Our error for one of pika's, worded `where: what`; a bug of ours keeps its class. `KeyError` for a stranger."""
    if type(error) in BUGS_OF_PIKA:
        raise error
    kind = next(AMQP[c] for c in type(error).__mro__ if c in AMQP)
    return kind(f"{where}: {_said(error)}; the broker is asked again")


def _said(error: BaseException) -> str:
    match error:
        case pika.ChannelClosed() | pika.ConnectionClosed():
            return f"{error.reply_code} {error.reply_text}"
        case pika.UnroutableError():
            return "returned: no queue is bound for it"
        case pika.NackError():
            return "not confirmed"
        case _:
            return str(error) or repr(error.args[0] if error.args else type(error).__name__)


@contextmanager
def disk_border(where: str) -> Iterator[None]:
    """Around writing to our own disk: full, read-only, broken, no descriptors left → `StorageRefused`; other OSErrors pass as bugs."""
    try:
        yield
    except OSError as foreign:
        if foreign.errno not in _DISK:
            raise
        raise StorageRefused(f"{where}: {foreign.strerror}; nothing was kept, free the disk and send again") from foreign
