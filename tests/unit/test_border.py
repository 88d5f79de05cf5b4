"""No public exception of a library may cross the border unmapped."""

from __future__ import annotations

import inspect

import apsw
import paramiko
import pika
import pytest
from paramiko import ssh_exception
from pika.adapters.utils import connection_workflow

from adapters import border
from adapters.amqp import border as amqp_border
from adapters.sqlite import connection
from gateway.errors import ConfigError, GatewayError, Unreachable

BUGS_OF_APSW = {
    "Error", "AbortError", "BindingsError", "ConnectionClosedError", "ConnectionNotClosedError", "ConstraintError", "CursorClosedError",
    "EmptyError", "ExecTraceAbort", "ExecutionCompleteError", "ExtensionLoadingError", "ForkingViolationError", "IncompleteExecutionError",
    "InternalError", "InvalidContextError", "MismatchError", "MisuseError", "NoFTS5Error", "NotFoundError", "RangeError", "SQLError",
    "SchemaChangeError", "ThreadingViolationError", "VFSFileClosedError", "VFSNotImplementedError",
}  # fmt: skip
"""What only a mistake of ours can raise: it keeps its class. A name that a new apsw brings belongs in one of the two lists."""


def exceptions_of(module: object) -> list[type[BaseException]]:
    return [c for _, c in inspect.getmembers(module, inspect.isclass) if issubclass(c, BaseException)]


@pytest.mark.parametrize("foreign", [*exceptions_of(paramiko), *exceptions_of(ssh_exception)], ids=lambda c: c.__name__)
def test_every_public_exception_of_paramiko_is_named_in_the_table(foreign: type[BaseException]) -> None:
    assert foreign in border.PARAMIKO
    assert issubclass(border.PARAMIKO[foreign], GatewayError)


def test_a_file_is_named_once() -> None:
    lost = border.from_paramiko(FileNotFoundError(2, "No such file or directory", "/box/in"), "/box/in")
    assert (type(lost), str(lost)) == (Unreachable, "/box/in: No such file or directory")
    assert str(border.from_paramiko(ConnectionResetError(104, "reset by peer"), "h:22")) == "h:22: reset by peer"


@pytest.mark.parametrize("foreign", [*exceptions_of(pika.exceptions), *exceptions_of(connection_workflow)], ids=lambda c: c.__name__)
def test_every_public_exception_of_pika_is_mapped_or_known_for_a_bug(foreign: type[BaseException]) -> None:
    assert (foreign in amqp_border.AMQP) != (foreign in amqp_border.BUGS_OF_PIKA)


def test_what_pika_says_is_put_in_words() -> None:
    closed = amqp_border.from_amqp(pika.exceptions.ChannelClosedByBroker(404, "NOT_FOUND"), "broker x")
    assert (type(closed), str(closed)) == (Unreachable, "broker x: 404 NOT_FOUND; the broker is asked again")
    assert "no queue is bound" in str(amqp_border.from_amqp(pika.exceptions.UnroutableError([]), "broker x"))
    assert "not confirmed" in str(amqp_border.from_amqp(pika.exceptions.NackError([]), "broker x"))
    assert "AMQPHeartbeatTimeout" in str(amqp_border.from_amqp(pika.exceptions.AMQPHeartbeatTimeout(), "broker x"))
    assert "refused" in str(amqp_border.from_amqp(ConnectionRefusedError(111, "refused"), "broker x"))


def test_a_bug_of_ours_that_pika_finds_keeps_its_class() -> None:
    with pytest.raises(pika.exceptions.ShortStringTooLong):
        amqp_border.from_amqp(pika.exceptions.ShortStringTooLong("x"), "broker x")


@pytest.mark.parametrize("foreign", exceptions_of(apsw), ids=lambda c: c.__name__)
def test_every_exception_of_apsw_is_mapped_or_known_for_a_bug(foreign: type[BaseException]) -> None:
    assert (foreign in connection.MAPPED) != (foreign.__name__ in BUGS_OF_APSW)


def test_the_cause_is_kept_and_the_place_named() -> None:
    foreign = paramiko.SSHException("no banner")
    with pytest.raises(Unreachable, match=r"chorus\.example: no banner") as ours, border.paramiko_border("chorus.example"):
        raise foreign
    assert ours.value.__cause__ is foreign


def test_a_silent_end_of_file_still_says_something() -> None:
    with pytest.raises(Unreachable, match="x: EOFError"), border.paramiko_border("x"):
        raise EOFError


def test_a_locked_key_is_the_operators_to_correct() -> None:
    with pytest.raises(ConfigError), border.paramiko_border("key"):
        raise paramiko.PasswordRequiredException("locked")


def test_bugs_and_our_own_errors_pass_untouched() -> None:
    for error in (TypeError("bug"), KeyError("bug"), ConfigError("ours")):
        with pytest.raises(type(error)) as same, border.paramiko_border("x"):
            raise error
        assert same.value is error
