"""The State's statuses: the table of codes, the expected steps, and a present status that no order of arrival can spoil."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import Party, StatusNews
from gateway.statuses import BY_CODE, CODES, TABLE, expected, instant, label, moves, repeated

T1, T2 = "2026-11-22T10:00:00.000+01:00", "2026-11-22T11:00:00.000+01:00"


def news(code: str, at: str) -> StatusNews:
    return StatusNews(code=code, at=at, number="FA-1", supplier=Party("1", "00000000000727"))


def present(arrivals: list[tuple[str, str]]) -> tuple[str, str]:
    current = ("", "")
    for code, at in arrivals:
        if moves(*current, news(code, at)):
            current = (code, at)
    return current


def test_twelve_statuses_are_known_in_both_languages_with_their_api_codes() -> None:
    assert sorted(BY_CODE) == [f"{n:02d}" for n in range(1, 13)]
    assert BY_CODE["05"].api == "REJETEE"
    assert (label("11", "fr"), label("11", "en")) == ("Mise en paiement", "Put into payment")


def test_a_status_whose_label_is_not_public_is_shown_by_its_number() -> None:
    assert {"13", "41"} <= CODES
    assert (label("37", "fr"), label("37", "en")) == ("Statut 37", "Status 37")


@pytest.mark.parametrize(
    ("before", "after"),
    [("", "01"), ("01", "02"), ("01", "03"), ("02", "03"), ("03", "11"), ("03", "03"), ("06", "12"), ("12", "05"), ("04", "03"),
     ("08", "09"), ("10", "11")],
)  # fmt: skip
def test_the_steps_of_the_table_are_expected(before: str, after: str) -> None:
    assert expected(before, after)


@pytest.mark.parametrize(
    ("before", "after"), [("", "03"), ("03", "01"), ("03", "12"), ("06", "11"), ("05", "03"), ("11", "05"), ("03", "37")]
)
def test_other_steps_are_a_surprise(before: str, after: str) -> None:
    assert not expected(before, after)


def test_nothing_is_expected_after_a_final_status() -> None:
    final = [status.code for status in TABLE if status.final]
    assert sorted(final) == ["05", "11"]
    assert not any(expected(code, later) for code in final for later in CODES)


def test_the_first_status_is_always_taken() -> None:
    assert moves("", "", news("11", T1))
    assert moves("", "", news("37", "no date"))


def test_a_newer_word_of_the_state_is_taken_even_when_the_table_did_not_expect_it() -> None:
    assert moves("05", T1, news("11", T2))
    assert moves("03", T1, news("37", T2))
    assert moves("37", T1, news("03", T2))


@pytest.mark.parametrize("code", sorted(CODES))
def test_an_older_status_never_moves_back(code: str) -> None:
    assert not moves("03", T2, news(code, T1))


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_same_status_again_changes_nothing(code: str) -> None:
    assert not moves(code, T1, news(code, T1))
    assert repeated(code, T1, news(code, T1))


def test_the_same_instant_in_another_zone_is_a_repeat() -> None:
    utc = "2026-11-22T09:00:00Z"
    assert repeated("03", T1, news("03", utc))
    assert not moves("03", T1, news("03", utc))
    assert not repeated("03", T1, news("03", T2))
    assert not repeated("03", T1, news("06", T1))
    assert not repeated("03", "one nonsense", news("03", "another"))


def test_at_the_same_instant_the_later_place_in_life_wins() -> None:
    assert moves("01", T1, news("03", T1))
    assert not moves("03", T1, news("01", T1))
    assert moves("06", T1, news("12", T1))
    assert moves("10", T1, news("05", T1))
    assert not moves("03", T1, news("37", T1))


def test_a_date_without_a_zone_is_read_as_paris_time_summer_and_winter() -> None:
    assert instant("2018-02-22T16:06:38") == instant("2018-02-22T15:06:38Z")
    assert instant("2018-07-22T16:06:38") == instant("2018-07-22T14:06:38Z")


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-22", "22/11/2026", "2026-13-01T00:00:00", "20261122T100000", "2026-11-22T10:00:00+25:00", "2026-11-22T10:00:00\n",
     "٢٠٢٦-11-22T10:00:00", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"],
)  # fmt: skip
def test_what_is_no_date_and_time_is_none_and_older_than_any(text: str) -> None:
    assert instant(text) is None
    assert not moves("01", T1, news("11", text))
    assert moves("11", text, news("01", T1))


ARRIVALS = st.lists(
    st.tuples(st.sampled_from(sorted(CODES)), st.sampled_from([T1, T2, "2026-11-22T09:00:00Z", "2026-11-22T10:00:00", "", "nonsense"])),
    min_size=1, max_size=5,
)  # fmt: skip


@given(ARRIVALS)
def test_whatever_the_order_of_arrival_the_present_status_is_the_same(arrivals: list[tuple[str, str]]) -> None:
    codes_and_times = {(code, instant(at)) for code, at in (present(list(order)) for order in permutations(arrivals))}
    assert len(codes_and_times) == 1


@given(ARRIVALS)
def test_messages_told_twice_change_nothing(arrivals: list[tuple[str, str]]) -> None:
    assert present(arrivals + arrivals) == present(arrivals)
