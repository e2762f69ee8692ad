"""Work off the caller's thread: one background thread, and async twins of methods.

Knows nothing of what it runs.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from optimem.errors import OptimemError

log = logging.getLogger("optimem")

MAX_ERRORS = 100
"""Keys whose errors are kept; the oldest are dropped."""

P = ParamSpec("P")
R = TypeVar("R")
Self = TypeVar("Self")


class BackgroundThread:
    """Runs jobs one after another on a thread of its own. `name`: of the thread. `failure`: what
    an error means; those of optimem are logged after it.

    Each job belongs to a key, such as the scope it writes. Of jobs with one key that have not
    started, only one waits, so it must do all there is to do when it starts. A key's last error
    is kept until `drain` raises it or a later job with the key succeeds.
    """

    def __init__(self, name: str, failure: str) -> None:
        self._executor, self._failure = ThreadPoolExecutor(1, thread_name_prefix=name), failure
        self._lock = threading.Lock()
        self._waiting: set[Hashable] = set()
        self._running: set[Future[None]] = set()
        self._errors: dict[Hashable, BaseException] = {}
        self._left = False

    @property
    def left(self) -> bool:
        """Whether `leave` was called: a job that works step by step ends after the step in hand."""
        return self._left

    def submit(self, key: Hashable, job: Callable[[], object]) -> None:
        """Run a job after those before it, unless one with this key is waiting."""
        with self._lock:
            if key in self._waiting:
                return
            self._waiting.add(key)
            future = self._executor.submit(self._run, key, job)
            self._running.add(future)
        future.add_done_callback(self._running.discard)

    def wait(self) -> None:
        """Wait for all jobs; raises nothing."""
        with self._lock:
            running = list(self._running)
        wait(running)

    def drain(self, *keys: Hashable) -> None:
        """Wait for all jobs and raise the first error that is left, of some keys or by default of
        all; others are added to it as notes."""
        self.wait()
        with self._lock:
            wanted = keys or tuple(self._errors)
            errors = [self._errors.pop(key) for key in wanted if key in self._errors]
        for other in errors[1:]:
            errors[0].add_note(f"also: {other!r}")
        if errors:
            raise errors[0]

    def leave(self) -> None:
        """Start no job any more, those that wait included."""
        self._left = True

    def close(self) -> None:
        """Wait for all jobs and end the thread."""
        self._executor.shutdown()

    def _run(self, key: Hashable, job: Callable[[], object]) -> None:
        with self._lock:
            self._waiting.discard(key)
            if self._left:
                return
            failed = self._errors.pop(key, None)
        try:
            job()
        except Exception as error:  # of whatever kind: `drain` raises it
            with self._lock:
                self._errors[key] = error
                while len(self._errors) > MAX_ERRORS:
                    del self._errors[next(iter(self._errors))]
            if isinstance(error, OptimemError) and repr(error) != repr(failed):
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
