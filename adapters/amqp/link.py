"""One connection to the broker for one thread: opened when it is needed, anew after a loss; it knows no queue.

A broker that is silent for about two heartbeats is left. Nothing here waits without an end: connecting, a broker that blocks publishers
(`blocked_connection_timeout`) and a call that is not answered all end as `Unreachable`.

Limits: pika keeps a message whole in memory before it hands it over: the broker's `max_message_size` bounds that, not we.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pika
from pika import exceptions
from pika.adapters.utils.io_services_utils import _AsyncTransportBase

from adapters.amqp.border import AMQP, from_amqp
from adapters.amqp.headers import pass_over_what_cannot_be_told
from gateway.config import Amqp, Settings
from gateway.errors import ConfigError, GatewayError, Unreachable

ACCESS_REFUSED, NOT_FOUND, PRECONDITION_FAILED = 403, 404, 406
_RECEIVED_AT_ONCE = 64 * 1024
"""pika asks the socket for 4 KB at a time, and has no setting for it: half a megabyte took 116 calls and copies, a third of its custody."""

_AsyncTransportBase._MAX_RECV_BYTES = _RECEIVED_AT_ONCE
pass_over_what_cannot_be_told()
_LOST_TO_US = (exceptions.ProbableAccessDeniedError, exceptions.ProbableAuthenticationError, exceptions.AuthenticationError)


class Link:
    """A channel on a virtual host. `prepare`: what is done with each new channel. `restore`: called where the broker does not know the
    virtual host or our login, before we are told so."""

    def __init__(
        self, settings: Settings, vhost: str, name: str, prepare: Callable[[Any], None], restore: Callable[[], None] | None = None
    ) -> None:
        self._settings, self._vhost, self._name, self._prepare, self._restore = settings, vhost, name, prepare, restore
        self._connection: Any = None
        self._channel: Any = None
        self._closed = False
        self.where = f"amqp://{settings.amqp.host}:{settings.amqp.port}/{vhost}"

    @contextmanager
    def calling(self, what: str = "") -> Iterator[Any]:
        """The channel, opened where there is none. What ends the channel or the connection comes out as ours, and both are opened anew
        next time."""
        if self._channel is None or not self._channel.is_open:
            self._open()
        try:
            yield self._channel
        except GatewayError:
            raise
        except tuple(AMQP) as foreign:
            self.close()
            raise from_amqp(foreign, f"{self.where}{f' {what}' if what else ''}") from foreign

    def process(self, seconds: float) -> None:
        """Let the broker speak for that long, or until it said something. A channel that it closed meanwhile is told here: what is in
        our hands is not ours to acknowledge on the next one."""
        with self.calling():
            self._connection.process_data_events(time_limit=seconds)
            if not self._channel.is_open:
                raise exceptions.ChannelWrongStateError("it closed the channel")

    def keep(self) -> None:
        """Let the broker speak now, where there is a connection."""
        if self._connection is not None:
            self.process(0.0)

    def close(self) -> None:
        """Give the connection back; what was not acknowledged is the broker's again."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            with suppress(*AMQP):
                connection.close()

    def shut(self) -> None:
        """From another thread: connect no more."""
        self._closed = True

    def _open(self) -> None:
        self.close()
        if self._closed:
            raise Unreachable(f"{self.where}: the gateway is stopping; it goes on at the next start")
        try:
            self._connect()
        except tuple(AMQP) as foreign:
            self.close()
            if self._restore is not None and isinstance(foreign, _LOST_TO_US):
                self._restore()
            raise from_amqp(foreign, self.where) from foreign
        except GatewayError:
            self.close()
            raise

    def _connect(self) -> None:
        self._connection = pika.BlockingConnection(parameters(self._settings, self._vhost, self._name))
        self._channel = self._connection.channel()
        self._prepare(self._channel)


def parameters(settings: Settings, vhost: str, name: str) -> Any:
    """How to connect; the password is read when it is needed."""
    amqp = settings.amqp
    return pika.ConnectionParameters(
        host=amqp.host, port=amqp.port, virtual_host=vhost, credentials=pika.PlainCredentials(amqp.user, password(settings)),
        heartbeat=amqp.heartbeat_seconds, socket_timeout=amqp.connect_seconds, stack_timeout=amqp.connect_seconds,
        blocked_connection_timeout=3.0 * amqp.heartbeat_seconds, connection_attempts=1, ssl_options=_tls(settings) if amqp.tls else None,
        client_properties={"connection_name": name},
    )  # fmt: skip


def password(settings: Settings) -> str:
    """Ours, from a file or the environment."""
    return secret(settings, settings.amqp.password_file, settings.amqp.password_env, "amqp")


def secret(settings: Settings, file: str, variable: str, where: str) -> str:
    """What a file of the site or a variable of the environment holds; `ConfigError` when neither is named, or it is not there."""
    if bool(file) == bool(variable):
        raise ConfigError(f"{where}: no way to log in, or two; one of password_file and password_env is expected")
    if variable:
        if variable not in os.environ:
            raise ConfigError(f"{where}.password_env: {variable} is not in the environment; set it for the service")
        return os.environ[variable]
    path = settings.under(file)
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as unread:
        why = unread.strerror if isinstance(unread, OSError) else "not UTF-8"
        raise ConfigError(f"{where}.password_file: {path}: {why}; a file with the password is expected") from unread


def _tls(settings: Settings) -> Any:
    amqp: Amqp = settings.amqp
    try:
        context = ssl.create_default_context(cafile=str(settings.under(amqp.ca_file)) if amqp.ca_file else None)
        if amqp.cert_file:
            context.load_cert_chain(settings.under(amqp.cert_file), settings.under(amqp.key_file) if amqp.key_file else None)
    except OSError as unusable:
        raise ConfigError(f"amqp: certificates cannot be used ({unusable}); look at ca_file, cert_file and key_file") from unusable
    return pika.SSLOptions(context, amqp.host)
