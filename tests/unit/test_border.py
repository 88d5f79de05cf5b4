"""No public exception of a library may cross the border unmapped."""

from __future__ import annotations

import inspect

import apsw
import paramiko
import pytest
from paramiko import ssh_exception

from adapters import border
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
