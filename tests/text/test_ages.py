"""Ages in words."""

import pytest

from optimem.text.ages import ago, duration


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
