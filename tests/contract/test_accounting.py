"""The contract of `ports.Accounting`, the same for every folder that can stand at the State: local, the double's SFTP counter, OpenSSH."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.chorus.double import SftpPort
from adapters.chorus.edi import EdiAccounting, remote_folder
from adapters.chorus.remote import foreign
from gateway.config import Destination
from gateway.errors import OutcomeUnknown, ParkError, TransientError, Unreachable
from gateway.lifecycle import DeliveryState
from gateway.model import Delivery, Presence
from gateway.ports import Accounting
from tests.sshd import Sshd, openssh_destination

NAME = "FSO1100A_APP001_APP0011100000000000000001"
BODY = b"<Invoice/>" * 1000


def delivery(body: bytes = BODY) -> Delivery:
    sealed = Delivery(NAME, NAME[-25:], "chorus", "demo", "FSO1100A", DeliveryState.SENDING, datetime(2026, 11, 3, tzinfo=UTC))
    return replace(sealed, size=len(body), sha256=hashlib.sha256(body).hexdigest())


class State:
    """The State's two boxes on disk, and the account that reaches them."""

    def __init__(self, root: Path, destination: Destination) -> None:
        self.root = root
        self.destination = destination
        (root / "in").mkdir(parents=True)
        (root / "out").mkdir()
        self.account = self.reached()

    def reached(self, **changes: object) -> EdiAccounting:
        settings = replace(self.destination, **changes)  # type: ignore[arg-type]  # settings named by the test
        return EdiAccounting("chorus", settings, remote_folder(settings, Path("/")))

    @property
    def final(self) -> Path:
        return self.root / "in" / NAME

    @property
    def part(self) -> Path:
        return self.root / "in" / f"{NAME}.part"


@pytest.fixture(params=["folder", "double", "openssh"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    root = tmp_path / "state"
    if request.param == "folder":
        yield State(root, Destination(kind="folder", path=str(root)))
    elif request.param == "double":
        yield from behind_the_double(root, tmp_path)
    else:
        yield from behind_openssh(root, tmp_path)


def behind_the_double(root: Path, tmp_path: Path) -> Iterator[State]:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    (root / ".double").mkdir(parents=True)
    port = SftpPort(root, [Path(f"{key}.pub").read_text()])
    found = State(
        root,
        Destination(kind="sftp", host="127.0.0.1", port=port.port, user="gw", key=str(key), known_hosts=str(root / ".double/known_hosts")),
    )
    yield found
    found.account.close()
    port.close()


def behind_openssh(root: Path, tmp_path: Path) -> Iterator[State]:
    server = Sshd(tmp_path / "sshd")
    server.start()
    found = State(root, openssh_destination(server, root, server.port))
    yield found
    found.account.close()
    server.stop()


def test_it_satisfies_the_port(state: State) -> None:
    port: Accounting = state.account
    assert port.name == "chorus"


def test_nothing_is_absent(state: State) -> None:
    assert state.account.look(delivery(), io.BytesIO(BODY)) is Presence.ABSENT


def test_an_upload_leaves_a_whole_part_and_no_final_name(state: State) -> None:
    state.account.upload(delivery(), io.BytesIO(BODY))
    assert state.part.read_bytes() == BODY
    assert not state.final.exists()
    assert state.account.look(delivery(), io.BytesIO(BODY)) is Presence.PART


def test_publishing_makes_the_final_name_ours(state: State) -> None:
    state.account.upload(delivery(), io.BytesIO(BODY))
    state.account.publish(delivery())
    assert state.final.read_bytes() == BODY
    assert not state.part.exists()
    assert state.account.look(delivery(), io.BytesIO(BODY)) is Presence.OURS


def test_an_upload_replaces_a_part_of_an_earlier_attempt(state: State) -> None:
    state.part.write_bytes(b"half of")
    assert state.account.look(delivery(), io.BytesIO(BODY)) is Presence.TORN
    state.account.upload(delivery(), io.BytesIO(BODY))
    assert state.part.read_bytes() == BODY


def test_a_part_of_our_size_with_other_bytes_is_torn(state: State) -> None:
    state.part.write_bytes(bytes(len(BODY)))
    assert state.account.look(delivery(), io.BytesIO(BODY)) is Presence.TORN


@pytest.mark.parametrize("other", [b"", b"short", bytes(len(BODY))], ids=["empty", "short", "same size"])
def test_other_bytes_under_our_name_are_foreign_and_left_alone(state: State, other: bytes) -> None:
    state.final.write_bytes(other)
    assert state.account.look(delivery(), io.BytesIO(BODY)) is Presence.FOREIGN
    assert state.final.read_bytes() == other


def test_part_and_final_both_there_is_ours_and_the_part_goes(state: State) -> None:
    state.final.write_bytes(BODY)
    state.part.write_bytes(BODY)
    assert state.account.look(delivery(), io.BytesIO(BODY)) is Presence.OURS
    assert not state.part.exists()
    assert state.final.read_bytes() == BODY


def test_a_part_beside_a_foreign_file_stays_as_evidence(state: State) -> None:
    state.final.write_bytes(b"foreign")
    state.part.write_bytes(BODY)
    assert state.account.look(delivery(), io.BytesIO(BODY)) is Presence.FOREIGN
    assert state.part.exists()


def test_publishing_never_replaces_an_existing_name(state: State) -> None:
    state.account.upload(delivery(), io.BytesIO(BODY))
    state.final.write_bytes(b"somebody else's")
    with pytest.raises(OutcomeUnknown):
        state.account.publish(delivery())
    assert state.final.read_bytes() == b"somebody else's"
    assert state.part.read_bytes() == BODY


def test_publishing_without_a_part_is_unknown(state: State) -> None:
    with pytest.raises(OutcomeUnknown):
        state.account.publish(delivery())


def test_the_account_still_works_after_a_refusal(state: State) -> None:
    with pytest.raises(OutcomeUnknown):
        state.account.publish(delivery())
    state.account.upload(delivery(), io.BytesIO(BODY))
    state.account.publish(delivery())
    assert state.final.read_bytes() == BODY


def test_spooled_bytes_that_are_not_the_sealed_ones_are_never_finished(state: State) -> None:
    with pytest.raises(ParkError, match="sealed"):
        state.account.upload(delivery(), io.BytesIO(BODY[:-1] + b"!"))
    assert not state.final.exists()


def test_a_missing_box_is_unreachable(state: State) -> None:
    (state.root / "in").rmdir()
    with pytest.raises(Unreachable):
        state.account.upload(delivery(), io.BytesIO(BODY))
    with pytest.raises(TransientError):
        state.account.probe()


@pytest.mark.parametrize("spoilt", [0, 2_500_000, 4_999_999])
def test_above_the_read_back_limit_size_head_and_tail_are_compared(state: State, spoilt: int) -> None:
    big = hashlib.shake_256(b"big").digest(5_000_000)
    account = state.reached(read_back_bytes=1_000_000)
    account.upload(delivery(big), io.BytesIO(big))
    account.publish(delivery(big))
    assert account.look(delivery(big), io.BytesIO(big)) is Presence.OURS
    with state.final.open("r+b") as file:
        file.seek(spoilt)
        file.write(bytes([big[spoilt] ^ 255]))
    assert account.look(delivery(big), io.BytesIO(big)) is (Presence.OURS if spoilt == 2_500_000 else Presence.FOREIGN)
    assert state.reached().look(delivery(big), io.BytesIO(big)) is Presence.FOREIGN
    account.close()


def test_an_empty_delivery_travels_too(state: State) -> None:
    state.account.upload(delivery(b""), io.BytesIO())
    state.account.publish(delivery(b""))
    assert state.account.look(delivery(b""), io.BytesIO()) is Presence.OURS


def test_without_temporary_names_the_final_name_is_written_at_once(state: State) -> None:
    account = state.reached(temporary_name=False)
    account.upload(delivery(), io.BytesIO(BODY))
    assert state.final.read_bytes() == BODY
    account.publish(delivery())
    assert account.look(delivery(), io.BytesIO(BODY)) is Presence.OURS
    account.close()


def test_without_temporary_names_an_existing_name_is_refused_before_the_first_byte(state: State) -> None:
    account = state.reached(temporary_name=False)
    state.final.write_bytes(b"somebody else's")
    with pytest.raises(Unreachable):
        account.upload(delivery(), io.BytesIO(BODY))
    assert state.final.read_bytes() == b"somebody else's"
    account.close()


def test_without_temporary_names_a_failure_after_the_first_byte_is_unknown(state: State) -> None:
    account = state.reached(temporary_name=False)
    with pytest.raises(OutcomeUnknown):
        account.upload(delivery(), io.BytesIO(BODY[:-1] + b"!"))
    account.close()


def test_answers_are_the_complete_files_by_name_and_forgotten_when_asked(state: State) -> None:
    for name, body in (("FEN1200A_b", b"2"), ("CSO1100A_a", b"1"), ("FEN1200A_c.part", b"half"), (".hidden", b"no")):
        (state.root / "out" / name).write_bytes(body)
    (state.root / "out" / "folder").mkdir()
    assert list(state.account.answers()) == [("CSO1100A_a", b"1"), ("FEN1200A_b", b"2")]
    state.account.forget("CSO1100A_a")
    state.account.forget("CSO1100A_a")
    assert list(state.account.answers()) == [("FEN1200A_b", b"2")]
    assert (state.root / "out" / "FEN1200A_c.part").exists()


def test_an_answer_too_large_to_be_one_is_left_and_does_not_hide_the_others(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.chorus.edi.ANSWER_BYTES", 10)
    (state.root / "out" / "a").write_bytes(bytes(11))
    (state.root / "out" / "b").write_bytes(b"fine")
    assert list(state.account.answers()) == [("b", b"fine")]
    assert (state.root / "out" / "a").exists()


def test_an_answer_that_is_refused_to_us_does_not_hide_the_others(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (state.root / "out" / name).write_bytes(name.encode())
    real = state.account._folder.chunks

    def chunks(path: str, offset: int, length: int) -> Iterator[bytes]:
        if path == "out/a":
            with foreign(path):
                raise PermissionError(errno.EACCES, "denied")
        return real(path, offset, length)

    monkeypatch.setattr(state.account._folder, "chunks", chunks)
    assert list(state.account.answers()) == [("b", b"b")]


def test_an_answer_that_may_not_be_removed_is_told_once_and_not_read_again(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    def remove(path: str) -> None:
        with foreign(path):
            raise PermissionError(errno.EACCES, "denied")

    monkeypatch.setattr(state.account._folder, "remove", remove)
    (state.root / "out" / "a").write_bytes(b"once")
    assert list(state.account.answers()) == [("a", b"once")]
    with pytest.raises(Unreachable):
        state.account.forget("a")
    assert list(state.account.answers()) == []
    (state.root / "out" / "a").write_bytes(b"another one")
    assert list(state.account.answers()) == [("a", b"another one")]


def test_an_answer_is_settled_when_it_stayed_the_same_for_long_enough(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(state.account, "_monotonic", lambda: now[0])

    def settled_at(seconds: float, body: bytes) -> bool:
        now[0] = seconds
        (state.root / "out" / "a").write_bytes(body)
        assert list(state.account.answers()) == [("a", body)]
        return state.account.settled("a")

    looks = ((0.0, b"<a"), (899.0, b"<b"), (1_798.0, b"<b"), (1_799.0, b"<b"))
    assert [settled_at(*look) for look in looks] == [False, False, False, True]


@pytest.mark.parametrize("name", [b"\xff.xml", b"caf\xe9"])
def test_a_name_that_no_row_could_hold_ends_no_collection(state: State, name: bytes) -> None:
    (state.root / "out" / os.fsdecode(name)).write_bytes(b"?")
    (state.root / "out" / "a").write_bytes(b"fine")
    with suppress(Unreachable):  # over SFTP the whole listing is lost
        assert list(state.account.answers()) == [("a", b"fine")]


def test_both_boxes_can_be_probed(state: State) -> None:
    state.account.probe()
