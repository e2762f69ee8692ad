"""A thread with an event loop, on which all requests of a client run, whoever makes them.

So one implementation serves callers with and without a loop of their own, and connections are
shared by all of them. A caller that gives up, by Ctrl-C or by cancelling its task, cancels its
request.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

R = TypeVar("R")


class LoopThread:
    """Runs coroutines on a daemon thread, which starts with the first of them."""

    def __init__(self, name: str) -> None:
        self._name, self._lock = name, threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop = asyncio.new_event_loop()

    def submit(self, coroutine: Coroutine[Any, Any, R]) -> Future[R]:
        """Start a coroutine."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name=self._name, daemon=True
                )
                self._thread.start()
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """What a coroutine returns."""
        future = self.submit(coroutine)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def arun(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """The same for a caller with an event loop of its own."""
        return await asyncio.wrap_future(self.submit(coroutine))

    def each(self, steps: AsyncGenerator[R]) -> Iterator[R]:
        """What an asynchronous generator yields; it is closed if the caller stops early."""
        try:
            while (item := self.run(_next(steps))) is not None:
                yield item
        finally:
            self.run(_close(steps))

    async def aeach(self, steps: AsyncGenerator[R]) -> AsyncIterator[R]:
        """Async twin of `each`."""
        try:
            while (item := await self.arun(_next(steps))) is not None:
                yield item
        finally:
            await asyncio.shield(self.arun(_close(steps)))

    def stop(self) -> None:
        """End the thread. Stopping twice is harmless."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None and thread.is_alive():
            closing = self._loop.shutdown_asyncgens()  # what callers left half-read
            asyncio.run_coroutine_threadsafe(closing, self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()


async def _next(steps: AsyncIterator[R]) -> R | None:
    return await anext(steps, None)


async def _close(steps: AsyncGenerator[Any]) -> None:
    await steps.aclose()
