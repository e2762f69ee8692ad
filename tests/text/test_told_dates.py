"""What words for dates mean in a text of a known time."""

from datetime import UTC, datetime

import pytest

from optimem.text.told_dates import day_shown, told_dates

SAID = datetime(2026, 5, 11, 18, 30, tzinfo=UTC).timestamp()  # a Monday


@pytest.mark.parametrize(
    ("text", "words", "shown"),
    [
        ("I saw it yesterday.", "yesterday", "Sunday, 10 May 2026"),
        ("The day before yesterday it rained.", "The day before yesterday", "Saturday, 9 May 2026"),
        ("We met last Friday, at noon", "last Friday", "Friday, 8 May 2026"),
        ("today!", "today", "Monday, 11 May 2026"),
        ("See you tomorrow.", "tomorrow", "Tuesday, 12 May 2026"),
        ("three days ago", "three days ago", "Friday, 8 May 2026"),
        ("two weeks ago", "two weeks ago", "about 27 April 2026"),
        ("three months ago", "three months ago", "about February 2026"),
        ("five years ago", "five years ago", "about 2021"),
        ("last week", "last week", "the week of Monday, 4 May 2026"),
        ("last weekend", "last weekend", "the weekend of Saturday, 9 May 2026"),
        ("last month", "last month", "April 2026"),
        ("last year", "last year", "2025"),
        ("over the last two weeks", "last two weeks", "since 27 April 2026"),
        ("since last Friday", "last Friday", "Friday, 8 May 2026"),
    ],
)
def test_words_for_dates(text: str, words: str, shown: str) -> None:
    (told,) = told_dates(text, SAID)
    assert (told.text, told.shown) == (words, shown)
    assert told.start < told.end


@pytest.mark.parametrize("text", ["on 8 May 2026", "in May", "2026-05-08", "Fridays", "", "\0 ago"])
def test_what_needs_no_help_is_left_alone(text: str) -> None:
    assert told_dates(text, SAID) == []


@pytest.mark.parametrize("said", [float("-inf"), 0.0, 1e300])
def test_any_time_has_a_day(said: float) -> None:
    assert day_shown(said)
    assert len(told_dates("yesterday", said)) == 1
