"""Vectors merged as they grow: what is found by meaning stays, each page has its vectors in one
place, and of what is forgotten no segment knows anything."""

from collections import Counter

import pytest

from optimem import OpticalMemory, copy_store
from optimem.memory.decay import DAY, DecayPolicy
from optimem.memory.recall import narrowing
from optimem.memory.records.records import EntryKind, PageKey
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.records.vector_records import page_vectors, scope_vectors
from optimem.memory.upkeep.limits import Limits
from optimem.memory.writing.merging import FAN, merge_index
from optimem.protocols import Change, Store
from optimem.testing import InMemoryStore, ManualClock, open_memory
from optimem.turns import Scope, Turn
from tests.memory.embedders import WordModel
from tests.memory.factories import NOW, SCOPE, ContendedStore

FILL = "Nobody answered, so it rained all evening and everybody watched the lamps, number"
SAID = {
    7: "I see the doctor on Tuesday afternoon, somewhere behind the old station.",
    40: "Our hound is called Biscuit, since my sister liked that name so much back then.",
}


def said(start: int, end: int) -> list[Turn]:
    return [
        Turn(text=SAID.get(at, f"{FILL} {at}."), id=f"t{at}", time=NOW + at)
        for at in range(start, end)
    ]


def fill(memory: OpticalMemory, turns: list[Turn], page: int = 2) -> None:
    for at in range(0, len(turns), page):
        memory.append(SCOPE, turns[at : at + page])
        memory.flush(SCOPE)


def remember(model: object = None, store: Store | None = None, **options: object) -> OpticalMemory:
    memory = open_memory(store, embeddings=model or WordModel(), **options)  # type: ignore[arg-type]
    fill(memory, said(0, 48))
    return memory


def records_of(memory: OpticalMemory) -> ScopeRecords:
    return ScopeRecords(memory.store, Scope.parse(SCOPE))


def count(memory: OpticalMemory, kind: EntryKind) -> int:
    return records_of(memory).count(kind)


def ids(memory: OpticalMemory, query: str, k: int = 5) -> list[tuple[str, float]]:
    return [(hit.id, hit.score) for hit in memory.recall(SCOPE, query, k)]


def everywhere(memory: OpticalMemory) -> Counter[PageKey]:
    """In how many places each page has vectors."""
    records = records_of(memory)
    stored = scope_vectors(records, records.page_keys())
    found = Counter(list(stored.entries))
    for segment in stored.segments.values():
        found.update(segment.keys())
    return found


def numbers(memory: OpticalMemory) -> set[int]:
    """The turns of which any vectors are stored."""
    records = records_of(memory)
    pages = scope_vectors(records, records.page_keys()).by_page().values()
    return {number for page in pages for number in page.first.tolist()}


def test_merged_vectors_find_what_single_ones_find(monkeypatch: pytest.MonkeyPatch) -> None:
    merged = remember()
    with monkeypatch.context() as patched:
        patched.setattr("optimem.memory.writing.paging.merge_index", lambda records: 0)
        single = remember()
    assert count(single, EntryKind.VECTORS) == 24
    assert count(merged, EntryKind.VECTORS) < FAN
    assert count(merged, EntryKind.VECTOR_SEGMENT) == 1
    assert set(everywhere(merged).values()) == {1}
    assert len(everywhere(merged)) == 24
    for query in ("puppy", "When is the physician?", "lamps number 12"):
        assert ids(merged, query, 50) == ids(single, query, 50) != []
    for most in (4, 20):  # as in a long scope
        monkeypatch.setattr(narrowing, "MOST", most)
        assert ids(merged, "puppy", 3) == ids(single, "puppy", 3)
        assert ids(merged, "puppy", 1)[0][0] == "t40"
    stats = [memory.stats(SCOPE) for memory in (merged, single)]
    assert [each.pages_with_vectors for each in stats] == [24, 24]
    assert stats[0].vector_bytes < 0.8 * stats[1].vector_bytes
    assert merged.check(SCOPE).damage == []


def test_a_memory_without_a_model_merges_vectors_of_before() -> None:
    store = InMemoryStore()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("optimem.memory.writing.paging.merge_index", lambda records: 0)
        remember(store=store)
    fill(open_memory(store), said(48, 50))
    again = open_memory(store, embeddings=WordModel())
    assert count(again, EntryKind.VECTORS) < FAN
    assert ids(again, "puppy", 1)[0][0] == "t40"


def test_a_forgotten_turn_is_in_no_segment_of_vectors() -> None:
    memory = remember()
    before = set(scope_vectors(records_of(memory), []).segments)
    assert 7 in numbers(memory)
    receipt = memory.forget(SCOPE, turn="t7")
    after = set(scope_vectors(records_of(memory), []).segments)
    assert before - after
    assert {key.vectors for key in before - after} <= set(receipt.removed[SCOPE])
    assert memory.verify_receipt(receipt).holds
    assert numbers(memory) == set(range(48)) - {7}
    assert set(everywhere(memory).values()) == {1}
    assert ids(memory, "puppy", 1)[0][0] == "t40"
    assert "t7" not in dict(ids(memory, "physician"))
    assert memory.check(SCOPE).damage == []


def test_a_turn_is_forgotten_though_its_vectors_are_merged_meanwhile() -> None:
    store = ContendedStore()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("optimem.memory.writing.paging.merge_index", lambda records: 0)
        memory = remember(store=store)
    store.others = [lambda: merge_index(records_of(memory))]
    memory.forget(SCOPE, turn="t7")
    assert count(memory, EntryKind.VECTOR_SEGMENT)
    assert 7 not in numbers(memory)
    assert set(everywhere(memory).values()) == {1}


def test_vectors_made_anew_leave_their_segments_and_are_merged_again() -> None:
    memory = remember()
    other = open_memory(memory.store, embeddings=WordModel(seed=1))
    assert ids(other, "puppy", 1) == []
    assert other.reindex(dry_run=True).pages == 24
    assert other.reindex().pages == 24
    assert count(other, EntryKind.VECTORS) < FAN
    assert len(everywhere(other)) == 24
    assert set(everywhere(other).values()) == {1}
    assert other.stats(SCOPE).pages_with_vectors == 24
    assert other.reindex().current == 24
    assert ids(other, "puppy", 1)[0][0] == "t40"
    assert ids(memory, "puppy", 1) == []


def test_a_page_made_anew_while_others_write_has_its_vectors_once() -> None:
    store = ContendedStore()
    memory = remember(store=store)
    other = open_memory(store, embeddings=WordModel(seed=1))
    store.others = [lambda: fill(memory, said(48, 50)), lambda: fill(memory, said(50, 66))]
    report = other.reindex()
    assert (report.pages, report.skipped) == (24, 0)
    assert set(everywhere(other).values()) == {1}
    assert len(everywhere(other)) == 33


def test_segments_of_several_models_are_merged_and_told_apart() -> None:
    store = InMemoryStore()
    first = open_memory(store, embeddings=WordModel())
    narrow = open_memory(store, embeddings=WordModel(seed=3, width=100))
    for at in range(0, 48, 2):
        fill(first if at % 4 else narrow, said(at, at + 2))
    assert count(first, EntryKind.VECTORS) < FAN
    assert [hit for hit, _ in ids(first, "physician")][:1] == ["t7"]  # of the first model
    assert [hit for hit, _ in ids(narrow, "puppy", 1)] == ["t40"]  # of the narrow one
    assert first.stats(SCOPE).pages_with_vectors == 24


def test_vectors_go_with_their_pages() -> None:
    clock = ManualClock(NOW)
    memory = remember(policy=DecayPolicy(forget_after=400 * DAY, floor=0.0), clock=clock)
    before = numbers(memory)
    clock.advance(days=200)
    assert memory.sweep().moves
    assert numbers(memory) == before
    assert ids(memory, "puppy", 1)[0][0] == "t40"
    clock.advance(days=500)
    memory.sweep()
    assert everywhere(memory) == {}
    assert count(memory, EntryKind.VECTOR_SEGMENT) == 0


def test_at_a_limit_pages_go_with_their_vectors() -> None:
    memory = OpticalMemory(
        InMemoryStore(), open_memory().codec, clock=lambda: NOW, embeddings=WordModel(),
        limits=Limits(bytes=60_000, full="drop"),
    )  # fmt: skip
    fill(memory, said(0, 200))
    assert memory.stats(SCOPE).stored_bytes <= 70_000
    assert numbers(memory)
    assert set(everywhere(memory)) <= set(records_of(memory).page_keys())


@pytest.mark.parametrize("orphan", [False, True])
def test_a_damaged_segment_of_vectors_is_named_and_repaired(orphan: bool) -> None:
    memory = remember()
    records = records_of(memory)
    (info, *_) = records.store.entries(records.scope, EntryKind.VECTOR_SEGMENT.prefix)
    (entry,) = records.store.get(records.scope, [info.key])
    assert entry
    gone = records.page_keys()[0]
    change = Change(gone.page, None) if orphan else Change(entry.key, entry.value[:-1])
    records.store.commit(records.scope, [change])
    fresh = open_memory(memory.store, embeddings=WordModel())
    if not orphan:
        found = fresh.recall(SCOPE, "doctor", 1)
        assert [each.entry for each in found.unreadable] == [entry.key]
        assert found[0].id == "t7"
    assert entry.key in [found.entry for found in fresh.check(SCOPE).damage]
    fresh.check(SCOPE, repair=True)
    assert fresh.check(SCOPE).damage == []
    left = everywhere(fresh)
    assert len(left) == (23 if orphan else 0)
    assert gone not in left
    assert page_vectors(records, gone) is None
    assert fresh.reindex().pages == (0 if orphan else 24)
    assert len(everywhere(fresh)) == 24 - orphan


def test_a_copied_store_keeps_merged_vectors() -> None:
    copied = InMemoryStore()
    copy_store(remember().store, copied)
    assert ids(open_memory(copied, embeddings=WordModel()), "puppy", 1)[0][0] == "t40"
