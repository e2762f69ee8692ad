"""Sizes that a user gives: when a conversation is too long, and how much of it is kept."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optimem.errors import InputError
from optimem.planning.boundary import History

Size = tuple[str, float]
"""("messages", n), ("tokens", n), or ("fraction", f) of what a model takes, with 0 < f ≤ 1."""
Trigger = Size | Mapping[str, float] | Sequence[Size | Mapping[str, float]]
"""A size, a mapping of sizes that must all be reached, or a list of which any one suffices."""


def parse_size(size: object, *, name: str) -> Size:
    """A valid size with its number as a float. Raises InputError, which says `name`."""
    if isinstance(size, tuple) and len(size) == 2:
        unit, amount = size
        valid = isinstance(amount, int | float) and amount > 0
        if unit in ("messages", "tokens") and valid:
            return unit, float(amount)
        if unit == "fraction" and valid and amount <= 1:
            return unit, float(amount)
    raise InputError(
        f"{name}={size!r} is not a size; give ('messages', n), ('tokens', n), or ('fraction', f) "
        "with 0 < f ≤ 1"
    )


def parse_trigger(trigger: Trigger) -> list[list[Size]]:
    """A trigger as alternatives, each a list of sizes that must all be reached. Raises
    InputError."""
    alternatives = trigger if isinstance(trigger, list) else [trigger]
    sizes = [list(a.items()) if isinstance(a, Mapping) else [a] for a in alternatives]
    if not sizes or not all(sizes):
        raise InputError(f"trigger={trigger!r} never fires; give at least one size")
    return [[parse_size(size, name="trigger") for size in together] for together in sizes]


@dataclass(frozen=True)
class Kept:
    """How much of the newest messages always stays: a size, in messages or tokens."""

    size: Size

    def __call__(self, history: History, end: int) -> int:
        """See `boundary.Keep`. At least the last message is kept."""
        unit, limit = self.size
        if unit == "messages":
            return max(end - int(limit), 0)
        wanted = bisect_left(history.totals, history.totals[end] - limit)
        return min(wanted, max(end - 1, 0))


@dataclass(frozen=True)
class Reached:
    """Alternatives, each a list of sizes that must all be reached."""

    alternatives: list[list[Size]]

    def __call__(self, history: History, cut: int, sent: int) -> bool:
        """See `boundary.Reached`."""
        long = {"messages": sent - cut, "tokens": history.between(cut, sent)}
        return any(all(long[unit] >= limit for unit, limit in sizes) for sizes in self.alternatives)


def absolute_size(size: Size, takes: float | None, model: str) -> Size:
    """A size in messages or tokens. `takes`: tokens that the `model` takes. Raises InputError for
    a fraction of what is not known."""
    unit, number = size
    if unit != "fraction":
        return size
    if not takes:
        raise InputError(
            f"{model} has no max_input_tokens in its profile to take a fraction of; give "
            "('tokens', n)"
        )
    return "tokens", number * takes
