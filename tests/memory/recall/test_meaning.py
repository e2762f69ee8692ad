"""Turns are found by what they mean, in the tail and on pages; their vectors go when they go, and
memory does without the model when it fails."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from optimem import OpticalMemory, copy_store
from optimem.errors import EmbeddingError, InputError
from optimem.memory.decay import DAY, DecayPolicy
from optimem.memory.records.records import EntryKind
from optimem.protocols import Change, Store
from optimem.store.sqlite import SQLiteStore
from optimem.testing import InMemoryStore, ManualClock, open_memory
from optimem.turns import Scope, Turn
from tests.memory.embedders import WordModel
from tests.memory.factories import SCOPE

FILL = (
    "Nobody answered, so it rained all evening and everybody watched the lamps by the river, "
    "alone on a bridge."
)
SAID = {"dr": "I see the doctor on Tuesday.", "pet": "Our hound is called Biscuit."}


def remember(model: object, store: Store | None = None, **options: object) -> OpticalMemory:
    memory = open_memory(store, embeddings=model, **options)  # type: ignore[arg-type]
    for at, (id, text) in enumerate(SAID.items()):
        memory.append(SCOPE, [Turn(text=text, id=id), Turn(text=FILL + str(at))])
    return memory


def best(memory: OpticalMemory, query: str) -> str | None:
    found = memory.recall(SCOPE, query, 1)
    return found[0].id if found else None


def vectors(memory: OpticalMemory) -> list[bytes]:
    scope = Scope.parse(SCOPE)
    infos = memory.store.entries(scope, EntryKind.VECTORS.prefix)
    return [e.value for e in memory.store.get(scope, [info.key for info in infos]) if e]


@pytest.fixture
def memory() -> OpticalMemory:
    return remember(WordModel())


@pytest.mark.parametrize("flush", [False, True])
def test_a_turn_is_found_in_other_words(memory: OpticalMemory, flush: bool) -> None:
    if flush:
        memory.flush(SCOPE)
    assert best(memory, "When is the physician?") == "dr"
    assert best(memory, "puppy") == "pet"
    assert remember(None).recall(SCOPE, "puppy") == []
    (hit,) = memory.recall(SCOPE, "puppy", 1)
    assert "alike" in hit.reasons
    assert hit.why[-1].stage == "meaning"


def test_what_pages_hold_is_not_embedded_again(memory: OpticalMemory) -> None:
    model = WordModel()
    store = memory.store
    memory.flush(SCOPE)
    again = open_memory(store, embeddings=model)
    assert best(again, "puppy") == "pet"
    assert not [text for text in model.asked if "hound" in text]


def test_async_recall_does_not_block_the_loop() -> None:
    class Slow(WordModel):
        ready = threading.Event()

        def embed_query(self, text: str) -> list[float]:
            if text == "puppy":
                assert self.ready.wait(20)
            return super().embed_query(text)

    async def both() -> str:
        memory = remember(Slow())
        recall = asyncio.create_task(memory.arecall(SCOPE, "puppy", 1))
        await asyncio.sleep(0.01)
        Slow.ready.set()  # only a loop that runs on comes here
        return (await recall)[0].id

    assert asyncio.run(both()) == "pet"


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[tuple[OpticalMemory, Path]]:
    path = tmp_path / "m.db"
    with remember(WordModel(), SQLiteStore(path)) as opened:
        opened.flush(SCOPE)
        yield opened, path


def test_forgetting_a_turn_removes_its_vector(on_disk: tuple[OpticalMemory, Path]) -> None:
    memory, path = on_disk
    (before,) = vectors(memory)
    assert memory.forget(SCOPE, turn="pet").residue == []
    (after,) = vectors(memory)
    assert len(after) < len(before)
    files = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert after[-60:] in files
    assert before[-60:] not in files
    assert best(memory, "puppy") != "pet"
    assert best(memory, "physician") == "dr"  # what other stretches held stays
    receipt = memory.forget(SCOPE)
    assert (receipt.left, vectors(memory)) == (0, [])


def test_a_receipt_counts_only_entries_that_there_were() -> None:
    with_vectors, without = remember(WordModel()), remember(None)
    for memory in (with_vectors, without):
        memory.flush(SCOPE)
    counted = [each.forget(SCOPE, turn="pet").entries for each in (with_vectors, without)]
    assert counted[0] == counted[1] + 1


def test_a_page_keeps_its_vectors_while_it_fades_and_no_longer() -> None:
    clock = ManualClock()
    policy = DecayPolicy(forget_after=400 * DAY, floor=0.0)
    memory = remember(WordModel(), clock=clock, policy=policy)
    memory.flush(SCOPE)
    before = vectors(memory)
    clock.advance(days=200)
    assert memory.sweep().moves
    assert vectors(memory) == before
    assert best(memory, "puppy") == "pet"
    clock.advance(days=500)
    memory.sweep()
    assert vectors(memory) == []


def test_a_model_that_fails_stops_neither_writing_nor_finding(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = WordModel()
    model.fails = ConnectionError("no route to host")
    with caplog.at_level(logging.WARNING, "optimem"):
        memory = remember(model)
        memory.flush(SCOPE)
        assert best(memory, "doctor") == "dr"
        assert memory.recall(SCOPE, "puppy") == []
    assert "a new page of acme/ann/s1 is found by words alone" in caplog.text
    assert "searched by words alone: the embedding model failed" in caplog.text
    stats = memory.stats(SCOPE)
    assert (stats.pages, stats.pages_with_vectors, stats.vector_bytes) == (1, 0, 0)
    with pytest.raises(EmbeddingError, match="no route to host"):
        memory.reindex()
    model.fails = None
    assert memory.reindex().pages == 1
    assert best(memory, "puppy") == "pet"


def test_vectors_of_another_model_are_passed_over_until_they_are_made_anew(
    memory: OpticalMemory, caplog: pytest.LogCaptureFixture
) -> None:
    memory.flush(SCOPE)
    other = open_memory(memory.store, embeddings=WordModel(seed=1))
    with caplog.at_level(logging.WARNING, "optimem"):
        assert other.recall(SCOPE, "puppy") == []
    assert "1 of 1 pages of acme/ann/s1 have no vectors of this model" in caplog.text
    assert other.reindex(dry_run=True).pages == 1
    report = other.reindex()
    assert (report.pages, report.current, report.bytes) == (1, 0, len(vectors(memory)[0]))
    assert other.reindex().current == 1
    assert best(other, "puppy") == "pet"
    assert memory.recall(SCOPE, "puppy") == []


def test_a_passage_that_lost_a_turn_is_made_anew() -> None:
    memory = open_memory(embeddings=WordModel())
    memory.append(SCOPE, [Turn(text="Our hound sleeps.", id="a"), Turn(text="No.", id="b")])
    memory.flush(SCOPE)
    memory.forget(SCOPE, turn="b")
    assert best(memory, "puppy") is None
    assert memory.reindex().pages == 1
    assert best(memory, "puppy") == "a"


def test_reindexing_needs_a_model_and_names_what_it_cannot_read(memory: OpticalMemory) -> None:
    with pytest.raises(InputError, match="no embedding model"):
        open_memory(memory.store).reindex()
    memory.flush(SCOPE)
    scope = Scope.parse(SCOPE)
    (info,) = memory.store.entries(scope, EntryKind.PAGE.prefix)
    (entry,) = memory.store.get(scope, [info.key])
    assert entry
    memory.store.commit(scope, [Change(entry.key, entry.value[:-1])])
    report = open_memory(memory.store, embeddings=WordModel(seed=2)).reindex()
    assert (report.pages, [each.entry for each in report.unreadable]) == (0, [entry.key])


@pytest.mark.parametrize("orphan", [False, True])
def test_damaged_vectors_are_named_and_repaired(memory: OpticalMemory, orphan: bool) -> None:
    memory.flush(SCOPE)
    scope = Scope.parse(SCOPE)
    (info,) = memory.store.entries(scope, EntryKind.VECTORS.prefix)
    (entry,) = memory.store.get(scope, [info.key])
    assert entry
    if orphan:
        page = info.key.replace(EntryKind.VECTORS.prefix, EntryKind.PAGE.prefix)
        memory.store.commit(scope, [Change(page, None)])
    else:
        memory.store.commit(scope, [Change(entry.key, entry.value[:-1])])
    fresh = open_memory(memory.store, embeddings=WordModel())
    assert entry.key in [found.entry for found in fresh.check(SCOPE).damage]
    if not orphan:
        assert best(fresh, "doctor") == "dr"
    fresh.check(SCOPE, repair=True)
    assert fresh.check(SCOPE).damage == []
    assert vectors(fresh) == []


def test_a_copied_store_keeps_vectors(memory: OpticalMemory) -> None:
    memory.flush(SCOPE)
    copied = InMemoryStore()
    copy_store(memory.store, copied)
    assert best(open_memory(copied, embeddings=WordModel()), "puppy") == "pet"
