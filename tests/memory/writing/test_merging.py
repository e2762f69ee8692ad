"""The index merged as it grows: nothing that is found changes, whoever else writes, and what is
forgotten leaves no segment behind that knows it."""

import random

import pytest

from optimem import OpticalMemory
from optimem.errors import ConflictError
from optimem.memory.decay import DAY, DecayPolicy
from optimem.memory.recall.ranker_cache import RankerCache
from optimem.memory.recall.retrieval import IndexRow, TurnRanker, index_page
from optimem.memory.records.records import EntryKind, PageKey
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.records.segment_records import page_words, segment_heads, whole_segment
from optimem.memory.upkeep.checking import check_scopes
from optimem.memory.writing import merging
from optimem.memory.writing.merging import FAN, Unit, merge_index
from optimem.protocols import Change
from optimem.store.sqlite import SQLiteStore
from optimem.testing import ManualClock, open_memory
from optimem.text.terms import terms
from optimem.turns import Scope, Turn
from tests.memory.factories import NOW, SCOPE, ContendedStore, make_page, make_span

WORDS = [f"{first}{last}" for first in ("amber", "birch", "cedar") for last in "klmnpqrstvwx"]


def records_of(memory: OpticalMemory) -> ScopeRecords:
    return ScopeRecords(memory.store, Scope.parse(SCOPE))


def said(seed: int, count: int, start: int = 0) -> list[Turn]:
    drawn = random.Random(seed)
    return [
        Turn(text=" ".join(drawn.choices(WORDS, k=6)), id=f"t{at}", time=NOW + at, name="Ann")
        for at in range(start, start + count)
    ]


def fill(memory: OpticalMemory, turns: list[Turn], page: int = 3) -> None:
    """Append turns and flush after each few, so that there are many pages."""
    for at in range(0, len(turns), page):
        memory.append(SCOPE, turns[at : at + page])
        memory.flush(SCOPE)


def plain(memory: OpticalMemory, turns: list[Turn]) -> TurnRanker:
    rows = [
        IndexRow(records_of(memory).turn_numbers([turn.id or ""])[0] or 0, turn.text, NOW, "Ann")
        for turn in turns
    ]
    return TurnRanker.of([index_page(rows)])


def ranked(memory: OpticalMemory, query: str, cache: RankerCache | None = None) -> list[object]:
    records = records_of(memory)
    pages, tail = records.snapshot()
    ranker = (cache or RankerCache()).ranker(records, pages, tail, terms(query))
    return [*ranker.best(query, 500)]


def kinds(memory: OpticalMemory) -> set[EntryKind | None]:
    return {size.kind for size in records_of(memory).entry_sizes()}


def test_segments_find_what_a_plain_ranker_finds_with_the_same_scores() -> None:
    memory, turns, cache = open_memory(), said(1, 120), RankerCache()
    for start in range(0, 120, 12):
        fill(memory, turns[start : start + 12], page=2)
        for query in ("amberk birchm", WORDS[start % len(WORDS)], "cedarx amberl cedarx"):
            expected = [*plain(memory, turns[: start + 12]).best(query, 500)]
            assert ranked(memory, query, cache) == expected
            assert ranked(memory, query) == expected
    records = records_of(memory)
    assert segment_heads(records, {})
    assert len(records.index_sizes()) < FAN
    assert records.count(EntryKind.PAGE) >= 60
    assert check_scopes([records], memory.codec, memory.policy, repair=False).damage == []


def test_a_scope_has_few_units_however_many_pages() -> None:
    memory = open_memory()
    fill(memory, said(2, 300), page=1)
    records = records_of(memory)
    assert records.count(EntryKind.PAGE) == 300
    assert records.count(EntryKind.SEGMENT) + records.count(EntryKind.INDEX) < 5 * FAN


def test_only_blocks_that_may_hold_the_terms_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optimem.memory.records.segments.BLOCK", 16)
    memory = open_memory()
    fill(memory, said(3, 24 * FAN))
    fetched: list[str] = []
    get = memory.store.get
    monkeypatch.setattr(
        memory.store, "get", lambda scope, keys: fetched.extend(keys) or get(scope, keys)
    )
    cache = RankerCache()
    assert ranked(memory, "amberk", cache)
    blocks = [key for key in fetched if EntryKind.of(key) is EntryKind.BLOCK]
    assert 0 < len(blocks) <= len(segment_heads(records_of(memory), {}))
    assert len(blocks) < records_of(memory).count(EntryKind.BLOCK)
    fetched.clear()
    assert ranked(memory, "amberk", cache)
    assert not [key for key in fetched if EntryKind.of(key) is EntryKind.BLOCK]


def test_no_block_is_read_for_a_word_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optimem.memory.records.segments.BLOCK", 16)
    monkeypatch.setattr("optimem.memory.records.segment_serialization.FILTERED", 2)
    memory, cache = open_memory(), RankerCache()
    fill(memory, said(3, 24 * FAN))
    assert all(head.filter for head in segment_heads(records_of(memory), {}).values())
    assert ranked(memory, "amberk", cache)
    fetched: list[str] = []
    get = memory.store.get
    monkeypatch.setattr(
        memory.store, "get", lambda scope, keys: fetched.extend(keys) or get(scope, keys)
    )
    for absent in ("zeppelin", "quartz", "harbour", "violet"):
        assert ranked(memory, absent, cache) == []
    assert not [key for key in fetched if EntryKind.of(key) is EntryKind.BLOCK]


def test_an_old_store_is_merged_when_its_next_page_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory, turns = open_memory(), said(4, 90)
    with monkeypatch.context() as patched:
        patched.setattr("optimem.memory.writing.paging.merge_index", lambda records: 0)
        fill(memory, turns[:-3], page=3)
    assert kinds(memory).isdisjoint({EntryKind.SEGMENT, EntryKind.BLOCK})
    before = ranked(memory, "amberk cedarm")
    merge_index(records_of(memory))
    assert ranked(memory, "amberk cedarm") == before
    assert records_of(memory).index_sizes() == {}
    fill(memory, turns[-3:])
    assert [*plain(memory, turns).best("amberk", 500)] == ranked(memory, "amberk")


def test_a_forgotten_turn_is_in_no_segment_and_the_others_are_found() -> None:
    memory, turns = open_memory(), said(5, 60)
    turns[20] = Turn(text="zeppelin over amberk", id="secret", time=NOW, name="Ann")
    fill(memory, turns)
    (word,) = terms("zeppelin")
    assert ranked(memory, "zeppelin")
    old = set(segment_heads(records_of(memory), {}))
    receipt = memory.forget(SCOPE, turn="secret")
    assert receipt.left == 0
    records = records_of(memory)
    assert ranked(memory, "zeppelin") == []
    heads = segment_heads(records, {})
    assert heads
    for key, head in heads.items():
        segment = whole_segment(records, key, head)
        assert segment
        assert word not in segment.index.term
        assert 20 not in segment.index.sequence
    gone = old - heads.keys()
    assert gone
    assert {key.head for key in gone} <= set(receipt.removed[SCOPE])
    assert memory.verify_receipt(receipt).holds
    left = [turn for turn in turns if turn.id != "secret"]
    assert [*plain(memory, left).best("amberk", 500)] == ranked(memory, "amberk")
    assert check_scopes([records], memory.codec, memory.policy, repair=False).damage == []


def test_what_is_too_old_leaves_the_segments() -> None:
    clock = ManualClock(NOW)
    memory = open_memory(policy=DecayPolicy(forget_after=200 * DAY), clock=clock)
    fill(memory, said(6, 40))
    assert EntryKind.SEGMENT in kinds(memory)
    clock.advance(days=201)
    memory.sweep()
    assert kinds(memory).isdisjoint({EntryKind.SEGMENT, EntryKind.BLOCK, EntryKind.INDEX})


def put_page(records: ScopeRecords, text: str, number: int) -> PageKey:
    page = make_page(make_span(text, number), id=f"{number:02x}")
    edit = records.edit()
    edit.put_page(page, None, expect=0, index=index_page([(number, text)]))
    edit.commit()
    return page.key


def test_a_page_drawn_again_counts_in_place_of_what_its_segment_says(
    records: ScopeRecords,
) -> None:
    keys = [put_page(records, f"amberk word{number}", number) for number in range(2 * FAN)]
    assert merge_index(records) == 1
    (edit := records.edit()).put_index(keys[3], index_page([(3, "amberl")]))
    edit.commit()

    def found(query: str) -> list[int]:
        pages, _ = records.snapshot()
        ranker = RankerCache().ranker(records, pages._replace(keys=keys), [])
        return sorted(number for number, _ in ranker.best(query, 99))

    for _ in range(2):
        assert found("amberk") == [n for n in range(2 * FAN) if n != 3]
        assert found("amberl") == [3]
        assert page_words(records, keys[3]).sequence.tolist() == [3]  # type: ignore[union-attr]
        (edit := records.edit()).put_index(keys[5], index_page([(5, "amberk again")]))
        edit.commit()
        merged = merge_index(records)
    assert merged == 0
    assert found("again") == [5]
    for number in range(6, 12):
        (edit := records.edit()).put_index(keys[number], index_page([(number, "amberk late")]))
        edit.commit()
    assert merge_index(records) == 1
    assert records.index_sizes() == {}
    assert found("late") == [*range(6, 12)]
    assert found("amberl") == [3]


def test_a_merge_gives_way_to_whoever_changes_the_index_meanwhile() -> None:
    store = ContendedStore()
    records = ScopeRecords(store, Scope.parse(SCOPE))
    keys = [put_page(records, f"amberk word{number}", number) for number in range(FAN)]

    def redraw() -> None:
        (edit := records.edit()).put_index(keys[2], index_page([(2, "newer")]))
        edit.commit()

    store.others = [redraw]
    assert merge_index(records) == 0
    assert segment_heads(records, {}) == {}
    assert merge_index(records) == 1
    assert page_words(records, keys[2]).term.tolist() == terms("newer")  # type: ignore[union-attr]


def test_a_turn_is_forgotten_though_its_words_are_merged_meanwhile() -> None:
    store = ContendedStore()
    memory = OpticalMemory(store, open_memory().codec, clock=lambda: NOW)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("optimem.memory.writing.paging.merge_index", lambda records: 0)
        fill(memory, [*said(7, 3 * FAN), Turn(text="zeppelin", id="secret", time=NOW)])
    store.others = [lambda: merge_index(records_of(memory))]
    memory.forget(SCOPE, turn="secret")
    (word,) = terms("zeppelin")
    records = records_of(memory)
    heads = segment_heads(records, {})
    assert heads
    for key, head in heads.items():
        segment = whole_segment(records, key, head)
        assert segment
        assert word not in segment.index.term


def test_a_reader_whose_segment_was_replaced_reads_again() -> None:
    store = SQLiteStore(":memory:")
    memory = OpticalMemory(store, open_memory().codec, clock=lambda: NOW)
    fill(memory, said(8, 3 * FAN))
    records, cache = records_of(memory), RankerCache()
    pages, tail = records.snapshot()
    ranker = cache.ranker(records, pages, tail)
    fill(memory, said(9, 21 * FAN, start=1000), page=1)  # merges the segments that were seen
    with pytest.raises(ConflictError, match="read it again"):
        ranker.best("amberk", 5)
    assert memory.recall(SCOPE, "amberk", k=3)


def test_units_of_like_size_in_a_row_are_merged_and_large_ones_left() -> None:
    def page(at: int, size: int) -> Unit:
        return Unit(put_key(at), size)

    small = [page(at, 4000) for at in range(FAN)]
    assert merging._neighbours(small) == [unit.key for unit in small]
    assert merging._neighbours(small[:-1]) == []
    apart = [*small[:4], page(90, merging.LARGEST), *small[4:]]
    assert merging._neighbours(sorted(apart)) == [unit.key for unit in small]
    between = [*small[:4], page(3, merging.LARGEST), *small[4:]]
    assert merging._neighbours(between) == []
    large = [page(at, merging.LARGEST // 3) for at in range(FAN)]
    assert len(merging._neighbours(large)) == 3
    assert merging._neighbours([page(at, merging.LARGEST) for at in range(20)]) == []


def put_key(at: int) -> PageKey:
    return make_page(make_span("x", at), id=f"{at:02x}").key


@pytest.mark.parametrize("kind", [EntryKind.SEGMENT, EntryKind.BLOCK])
@pytest.mark.parametrize("lost", [False, True])
def test_damaged_segments_are_reported_and_made_anew(kind: EntryKind, lost: bool) -> None:
    memory, turns = open_memory(), said(10, 60)
    fill(memory, turns)
    expected = ranked(memory, "amberk")
    records = records_of(memory)
    key = records.store.entries(records.scope, kind.prefix)[0].key
    records.store.commit(records.scope, [Change(key, None if lost else b"optimem\x03damaged")])
    found = memory.recall(SCOPE, "amberk")
    if not (lost and kind is EntryKind.SEGMENT):
        assert lost or [each.entry for each in found.unreadable] == [key]
    assert memory.check(scope=SCOPE).damage
    memory.check(scope=SCOPE, repair=True)
    assert memory.check(scope=SCOPE).damage == []
    assert ranked(memory, "amberk") == expected
