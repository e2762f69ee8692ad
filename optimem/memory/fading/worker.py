"""A worker: sweeps what is due on a store for as long as it is let, a batch at a time.

Any number of workers may run anywhere. A batch is claimed for the length of a lease, drawn outside
any transaction, and committed page by page if nobody changed the page meanwhile; so a worker that
dies loses nothing, its pages are offered again when the lease is over, and one that stalls longer
only works in vain. A worker claims no more than it can finish well within its lease, and waits
while the store does not answer. While nothing is due it does chores, a step at a time. Knows
nothing of processes and signals, nor what the chores are.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from optimem.errors import InputError, ReaderUnavailableError, StoreError
from optimem.memory.decay import DecayPolicy
from optimem.memory.fading.fading import BATCH, Fader, Tally
from optimem.memory.fading.leases import IDLE, LEASE
from optimem.protocols import Clock, PageCodec, Store
from optimem.reports import SweepReport, WorkReport

log = logging.getLogger("optimem")

SHARE = 0.25
"""Of the lease, that a batch may take."""
FIRST_BATCH = 4
"""Entries claimed before a worker knows how long one takes."""
FIRST_WAIT, MAX_WAIT = 0.5, 30.0
"""Seconds waited after the first failure of the store, and after any."""

WorkProgress = Callable[[SweepReport, WorkReport], None]
"""Called after each batch with its report, and with what the worker has done so far."""
Chores = Callable[[], Iterator[object]]
"""Begins work for when nothing is due, in small steps; what is begun again leaves out what is
done."""


@dataclass
class Worker:
    """A worker on a store. `clock`: tells what is due; the store's own, so that workers on
    machines whose clocks are wrong agree. `lease`: seconds a batch is claimed for. `idle`: seconds
    between two looks while nothing is due. `stop`: ends `run` after the batch in hand. Raises
    InputError for a lease or pause that is not positive."""

    store: Store
    codec: PageCodec
    policy: DecayPolicy
    clock: Clock
    lease: float = LEASE
    idle: float = IDLE
    stop: threading.Event = field(default_factory=threading.Event)
    chores: Chores = lambda: iter(())

    def __post_init__(self) -> None:
        if not (self.lease > 0 and self.idle > 0):
            raise InputError(
                f"a worker cannot have a lease of {self.lease} s and look every {self.idle} s; "
                "give positive numbers of seconds"
            )
        self._size, self._done, self._chores = FIRST_BATCH, WorkReport(), self.chores()

    def run(self, *, once: bool = False, progress: WorkProgress | None = None) -> WorkReport:
        """Sweep until `stop` is set, or with `once` until nothing is due and the chores are done.
        What it did.

        While the store or a remote reader cannot be used it waits, longer each time; with `once`
        their error is raised."""
        failures = 0
        while not self.stop.is_set():
            try:
                report = self._batch()
                busy = report is not None or next(self._chores, None) is not None
                failures = 0
            except (StoreError, ReaderUnavailableError) as error:
                if once:
                    raise
                self._chores, failures = self.chores(), failures + 1
                self._wait_after(error, failures)
                continue
            if report is not None and progress:
                progress(report, self._done)
            if not busy:
                if once:
                    break
                self.stop.wait(random.uniform(0.5, 1.5) * self.idle)  # workers do not march in step
        return self._done

    def _batch(self) -> SweepReport | None:
        """Sweep one batch; None if nothing is due."""
        now, started = self.clock(), time.monotonic()
        claimed = self.store.claim_due(now, self._size, self.lease)
        if not claimed:
            return None
        tally = Tally()
        Fader(self.store, self.codec, self.policy, now, dry_run=False).fade(claimed, tally)
        seconds, report = time.monotonic() - started, tally.report()
        if seconds > self.lease:
            log.warning(
                "a batch of %d entries took %.0f s, longer than the lease of %.0f s; others may "
                "have done the same work, raise the lease", len(claimed), seconds, self.lease,
            )  # fmt: skip
        self._size = self._next_size(len(claimed), seconds)
        self._done = self._done.plus(report, entries=len(claimed), seconds=seconds)
        return report

    def _next_size(self, entries: int, seconds: float) -> int:
        """How many entries to claim next: what takes a share of the lease, at most twice as many
        as before."""
        fitting = int(self.lease * SHARE * entries / max(seconds, 1e-6))
        return max(1, min(fitting, 2 * self._size, BATCH))

    def _wait_after(self, error: Exception, failures: int) -> None:
        pause = min(FIRST_WAIT * 2 ** (failures - 1), MAX_WAIT)
        log.warning("the worker waits %.1f s: %s", pause, error)
        self.stop.wait(pause * random.uniform(0.5, 1))


class WorkerThread:
    """A worker on a thread of its own, for a store that is embedded in this process."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._thread = threading.Thread(target=self._run, name="optimem-worker", daemon=True)
        self._thread.start()

    def stop(self) -> WorkReport:
        """End it after the batch in hand; what it did."""
        self._worker.stop.set()
        self._thread.join()
        return self._report

    def _run(self) -> None:
        self._report = WorkReport()
        self._report = self._worker.run()
