"""Dates in questions as spans."""

from datetime import UTC, datetime
from math import inf

import pytest

from optimem.text.dates import find_dates

NOW = datetime(2023, 5, 17, 12, tzinfo=UTC).timestamp()  # a Wednesday
FIRST = datetime(2022, 2, 1, tzinfo=UTC).timestamp()


def shown(text: str, first: float = FIRST) -> list[str]:
    """Each span as its first and last day."""
    return [_day(s.start) + ".." + _day(s.end) for s in find_dates(text, NOW, first, NOW)]


def _day(time: float) -> str:
    return str(time) if abs(time) == inf else f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What did Ann say on 2023-05-08?", ["2023-05-08..2023-05-09"]),
        ("on 8 May 2023", ["2023-05-08..2023-05-09"]),
        ("the 8th of May, 2023 and June 2nd", ["2023-05-08..2023-05-09",
                                               "2022-06-02..2022-06-03", "2023-06-02..2023-06-03"]),
        ("on May 8th, 2022", ["2022-05-08..2022-05-09"]),
        ("in December 2022", ["2022-12-01..2023-01-01"]),
        ("in 2022-12", ["2022-12-01..2023-01-01"]),
        ("in May", ["2022-05-01..2022-06-01", "2023-05-01..2023-06-01"]),
        ("what may March do in 2022?", ["2022-01-01..2023-01-01"]),
        ("yesterday", ["2023-05-16..2023-05-17"]),
        ("the day before yesterday", ["2023-05-15..2023-05-16"]),
        ("this morning", ["2023-05-17..2023-05-18"]),
        ("last Friday", ["2023-05-12..2023-05-13"]),
        ("on Wednesday", ["2023-05-10..2023-05-11"]),
        ("last week", ["2023-05-08..2023-05-15"]),
        ("this week", ["2023-05-15..2023-05-22"]),
        ("last weekend", ["2023-05-13..2023-05-15"]),
        ("last month", ["2023-04-01..2023-05-01"]),
        ("last year", ["2022-01-01..2023-01-01"]),
        ("two weeks ago", ["2023-04-30..2023-05-07"]),
        ("a few days ago", ["2023-05-13..2023-05-14"]),
        ("in the last 10 days", ["2023-05-07..2023-05-17"]),
        ("since March 2023", ["2023-03-01..inf"]),
        ("before 8 May 2023", ["-inf..2023-05-08"]),
        ("after 8 May 2023", ["2023-05-09..inf"]),
        ("until last Friday", ["-inf..2023-05-13"]),
        ("on 31 February 2023, 99 June, or 2023-13-01", []),
        ("port 2022, may I march on, a decent job, 5 marketing people", []),
        ("", []),
    ],
)  # fmt: skip
def test_dates_are_found(text: str, expected: list[str]) -> None:
    assert sorted(shown(text)) == sorted(expected)


def test_without_turns_the_year_is_that_of_the_question() -> None:
    assert shown("in May", first=NOW) == ["2023-05-01..2023-06-01"]


def test_how_far_a_time_is_from_a_span() -> None:
    (span,) = find_dates("on 8 May 2023", NOW, FIRST, NOW)
    assert [span.distance(t) for t in (span.start - 5, span.start, span.end + 9)] == [-5, 0, 9]
    assert span.text == "8 May 2023"
    (since,) = find_dates("since the 8th of May 2023", NOW, FIRST, NOW)
    assert since.text == "since the 8th of May 2023"
    assert since.distance(NOW * 2) == 0
