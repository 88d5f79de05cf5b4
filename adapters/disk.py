"""Writing to disk so that it stays: whole files by temporary name, fsync, rename, fsync folder; it holds no state and no policy."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.errors import StorageRefused

_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EFBIG})


def write_whole(target: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Make `target` hold exactly `data`, or what it held before: `.name.part` in the same folder, fsync, rename, fsync folder."""
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    part.rename(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """fsync a directory: renames and removals in it are durable after."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def disk_border(where: str) -> Iterator[None]:
    """Around writing to our own disk: full, read-only, broken, no descriptors left → `StorageRefused`; other OSErrors pass as bugs."""
    try:
        yield
    except OSError as foreign:
        if foreign.errno not in _DISK:
            raise
        raise StorageRefused(f"{where}: {foreign.strerror}; nothing was kept, free the disk and send again") from foreign
