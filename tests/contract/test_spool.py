"""The contract of `ports.Spool`, the same on disk and in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.memory import MemorySpool, SettableClock
from adapters.spool import DiskSpool
from gateway.errors import StorageRefused, UnknownSubject
from gateway.ports import Spool

DATA = b"<Invoice/>" * 1000
DIGEST = hashlib.sha256(DATA).hexdigest()
NOW = datetime.now(UTC)
LONG_AGO, TOMORROW = NOW - timedelta(days=1), NOW + timedelta(days=1)
FLOW = "F261122-000001"


@pytest.fixture(params=["disk", "memory"])
def spool(request: pytest.FixtureRequest, tmp_path: Path) -> Spool:
    return DiskSpool(tmp_path / "spool") if request.param == "disk" else MemorySpool(SettableClock(NOW))


@pytest.fixture
def staged(tmp_path: Path) -> Callable[[bytes], Path]:
    """A finished file on the spool's file system."""

    def write(data: bytes) -> Path:
        path = tmp_path / "upload"
        path.write_bytes(data)
        return path

    return write


def test_bytes_are_found_by_their_hash(spool: Spool) -> None:
    blob = spool.put(DATA)
    assert (blob.sha256, blob.size) == (DIGEST, len(DATA))
    assert spool.has(DIGEST)
    assert spool.read(DIGEST) == DATA


def test_a_blob_is_written_piece_by_piece(spool: Spool) -> None:
    with spool.writer() as writer:
        for start in range(0, len(DATA), 999):
            writer.write(DATA[start : start + 999])
        assert not spool.has(DIGEST)
        assert writer.commit().sha256 == DIGEST
    assert spool.read(DIGEST) == DATA


def test_an_empty_blob_is_a_blob(spool: Spool) -> None:
    assert spool.read(spool.put(b"").sha256) == b""


def test_the_same_bytes_again_change_nothing(spool: Spool) -> None:
    assert spool.put(DATA) == spool.put(DATA)
    assert spool.read(DIGEST) == DATA


def test_without_commit_it_never_was(spool: Spool) -> None:
    with spool.writer() as writer:
        writer.write(DATA)
    assert not spool.has(DIGEST)
    with pytest.raises(StorageRefused):
        writer.write(b"more")


def test_a_committed_blob_takes_nothing_more(spool: Spool) -> None:
    with spool.writer() as writer:
        writer.write(DATA)
        writer.commit()
        with pytest.raises(StorageRefused):
            writer.write(b"more")
        with pytest.raises(StorageRefused):
            writer.commit()


def test_a_blob_opens_readable_and_seekable(spool: Spool) -> None:
    spool.put(DATA)
    with spool.open(DIGEST) as file:
        file.seek(-10, 2)
        assert file.read() == b"<Invoice/>"
        file.seek(0)
        assert file.read(8) == b"<Invoice"


@pytest.mark.parametrize("digest", ["0" * 64, "../../etc/passwd", ""])
def test_what_is_not_there_is_said_so(spool: Spool, digest: str) -> None:
    with pytest.raises(UnknownSubject):
        spool.open(digest)
    with pytest.raises(UnknownSubject):
        spool.read(digest)


def test_a_finished_file_is_adopted_and_gone_from_where_it_was(spool: Spool, staged: Callable[[bytes], Path]) -> None:
    path = staged(DATA)
    assert spool.adopt(path, DIGEST).size == len(DATA)
    assert not path.exists()
    assert spool.read(DIGEST) == DATA


def test_a_file_is_adopted_where_the_bytes_are_there_already(spool: Spool, staged: Callable[[bytes], Path]) -> None:
    spool.put(DATA)
    path = staged(DATA)
    spool.adopt(path, DIGEST)
    assert not path.exists()
    assert spool.read(DIGEST) == DATA


def test_other_bytes_under_a_known_hash_are_refused_and_kept_apart(spool: Spool, staged: Callable[[bytes], Path]) -> None:
    spool.put(DATA)
    path = staged(b"short")
    with pytest.raises(StorageRefused, match="5"):
        spool.adopt(path, DIGEST)
    assert path.exists()
    assert spool.read(DIGEST) == DATA


def test_a_file_that_is_gone_cannot_be_adopted(spool: Spool, tmp_path: Path) -> None:
    with pytest.raises(StorageRefused):
        spool.adopt(tmp_path / "gone", DIGEST)


def test_segments_are_read_where_they_were_appended(spool: Spool) -> None:
    with spool.segments(FLOW, 1) as segments:
        places = [(segments.append(piece), piece) for piece in (b"one", b"", b"three" * 100)]
        segments.sync()
    assert [spool.read_segment(FLOW, 1, offset, len(piece)) for offset, piece in places] == [piece for _, piece in places]


def test_segments_go_on_after_what_is_there(spool: Spool) -> None:
    for piece in (b"first", b"second"):
        with spool.segments(FLOW, 1) as segments:
            offset = segments.append(piece)
            segments.sync()
    assert offset == 5
    assert spool.read_segment(FLOW, 1, 5, 6) == b"second"


def test_generations_and_flows_do_not_share_segments(spool: Spool) -> None:
    for flow, generation in ((FLOW, 1), (FLOW, 2), ("F261122-0000011", 1)):
        with spool.segments(flow, generation) as segments:
            assert segments.append(f"{flow}{generation}".encode()) == 0
            segments.sync()
    spool.drop_segments(FLOW, 1)
    spool.drop_segments(FLOW, 1)
    with pytest.raises(UnknownSubject):
        spool.read_segment(FLOW, 1, 0, 1)
    assert [spool.has_segments(FLOW, generation) for generation in (1, 2, 3)] == [False, True, False]
    assert spool.read_segment(FLOW, 2, 0, 3) == b"F26"
    assert spool.read_segment("F261122-0000011", 1, 0, 3) == b"F26"


def test_segments_are_old_when_nothing_was_added_for_long(spool: Spool) -> None:
    for generation in (1, 2):
        with spool.segments(FLOW, generation) as segments:
            segments.append(b"x")
            segments.sync()
    assert spool.segmented(LONG_AGO) == []
    assert spool.segmented(TOMORROW) == [(FLOW, 1), (FLOW, 2)]


@pytest.mark.parametrize(("offset", "length"), [(0, 6), (3, 3), (99, 1)])
def test_bytes_past_the_end_of_a_segment_are_said_to_be_missing(spool: Spool, offset: int, length: int) -> None:
    with spool.segments(FLOW, 1) as segments:
        segments.append(b"five.")
        segments.sync()
    with pytest.raises(UnknownSubject, match="replay"):
        spool.read_segment(FLOW, 1, offset, length)


def test_closed_segments_take_nothing_more(spool: Spool) -> None:
    with spool.segments(FLOW, 1) as segments:
        segments.append(b"x")
    with pytest.raises(StorageRefused):
        segments.append(b"y")


def test_a_sweep_takes_old_orphans_only(spool: Spool) -> None:
    known, orphan = spool.put(DATA), spool.put(b"orphan")
    assert spool.sweep([known.sha256], LONG_AGO) == 0
    assert spool.has(orphan.sha256)
    assert spool.sweep(iter([known.sha256]), TOMORROW) == 1
    assert not spool.has(orphan.sha256)
    assert spool.has(known.sha256)


def test_there_is_room(spool: Spool) -> None:
    assert spool.free_bytes() > 0
