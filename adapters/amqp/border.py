"""pika's errors → ours (see adapters/border.py); it decides nothing about retry, the class does.

Limits: what only a mistake of ours can raise (BUGS_OF_PIKA) keeps its class. Connecting has errors that are in none of pika's public lists.
"""

from __future__ import annotations

from pika import exceptions as pika
from pika.adapters.utils import connection_workflow as workflow

from gateway.errors import GatewayError, Unreachable

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
