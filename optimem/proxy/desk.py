"""Where requests are planned, in threads of their own and within a deadline, and what came of them
is added up. One for the proxy, and one for each client that has a memory.

Whatever goes wrong here, the request goes on as it came: logs say which kind of error it was, and
nothing of the request.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from contextlib import suppress
from threading import Lock

from optimem.api.memory import OpticalMemory
from optimem.errors import OptimemError
from optimem.memory.recall.prompting import count_tokens
from optimem.proxy.pricing import Tally
from optimem.proxy.savings import Savings
from optimem.proxy.shortening import Asked, Shortened, Shortener
from optimem.proxy.usage import UsageReader

log = logging.getLogger("optimem")

THREADS = 8
"""That plan at once. While so many are late, requests go on without being planned."""


class Desk:
    """Plans requests over a memory. `deadline`: seconds for a plan."""

    def __init__(self, memory: OpticalMemory, deadline: float) -> None:
        self.deadline = deadline
        self._shortener = Shortener(memory, memory.clock)
        self._savings = Savings(memory.store, memory.clock)
        self._threads = ThreadPoolExecutor(THREADS, "optimem-proxy")
        self._late, self._lock = 0, Lock()
        self._threads.submit(count_tokens, "")  # loads the tokenizer, or the first plan is late

    def close(self) -> None:
        """Wait for what is at work, and store the sums."""
        self._threads.shutdown()
        self._write()

    def shorten(self, asked: Asked) -> Shortened | None:
        """The request as it is to be sent; None for as it came."""
        work = self._start(asked)
        if work is None:
            return None
        try:
            return work.result(self.deadline)
        except LateError:
            self._is_late(work)
            return None

    async def ashorten(self, asked: Asked) -> Shortened | None:
        """Async twin of `shorten`."""
        work = self._start(asked)
        if work is None:
            return None
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(work)), self.deadline)
        except TimeoutError:
            self._is_late(work)
            return None

    def watch(self, tally: Tally, kind: str, may_wait: bool) -> "Bill":
        """Looks at the answer to a request. `kind`: its media type. `may_wait`: whether its headers
        may wait for its body, where that comes at once."""
        whole = kind.startswith("application/json")
        return Bill(tally, whole, whole and may_wait, self._settle)

    def _start(self, asked: Asked) -> "Future[Shortened | None] | None":
        if self._late >= THREADS:
            log.warning("a request goes on as it came: %s plans are late", self._late)
            return None
        return self._threads.submit(self._safely, asked)

    def _is_late(self, work: "Future[Shortened | None]") -> None:
        log.warning("a request goes on as it came: no plan after %s s", self.deadline)
        with self._lock:
            self._late += 1
        work.add_done_callback(self._was_late)

    def _was_late(self, _: object) -> None:
        with self._lock:
            self._late -= 1

    def _safely(self, asked: Asked) -> Shortened | None:
        try:
            return self._shortener.shorten(asked)
        except Exception as error:  # whatever a request holds, it is the provider's to refuse
            log.warning("a request goes on as it came: %s", type(error).__name__)
            return None

    def _settle(self, tally: Tally) -> None:
        self._savings.add(tally)
        with suppress(RuntimeError):  # closed meanwhile, which stores the sums
            self._threads.submit(self._write)

    def _write(self) -> None:
        try:
            self._savings.write()
        except OptimemError as error:
            log.warning("savings are not stored yet: %s", type(error).__name__)


class Bill:
    """Looks for the usage in an answer, and adds the request up at its end. `whole`: whether the
    answer is not a stream of events. See `forwarding.Watch`."""

    def __init__(
        self, tally: Tally, whole: bool, waits: bool, settle: Callable[[Tally], None]
    ) -> None:
        self.waits, self._tally, self._settle = waits, tally, settle
        self._reader = UsageReader(streamed=not whole)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Tokens and prices: by what the provider reports if all of the answer has passed."""
        if self.waits:
            self._reader.end()
        return self._tally.with_usage(self._reader.usage).headers()

    def feed(self, chunk: bytes) -> None:
        """A part of the answer."""
        self._reader.feed(chunk)

    def end(self) -> None:
        """The answer has ended."""
        self._reader.end()
        self._settle(self._tally.with_usage(self._reader.usage))
