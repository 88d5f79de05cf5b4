"""Work that pauses where another piece of the same kind may go first, so that several are done side by side; it knows no document.

What a step uses may be dear to fetch and cheap to use again: a rule pack is a megabyte, and between two documents the processor's caches
forget it. Judged side by side, documents cost an eighth less (docs/decisions/0012).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

Result = TypeVar("Result")
Steps = Generator[None, None, Result]
"""A piece of work; it yields where it may wait."""


def at_once(work: Steps[Result]) -> Result:
    """One piece of work, to its end."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Result = end.value
            return result


def side_by_side(works: Iterable[Steps[Result]], instead: Callable[[int, Exception], Result]) -> list[Result]:
    """The results in the order of the works: of all the first step, of all the second, and so on.

    `instead(n, error)` gives what stands for the n-th (from 0), which an exception broke off; the others go on.
    """
    under_way = dict(enumerate(works))
    results: dict[int, Result] = {}
    while under_way:
        for n, work in list(under_way.items()):
            try:
                next(work)
                continue
            except StopIteration as end:
                results[n] = end.value
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this piece's own; `instead` says what becomes of it
                results[n] = instead(n, error)
            del under_way[n]
    return [results[n] for n in sorted(results)]
