"""What whoever runs a store for many users calls: workers.

Checks what comes in and calls the engine in `optimem.memory`; holds no logic of its own.
"""

import threading

from optimem.api.memory_handle import MemoryHandle
from optimem.errors import InputError
from optimem.memory.background import async_twin
from optimem.memory.worker import IDLE, LEASE, Worker, WorkerThread, WorkProgress
from optimem.results import WorkReport


class MemoryOperations(MemoryHandle):
    """The operation of a store that many processes share."""

    _worker: WorkerThread | None = None

    def work(
        self,
        *,
        once: bool = False,
        lease: float = LEASE,
        idle: float = IDLE,
        stop: threading.Event | None = None,
        progress: WorkProgress | None = None,
    ) -> WorkReport:
        """Let pages fade as they become due, until `stop` is set, or with `once` until nothing is
        due. What `optimem worker` runs.

        Any number of workers may run, in any processes and on any machines. `lease`: seconds for
        which a batch is claimed; a quarter of it is what a batch takes. `idle`: seconds between two
        looks while nothing is due. `progress`: called after each batch with its report and with the
        sum so far. While the store cannot be used it waits; with `once` StoreError is raised.
        """
        return self._new_worker(lease, idle, stop or threading.Event()).run(
            once=once, progress=progress
        )

    def start_worker(self, *, lease: float = LEASE, idle: float = IDLE) -> None:
        """Run `work` on a thread of this process until `stop_worker` or `close`: all that a store
        in a file needs. Raises InputError if one runs already."""
        if self._worker is not None:
            raise InputError("a worker runs already; stop it with stop_worker() first")
        self._worker = WorkerThread(self._new_worker(lease, idle, threading.Event()))

    def stop_worker(self) -> WorkReport:
        """End the worker of this process after the batch in hand; what it did. Without one it did
        nothing."""
        worker, self._worker = self._worker, None
        return worker.stop() if worker else WorkReport()

    def close(self) -> None:
        """Stop the worker of this process, wait for the background thread, and close the store if
        it was opened here. Raises what went wrong in the background."""
        self.stop_worker()
        super().close()

    astop_worker = async_twin(stop_worker)

    def _new_worker(self, lease: float, idle: float, stop: threading.Event) -> Worker:
        clock = self._store_clock
        return Worker(self.store, self.codec, self.policy, clock, lease, idle, stop)
