"""Which destination takes an interface, and when to try again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import retry
from gateway.config import Destination
from gateway.errors import ParkError
from gateway.routing import destination_for

ALL, MIXTE, UBL = Destination(), Destination(interfaces=("FSO1113A",)), Destination(interfaces=("FSO1100A", "FSO1101A"))


@pytest.mark.parametrize(
    ("destinations", "interface", "taken"),
    [
        ({"chorus": ALL}, "FSO1100A", "chorus"),
        ({"mixte": MIXTE, "chorus": ALL}, "FSO1113A", "mixte"),
        ({"mixte": MIXTE, "chorus": ALL}, "FSO1100A", "chorus"),
        ({"chorus": ALL, "mixte": MIXTE}, "FSO1113A", "chorus"),
        ({"ubl": UBL, "mixte": MIXTE}, "FSO1101A", "ubl"),
    ],
)
def test_the_first_that_takes_it_gets_it(destinations: dict[str, Destination], interface: str, taken: str) -> None:
    assert destination_for(interface, destinations) == taken


@pytest.mark.parametrize(("destinations", "named"), [({}, "none"), ({"mixte": MIXTE, "ubl": UBL}, "mixte, ubl")])
def test_where_none_takes_it_a_person_is_asked(destinations: dict[str, Destination], named: str) -> None:
    with pytest.raises(ParkError, match=rf"takes FSO1110A \(destinations: {named}\)"):
        destination_for("FSO1110A", destinations)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 2), (2, 4), (3, 8), (8, 256), (9, 512), (10, 600), (11, 600), (10_000, 600)])
def test_the_wait_doubles_up_to_ten_minutes(attempt: int, seconds: int) -> None:
    assert retry.delay(attempt) == timedelta(seconds=seconds)


@pytest.mark.parametrize("attempt", [0, -1])
def test_there_is_no_attempt_before_the_first(attempt: int) -> None:
    assert retry.delay(attempt) == retry.FIRST


@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_jitter_adds_at_most_a_quarter(attempt: int, jitter: float) -> None:
    assert retry.delay(attempt) <= retry.delay(attempt, jitter=jitter) <= retry.delay(attempt) * 1.25


@given(st.integers(1, 100))
def test_a_later_attempt_never_waits_less(attempt: int) -> None:
    assert retry.delay(attempt + 1) >= retry.delay(attempt)
