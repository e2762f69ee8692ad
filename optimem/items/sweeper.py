"""A thread that removes expired items from time to time. Knows nothing of stores."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from optimem.errors import InputError, OptimemError

log = logging.getLogger("optimem")


class Sweeper:
    """Calls `sweep`, which returns a number of items, every so often until it is stopped. A
    sweep that fails is logged, and the next one is tried."""

    def __init__(self, sweep: Callable[[], int]) -> None:
        self._sweep = sweep
        self._lock = threading.Lock()
        self._stopped, self._done = threading.Event(), Future[None]()
        self._thread: threading.Thread | None = None

    def start(self, interval: float) -> "Future[None]":
        """Sweep every `interval` seconds, the first time after one; starting twice changes
        nothing. The future ends when the sweeper does; cancelling it stops the sweeper. Raises
        InputError for an interval that is not positive."""
        if not interval > 0:
            raise InputError(f"cannot sweep every {interval} s; give a positive number")
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                stopped, done = threading.Event(), Future[None]()
                done.add_done_callback(lambda _: stopped.set())
                self._stopped, self._done = stopped, done
                self._thread = threading.Thread(
                    target=self._run, args=(stopped, interval, done),
                    name="optimem-sweeper", daemon=True,
                )  # fmt: skip
                self._thread.start()
            return self._done

    def stop(self, timeout: float | None = None) -> bool:
        """Stop it; whether it has ended within `timeout` seconds, None for as long as it takes."""
        with self._lock:
            self._stopped.set()
            thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def _run(self, stopped: threading.Event, interval: float, done: "Future[None]") -> None:
        while not stopped.wait(interval):
            try:
                removed = self._sweep()
            except OptimemError as error:
                log.error("expired items could not be removed, trying again later: %s", error)
            else:
                log.debug("%d expired items removed", removed)
        if done.set_running_or_notify_cancel():
            done.set_result(None)
