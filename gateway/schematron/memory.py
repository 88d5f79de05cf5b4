"""Python's cyclic collector, held back while everything that is made is kept anyway; nothing is collected here.

A tree and the answers noted on it are hundreds of thousands of objects for a large invoice. The collector walks all of them again and
again while they are made, and finds nothing: that doubles the time of 500 lines, and makes that of 10,000 grow faster than the lines.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """No collection meanwhile; afterwards as before."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
