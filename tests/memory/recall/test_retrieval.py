"""Ranking: scores that equal an independent BM25, and rankers that are cached between recalls."""

import math
from collections import Counter

import numpy as np
import pytest

from optimem.memory.recall.ranker_cache import RankerCache
from optimem.memory.recall.retrieval import K1, B, TurnRanker, index_page
from optimem.memory.records.page_index import PageIndex
from optimem.memory.records.records import PageKey
from optimem.memory.records.scope_records import PageList, ScopeRecords
from optimem.text.terms import terms
from tests.memory.factories import make_chunk, make_page, make_span

SAID = [
    (0, "The deploy key rotates every 90 days."),
    (1, "Lunch at noon? The deploy went fine."),
    (2, "Rotate the key, rotate the key, rotate the key again."),
    (3, ""),
]


def test_scores_are_bm25() -> None:
    ranker = TurnRanker.of([index_page(SAID[:2]), index_page(SAID[2:])])
    counted = [Counter(terms(text)) for _, text in SAID]
    mean = sum(c.total() for c in counted) / len(SAID)

    def score(counts: Counter[int]) -> float:
        total = 0.0
        for term in set(terms("rotate the key")):
            having = sum(term in c for c in counted)
            rarity = math.log(1 + (len(SAID) - having + 0.5) / (having + 0.5))
            norm = K1 * (1 - B + B * counts.total() / mean)
            total += rarity * counts[term] / (counts[term] + norm)
        return total

    expected = sorted(((score(c), n) for n, c in enumerate(counted)), reverse=True)
    found = ranker.best("rotate the key", 4)
    assert [turn for turn, _ in found] == [n for value, n in expected if value > 0]
    assert [value for _, value in found] == pytest.approx([v for v, _ in expected if v > 0])


def test_parts_of_a_turn_on_two_pages_count_as_one() -> None:
    whole = TurnRanker.of([index_page([(0, "red lantern red"), (1, "blue")])])
    parts = TurnRanker.of([index_page([(0, "red lantern")]), index_page([(0, "red"), (1, "blue")])])
    assert parts.best("red", 2) == whole.best("red", 2)


def test_nothing_to_rank_and_nothing_asked() -> None:
    assert TurnRanker.of([]).best("word", 3) == []
    assert TurnRanker.of([index_page(SAID)]).best("the", 3) == []


def test_of_equal_scores_the_newest_comes_first() -> None:
    ranker = TurnRanker.of([index_page([(4, "alike"), (9, "alike"), (7, "alike")])])
    assert [turn for turn, _ in ranker.best("alike", 2)] == [9, 7]


def test_weights_tell_rare_terms_from_common_ones_and_unknown_ones_most() -> None:
    ranker = TurnRanker.of([index_page(SAID)])
    weights = ranker.weights("deploy lunch zeppelin")
    (deploy,), (lunch,), (zeppelin,) = terms("deploy"), terms("lunch"), terms("zeppelin")
    assert weights[deploy] < weights[lunch] < weights[zeppelin]
    assert TurnRanker.of([]).weights("of the") == {}


def test_rows_beyond_sixteen_bits_are_told_apart() -> None:
    """More turns than a row number of one page can count: the pages are counted together."""
    filler = np.zeros(0, np.int64)
    many = PageIndex(
        sequence=np.arange(70_000), length=np.ones(70_000, np.uint32), term=filler.astype("u4"),
        row=filler.astype("u2"), count=filler.astype("u2"), time=np.zeros(70_000, np.int64),
    )  # fmt: skip
    last = index_page([(70_000, "lantern"), (70_001, "lantern lantern")])
    ranker = TurnRanker.of([index_page([(-1, "gate")]), many, last])
    assert [turn for turn, _ in ranker.best("lantern", 9)] == [70_001, 70_000]
    assert [turn for turn, _ in ranker.best("gate", 9)] == [-1]


def put_page(records: ScopeRecords, text: str, number: int) -> PageKey:
    page = make_page(make_span(text, number), id=f"{number:02x}")
    edit = records.edit()
    edit.put_page(page, None, expect=0, index=index_page([(number, text)]))
    edit.commit()
    return page.key


def test_a_ranker_is_made_again_only_when_its_scope_has_changed(records: ScopeRecords) -> None:
    cache, chunk = RankerCache(), make_chunk("a lantern in the tail", 5)
    keys = [put_page(records, "a red lantern", 0)]
    first = cache.ranker(records, PageList(b"1", keys), [chunk])
    assert [turn for turn, _ in first.best("lantern", 9)] == [5, 0]
    assert cache.ranker(records, PageList(b"1", keys), [chunk]) is first
    keys = [*keys, put_page(records, "a blue lantern", 1)]
    second = cache.ranker(records, PageList(b"2", keys), [chunk])
    assert {turn for turn, _ in second.best("lantern", 9)} == {0, 1, 5}
    third = cache.ranker(records, PageList(b"3", keys[:1]), [])
    assert [turn for turn, _ in third.best("lantern", 9)] == [0]
    assert cache.ranker(records, PageList(b"", keys), []) is not third  # not known to be the same


def test_an_append_looks_at_the_tail_alone(
    records: ScopeRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, keys = RankerCache(), [put_page(records, "a red lantern", 0)]
    cache.ranker(records, PageList(b"1", keys), [])
    monkeypatch.setattr(records.store, "entries", pytest.fail)
    monkeypatch.setattr(records.store, "get", pytest.fail)
    tail = [make_chunk("the lantern goes on", 0, 13), make_chunk("a lantern in the tail", 5)]
    found = cache.ranker(records, PageList(b"1", keys), tail)
    assert [turn for turn, _ in found.best("lantern", 9)] == [0, 5]
    assert found.counts(terms("lantern")[0]).tolist() == [2, 1]


def test_only_index_entries_that_are_new_are_fetched(
    records: ScopeRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = RankerCache()
    keys = [put_page(records, "one", 0), put_page(records, "two", 1)]
    cache.ranker(records, PageList(b"1", keys), [])
    keys = [*keys, put_page(records, "three", 2)]
    fetched: list[str] = []
    get = records.store.get
    monkeypatch.setattr(
        records.store, "get", lambda scope, wanted: fetched.extend(wanted) or get(scope, wanted)
    )
    cache.ranker(records, PageList(b"2", keys), [])
    assert fetched == [keys[2].words]


def test_a_turn_is_found_in_a_tail_of_more_turns_than_sixteen_bits_count() -> None:
    rows = [(number, "common") for number in range(66_000)]
    ranker = TurnRanker.of([index_page([*rows, (66_000, "needle")])])
    assert [turn for turn, _ in ranker.best("needle", 3)] == [66_000]
