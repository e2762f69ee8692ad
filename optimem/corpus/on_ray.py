"""Workers that are actors of a Ray cluster, fed by Ray Data, one per device or core.

A node that dies takes nothing with it: Ray Data encodes again what was lost. Each batch of tasks is
a row, and each actor has a worker process, as `local` has many, so that what a worker dies of is
named here too. The nodes must see the documents at the same paths, and have optimem installed.
Knows nothing of shards.
"""

import logging
import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from socket import create_connection
from typing import Any

from optimem.corpus.encoding import Answer, Outcome, Recipe, Task, batched
from optimem.corpus.environment import variables
from optimem.corpus.local import Pool
from optimem.errors import MissingExtraError, OptimemError, ReaderUnavailableError

BLOCKS = 4096
"""Most parts that Ray Data schedules by themselves."""
VARIABLES = {
    "RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_enable_worker_prestart": "0", "RAY_prestart_worker_first_driver": "0",
}  # fmt: skip
"""A cluster that is started here tells nobody of it, prints nothing (errors are raised), and starts
no process before it is needed."""
PATIENCE = 10.0
"""Seconds for a cluster to take a connection."""
Row = dict[str, Any]


class RayEngine:
    """Encodes documents on Ray: on the cluster at `address`, else the one that the environment
    names (`RAY_ADDRESS`), else one that is started for this on this machine. `workers`: actors,
    default one per GPU of the cluster, or else per core."""

    def __init__(self, workers: int | None = None, address: str | None = None) -> None:
        self._workers, self._address = workers, address

    def encode(self, recipe: Recipe, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """An outcome for each task, as they are done. Raises MissingExtraError without Ray,
        ReaderUnavailableError if there is no cluster or it breaks down, and what `LocalEngine`
        raises."""
        with _cluster(self._address) as ray:
            batches = [{"tasks": pickle.dumps(batch)} for batch in batched(tasks)]
            try:
                for row in _encoded(ray, recipe, batches, self._workers).iter_rows():
                    answer: Answer = pickle.loads(row["answer"])
                    yield from answer.checked()
            except ray.exceptions.RayError as error:
                raise ReaderUnavailableError(
                    f"Ray could not go on: {str(error).strip().splitlines()[-1]}; what was encoded "
                    "is kept: run again"
                ) from error


def _encoded(ray: Any, recipe: Recipe, batches: Sequence[Row], workers: int | None) -> Any:
    """The lazy data set of outcomes."""
    has = ray.cluster_resources()
    device = "num_gpus" if has.get("GPU") else "num_cpus"
    count = workers or int(has.get("GPU") or has.get("CPU") or 1)
    parts = min(len(batches), BLOCKS)
    pool = ray.data.ActorPoolStrategy(min_size=1, max_size=min(count, parts))
    source = ray.data.from_items(list(batches), override_num_blocks=parts)
    return source.map(_actor(recipe), compute=pool, **{device: 1})


def _actor(recipe: Recipe) -> type:
    """The worker as Ray Data calls it, a row at a time."""

    class Actor:
        def __init__(self) -> None:
            self._pool = Pool(recipe, count=1)

        def __call__(self, row: Row) -> Row:
            try:
                answer = Answer(list(self._pool.encode([pickle.loads(row["tasks"])])))
            except OptimemError as error:
                answer = Answer([], error)
            return {"answer": pickle.dumps(answer)}

    return Actor


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Ray, connected to a cluster; quiet, since the progress is shown by who asked. A connection
    that there is already stays."""
    with variables(VARIABLES):
        try:
            import ray
            import ray.data
        except ImportError as error:
            raise MissingExtraError("Ray is missing: pip install 'optimem[ray]'") from error
        ours = not ray.is_initialized()
        if ours:
            _connect(ray, address)
    try:
        with _quiet(ray.data.DataContext.get_current()):
            yield ray
    finally:
        if ours:
            ray.shutdown()


@contextmanager
def _quiet(context: Any) -> Iterator[None]:
    """No progress bars and no log lines but errors from Ray Data, in a block."""
    log, shown = logging.getLogger("ray.data"), context.enable_progress_bars
    level = log.level
    context.enable_progress_bars = False
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        context.enable_progress_bars = shown
        log.setLevel(level)


def _connect(ray: Any, address: str | None) -> None:
    try:
        _knock(address or "")
        started = address is None and not os.environ.get("RAY_ADDRESS")
        lean = {"include_dashboard": False} if started else {}
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **lean)
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise ReaderUnavailableError(
            f"no Ray cluster answers at {address or 'this machine'}: {error}; start one (`ray "
            "start --head`), or give its address (--address)"
        ) from error


def _knock(address: str) -> None:
    """Raise OSError at once if nobody listens at a host and port, for which Ray takes minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        create_connection((host, int(port)), timeout=PATIENCE).close()
