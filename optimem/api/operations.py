"""What whoever runs a store for many users calls: workers, and the list of scopes.

Checks what comes in and calls the engine in `optimem.memory`; holds no logic of its own.
"""

import logging
import threading
from collections.abc import Iterator
from difflib import get_close_matches

from optimem.api.memory_handle import MemoryHandle
from optimem.errors import InputError, UnknownScopeError
from optimem.memory.background import async_twin
from optimem.memory.fading.leases import IDLE, LEASE
from optimem.memory.fading.worker import Worker, WorkerThread, WorkProgress
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.upkeep.stats import scope_size
from optimem.reports import ScopeSize, WorkReport
from optimem.store.sealed import SealedStore
from optimem.turns import RESERVED, Scope

log = logging.getLogger("optimem")


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
        sum so far. While nothing is due, what a sealed store holds under an old key is sealed anew,
        once. While the store cannot be used it waits; with `once` StoreError is raised.
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

    def scopes(self, *, user: str | None = None, namespace: str | None = None) -> list[ScopeSize]:
        """Every scope with what it holds, by name, or those of a user and of a namespace."""
        wanted = [
            scope
            for scope in self._memory_scopes()
            if user in (None, scope.user) and namespace in (None, scope.namespace)
        ]
        return [scope_size(ScopeRecords(self.store, scope)) for scope in sorted(wanted, key=str)]

    def check_known(self, scope: Scope | str) -> None:
        """Raise UnknownScopeError, with scopes of a similar name, for a scope that holds nothing:
        for people who type one. Other methods take it for a scope that is still empty."""
        records = self._records(scope)
        if next(iter(records.store.entries(records.scope)), None) is not None:
            return
        names = [str(each) for each in self._memory_scopes()]
        similar = get_close_matches(str(records.scope), names, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(similar)}?" if similar else "`optimem scopes` lists all"
        raise UnknownScopeError(f"{records.scope} holds nothing; {hint}")

    def close(self) -> None:
        """Stop the worker of this process, wait for the background thread, and close the store if
        it was opened here. Raises what went wrong in the background."""
        self.stop_worker()
        super().close()

    awork = async_twin(work)
    astart_worker = async_twin(start_worker)
    ascopes = async_twin(scopes)
    acheck_known = async_twin(check_known)
    astop_worker = async_twin(stop_worker)

    def _memory_scopes(self) -> Iterator[Scope]:
        return (each for each in self.store.scopes() if not each.namespace.startswith(RESERVED))

    def _new_worker(self, lease: float, idle: float, stop: threading.Event) -> Worker:
        clock = self._store_clock
        return Worker(self.store, self.codec, self.policy, clock, lease, idle, stop, self._chores)

    def _chores(self) -> Iterator[object]:
        """Sealing anew what is under an old key, if there are any, of a sealed store."""
        if isinstance(self.store, SealedStore) and self.store.has_old_keys:
            done = None
            for done in self.store.rotation():
                yield done
            log.info("sealed anew under the first key: %s", done)
