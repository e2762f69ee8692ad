"""Workers on stores of fakes and of SQLite: what they do, and what stops them."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from optimem import OpticalMemory
from optimem.errors import InputError, StoreUnavailableError
from optimem.memory.decay import DAY, DecayPolicy
from optimem.memory.fading.fading import Fader, Tally
from optimem.memory.fading.worker import FIRST_BATCH, Worker
from optimem.protocols import Page, VisionTokens
from optimem.reports import SweepReport, WorkReport
from optimem.testing import InMemoryStore, ManualClock, open_memory, plain_codec
from optimem.testing.pages import PlainModel
from optimem.tiers import Tier
from optimem.turns import Scope
from tests.memory.factories import NOW


def filled(store: InMemoryStore, scopes: int) -> OpticalMemory:
    """A memory with a page in each of some scopes, due when its clock has moved by a day."""
    memory = open_memory(store=store, clock=ManualClock(NOW))
    for number in range(scopes):
        memory.append(f"s{number}", f"{number} " * 100)
        memory.flush(f"s{number}")
    return memory


def worker(store: InMemoryStore, now: float, **options: float) -> Worker:
    return Worker(store, plain_codec(), DecayPolicy(), lambda: now, **options)


class CountingModel(PlainModel):
    """Counts the calls of the encoder."""

    calls = 0

    def encode(self, pages: list[Page], tier: Tier) -> list[VisionTokens]:  # type: ignore[override]
        self.calls += 1
        return super().encode(pages, tier)


class UnsteadyStore(InMemoryStore):
    """A store that cannot be reached the next `down` times."""

    down = 0

    def claim_due(self, now: float, limit: int, lease: float) -> list[tuple[Scope, str]]:
        if self.down:
            self.down -= 1
            raise StoreUnavailableError("no server")
        return super().claim_due(now, limit, lease)


def test_all_that_is_due_fades_once_and_nothing_else() -> None:
    store = InMemoryStore()
    memory = filled(store, 20)
    memory.append("fresh", "x" * 300, now=NOW + 2 * DAY)
    memory.flush("fresh", now=NOW + 2 * DAY)
    batches: list[tuple[SweepReport, WorkReport]] = []
    done = worker(store, NOW + 2 * DAY).run(once=True, progress=lambda *b: batches.append(b))
    assert (done.entries, done.faded, done.kept, done.skipped) == (20, 20, 0, 0)
    assert [len(report.moves) for report, _ in batches][:2] == [FIRST_BATCH, 2 * FIRST_BATCH]
    assert batches[-1][1] == done
    assert memory.stats().pages_by_tier == {"base": 20, "large": 1}


def test_pages_of_several_scopes_are_drawn_together() -> None:
    store, model = InMemoryStore(), CountingModel()
    filled(store, 12)
    due = store.claim_due(NOW + 2 * DAY, 99, 60)
    codec = plain_codec()._replace(encoder=model, decoder=model)
    Fader(store, codec, DecayPolicy(), NOW + 2 * DAY, dry_run=False).fade(due, tally := Tally())
    assert (len(tally.moves), model.calls) == (12, 1)


def test_what_a_dead_worker_claimed_comes_back_after_its_lease() -> None:
    store = InMemoryStore()
    filled(store, 5)
    now = NOW + 2 * DAY
    assert len(store.claim_due(now, 99, lease=60)) == 5
    assert worker(store, now + 59).run(once=True).entries == 0
    assert worker(store, now + 60).run(once=True).faded == 5


def test_a_worker_that_stalled_beyond_its_lease_changes_nothing() -> None:
    store = InMemoryStore()
    memory = filled(store, 5)
    now = NOW + 2 * DAY
    claimed = store.claim_due(now, 99, lease=60)
    worker(store, now + 61).run(once=True)
    before = memory.stats()
    Fader(store, plain_codec(), DecayPolicy(), now, dry_run=False).fade(claimed, tally := Tally())
    assert (tally.moves, memory.stats()) == ([], before)


def test_no_more_is_claimed_than_fits_in_a_share_of_the_lease() -> None:
    one = worker(InMemoryStore(), NOW, lease=60)
    assert one._next_size(4, seconds=40) == 1
    assert one._next_size(4, seconds=12) == 5
    assert one._next_size(4, seconds=0) == 2 * FIRST_BATCH


def test_a_store_that_is_away_is_waited_for_but_not_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optimem.memory.fading.worker.FIRST_WAIT", 0.001)
    store = UnsteadyStore()
    filled(store, 2)
    store.down = 3
    with pytest.raises(StoreUnavailableError):
        worker(store, NOW + 2 * DAY).run(once=True)
    running = worker(store, NOW + 2 * DAY, idle=0.001)
    done = running.run(progress=lambda *_: running.stop.set())
    assert (store.down, done.faded) == (0, 2)


def test_stopping_ends_after_the_batch_in_hand() -> None:
    store = InMemoryStore()
    filled(store, 20)
    running = worker(store, NOW + 2 * DAY)
    done = running.run(progress=lambda *_: running.stop.set())
    assert (done.batches, done.faded) == (1, FIRST_BATCH)


@pytest.mark.parametrize("options", [{"lease": 0}, {"idle": -1}, {"lease": float("nan")}])
def test_times_without_a_meaning_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match="positive"):
        worker(InMemoryStore(), NOW, **options)


def test_a_memory_runs_a_worker_of_its_own(tmp_path: Path) -> None:
    clock, faded = ManualClock(NOW), threading.Event()
    memory = OpticalMemory.open(tmp_path / "m.db", codec=plain_codec(), clock=clock)
    memory.append("s", "w" * 300)
    memory.flush("s")
    clock.now += 2 * DAY
    memory.start_worker(idle=0.01)
    with pytest.raises(InputError, match="runs already"):
        memory.start_worker()
    while not faded.wait(0.01):
        if memory.stats().pages_by_tier == {"base": 1}:
            faded.set()
    assert memory.stop_worker().faded == 1
    assert memory.stop_worker() == WorkReport()
    memory.start_worker(idle=60)
    memory.close()  # ends it, without waiting for a minute


def test_the_stores_clock_tells_what_is_due() -> None:
    store = InMemoryStore()
    store.time = lambda: NOW + 2 * DAY  # type: ignore[method-assign]
    memory = OpticalMemory(store, plain_codec())  # this machine's clock is wrong
    memory.append("s", "w" * 300, now=NOW)
    memory.flush("s", now=NOW)
    assert memory.sweep(dry_run=True).moves[0].after == "base"
    assert memory.work(once=True).faded == 1


def test_chores_are_done_while_nothing_is_due_and_begun_again_after_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("optimem.memory.fading.worker.FIRST_WAIT", 0.001)
    store, done, fail = InMemoryStore(), list[int](), [True]
    memory = filled(store, FIRST_BATCH + 1)

    def chores() -> Iterator[int]:
        for step in range(3):
            if step == 1 and fail.pop() if fail else False:
                raise StoreUnavailableError("no server")
            done.append(step)
            yield step

    running = Worker(store, plain_codec(), DecayPolicy(), lambda: NOW + 2 * DAY, idle=0.001)
    running = replace(running, chores=chores)
    timer = threading.Timer(0.5, running.stop.set)
    timer.start()
    assert running.run().faded == FIRST_BATCH + 1
    assert done == [0, 0, 1, 2]
    assert memory.stats().pages_by_tier == {"base": FIRST_BATCH + 1}
