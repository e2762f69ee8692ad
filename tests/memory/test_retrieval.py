"""Ranking: what counts as a word, and scores that equal an independent BM25."""

import math
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from optimem.memory.retrieval import K1, B, TurnRanker, index_page
from optimem.text.terms import terms

SAID = [
    (0, "The deploy key rotates every 90 days."),
    (1, "Lunch at noon? The deploy went fine."),
    (2, "Rotate the key, rotate the key, rotate the key again."),
    (3, ""),
]


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("He was Deploying it", "deploy"),
        ("set readTimeoutSeconds to 5", "timeout seconds"),
        ("HTTP_404 again", "404"),
        ("Crème brûlée", "creme brulee"),
        ("東京都に住んでいます", "東京"),
        ("データベースのポート", "ポート"),
        ("서울에서 만나요", "서울"),
        ("ราคาห้าร้อยบาท", "ห้าร้อย"),
        ("ＡＢＣ", "abc"),
        ("ΑΘΗΝΑ", "αθηνα"),
    ],
)
def test_a_word_is_found_however_it_is_written(stored: str, asked: str) -> None:
    assert set(terms(stored)) & set(terms(asked))


@pytest.mark.parametrize(("one", "other"), [("がく", "かく"), ("port", "report"), ("12", "123")])
def test_different_words_stay_apart(one: str, other: str) -> None:
    assert not set(terms(one)) & set(terms(other))


def test_words_that_cannot_be_read_and_stop_words_are_no_terms() -> None:
    assert terms("the and of pass\ufffdord") == []
    assert len(terms("東京\ufffd大阪")) == 2


def test_scores_are_bm25() -> None:
    ranker = TurnRanker([index_page(SAID[:2]), index_page(SAID[2:])])
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
    whole = TurnRanker([index_page([(0, "red lantern red"), (1, "blue")])])
    parts = TurnRanker([index_page([(0, "red lantern")]), index_page([(0, "red"), (1, "blue")])])
    assert parts.best("red", 2) == whole.best("red", 2)


def test_nothing_to_rank_and_nothing_asked() -> None:
    assert TurnRanker([]).best("word", 3) == []
    assert TurnRanker([index_page(SAID)]).best("the", 3) == []


def test_of_equal_scores_the_newest_comes_first() -> None:
    ranker = TurnRanker([index_page([(4, "alike"), (9, "alike"), (7, "alike")])])
    assert [turn for turn, _ in ranker.best("alike", 2)] == [9, 7]


def test_words_are_the_same_in_several_threads_at_once() -> None:
    words = [f"{stem}{end}" for stem in map(str, range(400)) for end in ("nations", "izing", "ed")]
    texts = [" ".join(words[i::7]) for i in range(7)] * 4
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns within one word
    try:
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(terms, texts))
    finally:
        sys.setswitchinterval(before)
    assert together == [terms(text) for text in texts]


def test_weights_tell_rare_terms_from_common_ones_and_unknown_ones_most() -> None:
    ranker = TurnRanker([index_page(SAID)])
    weights = ranker.weights("deploy lunch zeppelin")
    (deploy,), (lunch,), (zeppelin,) = terms("deploy"), terms("lunch"), terms("zeppelin")
    assert weights[deploy] < weights[lunch] < weights[zeppelin]
    assert TurnRanker([]).weights("of the") == {}
