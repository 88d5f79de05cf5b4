"""The disk under the spool: write order, disks that refuse, crashes, writers of the same bytes, the sweep."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters import spool as module
from adapters.spool import DiskSpool
from gateway.errors import StorageRefused, UnknownSubject

DATA = b"<Invoice/>" * 100
DIGEST = hashlib.sha256(DATA).hexdigest()
TOMORROW = datetime.now(UTC) + timedelta(days=1)
FLOW = "F261122-000001"


@pytest.fixture
def spool(tmp_path: Path) -> DiskSpool:
    return DiskSpool(tmp_path / "spool")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The durable steps taken, in order."""
    taken: list[str] = []
    for name in ("_write_all", "_fsync_file", "_link", "_fsync_folder"):
        real = getattr(module, name)

        def step(*arguments: object, name: str = name, real: object = real) -> object:
            folder = f" {arguments[0].name[:2]}" if name == "_fsync_folder" else ""  # type: ignore[attr-defined]  # a Path there
            taken.append(name + folder)
            return real(*arguments)  # type: ignore[operator]  # the function replaced

        monkeypatch.setattr(module, name, step)
    return taken


def refuse(monkeypatch: pytest.MonkeyPatch, step: str, code: int = errno.ENOSPC, times: int = 1) -> list[int]:
    """The next `times` calls of a step fail as the disk would; the list counts its calls."""
    real, calls = getattr(module, step), [0]

    def failing(*arguments: object) -> object:
        calls[0] += 1
        if calls[0] <= times:
            raise OSError(code, os.strerror(code))
        return real(*arguments)

    monkeypatch.setattr(module, step, failing)
    return calls


def test_a_blob_is_synced_before_it_has_a_name_and_its_folder_after(spool: DiskSpool, steps: list[str]) -> None:
    spool.put(DATA)
    assert steps == ["_write_all", "_fsync_file", "_link", f"_fsync_folder {DIGEST[:2]}", "_fsync_folder bl"]


def test_a_folder_that_this_process_has_used_is_not_new_any_more(spool: DiskSpool, steps: list[str]) -> None:
    spool.put(DATA)
    steps.clear()
    spool.put(DATA)
    assert steps == ["_write_all", "_fsync_file", "_link", f"_fsync_folder {DIGEST[:2]}"]


def test_a_folder_made_by_another_process_is_synced_into_its_parent_all_the_same(spool: DiskSpool, steps: list[str]) -> None:
    (spool.blobs / DIGEST[:2]).mkdir()
    spool.put(DATA)
    assert steps[-1] == "_fsync_folder bl"


def test_an_adopted_file_is_linked_not_copied(spool: DiskSpool, steps: list[str], tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(DATA)
    inode = path.stat().st_ino
    spool.adopt(path, DIGEST)
    assert (spool.blobs / DIGEST[:2] / DIGEST).stat().st_ino == inode
    assert steps == ["_link", f"_fsync_folder {DIGEST[:2]}", "_fsync_folder bl"]


@pytest.mark.parametrize("step", ["_write_all", "_fsync_file", "_link"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_disk_that_refuses_is_a_no_and_nothing_is_kept(
    spool: DiskSpool, monkeypatch: pytest.MonkeyPatch, step: str, code: int
) -> None:
    refuse(monkeypatch, step, code)
    with pytest.raises(StorageRefused, match="nothing was kept") as refused:
        spool.put(DATA)
    assert isinstance(refused.value.__cause__, OSError)
    assert list(spool.staging.iterdir()) == []
    assert not spool.has(DIGEST)


def test_a_file_whose_sync_failed_is_never_synced_again(spool: DiskSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = refuse(monkeypatch, "_fsync_file", errno.EIO)
    with spool.writer() as writer:
        writer.write(DATA)
        for _ in range(2):
            with pytest.raises(StorageRefused):
                writer.commit()
    assert calls == [1]
    assert spool.put(DATA).sha256 == DIGEST


def test_after_a_failed_write_the_file_takes_nothing_more(spool: DiskSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "_write_all")
    with spool.writer() as writer:
        for _ in range(2):
            with pytest.raises(StorageRefused):
                writer.write(DATA)


def test_a_failed_sync_of_the_folder_is_a_no_and_takes_no_name_from_others(spool: DiskSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "_fsync_folder", errno.EIO)
    with pytest.raises(StorageRefused):
        spool.put(DATA)
    assert spool.has(DIGEST)  # another writer of these bytes may have been told yes already
    assert spool.put(DATA).sha256 == DIGEST


def test_a_staging_file_left_by_a_crash_is_swept_when_old(spool: DiskSpool) -> None:
    (spool.staging / "left").write_bytes(DATA)
    assert spool.sweep([], datetime.now(UTC) - timedelta(hours=1)) == 0
    assert spool.sweep([], TOMORROW) == 1
    assert list(spool.staging.iterdir()) == []


def test_bytes_that_come_again_make_an_old_orphan_young(spool: DiskSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.put(DATA)
    path = spool.blobs / DIGEST[:2] / DIGEST
    before = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == before:  # as many times as the disk's clock needs to move on
        spool.put(DATA)
    assert spool.sweep([], datetime.fromtimestamp(before / 1e9, UTC)) == 0


def test_a_blob_of_another_length_is_a_damaged_disk(spool: DiskSpool) -> None:
    spool.put(DATA)
    (spool.blobs / DIGEST[:2] / DIGEST).write_bytes(b"cut")
    with pytest.raises(StorageRefused, match="damaged"):
        spool.put(DATA)
    assert list(spool.staging.iterdir()) == []


def test_many_threads_may_write_the_same_bytes(spool: DiskSpool) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(spool.put(DATA).sha256)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [DIGEST] * 8
    assert spool.read(DIGEST) == DATA


def test_segments_are_synced_with_the_folder_that_names_them_once(spool: DiskSpool, steps: list[str]) -> None:
    with spool.segments(FLOW, 1) as segments:
        segments.append(b"one")
        segments.sync()
        segments.append(b"two")
        segments.sync()
    assert steps == ["_write_all", "_fsync_file", "_fsync_folder se", "_write_all", "_fsync_file"]


@pytest.mark.parametrize("step", ["_write_all", "_fsync_file"])
def test_segments_that_the_disk_refused_are_cut_to_what_was_synced(spool: DiskSpool, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    with spool.segments(FLOW, 1) as segments:
        segments.append(b"kept")
        segments.sync()
        calls = refuse(monkeypatch, step, errno.EIO)
        with pytest.raises(StorageRefused):
            _append_and_sync(segments)
        with pytest.raises(StorageRefused):
            segments.sync()
    assert calls == [1]
    with spool.segments(FLOW, 1) as segments:
        assert segments.append(b"next") == 4
    assert spool.read_segment(FLOW, 1, 0, 8) == b"keptnext"


def _append_and_sync(segments: module.SegmentFile) -> None:
    segments.append(b"lost")
    segments.sync()


@pytest.mark.parametrize("flow", ["../../etc", "", "F" * 26, "f1"])
def test_only_a_flow_number_names_segments(spool: DiskSpool, flow: str) -> None:
    with pytest.raises(UnknownSubject), spool.segments(flow, 1):
        pass
    with pytest.raises(UnknownSubject):
        spool.drop_segments(flow, 1)


def test_a_spool_where_no_folder_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(StorageRefused):
        DiskSpool(tmp_path / "spool")
