"""What a provider says that a request has cost: read from an answer, or from the events of a
stream, as it passes. Knows no prices."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

LONGEST = 8 << 20
"""Bytes of an answer, or of one event, that are looked at."""


class Usage(NamedTuple):
    """Input tokens of a request. `cached`: of these, read from the provider's cache; `written`:
    written to it at a price of its own."""

    tokens: int
    cached: int
    written: int = 0


class UsageReader:
    """Looks for the usage in the body of an answer. `streamed`: whether it is a stream of events.
    The last usage that says something of the input counts."""

    def __init__(self, streamed: bool) -> None:
        self._streamed, self._rest = streamed, b""
        self.usage: Usage | None = None

    def feed(self, chunk: bytes) -> None:
        """Look at the next part of the body."""
        self._rest += chunk
        if self._streamed:
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                self._look(line.removeprefix(b"data:"))
        if len(self._rest) > LONGEST:
            self._rest = b""

    def end(self) -> None:
        """The body has ended."""
        self._look(self._rest.removeprefix(b"data:"))
        self._rest = b""

    def _look(self, data: bytes) -> None:
        if b'"usage"' not in data:
            return
        try:
            answer = json.loads(data)
        except (ValueError, RecursionError):
            return
        for found in _usages(answer):
            self.usage = find_usage(found) or self.usage


def _usages(answer: Any) -> Iterator[Mapping[str, Any]]:
    """Usage objects, wherever an API has them."""
    holders = [answer]
    if isinstance(answer, Mapping):
        holders += [answer.get("message"), answer.get("response")]
    for holder in holders:
        if isinstance(holder, Mapping) and isinstance(holder.get("usage"), Mapping):
            yield holder["usage"]


def find_usage(given: Mapping[str, Any]) -> Usage | None:
    """What a usage object says of the input; None if it says nothing of it."""
    if "prompt_tokens" in given:
        details = given.get("prompt_tokens_details")
        return _whole(given["prompt_tokens"], details, given.get("prompt_cache_hit_tokens"))
    if "input_tokens_details" in given:
        return _whole(given.get("input_tokens"), given["input_tokens_details"], None)
    if not isinstance(given.get("input_tokens"), int):
        return None
    read, written = (
        _count(given.get(f"cache_{name}_input_tokens")) for name in ("read", "creation")
    )
    return Usage(given["input_tokens"] + read + written, read, written)


def _whole(tokens: Any, details: Any, hits: Any) -> Usage | None:
    """Usage whose tokens hold the cached ones."""
    known = details.get("cached_tokens") if isinstance(details, Mapping) else None
    return Usage(tokens, _count(known or hits)) if isinstance(tokens, int) else None


def _count(given: Any) -> int:
    return given if isinstance(given, int) else 0
