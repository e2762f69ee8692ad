"""How long a conversation is, when it is too long, and where it may be cut."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from optimem.adapters.messages import message_text
from optimem.errors import InputError
from optimem.memory.prompting import tokens_of
from optimem.prompts.draft import MESSAGE_TOKENS
from optimem.prompts.forms import LangChainForm, safe_cuts

Size = tuple[str, float]
Trigger = Size | Mapping[str, float] | Sequence[Size | Mapping[str, float]]


def checked(size: object, *, name: str) -> Size:
    """("messages" | "tokens" | "fraction", n). Raises InputError for anything else."""
    if isinstance(size, tuple) and len(size) == 2:
        unit, amount = size
        usable = isinstance(amount, int | float) and amount > 0
        if unit in ("messages", "tokens") and usable:
            return unit, float(amount)
        if unit == "fraction" and usable and amount <= 1:
            return unit, float(amount)
    raise InputError(
        f"{name}={size!r} cannot be used; give ('messages', n), ('tokens', n), or "
        "('fraction', f) with 0 < f ≤ 1"
    )


def any_of(trigger: Trigger) -> list[list[Size]]:
    """A trigger as alternatives, each a list of sizes that must all be reached: a tuple is one
    size, a dict several together, a list alternatives."""
    alternatives = trigger if isinstance(trigger, list) else [trigger]
    sizes = [list(a.items()) if isinstance(a, Mapping) else [a] for a in alternatives]
    if not sizes or not all(sizes):
        raise InputError(f"trigger={trigger!r} never fires; give at least one size")
    return [[checked(size, name="trigger") for size in together] for together in sizes]


def tokens(message: BaseMessage) -> int:
    """Tokens of a message, by DeepSeek's tokenizer."""
    return tokens_of(message_text(message)) + MESSAGE_TOKENS


def amount(size: Size, model: Any) -> tuple[str, float]:
    """A size in messages or tokens; a fraction is one of what the model takes in."""
    unit, number = size
    if unit != "fraction":
        return size
    limit = (getattr(model, "profile", None) or {}).get("max_input_tokens")
    if not limit:
        raise InputError(
            f"{type(model).__name__} does not tell how much it takes in, so a fraction of it "
            "cannot be used; give ('tokens', n)"
        )
    return "tokens", number * float(limit)


def reached(messages: Sequence[BaseMessage], size: Size, model: Any) -> bool:
    """Whether a conversation is as long as that."""
    unit, number = amount(size, model)
    if unit == "messages":
        return len(messages) >= number
    return sum(map(tokens, messages)) >= number


def cut(messages: Sequence[BaseMessage], keep: Size, model: Any) -> int:
    """How many of the oldest messages can go so that `keep` stays: never between a tool call
    and its results, so perhaps fewer."""
    unit, number = amount(keep, model)
    if unit == "messages":
        wanted = max(len(messages) - int(number), 0)
    else:
        wanted, left = len(messages), number
        while wanted and (left := left - tokens(messages[wanted - 1])) >= 0:
            wanted -= 1
        wanted = min(wanted, max(len(messages) - 1, 0))  # the last message stays
    return max(place for place in whole(messages) if place <= wanted)


def settled(messages: Sequence[BaseMessage], gone: int, step: int) -> int:
    """Of the `gone` oldest messages, a multiple of `step` or a few less, so that what is made of
    them stays the same while `step` messages are added; 0 where there are fewer."""
    return max(place for place in whole(messages) if place <= gone - gone % step)


def whole(messages: Sequence[BaseMessage]) -> list[int]:
    """Places before which a conversation may be cut: every call made there has its result."""
    return safe_cuts(map(LangChainForm.tool_ids, messages))
