"""A partner's server that lies, garbles, dawdles or says nothing: nothing is taken that was not there whole, and nobody hangs."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters import sftp_client
from adapters.polled_server import PolledServer, login
from gateway.config import Partner, Poll, Settings
from gateway.errors import ConfigError, GatewayError, Unreachable
from tests import lying_server as lies
from tests.lying_server import CONTENT, LyingServer, attributes, names, status, text
from tests.polled import Custody

PATIENCE, IMPATIENCE = 10.0, 0.5
"""Seconds: what a busy machine may hold an honest answer up; and what is waited for an answer that will not come."""

Bend = Callable[[int, bytes], "tuple[int, bytes] | None"]


def first(kind: int, answer: tuple[int, bytes]) -> Bend:
    """That answer to each request of a kind."""
    return lambda asked, body: answer if asked == kind else None


@dataclass
class Case:
    server: LyingServer
    custody: Custody
    codes: list[object] = field(default_factory=list)

    def poll(self, times: int = 1) -> int:
        """How many drops were taken; a failure of the server is none, and no look takes for ever: half a minute, on the slowest machine."""
        taken, started = 0, time.monotonic()
        with capture_logs() as logs:
            for _ in range(times):
                try:
                    taken += self.custody.poll()
                except Unreachable:
                    self.codes.append("unreachable")
        self.codes += [line["code"] for line in logs if "code" in line]
        assert time.monotonic() - started < 30 * times
        return taken

    def bytes_taken(self) -> list[bytes]:
        return [self.custody.gw.spool.read(flow.sha256) for flow in self.custody.flows()]


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Callable[..., Case]]:
    made: list[Case] = []

    def build(bend: Bend = lambda kind, body: None, **poll: Any) -> Case:
        server = LyingServer(tmp_path, bend)
        settings: dict[str, Any] = {"silence_seconds": PATIENCE, "connect_seconds": PATIENCE, "key": str(server.key), **poll}
        polled = Poll("127.0.0.1", server.port, "us", known_hosts=str(server.known_hosts), **settings)
        made.append(Case(server, Custody(tmp_path / "site", Partner("acme", poll=polled))))
        return made[-1]

    yield build
    for one in made:
        one.custody.close()
        one.server.close()


def test_when_it_is_honest_the_file_is_taken_and_removed(case: Callable[..., Case]) -> None:
    one = case()
    assert (one.poll(2), one.bytes_taken(), one.server.removed) == (1, [CONTENT], True)


@pytest.mark.parametrize("name", [b"../a.xml", b"/etc/passwd", b"sub/a.xml", b"a\0.xml", b""])
def test_a_name_that_leads_elsewhere_is_not_followed(case: Callable[..., Case], name: bytes) -> None:
    one = case()
    one.server.name = name
    assert (one.poll(2), one.server.removed) == (0, False)
    assert one.codes == ["DEP-012"]  # told once


def test_a_file_listed_many_times_is_taken_once(case: Callable[..., Case]) -> None:
    one = case()
    one.server.bend = lambda kind, body: (
        names(*[(one.server.name, attributes())] * 50) if kind == lies.READDIR and not one.server.listed and not _list(one) else None
    )
    assert (one.poll(3), one.bytes_taken()) == (1, [CONTENT])


def _list(one: Case) -> bool:
    one.server.listed = True
    return one.server.removed


def test_a_listing_without_an_end_ends_at_our_limit(case: Callable[..., Case]) -> None:
    one = case(first(lies.READDIR, names(*[(b"x.part", attributes())] * 100)), max_names=1000)
    assert one.poll() == 0


def test_a_listing_that_promises_more_names_than_it_holds_is_no_listing(case: Callable[..., Case]) -> None:
    one = case(first(lies.READDIR, names((b"a.xml", attributes()), count=0xFFFFFFFF)))
    assert (one.poll(), one.codes) == (0, ["unreachable"])


def test_attributes_that_promise_more_than_they_hold_are_read_as_far_as_they_go(case: Callable[..., Case]) -> None:
    extended = struct.pack(">II", 0x80000000, 0xFFFFFFFF) + text(b"k") + text(b"v")
    one = case(first(lies.LSTAT, (lies.ATTRS, extended)))
    assert (one.poll(), one.codes) == (0, ["DEP-021"])  # no size told


def test_a_listed_file_that_is_not_there_is_nothing(case: Callable[..., Case]) -> None:
    one = case(first(lies.LSTAT, status(lies.NO_SUCH_FILE)))
    assert (one.poll(), one.codes, one.server.removed) == (0, ["DEP-023"], False)


@pytest.mark.parametrize("size", [len(CONTENT) + 1, len(CONTENT) - 1, 1, 10_000_000])
def test_a_size_that_is_not_the_files_takes_and_removes_nothing(case: Callable[..., Case], size: int) -> None:
    one = case(first(lies.LSTAT, (lies.ATTRS, attributes(size))))
    assert (one.poll(2), one.bytes_taken(), one.server.removed) == (0, [], False)
    assert one.codes == ["DEP-022", "DEP-022"]


def test_a_file_without_a_size_is_not_taken_for_an_empty_one(case: Callable[..., Case]) -> None:
    one = case(first(lies.LSTAT, (lies.ATTRS, attributes(None))))
    assert (one.poll(2), one.bytes_taken(), one.server.removed) == (0, [], False)


def test_a_link_that_is_listed_as_a_file_is_not_read(case: Callable[..., Case]) -> None:
    one = case(first(lies.LSTAT, (lies.ATTRS, attributes(5, 0o120777))))
    assert (one.poll(), one.bytes_taken(), one.server.removed) == (0, [], False)


def test_a_server_that_tells_no_modes_is_believed(case: Callable[..., Case]) -> None:
    one = case(first(lies.LSTAT, (lies.ATTRS, attributes(mode=None))))
    assert (one.poll(), one.bytes_taken()) == (1, [CONTENT])


def test_more_bytes_than_were_asked_for_are_no_answer(case: Callable[..., Case]) -> None:
    one = case(first(lies.READ, (lies.DATA, text(bytes(1_000_000)))))
    assert (one.poll(), one.codes, one.bytes_taken()) == (0, ["unreachable"], [])


@pytest.mark.parametrize("most", [1000, 1024, 16_384, 32_767])
def test_a_server_that_gives_less_than_was_asked_for_is_asked_again(case: Callable[..., Case], most: int) -> None:
    def bend(kind: int, body: bytes) -> tuple[int, bytes] | None:
        if kind != lies.READ:
            return None
        offset, length = struct.unpack(">QI", body[-12:])
        data = CONTENT[offset : offset + min(length, most)]
        return (lies.DATA, text(data)) if data else status(lies.EOF)

    one = case(bend)
    assert (one.poll(), one.bytes_taken()) == (1, [CONTENT])


@pytest.mark.parametrize("code", [lies.EOF, lies.FAILURE, lies.DENIED, lies.OK, 99])
def test_a_no_in_the_middle_of_a_file_takes_nothing(case: Callable[..., Case], code: int) -> None:
    def bend(kind: int, body: bytes) -> tuple[int, bytes] | None:
        return status(code, b"non") if kind == lies.READ and struct.unpack(">QI", body[-12:])[0] > 50_000 else None

    one = case(bend)
    assert (one.poll(2), one.bytes_taken(), one.server.removed) == (0, [], False)
    one.server.bend = lambda kind, body: None
    assert (one.poll(2), one.bytes_taken()) == (1, [CONTENT])


def test_a_reason_that_is_no_utf_8_is_a_reason_all_the_same(case: Callable[..., Case]) -> None:
    one = case(first(lies.OPEN, status(lies.DENIED, "accès refusé".encode("cp1252"))))
    assert (one.poll(), one.codes) == (0, ["DEP-021"])
    one.server.bend = first(lies.OPENDIR, status(lies.FAILURE, "accès refusé".encode("cp1252")))
    assert (one.poll(), one.codes[1:]) == (0, ["unreachable"])


@pytest.mark.parametrize("kind", [lies.OPENDIR, lies.READDIR, lies.RENAME, lies.LSTAT, lies.OPEN, lies.READ])
@pytest.mark.parametrize("answer", [(0, b""), (lies.NAME, b""), (lies.HANDLE, b""), (77, b"\xff" * 40), status(lies.OK)])
def test_any_answer_to_any_request_ends_soon_and_takes_nothing_but_the_whole(
    case: Callable[..., Case], kind: int, answer: tuple[int, bytes]
) -> None:
    """Silence, an answer of another kind, noise, a yes where data is due."""
    one = case(first(kind, answer), silence_seconds=IMPATIENCE)
    one.poll()
    assert set(one.bytes_taken()) <= {CONTENT}
    one.server.bend = lambda asked, body: None
    one.custody.start()
    one.poll(3)
    taken_or_there = one.bytes_taken() == [CONTENT] or not one.server.removed
    assert taken_or_there, "removed and not taken"


def test_a_password_from_a_file_or_from_the_environment(case: Callable[..., Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text("pass word\n")
    one = case(key="", password_file=str(tmp_path / "password"))
    assert one.poll() == 1
    asked = PolledServer(Poll(**{**_fields(one), "password_file": "", "password_env": "POLLED"}), Settings())
    with pytest.raises(ConfigError, match="POLLED is not in the environment"):
        asked.rows("in", 10)
    monkeypatch.setenv("POLLED", "pass word")
    assert asked.rows("in", 10)[1] is False
    monkeypatch.setenv("POLLED", "wrong")
    asked.close()
    with pytest.raises(Unreachable, match="our login is refused"):
        asked.rows("in", 10)
    assert "pass word" not in repr(login(one.custody.partner.poll, Settings()))


def _fields(one: Case) -> dict[str, Any]:
    poll = one.custody.partner.poll
    return {"host": poll.host, "port": poll.port, "user": poll.user, "known_hosts": poll.known_hosts, "connect_seconds": PATIENCE}


def test_a_password_file_that_is_gone_is_a_matter_of_configuration(case: Callable[..., Case], tmp_path: Path) -> None:
    one = case(key="", password_file=str(tmp_path / "gone"))
    with pytest.raises(GatewayError, match="password"):
        one.custody.poll()


@pytest.mark.parametrize("silent", ["subsystem", "greeting"])
def test_a_server_that_says_no_more_once_it_has_let_us_in_is_given_up_and_asked_again(case: Callable[..., Case], silent: str) -> None:
    one = case(connect_seconds=1.5)
    one.server.silent = silent
    assert (one.poll(), one.codes) == (0, ["unreachable"])
    one.server.silent = ""
    assert one.poll(3) == 1  # where a busy machine holds one look up, the next one takes it


def test_a_connection_that_was_not_used_for_long_is_made_anew(case: Callable[..., Case], monkeypatch: pytest.MonkeyPatch) -> None:
    one = case()
    one.poll(2)
    assert one.server.sessions == 1
    monkeypatch.setattr(sftp_client, "IDLE_SECONDS", 0.0)
    one.custody.door.waiting()
    assert one.server.sessions == 2
