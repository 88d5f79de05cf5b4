"""Work side by side: the order of the steps, what each gives, and that one which breaks takes nobody with it."""

from __future__ import annotations

import pytest

from gateway.steps import Steps, at_once, side_by_side


def work(name: str, steps: int, done: list[str]) -> Steps[str]:
    for step in range(steps):
        done.append(f"{name}{step}")
        yield
    if name == "broken":
        raise ValueError(name)
    return name


def never(_n: int, error: Exception) -> str:
    raise error


def test_all_do_their_first_step_before_one_does_its_second() -> None:
    done: list[str] = []
    assert side_by_side([work("a", 2, done), work("b", 1, done), work("c", 3, done)], never) == ["a", "b", "c"]
    assert done == ["a0", "b0", "c0", "a1", "c1", "c2"]


def test_results_stand_where_their_work_stood() -> None:
    assert side_by_side([work("a", 3, []), work("b", 0, []), work("c", 1, [])], never) == ["a", "b", "c"]
    assert side_by_side([], never) == []


def test_what_breaks_is_replaced_and_the_others_go_on() -> None:
    done: list[str] = []
    works = [work("a", 2, done), work("broken", 1, done), work("c", 2, done)]
    assert side_by_side(works, lambda n, error: f"{n}: {error!r}") == ["a", "1: ValueError('broken')", "c"]
    assert done == ["a0", "broken0", "c0", "a1", "c1"]


def test_who_wants_the_whole_process_to_end_is_not_held_up() -> None:
    def leaving() -> Steps[str]:
        yield
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        side_by_side([leaving()], never)


def test_one_alone_is_done_at_once() -> None:
    done: list[str] = []
    assert at_once(work("a", 2, done)) == "a"
    assert done == ["a0", "a1"]
    with pytest.raises(ValueError, match="broken"):
        at_once(work("broken", 1, done))
