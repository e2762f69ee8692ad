"""Recollections as text for a model: who, when, how sure, within a budget of tokens.

Knows no framework and no model; tokens are counted by DeepSeek's tokenizer.
"""

from collections.abc import Sequence
from functools import lru_cache

from optimem.counting import text_tokens
from optimem.results import RecalledTurn, Recollection

LEAST = 40
"""Tokens of a recollection that are worth giving when it has to be cut."""
UNITS = ((86_400.0, "day"), (3600.0, "hour"), (60.0, "minute"))

tokens_of = lru_cache(maxsize=1 << 14)(text_tokens)
"""Tokens of a text by DeepSeek's tokenizer, remembered, as histories are counted again and
again."""


def told(hits: Sequence[Recollection], budget: int) -> str:
    """The recollections that fit `budget` tokens, best first chosen, oldest first told. One
    that does not fit is cut, if enough of it fits to be of use."""
    chosen: list[tuple[Recollection, str]] = []
    left = budget
    for hit in hits:
        line = f"[{introduced(hit)}] {hit.text}"
        size = tokens_of(line)
        if size > left and left >= LEAST:
            line = f"{line[: int(len(line) * (left - 4) / size)]} …"
            size = tokens_of(line)
        if size <= left:
            chosen.append((hit, line))
            left -= size
    return "\n".join(line for _, line in sorted(chosen, key=lambda pair: pair[0].time))


def introduced(turn: RecalledTurn) -> str:
    """Who said it, how long ago, and how surely it was read unless it is proved right."""
    doubt = "" if turn.exact else f", read with {turn.probability:.0%} certainty"
    return f"{turn.role}, {ago(turn.age)}{doubt}"


def ago(age: float) -> str:
    """An age in seconds as people say it: "3 days ago", under a minute "just now"."""
    for seconds, name in UNITS:
        if age >= seconds:
            count = int(age // seconds)
            return f"{count} {name}{'s' * (count > 1)} ago"
    return "just now"
