"""The remote folder's edges: refusing rename, foreign errors, extensions of an SFTP server's greeting."""

from __future__ import annotations

import errno
import inspect
from pathlib import Path

import paramiko
import pytest
from paramiko import ssh_exception

from adapters.chorus import remote
from adapters.chorus.edi import remote_folder
from adapters.chorus.remote import LocalFolder, move_refusing
from adapters.sftp_answers import pairs
from adapters.sftp_client import foreign
from gateway.config import Destination
from gateway.errors import ConfigError, GatewayError, HostKeyChanged, OutcomeUnknown, TransientError, Unreachable


def test_a_move_refuses_an_existing_target_and_leaves_both(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("ours")
    target.write_text("theirs")
    with pytest.raises(FileExistsError):
        move_refusing(source, target)
    assert (source.read_text(), target.read_text()) == ("ours", "theirs")


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS])
def test_a_move_refuses_an_existing_target_where_the_kernel_has_no_such_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(remote, "_renameat2", lambda source, target: code)
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("ours")
    move_refusing(source, target)
    assert (source.exists(), target.read_text()) == (False, "ours")
    source.write_text("again")
    with pytest.raises(FileExistsError):
        move_refusing(source, target)
    assert target.read_text() == "ours"


def test_a_move_leaves_one_name_at_every_moment(tmp_path: Path) -> None:
    """The State may take the new name at once: the old one must be gone by then, or a crash would publish twice."""
    (tmp_path / "a").write_text("ours")
    assert remote._renameat2(tmp_path / "a", tmp_path / "b") == 0
    assert [p.name for p in tmp_path.iterdir()] == ["b"]
    assert (tmp_path / "b").stat().st_nlink == 1


def public_exceptions() -> list[type[BaseException]]:
    modules = (paramiko, ssh_exception)
    """All but UnknownKeyType: it is raised only while a key file is read, and mapped there (tests/flows/test_delivery_cuts.py)."""
    found = {c for m in modules for _, c in inspect.getmembers(m, inspect.isclass) if issubclass(c, Exception)}
    return sorted(found - {paramiko.UnknownKeyType}, key=lambda c: c.__name__)


@pytest.mark.parametrize("kind", [*public_exceptions(), OSError, EOFError, TimeoutError, ConnectionResetError])
def test_every_foreign_exception_becomes_one_of_ours_with_its_cause(kind: type[Exception]) -> None:
    error = kind.__new__(kind)
    error.args = ("lost",)
    for attribute in ("key", "expected_key"):
        setattr(error, attribute, paramiko.ECDSAKey.generate())
    for attribute in ("hostname", "explanation", "allowed_types", "errors", "code", "text", "command", "error", "result"):
        setattr(error, attribute, "x")
    with pytest.raises(GatewayError) as raised, foreign("there"):
        raise error
    assert raised.value.__cause__ is error
    assert isinstance(raised.value, TransientError | ConfigError)


def test_a_changed_host_key_names_both_fingerprints() -> None:
    shown, pinned = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
    with pytest.raises(HostKeyChanged) as raised, foreign("sftp://state"):
        raise paramiko.BadHostKeyException("state", shown, pinned)
    assert shown.fingerprint in str(raised.value)
    assert pinned.fingerprint in str(raised.value)
    assert raised.value.retry is False


def test_a_bug_passes_through_untouched() -> None:
    with pytest.raises(TypeError), foreign("there"):
        raise TypeError("a bug")


def test_our_own_errors_pass_through_untouched() -> None:
    with pytest.raises(OutcomeUnknown), foreign("there"):
        raise OutcomeUnknown("where: what; right")


def test_an_unmounted_folder_is_unreachable_and_not_empty(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        LocalFolder(tmp_path / "gone").size("in/a")


def test_chunks_give_the_asked_range_and_stop_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    folder = LocalFolder(tmp_path)
    assert b"".join(folder.chunks("a", 3, 4)) == b"3456"
    assert b"".join(folder.chunks("a", 8, 100)) == b"89"


def test_a_file_created_twice_is_refused(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    file = folder.create("a")
    file.write(b"one")
    file.finish()
    file.abandon()
    with pytest.raises(Unreachable):
        folder.create("a")
    assert (tmp_path / "a").read_bytes() == b"one"


def test_the_greeting_of_a_server_tells_its_extensions() -> None:
    greeting = paramiko.Message()
    for word in ("posix-rename@openssh.com", "1", "fsync@openssh.com", "1"):
        greeting.add_string(word)
    assert list(pairs(paramiko.Message(greeting.asbytes()))) == ["posix-rename@openssh.com", "fsync@openssh.com"]


@pytest.mark.parametrize("missing", ["host", "user", "key", "known_hosts"])
def test_an_sftp_destination_without_a_needed_setting_says_which(missing: str, tmp_path: Path) -> None:
    given = {"host": "h", "user": "u", "key": "k", "known_hosts": "n"} | {missing: ""}
    with pytest.raises(ConfigError, match=f"{missing} is empty"):
        remote_folder(Destination(kind="sftp", **given), tmp_path)


def test_a_relative_folder_counts_from_the_site(tmp_path: Path) -> None:
    assert remote_folder(Destination(path="var/chorus"), tmp_path).where == str(tmp_path / "var/chorus")
