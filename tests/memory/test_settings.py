"""Settings as a line of text."""

import pytest

from optimem.errors import InputError
from optimem.memory.decay import DAY, DecayPolicy
from optimem.memory.settings import parse_age, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1.5h", 5400), ("7d", 7 * DAY), (" 2 W ", 14 * DAY)]
)
def test_ages(text: str, seconds: float) -> None:
    assert parse_age(text) == seconds


@pytest.mark.parametrize(("text", "size"), [("2000", 2000), ("64KB", 64_000), ("1.5GiB", 3 << 29)])
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "d", "-1d", "7 x", "1e9", "7d7"])
def test_what_is_neither(text: str) -> None:
    for parse in (parse_age, parse_size):
        with pytest.raises(InputError, match="is not a"):
            parse(text)


def test_a_policy_is_a_line() -> None:
    policy = DecayPolicy.parse("large=2d, base=1w,floor=0.95,forget_after=1y", write_error=0.03)
    assert policy == DecayPolicy(
        large=2 * DAY, base=7 * DAY, floor=0.95, forget_after=365 * DAY, write_error=0.03
    )
    assert DecayPolicy.parse("forget_after=never") == DecayPolicy() == DecayPolicy.parse("")


@pytest.mark.parametrize(
    "line", ["large", "huge=1d", "large=1d,large=2d", "large=30d", "floor=2", "floor=never"]
)
def test_a_line_that_is_no_policy_is_named(line: str) -> None:
    with pytest.raises(InputError):
        DecayPolicy.parse(line)
