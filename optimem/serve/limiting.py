"""How much a service takes on: requests a second of each caller, requests in hand, bytes and
seconds of a request. Knows nothing of keys and routes."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.types import Message, Receive

from optimem.serve.problems import RETRY_AFTER, RequestError

BURST = 2.0
"""Seconds of a rate that may come at once."""


class Rate:
    """At most so many requests a second of each caller, and twice as many at once. `rate`: None
    for no limit. `clock`: seconds."""

    def __init__(self, rate: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, caller: str) -> None:
        """Count a request. Raises RequestError (429), with when to come again."""
        if self._rate is None:
            return
        now, most = self._clock(), max(self._rate * BURST, 1.0)
        left, seen = self._buckets.get(caller, (most, now))
        left = min(most, left + (now - seen) * self._rate)
        self._buckets[caller] = (left - 1 if left >= 1 else left, now)
        if left < 1:
            wait = max(1, round((1 - left) / self._rate + 0.5))
            raise RequestError(
                429, "RateLimited", f"at most {self._rate:g} requests a second; wait {wait} s",
                {"Retry-After": str(wait)},
            )  # fmt: skip


class InHand:
    """At most so many requests at once."""

    def __init__(self, most: int) -> None:
        self._most, self.now = most, 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """While a request is in hand. Raises RequestError (503) if there are too many."""
        if self.now >= self._most:
            raise RequestError(
                503, "Busy", f"{self._most} requests are in hand; try again",
                {"Retry-After": str(RETRY_AFTER)},
            )  # fmt: skip
        self.now += 1
        try:
            yield
        finally:
            self.now -= 1


def bounded(receive: Receive, announced: str | None, most: int, patience: float) -> Receive:
    """A request's `receive` that raises RequestError for a body of more than `most` bytes (413)
    or one that takes longer than `patience` seconds to arrive (408). `announced`: the header
    Content-Length."""
    if announced is not None and announced.isdigit() and int(announced) > most:
        raise _too_large(most)
    size, complete, end = 0, False, asyncio.get_running_loop().time() + patience

    async def receive_bounded() -> Message:
        nonlocal size, complete
        if complete:
            return await receive()
        try:
            async with asyncio.timeout_at(end):
                message = await receive()
        except TimeoutError:
            raise RequestError(
                408, "TooSlow", f"the request did not arrive within {patience:g} s; send it again",
                {"Connection": "close"},
            ) from None  # fmt: skip
        size += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if size > most:
            raise _too_large(most)
        return message

    return receive_bounded


def _too_large(most: int) -> RequestError:
    return RequestError(
        413, "TooLarge", f"a request may have {most:,} bytes; send it in parts",
        {"Connection": "close"},
    )  # fmt: skip
