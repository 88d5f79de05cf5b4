"""Ranges, staging files and their notes."""

from __future__ import annotations

import errno
import hashlib
import os
import random
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sftp_uploads import Ranges, Stage, Upload, Uploads
from gateway.errors import StorageRefused
from gateway.model import Box
from tests.sftp_peers import TurnedClock


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    uploads = Uploads(tmp_path / "staging", TurnedClock(), 600)
    uploads.recover()
    return uploads


def again(uploads: Uploads) -> Uploads:
    """The same folder after a restart."""
    return Uploads(uploads.folder, TurnedClock(), 600)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=40))
def test_ranges_know_what_a_set_of_bytes_knows(writes: list[tuple[int, int]]) -> None:
    ranges, bytes_there = Ranges(), set[int]()
    for start, length in writes:
        ranges.add(start, start + length)
        bytes_there |= set(range(start, start + length))
    assert {n for a, b in ranges.spans for n in range(a, b)} == bytes_there
    assert all(b < c for (_, b), (c, _) in zip(ranges.spans, ranges.spans[1:], strict=False))
    prefix = next(n for n in range(100) if n not in bytes_there)
    assert (ranges.prefix, ranges.end) == (prefix, max(bytes_there, default=-1) + 1)
    missing = [n for n in range(ranges.end) if n not in bytes_there]
    hole = ranges.hole()
    assert (hole is None) == (not missing)
    if hole:
        assert hole[0] == missing[0]
        assert set(range(hole[0], hole[0] + hole[1])) <= set(missing)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)), max_size=20), st.integers(0, 70))
def test_cutting_ranges_forgets_what_is_behind(writes: list[tuple[int, int]], size: int) -> None:
    ranges = Ranges()
    for start, length in writes:
        ranges.add(start, start + length)
    before = {n for a, b in ranges.spans for n in range(a, b)}
    ranges.cut(size)
    assert {n for a, b in ranges.spans for n in range(a, b)} == {n for n in before if n < size}


def test_the_hash_is_right_whatever_the_order_of_the_bytes(uploads: Uploads) -> None:
    data = random.Random(3).randbytes(50_000)
    pieces = [(n, data[n : n + 1000]) for n in range(0, len(data), 1000)]
    for seed in range(4):
        random.Random(seed).shuffle(pieces)
        upload = uploads.begin("acme", Box.REAL, f"u{seed}")
        for position, piece in pieces:
            upload.write(position, piece)
        assert upload.seal() == hashlib.sha256(data).hexdigest()
        assert upload.path.read_bytes() == data


def test_resuming_keeps_what_has_no_hole_and_hashes_right(uploads: Uploads) -> None:
    upload = uploads.begin("acme", Box.REAL, "a")
    upload.write(0, b"abc")
    upload.write(10, b"later")
    upload.interrupt()
    uploads.settle(upload, Stage.PARTIAL)
    assert upload.size == 3
    upload.open()
    upload.write(3, b"def")
    assert upload.seal() == hashlib.sha256(b"abcdef").hexdigest()


def test_truncating_drops_bytes_and_never_invents_any(uploads: Uploads) -> None:
    upload = uploads.begin("acme", Box.REAL, "a")
    upload.write(0, b"abcdef")
    upload.truncate(100)
    assert upload.size == 6
    upload.truncate(2)
    assert upload.seal() == hashlib.sha256(b"ab").hexdigest()


def test_a_failed_fsync_is_final_for_those_bytes(uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = uploads.begin("acme", Box.REAL, "a")
    upload.write(0, b"abc")
    monkeypatch.setattr(os, "fsync", _broken)
    with pytest.raises(StorageRefused):
        upload.seal()
    monkeypatch.undo()
    assert upload.ranges.spans == []


def test_a_full_disk_is_our_error_and_another_errno_is_a_bug(uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = uploads.begin("acme", Box.REAL, "a")
    monkeypatch.setattr(os, "pwrite", _full)
    with pytest.raises(StorageRefused) as refused:
        upload.write(0, b"abc")
    assert isinstance(refused.value.__cause__, OSError)
    monkeypatch.undo()
    upload.shut()
    with pytest.raises(OSError, match="Bad file descriptor"):
        upload.write(0, b"abc")


def _broken(*_: object) -> None:
    raise OSError(errno.EIO, "broken")


def _full(*_: object) -> int:
    raise OSError(errno.ENOSPC, "full")


def test_after_a_crash_an_upload_is_what_its_last_note_says(uploads: Uploads) -> None:
    upload = uploads.begin("acme", Box.TEST, "a")
    upload.write(0, b"noted")
    upload.note()
    upload.write(5, b"not noted")
    back = again(uploads)
    assert back.recover() == []
    found = back.find("acme", Box.TEST, "a")
    assert found is not None
    assert (found.id, found.stage, found.size) == (upload.id, Stage.PARTIAL, 5)
    found.open()
    assert found.path.read_bytes() == b"noted"


def test_strays_and_unreadable_notes_are_removed_at_start(uploads: Uploads) -> None:
    kept = uploads.begin("acme", Box.REAL, "a")
    for name, text in (("x.json", "{"), ("y.json", "[]"), ("z.data", "stray"), (".w.json.part", "half")):
        (uploads.folder / name).write_text(text)
    again(uploads).recover()
    assert {p.name for p in uploads.folder.iterdir()} == {f"{kept.id}.data", f"{kept.id}.json"}


def test_custody_in_progress_is_given_back_at_start(uploads: Uploads) -> None:
    upload = uploads.begin("acme", Box.REAL, "a")
    upload.write(0, b"abc")
    upload.seal()
    uploads.settle(upload, Stage.TAKING)
    (found,) = again(uploads).recover()
    assert (found.id, found.sha256, found.path.read_bytes()) == (upload.id, hashlib.sha256(b"abc").hexdigest(), b"abc")


def test_custody_whose_file_is_gone_is_over(uploads: Uploads) -> None:
    upload = uploads.begin("acme", Box.REAL, "a")
    upload.seal()
    uploads.settle(upload, Stage.TAKING)
    upload.path.unlink()
    assert again(uploads).recover() == []
    assert list(uploads.folder.iterdir()) == []


def test_what_the_file_does_not_hold_is_not_resumed_as_zeros(uploads: Uploads) -> None:
    upload = uploads.begin("acme", Box.REAL, "a")
    upload.write(0, b"abc")
    upload.seal()
    uploads.settle(upload, Stage.PARTIAL)
    upload.path.unlink()  # the spool adopted it, then custody was refused
    upload.open()
    assert (upload.size, upload.path.read_bytes()) == (0, b"")


def test_a_new_upload_under_the_name_replaces_the_old_one(uploads: Uploads) -> None:
    old = uploads.begin("acme", Box.REAL, "a")
    new = uploads.begin("acme", Box.REAL, "a")
    assert not old.path.exists()
    assert uploads.find("acme", Box.REAL, "a") is new
    uploads.discard(old)
    assert uploads.find("acme", Box.REAL, "a") is new


def test_uploads_under_way_are_never_stale(uploads: Uploads) -> None:
    busy, stopped = uploads.begin("acme", Box.REAL, "busy"), uploads.begin("acme", Box.REAL, "stopped")
    uploads.settle(stopped, Stage.PARKED)
    assert uploads.stale(stopped.touched + timedelta(seconds=1)) == [stopped]
    assert uploads.of("acme", Box.REAL) == [busy]


def test_partners_and_boxes_never_share_a_name(uploads: Uploads) -> None:
    for partner in ("acme", "other"):
        for box in Box:
            uploads.begin(partner, box, "a")
    assert {(u.partner, u.box) for u in uploads.of("acme", Box.TEST)} == {("acme", Box.TEST)}
    assert len({u.id for p in ("acme", "other") for b in Box for u in uploads.of(p, b)}) == 4


def test_a_note_reads_back_as_written(uploads: Uploads) -> None:
    upload = uploads.begin("acme", Box.REAL, "é \u202f.xml")
    upload.write(0, b"a")
    upload.write(5, b"b")
    uploads.settle(upload, Stage.PARTIAL)
    back = Upload.load(upload.folder / f"{upload.id}.json")
    assert (back.name, back.ranges.spans, back.touched) == (upload.name, [(0, 1), (5, 6)], upload.touched)
