"""What every store must do for several threads and processes at once: a part of `conformance`."""

import multiprocessing
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from optimem.errors import ConflictError
from optimem.protocols import Change, Entry, Store
from optimem.store import open_store
from tests.store.scopes import HOME, put

FORK = """
import os, sys
from optimem.protocols import Change
from optimem.store import open_store
from optimem.turns import Scope
store, scope = open_store(sys.argv[1]), Scope(session="home")
store.commit(scope, [Change("parent", b"1")])
child = os.fork()
if child == 0:
    store.commit(scope, [Change("child", b"2")])
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
store.commit(scope, [Change("parent", b"3", expect=1)])
"""


def increment(url: str, times: int) -> None:
    """Count up by compare-and-set, as often as it takes."""
    store = open_store(url, timeout=30)
    for _ in range(times):
        while True:
            (entry,) = store.get(HOME, ["count"])
            value, version = (int(entry.value), entry.version) if entry else (0, 0)
            try:
                store.commit(HOME, [Change("count", b"%d" % (value + 1), expect=version)])
                break
            except ConflictError:
                continue
    store.close()


class SharingSuite:
    """The suite. Needs the fixtures `url` and `store` of `StoreSuite`."""

    def test_threads_lose_no_increment(self, url: str, store: Store) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: increment(url, 10), range(4)))
        assert store.get(HOME, ["count"]) == [Entry("count", 40, b"40")]

    def test_threads_share_one_store(self, store: Store) -> None:
        def work(worker: int) -> None:
            for i in range(10):
                put(store, HOME, **{f"{worker}-{i}": float(i)})
                assert store.get(HOME, [f"{worker}-{i}"]) != [None]

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        assert len(store.entries(HOME)) == 40
        with ThreadPoolExecutor(4) as pool:
            batches = pool.map(lambda _: store.claim_due(now=99, limit=10, lease=99), range(4))
            claimed = [offer for batch in batches for offer in batch]
        assert len(claimed) == len(set(claimed)) == 40

    def test_processes_lose_no_increment(self, url: str, store: Store) -> None:
        context = multiprocessing.get_context("spawn")
        workers = [context.Process(target=increment, args=(url, 20)) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [worker.exitcode for worker in workers] == [0, 0]
        assert store.get(HOME, ["count"]) == [Entry("count", 40, b"40")]

    def test_writers_racing_with_clear_leave_no_lost_scope(self, url: str) -> None:
        """Whatever is in the store at the end is listed, and due."""

        def write(worker: int) -> None:
            store = open_store(url, timeout=30)
            for i in range(25):
                put(store, HOME, **{f"{worker}": float(25 - i)})
            store.close()

        def sweep(_: int) -> None:
            store = open_store(url, timeout=30)
            for _ in range(12):
                store.clear(HOME)
                store.claim_due(now=99, limit=2, lease=0.5)
            store.close()

        with ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(job, i) for i, job in enumerate((write, sweep, write, sweep))]
            for job in jobs:
                job.result()
        store = open_store(url)
        held = {info.key for info in store.entries(HOME)}
        assert set(store.scopes()) == ({HOME} if held else set())
        assert set(store.peek_due(now=999, limit=99)) == {(HOME, key) for key in held}
        store.close()

    @pytest.mark.skipif(sys.platform == "win32", reason="no fork on Windows")
    def test_a_store_crosses_a_fork(self, url: str, store: Store) -> None:
        subprocess.run([sys.executable, "-c", FORK, url], check=True, timeout=60)
        found = store.get(HOME, ["parent", "child"])
        assert found == [Entry("parent", 2, b"3"), Entry("child", 1, b"2")]
