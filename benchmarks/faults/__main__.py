"""Writers, workers and readers on one store; processes and servers are killed meanwhile.

    python -m benchmarks.faults [--seconds 60] [--on server] [--on cluster] [--processes 8 4 4]

prints what was wrong, by kind, and exits with 1 if anything was: turns that were acknowledged and
are lost, doubled, out of order, cut or wrong, seen by the readers during the run or in all scopes
at its end; entries that do not fit (`check`); and pages that were due after the run and did not
fade exactly once when four workers were let at them together. `--on`: file, server, cluster or
sentinel; default server and cluster. `--processes`: how many writers, workers and readers.

When all have begun, a writer and a worker are killed (kill -9) every second and started again, the
oldest first, once they have run for a second. In between, one after another, the server dies
and comes back with its append-only file, slots of the cluster move, or the sentinel changes the
primary. Only a fail-over may lose what was acknowledged: Redis replicates asynchronously, and the
old primary takes writes until it hears of the change. Turns lost that were acknowledged from three
seconds before a change of the primary to half a minute behind it are counted apart, with the time
of the last.
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread

from benchmarks.faults.roles import POLICY, SCOPES, codec, faults, play, read_journal
from benchmarks.faults.topologies import TOPOLOGIES, Topology
from optimem import OpticalMemory
from optimem.memory.fading.worker import Worker
from optimem.protocols import EntryInfo
from optimem.turns import Scope

LATER = 1000.0
"""Seconds after the run at which all pages are due."""
WORKERS = 4
BEFORE, AFTER = 3.0, 30.0
"""Seconds around a fail-over in which what is acknowledged may be lost."""
UP, PATIENCE = 1.0, 120.0
"""Seconds that a process runs at least, and may take to begin."""


class Crew:
    """The processes of a run."""

    def __init__(self, url: str, folder: Path, counts: list[int]) -> None:
        self._url, self._folder, self._writers = url, folder, counts[0]
        self._context = multiprocessing.get_context("forkserver")  # imports everything once
        self._context.set_forkserver_preload([play.__module__])
        self._processes: dict[tuple[str, int], BaseProcess] = {}
        self._started: dict[tuple[str, int], float] = {}
        for role, count in zip(("writer", "worker", "reader"), counts, strict=True):
            for number in range(count):
                self._start(role, number)

    def wait(self) -> None:
        """Wait until every writer has stored a turn and somebody has read."""
        deadline = time.monotonic() + PATIENCE
        names = ["readers", *(f"writer-{number}" for number in range(self._writers))]
        files = [self._folder / name for name in names]
        while not all(file.exists() and file.stat().st_size for file in files):
            time.sleep(0.1)
            if time.monotonic() > deadline:
                raise TimeoutError("the processes do not begin")

    def kill_one(self, role: str) -> bool:
        """Kill the oldest process of a role and start it again, if it has run for a while."""
        place = next((place for place in self._processes if place[0] == role), None)
        if place is None or time.monotonic() - self._started[place] < UP:
            return False
        self._kill(place)
        self._start(*place)  # at the end of the dictionary: the first is the oldest
        return True

    def stop(self) -> None:
        """Kill all."""
        for place in list(self._processes):
            self._kill(place)

    def _kill(self, place: tuple[str, int]) -> None:
        process = self._processes.pop(place)
        process.kill()
        process.join()

    def _start(self, role: str, number: int) -> None:
        count = self._writers if role == "reader" else number
        given = (role, self._url, self._folder, count)
        process = self._context.Process(target=play, args=given, daemon=True)
        process.start()
        self._started[role, number] = time.monotonic()
        self._processes[role, number] = process


def run(name: str, seconds: float, counts: list[int]) -> Counter[str]:
    """Run on a topology; what was wrong and what was done, by kind."""
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        topology = TOPOLOGIES[name](folder)
        try:
            crew = Crew(topology.url, folder, counts)
            try:
                kills = _disturb(crew, topology, seconds)
            finally:
                crew.stop()
            found = Counter({"kills": kills, "server faults": len(topology.faults)})
            lines = (folder / "readers").read_text().splitlines()
            found["reads"] = lines.count("read")
            wrong = [line for line in lines if line != "read"]
            found += _after(topology, folder, counts[0], wrong)
            found += Counter(_kind(line) for line in wrong if _kind(line) != "lost")
            acknowledged = _acknowledged(folder, counts[0])
            lost = {line.split(": ")[2] for line in wrong if _kind(line) == "lost"}
            moments = [acknowledged[turn] for turn in lost]
            return found + _lost(moments, topology.changes())
        finally:
            topology.stop()


def _acknowledged(folder: Path, writers: int) -> dict[str, float]:
    """When each turn was acknowledged."""
    journals = [read_journal(folder, number) for number in range(writers)]
    found = dict[str, float]()
    for journal in journals:
        for turns in journal.acknowledged.values():
            found |= turns
    return found


def _lost(moments: list[float], began: list[float]) -> Counter[str]:
    """Lost turns by when they were acknowledged: around a fault that may lose some, or not."""
    after = [
        min((m - b for b in began if -BEFORE <= m - b <= AFTER), default=None) for m in moments
    ]
    near = [seconds for seconds in after if seconds is not None]
    found = Counter({"lost": len(after) - len(near), "lost in the fail-over": len(near)})
    if near:
        found["ms behind its begin, the last of these"] = round(1000 * max(near))
    return found


def _disturb(crew: Crew, topology: Topology, seconds: float) -> int:
    """Kill processes every second, and do the topology's faults in between; how many kills."""
    crew.wait()
    started, kills, waiting = time.monotonic(), 0, list(topology.faults.values())
    while time.monotonic() - started < seconds or waiting:
        time.sleep(1)
        for role in ("writer", "worker"):
            kills += crew.kill_one(role)
        share = (time.monotonic() - started) / seconds
        if waiting and share > 1 - len(waiting) / (len(topology.faults) + 1):
            waiting.pop(0)()
    return kills


def _after(topology: Topology, folder: Path, writers: int, wrong: list[str]) -> Counter[str]:
    """Check all scopes, adding to what is `wrong`; then let several workers at pages that are all
    due."""
    found = Counter[str]()
    journals = [read_journal(folder, number) for number in range(writers)]
    forgotten = set[str]().union(*(journal.forgotten for journal in journals))
    with OpticalMemory.open(topology.url, codec=codec(), policy=POLICY) as memory:
        for scope in SCOPES:
            turns = memory.reconstruct(scope)
            found["turns"] += len(turns)
            wrong += [f"{scope}: {each}" for each in faults(scope, turns, journals, forgotten)]
            memory.flush(scope)
        for damage in memory.check().damage:
            print(damage, file=sys.stderr)
            found["half-written"] += 1
        found += _fade_all(memory)
    return found


def _fade_all(memory: OpticalMemory) -> Counter[str]:
    """Fade all pages, by several workers at once: each once, and none left."""
    now = memory.clock() + LATER
    before, due = _pages(memory), set(memory.store.peek_due(now, 1_000_000))
    workers = [
        Worker(memory.store, codec(), POLICY, lambda: now, lease=30.0) for _ in range(WORKERS)
    ]
    threads = [Thread(target=worker.run, kwargs={"once": True}) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = Counter[str]({"due pages": len(due)})
    after = _pages(memory)
    for place, info in before.items():
        written = after[place].version - info.version
        found["faded not once"] += written != (place in due)
    found["still due"] += len(memory.store.peek_due(now, 1_000_000))
    return found


def _pages(memory: OpticalMemory) -> dict[tuple[Scope, str], EntryInfo]:
    scopes = map(Scope.parse, SCOPES)
    return {(s, info.key): info for s in scopes for info in memory.store.entries(s, "page:")}


def _kind(line: str) -> str:
    """The kind of a fault that a reader reported."""
    return line.partition(": ")[2].partition(":")[0]


FAULTS = (
    "lost", "doubled", "out of order", "cut", "wrong", "half-written", "faded not once",
    "still due",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="benchmarks.faults")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--on", action="append", choices=TOPOLOGIES)
    parser.add_argument("--processes", type=int, nargs=3, default=[8, 4, 4])
    options = parser.parse_args(arguments)
    wrong = 0
    for name in options.on or ["server", "cluster"]:
        found = run(name, options.seconds, options.processes)
        done = {kind: count for kind, count in found.items() if kind not in FAULTS}
        print(f"{name}: {', '.join(f'{count:,} {kind}' for kind, count in sorted(done.items()))}")
        print("  " + ", ".join(f"{kind}: {found[kind]}" for kind in FAULTS), flush=True)
        wrong += sum(found[kind] for kind in FAULTS)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
