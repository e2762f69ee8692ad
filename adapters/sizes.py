"""How long a conversation is, when it is too long, and where to cut it."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from optimem.adapters.messages import message_tokens
from optimem.errors import InputError
from optimem.prompts.forms import LangChainForm, safe_cuts

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


def is_reached(messages: Sequence[BaseMessage], size: Size, model: Any) -> bool:
    """Whether a conversation is at least that long."""
    unit, limit = _absolute(size, model)
    if unit == "messages":
        return len(messages) >= limit
    return sum(map(message_tokens, messages)) >= limit


def cut_index(messages: Sequence[BaseMessage], keep: Size, model: Any) -> int:
    """How many of the oldest messages may go so that at least `keep` stays. More stays where the
    cut would part a tool call from its results."""
    unit, limit = _absolute(keep, model)
    if unit == "messages":
        wanted = max(len(messages) - int(limit), 0)
    else:
        wanted = _index_of_newest(messages, limit)
    return max(cut for cut in _safe_cuts(messages) if cut <= wanted)


def stable_cut_index(messages: Sequence[BaseMessage], cut: int, step: int) -> int:
    """A cut at or before `cut` that moves only every `step` messages, so that what replaces the
    messages before it stays the same in between; 0 for fewer than `step`."""
    return max(index for index in _safe_cuts(messages) if index <= cut - cut % step)


def _absolute(size: Size, model: Any) -> Size:
    """A size in messages or tokens."""
    unit, number = size
    if unit != "fraction":
        return size
    limit = (getattr(model, "profile", None) or {}).get("max_input_tokens")
    if not limit:
        raise InputError(
            f"{type(model).__name__} has no max_input_tokens in its profile to take a fraction "
            "of; give ('tokens', n)"
        )
    return "tokens", number * float(limit)


def _index_of_newest(messages: Sequence[BaseMessage], tokens: float) -> int:
    """Where the newest messages that fit so many tokens start; the last message always counts."""
    start, left = len(messages), tokens
    while start and (left := left - message_tokens(messages[start - 1])) >= 0:
        start -= 1
    return min(start, max(len(messages) - 1, 0))


def _safe_cuts(messages: Sequence[BaseMessage]) -> list[int]:
    return safe_cuts(map(LangChainForm.tool_ids, messages))
