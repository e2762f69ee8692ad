"""Work off the caller's thread: one background thread, and async twins of methods.

Knows nothing of what it runs.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from optimem.errors import OptimemError

log = logging.getLogger("optimem")

P = ParamSpec("P")
R = TypeVar("R")
Self = TypeVar("Self")


class BackgroundThread:
    """Runs jobs one after another on a thread of its own. The next `drain` raises their errors;
    those of optimem are also logged at once, after `failure`, which says what it means."""

    def __init__(self, name: str, failure: str) -> None:
        self._executor, self._failure = ThreadPoolExecutor(1, thread_name_prefix=name), failure
        self._lock = threading.Lock()
        self._jobs: list[Future[Any]] = []

    def submit(self, job: Callable[[], object]) -> None:
        """Run a job after those before it."""
        future = self._executor.submit(job)
        future.add_done_callback(self._log_error)
        with self._lock:
            self._jobs = [known for known in self._jobs if not _succeeded(known)] + [future]

    def drain(self) -> None:
        """Wait for all jobs and raise the first error since the last `drain`; others are added to
        it as notes."""
        with self._lock:
            jobs, self._jobs = self._jobs, []
        errors = [error for job in jobs if (error := job.exception())]
        for other in errors[1:]:
            errors[0].add_note(f"also: {other!r}")
        if errors:
            raise errors[0]

    def close(self) -> None:
        """Wait for all jobs and end the thread."""
        self._executor.shutdown()

    def _log_error(self, job: "Future[Any]") -> None:
        error = job.exception()
        if isinstance(error, OptimemError):
            log.error("%s: %s", self._failure, error)


def async_twin(
    method: Callable[Concatenate[Self, P], R],
) -> Callable[Concatenate[Self, P], Coroutine[Any, Any, R]]:
    """The method as a coroutine with the same parameters, called `a` and its name, which runs it
    in a thread."""

    @wraps(method)
    async def twin(self: Self, /, *args: P.args, **options: P.kwargs) -> R:
        bound: Callable[P, R] = getattr(self, method.__name__)  # a subclass may override it
        return await asyncio.to_thread(bound, *args, **options)

    twin.__name__ = f"a{method.__name__}"
    twin.__qualname__ = method.__qualname__.replace(method.__name__, twin.__name__)
    twin.__doc__ = f"Async twin of `{method.__name__}`."
    return twin


def _succeeded(job: "Future[Any]") -> bool:
    return job.done() and job.exception() is None
