"""Every row of the table of reliability.md 2.7, played on a real folder and a real OpenSSH server: nothing lost, nothing sent twice.

A crash is played by abandoning the adapter between two steps; a cut by a proxy that swallows the server's answer or the client's request.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.chorus.edi import EdiAccounting, remote_folder
from gateway.config import Destination
from gateway.delivering import NOT_ASKED, RENAMING, UPLOADING, Decision, decide, step_before_publish, step_before_upload
from gateway.errors import ConfigError, HostKeyChanged, OutcomeUnknown, TransientError, Unreachable
from gateway.lifecycle import DeliveryState
from gateway.model import Delivery, Presence
from tests.sshd import CuttingProxy, Sshd, openssh_destination

NAME = "FSO1100A_APP001_APP0011100000000000000007"
BODY = hashlib.shake_256(b"invoices").digest(600_000)
SEALED = Delivery(
    NAME, NAME[-25:], "chorus", "demo", "FSO1100A", DeliveryState.SENDING, datetime(2026, 11, 3, tzinfo=UTC), size=len(BODY),
    sha256=hashlib.sha256(BODY).hexdigest(),
)  # fmt: skip

pytestmark = pytest.mark.services  # a real OpenSSH server


@dataclass
class State:
    """The State's boxes, how to reach them, and how often a whole deposit appeared under a final name."""

    root: Path
    destination: Destination
    step: str = NOT_ASKED
    taken: list[str] = field(default_factory=list)

    def fresh(self, **changes: object) -> EdiAccounting:
        """A new adapter, as after a crash."""
        settings = replace(self.destination, **changes)  # type: ignore[arg-type]  # settings named by the test
        return EdiAccounting("chorus", settings, remote_folder(settings, Path("/")))

    @property
    def final(self) -> Path:
        return self.root / "in" / NAME

    @property
    def part(self) -> Path:
        return self.root / "in" / f"{NAME}.part"

    def collect(self) -> None:
        """The State takes what stands under a final name."""
        self.taken.append(hashlib.sha256(self.final.read_bytes()).hexdigest())
        self.final.unlink()

    def look(self, account: EdiAccounting | None = None) -> Presence:
        return (account or self.fresh()).look(SEALED, io.BytesIO(BODY))

    def attempt(self, account: EdiAccounting | None = None) -> Decision:
        """One attempt as the stage makes it: look, decide, commit the step, act."""
        account = account or self.fresh()
        try:
            decision = decide(self.step, self.look(account))
            if decision is Decision.SEND:
                self.step = step_before_upload(True)
                account.upload(SEALED, io.BytesIO(BODY))
                decision = Decision.PUBLISH
            if decision is Decision.PUBLISH:
                self.step = step_before_publish(True)
                account.publish(SEALED)
                decision = Decision.SENT
            return decision
        finally:
            account.close()


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    server = Sshd(tmp_path_factory.mktemp("sshd"))
    server.start()
    yield server
    server.stop()


def boxes(tmp_path: Path) -> Path:
    root = tmp_path / "state"
    (root / "in").mkdir(parents=True)
    (root / "out").mkdir()
    return root


@pytest.fixture(params=["folder", "openssh"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> State:
    root = boxes(tmp_path)
    if request.param == "folder":
        return State(root, Destination(kind="folder", path=str(root)))
    server: Sshd = request.getfixturevalue("sshd")
    return State(root, openssh_destination(server, root, server.port))


@pytest.fixture
def cut(sshd: Sshd, tmp_path: Path) -> Iterator[tuple[State, CuttingProxy]]:
    proxy = CuttingProxy(sshd.port)
    root = boxes(tmp_path)
    yield State(root, openssh_destination(sshd, root, proxy.port)), proxy
    proxy.close()


def test_row_1_a_crash_before_anything_starts_again(state: State) -> None:
    assert state.attempt() is Decision.SENT
    assert state.final.read_bytes() == BODY


def test_row_2_a_crash_within_the_upload_sends_again(state: State) -> None:
    state.part.write_bytes(BODY[:1000])
    assert state.look() is Presence.TORN
    assert state.attempt() is Decision.SENT
    assert state.final.read_bytes() == BODY
    assert not state.part.exists()


def test_row_2_a_crash_after_the_upload_and_before_the_step_sends_again(state: State) -> None:
    state.fresh().upload(SEALED, io.BytesIO(BODY))
    assert decide(state.step, state.look()) is Decision.SEND
    assert state.attempt() is Decision.SENT
    assert state.final.read_bytes() == BODY


def test_row_3_a_crash_after_the_step_with_the_part_there_only_renames(state: State) -> None:
    state.fresh().upload(SEALED, io.BytesIO(BODY))
    state.step = RENAMING
    written = state.part.stat().st_mtime_ns
    assert decide(state.step, state.look()) is Decision.PUBLISH
    assert state.attempt() is Decision.SENT
    assert state.final.stat().st_mtime_ns == written


def test_row_3_a_part_that_does_not_read_back_is_not_renamed(state: State) -> None:
    state.fresh().upload(SEALED, io.BytesIO(BODY))
    state.step = RENAMING
    with state.part.open("r+b") as file:
        file.truncate(len(BODY) - 10)
    assert decide(state.step, state.look()) is Decision.SEND
    assert state.attempt() is Decision.SENT
    assert state.final.read_bytes() == BODY


def test_row_4_a_crash_after_the_rename_is_sent(state: State) -> None:
    account = state.fresh()
    account.upload(SEALED, io.BytesIO(BODY))
    state.step = RENAMING
    account.publish(SEALED)
    inode = state.final.stat().st_ino
    assert state.attempt() is Decision.SENT
    assert state.final.stat().st_ino == inode


def test_row_5_somebody_elses_bytes_under_our_name_are_held(state: State) -> None:
    state.final.write_bytes(bytes(len(BODY)))
    for step in (NOT_ASKED, RENAMING):
        state.step = step
        assert state.attempt() is Decision.HOLD
    assert state.final.read_bytes() == bytes(len(BODY))


def test_row_6_when_the_state_took_it_already_nothing_is_sent_again(state: State) -> None:
    account = state.fresh()
    account.upload(SEALED, io.BytesIO(BODY))
    state.step = RENAMING
    account.publish(SEALED)
    state.collect()
    assert [state.attempt(), state.attempt()] == [Decision.RECONCILE] * 2
    assert state.taken == [SEALED.sha256]
    assert not list((state.root / "in").iterdir())


def test_row_7_part_and_final_of_one_inode_is_sent_and_the_part_goes(state: State) -> None:
    state.fresh().upload(SEALED, io.BytesIO(BODY))
    state.step = RENAMING
    os.link(state.part, state.final)
    assert state.attempt() is Decision.SENT
    assert sorted(p.name for p in (state.root / "in").iterdir()) == [NAME]


def test_row_8_the_reply_to_the_rename_is_lost(cut: tuple[State, CuttingProxy]) -> None:
    state, proxy = cut
    account = state.fresh()
    account.upload(SEALED, io.BytesIO(BODY))
    state.step = RENAMING
    proxy.cut_next_reply = True
    with pytest.raises(OutcomeUnknown, match="look before"):
        account.publish(SEALED)
    assert state.final.read_bytes() == BODY
    assert state.attempt() is Decision.SENT


def test_row_8_the_reply_is_lost_and_the_state_is_quick(cut: tuple[State, CuttingProxy]) -> None:
    state, proxy = cut
    account = state.fresh()
    account.upload(SEALED, io.BytesIO(BODY))
    state.step = RENAMING
    proxy.cut_next_reply = True
    with pytest.raises(OutcomeUnknown):
        account.publish(SEALED)
    state.collect()
    assert state.attempt() is Decision.RECONCILE
    assert state.taken == [SEALED.sha256]


def test_row_8_the_request_to_rename_is_lost(cut: tuple[State, CuttingProxy]) -> None:
    state, proxy = cut
    account = state.fresh()
    account.upload(SEALED, io.BytesIO(BODY))
    state.step = RENAMING
    proxy.cut_next_request = True
    with pytest.raises(OutcomeUnknown):
        account.publish(SEALED)
    assert not state.final.exists()
    assert decide(state.step, state.look()) is Decision.PUBLISH
    assert state.attempt() is Decision.SENT


@pytest.mark.parametrize("after", [20_000, 300_000, 590_000])
def test_a_cut_within_the_upload_never_touches_the_final_name(cut: tuple[State, CuttingProxy], after: int) -> None:
    state, proxy = cut
    account = state.fresh()
    state.look(account)
    proxy.bytes_left = after
    with pytest.raises(Unreachable):
        account.upload(SEALED, io.BytesIO(BODY))
    assert not state.final.exists()
    assert state.look(account) is Presence.TORN  # the same adapter connects again by itself
    assert state.attempt(account) is Decision.SENT
    assert state.final.read_bytes() == BODY


def test_a_cut_while_looking_decides_nothing(cut: tuple[State, CuttingProxy]) -> None:
    state, proxy = cut
    account = state.fresh()
    state.look(account)
    state.final.write_bytes(BODY)
    proxy.cut_next_reply = True
    with pytest.raises(Unreachable):
        state.look(account)
    assert state.look(account) is Presence.OURS
    account.close()


def test_a_whole_file_that_reads_back_otherwise_is_not_published(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    account = state.fresh()
    spoil(account, state.part, monkeypatch, lambda data: data[:-1] + b"?")
    with pytest.raises(Unreachable, match="reads back otherwise"):
        account.upload(SEALED, io.BytesIO(BODY))
    assert not state.final.exists()
    monkeypatch.undo()
    assert state.attempt() is Decision.SENT


def test_a_file_cut_short_by_its_server_is_not_published(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    account = state.fresh()
    spoil(account, state.part, monkeypatch, lambda data: data[:100])
    with pytest.raises(Unreachable, match="reads back otherwise"):
        account.upload(SEALED, io.BytesIO(BODY))
    assert not state.final.exists()


def spoil(account: EdiAccounting, part: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[bytes], bytes]) -> None:
    """The other side's disk changes the part between the last write and the read-back."""
    write = account._write

    def written(*args: object) -> None:
        write(*args)  # type: ignore[arg-type]  # passed through
        part.write_bytes(change(part.read_bytes()))

    monkeypatch.setattr(account, "_write", written)


def test_without_temporary_names_a_cut_after_the_first_byte_is_unknown_and_never_sent_again(cut: tuple[State, CuttingProxy]) -> None:
    state, proxy = cut
    account = state.fresh(temporary_name=False)
    state.look(account)
    state.step = step_before_upload(False)
    proxy.bytes_left = 300_000
    with pytest.raises(OutcomeUnknown):
        account.upload(SEALED, io.BytesIO(BODY))
    assert state.final.stat().st_size < len(BODY)
    assert decide(state.step, state.look(account)) is Decision.RECONCILE
    state.final.unlink()
    assert (state.step, decide(state.step, state.look(account))) == (UPLOADING, Decision.RECONCILE)
    account.close()


def test_a_server_that_is_down_is_unreachable_and_works_again_when_up(tmp_path: Path) -> None:
    server = Sshd(tmp_path / "sshd")
    root = boxes(tmp_path)
    state = State(root, openssh_destination(server, root, server.port))
    account = state.fresh()
    with pytest.raises(Unreachable):
        state.look(account)
    server.start()
    try:
        assert state.attempt(account) is Decision.SENT
    finally:
        server.stop()


def test_a_changed_host_key_stops_everything_and_says_so(tmp_path: Path) -> None:
    server = Sshd(tmp_path / "sshd")
    server.start()
    root = boxes(tmp_path)
    state = State(root, openssh_destination(server, root, server.port))
    assert state.look() is Presence.ABSENT
    try:
        server.change_host_key()
        with pytest.raises(HostKeyChanged, match="the host key changed"):
            state.attempt()
        assert not list((root / "in").iterdir())
    finally:
        server.stop()


def test_an_unpinned_host_is_never_trusted_on_first_use(state: State, sshd: Sshd, tmp_path: Path) -> None:
    empty = tmp_path / "known_hosts"
    empty.write_text("")
    unpinned = replace(openssh_destination(sshd, state.root, sshd.port), known_hosts=str(empty))
    with pytest.raises(ConfigError, match="no host key is pinned"):
        EdiAccounting("chorus", unpinned, remote_folder(unpinned, Path("/"))).probe()


def test_a_key_the_server_does_not_know_is_refused_as_unreachable(sshd: Sshd, tmp_path: Path) -> None:
    root = boxes(tmp_path)
    stranger = replace(openssh_destination(sshd, root, sshd.port), key=str(sshd.host_key))
    with pytest.raises(Unreachable, match="login is refused"):
        EdiAccounting("chorus", stranger, remote_folder(stranger, Path("/"))).probe()


@pytest.mark.parametrize("text", ["", "not a key", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"])
def test_an_unusable_private_key_is_a_matter_of_configuration(sshd: Sshd, tmp_path: Path, text: str) -> None:
    broken = tmp_path / "key"
    broken.write_text(text)
    settings = replace(openssh_destination(sshd, boxes(tmp_path), sshd.port), key=str(broken))
    with pytest.raises(ConfigError, match="private key"):
        EdiAccounting("chorus", settings, remote_folder(settings, Path("/"))).probe()


def test_after_a_failure_of_any_kind_the_state_has_the_deposit_at_most_once(cut: tuple[State, CuttingProxy]) -> None:
    """Cut after every few kilobytes of a whole attempt, the State collecting whenever something stands under a final name."""
    state, proxy = cut
    for after in range(0, 700_000, 90_000):
        proxy.bytes_left = after
        try:
            decision = state.attempt()
        except TransientError:
            decision = None
        if state.final.exists():
            state.collect()
        if decision in (Decision.SENT, Decision.RECONCILE):
            break
    proxy.bytes_left = None
    if not state.taken:
        assert state.attempt() is Decision.SENT
        state.collect()
    assert state.taken == [SEALED.sha256]
