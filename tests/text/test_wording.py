"""Ages and dates in words."""

import pytest

from optimem.text.wording import ago, date, duration


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "less than a minute"),
        (59.9, "less than a minute"),
        (60, "1 minute"),
        (3599, "59 minutes"),
        (3600, "1 hour"),
        (86_399, "23 hours"),
        (86_400, "1 day"),
        (40 * 86_400 + 5, "40 days"),
    ],
)
def test_the_largest_whole_unit(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def test_how_long_ago() -> None:
    assert [ago(age) for age in (0, 59, 60, 172_800)] == [
        "just now", "just now", "1 minute ago", "2 days ago",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "1970-01-01 00:00"),
        (-1e11, "-100000000000 s since 1970"),
        (1e12, "1000000000000 s since 1970"),
        (1e300, f"{1e300:.0f} s since 1970"),
    ],
)
def test_any_time_has_a_date_or_is_told_in_seconds(seconds: float, expected: str) -> None:
    assert date(seconds) == expected
