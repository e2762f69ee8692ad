"""A turn is found by the day of which it tells, counted from when it was said."""

from datetime import UTC, datetime, timedelta

import pytest

from optimem.memory.recall.retrieval import IndexRow, TurnRanker, index_page
from optimem.memory.recall.stages import Query, ToldDays

SATURDAY = datetime(2023, 5, 6, 20, tzinfo=UTC)


def tells(text: str, days: float, question: str = "What happened on 6 May 2023?") -> str:
    """By which words a text, said some days after that Saturday, is found."""
    said = (SATURDAY + timedelta(days=days)).timestamp()
    ranker = TurnRanker.of([index_page([IndexRow(0, text, said), IndexRow(1, "Hello.", said)])])
    query = Query(question, said + 1e7, ranker)
    scores = ToldDays().scores(query)
    assert scores[1] == 0
    return ToldDays().note(query, 0) if scores[0] else ""


@pytest.mark.parametrize(
    ("text", "days", "phrase"),
    [
        ("Today I ran.", 0, "today"),
        ("I ran yesterday.", 1, "yesterday"),
        ("It rained last night.", 1, "last night"),
        ("Last Saturday I ran.", 6, "saturday"),
        ("We ran at the weekend.", 3, "weekend"),
        ("I ran last week.", 5, "last week"),
        ("I ran a week ago.", 7, "week ago"),
        ("Four days ago I ran.", 4, "four days ago"),
        ("I ran two weeks ago.", 14, "two weeks ago"),
        ("I ran last month.", 29, "last month"),
    ],
)
def test_a_day_is_told_by_words_from_when_they_are_said(text: str, days: int, phrase: str) -> None:
    assert phrase in tells(text, days).split(", ")
    assert phrase not in tells(text, days + 40).split(", ")
    assert phrase not in tells(text, days - 20).split(", ")


def test_two_weeks_ago_is_not_a_week_ago() -> None:
    assert tells("I ran two weeks ago.", 7) == ""


def test_only_a_day_is_told() -> None:
    assert tells("I ran yesterday.", 1, "What happened in May 2023?") == ""
    assert tells("I ran yesterday.", 1, "What happened?") == ""
