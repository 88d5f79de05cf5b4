"""Writing to disk so that it stays: whole files by temporary name, fsync, rename, fsync folder; it holds no state and no policy."""

from __future__ import annotations

import os
from pathlib import Path


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
