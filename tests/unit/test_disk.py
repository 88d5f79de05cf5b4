"""What the disk says when it keeps nothing, told from what is a bug; and what a command loads to speak to it."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest

from adapters import disk
from gateway.errors import StorageRefused


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE])
def test_a_disk_that_keeps_nothing_is_storage_refused(number: int) -> None:
    with pytest.raises(StorageRefused), disk.disk_border("spool"):
        raise OSError(number, "no")


def test_a_missing_file_is_not_blamed_on_the_disk() -> None:
    with pytest.raises(FileNotFoundError), disk.disk_border("spool"):
        raise FileNotFoundError(errno.ENOENT, "no")


def test_who_only_speaks_to_boxes_and_store_loads_no_network_library() -> None:
    look = "import sys, adapters.folder, adapters.spool, adapters.sqlite; print(sorted({'paramiko', 'pika'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout == "[]\n"
