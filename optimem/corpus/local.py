"""Workers that are processes of this machine, one per device, or per core without one.

A worker that dies takes nothing with it: its documents are tried again, each alone, and the one
that it dies of is named. When the process that started them ends, however it ends, so do they.
Knows nothing of shards.
"""

import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.resource_tracker import ensure_running

from optimem import build
from optimem.corpus.encoding import Answer, Outcome, Recipe, Task, Worker, batched
from optimem.corpus.environment import cores, variables
from optimem.errors import ReaderUnavailableError

THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Of a worker without a device; torch and numpy read them when they are imported."""
DEVICE = "CUDA_VISIBLE_DEVICES"
Batch = list[Task]


class LocalEngine:
    """Encodes documents in `workers` processes, default one per GPU, or else per core."""

    def __init__(self, workers: int | None = None) -> None:
        self._devices = build.visible_devices()
        self.workers = workers or len(self._devices) or cores()

    def encode(self, recipe: Recipe, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """An outcome for each task, as they are done. Raises what loading the model raises, and
        ReaderUnavailableError if a worker dies before it has loaded one."""
        batches = list(batched(tasks))
        with closing(Pool(recipe, min(self.workers, len(batches)), self._devices)) as pool:
            yield from pool.encode(batches)


class Pool:
    """Worker processes until `close`, spread over `devices` if there are any."""

    def __init__(self, recipe: Recipe, count: int, devices: Sequence[str] = ()) -> None:
        self._processes: list[_Process] = []
        for number in range(count):
            device = {DEVICE: devices[number % len(devices)]} if devices else {}
            self._processes.append(_Process(recipe, THREADS | device))

    def encode(self, batches: Iterable[Batch]) -> Iterator[Outcome]:
        """The outcomes of batches, as they are done. Errors as `LocalEngine.encode`."""
        waiting = deque(batches)
        while waiting or any(process.batch for process in self._processes):
            for process in self._processes:
                if waiting and process.ready and not process.batch:
                    process.give(waiting.popleft())
            for process in _heard(self._processes):
                yield from process.take() if process.alive else _buried(process, waiting)

    def close(self) -> None:
        """End them, whatever they are at."""
        for process in self._processes:
            process.stop()


class _Process:
    """A process that encodes one batch after another. `batch`: what it was given and has not
    answered yet."""

    def __init__(self, recipe: Recipe, environment: dict[str, str]) -> None:
        self._recipe, self._environment = recipe, environment
        self.start()

    def start(self) -> None:
        """Start it, or start it anew."""
        self.batch: Batch = []
        self.ready = False
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_work, args=(self._recipe, theirs), daemon=True
        )
        with variables(self._environment), _interrupts_held():
            self._process.start()
        theirs.close()
        self.alive = True

    def give(self, batch: Batch) -> None:
        """Send it a batch."""
        self.batch = batch
        with suppress(OSError):  # it died just now, which its pipe tells
            self.pipe.send(batch)

    def hear(self) -> None:
        """Receive what it sent; find out whether it is alive."""
        try:
            self._heard: Answer = self.pipe.recv()
        except (EOFError, OSError):
            self.alive = False

    def take(self) -> list[Outcome]:
        """The outcomes of its batch; none from a worker that is ready now."""
        self.ready, self.batch = True, []
        return self._heard.checked()

    def exit_code(self) -> int | None:
        """How it ended, of one that has."""
        self._process.join()
        return self._process.exitcode

    def stop(self) -> None:
        """End it."""
        self.pipe.close()
        self._process.terminate()
        self._process.join()


def _work(recipe: Recipe, pipe: Connection) -> None:
    """What a worker's process does until the other end of its pipe is closed. Ctrl-C is the
    parent's affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = Worker(recipe)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        pipe.send(worker.encode([]))
        while True:
            pipe.send(worker.encode(pipe.recv()))


def _heard(processes: Sequence[_Process]) -> list[_Process]:
    """The workers that have sent something, or died; waits for one."""
    by_pipe = {process.pipe: process for process in processes}
    heard = [by_pipe[pipe] for pipe in wait(list(by_pipe))]  # type: ignore[index]
    for process in heard:
        process.hear()
    return heard


def _buried(process: _Process, waiting: deque[Batch]) -> list[Outcome]:
    """What becomes of the batch of a worker that died; it is started anew."""
    code, batch, loaded = process.exit_code(), process.batch, process.ready
    if not loaded:
        raise ReaderUnavailableError(
            f"a worker died before it had loaded its model (exit code {code}); start fewer "
            "(--workers), each needs memory for a model"
        )
    process.start()
    if len(batch) == 1:
        document = batch[0].document
        reason = f"the worker that encoded it died (exit code {code}), perhaps for lack of memory"
        return [Outcome(document.id, document.mark, reason=reason)]
    waiting.extendleft([task] for task in reversed(batch))
    return []


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C held back, which would end a process while it starts in the block."""
    ensure_running()  # else it is started in the block, and lets Ctrl-C through
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
