"""Long scopes: what is found is what a plain ranker of all turns finds, with the same scores."""

import math
import random
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from optimem.memory.recall import indexed_turns, narrowing, support
from optimem.memory.recall.indexed_turns import PAUSE, IndexedTurns
from optimem.memory.recall.narrowing import narrowed
from optimem.memory.recall.retrieval import K1, B, IndexRow, TurnRanker, index_page
from optimem.memory.recall.stages import Hit, Query, find
from optimem.memory.recall.support import Claim
from optimem.text.terms import name_terms, terms

WORDS = ["q" + "".join("abcdefghij"[int(digit)] for digit in str(at)) for at in range(400)]
NOW = 1_700_000_000.0
EVER = (-math.inf, math.inf)


def conversation(seed: int, turns: int) -> list[IndexRow]:
    drawn, said, time = random.Random(seed), list[IndexRow](), NOW - 90 * 86_400
    for number in range(0, 2 * turns, 2):
        time += drawn.choice([60.0, 600.0, 4 * PAUSE])
        words = [WORDS[int(400 * drawn.random() ** 2)] for _ in range(drawn.randrange(12))]
        name = drawn.choice(["Ann", "Ben", "Cleo Ali", ""])
        said.append(IndexRow(number, " ".join(words), time, name, drawn.choice(["user", ""])))
    return said


def ranker(rows: list[IndexRow], page: int = 37, tail: int = 21) -> TurnRanker:
    """Of pages of some rows, and a tail."""
    paged, rest = rows[: len(rows) - tail], rows[len(rows) - tail :]
    pages = [index_page(paged[at : at + page]) for at in range(0, len(paged), page)]
    return TurnRanker(TurnRanker.of(pages).indexed.with_tail(index_page(rest)))


def plain_scores(rows: list[IndexRow], query: str, *, windows: bool) -> list[float]:
    """BM25 of turns or windows, counted by hand."""
    own = [Counter(terms(row.text)) for row in rows]
    near = [after.time - before.time <= PAUSE for before, after in pairwise(rows)]
    around = [
        [at] + [at - 1] * (at > 0 and near[at - 1]) + [at + 1] * (near[at : at + 1] == [True])
        for at in range(len(rows))
    ]
    counted = [sum((own[n] for n in around[at] if windows or n == at), Counter()) for at in range(len(rows))]  # fmt: skip # noqa: E501
    named = [Counter(name_terms(row.name)) for row in rows]
    mean = sum(c.total() for c in counted) / len(rows)
    scores = [0.0] * len(rows)
    for term in set(terms(query)):
        assert not any(term in each for each in named)
        having = sum(term in c for c in counted)
        rarity = math.log(1 + (len(rows) - having + 0.5) / (having + 0.5))
        for at, counts in enumerate(counted):
            damping = K1 * (1 - B + B * counts.total() / mean)
            scores[at] += rarity * counts[term] / (counts[term] + damping)
    return scores


@pytest.mark.parametrize("windows", [False, True])
def test_scores_of_turns_and_windows_are_those_counted_by_hand(windows: bool) -> None:
    for seed in range(3):
        rows = conversation(seed, 150)
        places = np.array(sorted(random.Random(seed).sample(range(150), 40)))
        query, every = "qb qh qda qccc", ranker(rows)
        some = TurnRanker(every.indexed, places)
        expected = plain_scores(rows, query, windows=windows)
        wanted = dict.fromkeys(terms(query), 1.0)
        assert every.scores(wanted, windows=windows).tolist() == pytest.approx(expected)
        found = some.scores(wanted, windows=windows)
        assert found.tolist() == [every.scores(wanted, windows=windows)[at] for at in places]


@pytest.mark.parametrize(
    "text",
    [
        "qdaa qdja",
        "What did Ann say of qcaa?",
        "qdfa last Friday",
        "qdfa yesterday",
        "Cleo?",
        "Did I tell you qdca?",
    ],
)
def test_a_narrowed_query_finds_the_same_for_the_same_reasons(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(4):
        every = Query(text, NOW, ranker(conversation(seed, 500)))
        expected = hits(every)
        monkeypatch.setattr(narrowing, "MOST", 400)
        some = narrowed(every, *EVER)
        assert len(some.ranker.turns) <= 400
        assert hits(some) == expected
        assert expected


def hits(query: Query) -> tuple[list[Hit], list[Hit]]:
    found, every = find(query), np.ones(len(query.ranker.turns), bool)
    return found.best(500, every), found.rest(500, every)


def test_of_too_many_turns_the_best_are_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    every = Query("qa qb qc qdjj", NOW, ranker(conversation(9, 800)))
    best = hits(every)[0][:10]
    monkeypatch.setattr(narrowing, "MOST", 120)
    some = narrowed(every, *EVER)
    assert len(some.ranker.turns) == 120
    assert hits(some)[0][:10] == best


def test_only_turns_of_the_time_asked_for_are_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = conversation(3, 800)
    monkeypatch.setattr(narrowing, "MOST", 50)
    since, until = rows[100].time, rows[140].time
    some = narrowed(Query("qa qb qc", NOW, ranker(rows)), since, until)
    assert len(some.ranker.turns)
    assert some.ranker.within(since, until).all()


@pytest.mark.parametrize("since", [-math.inf, NOW - 60 * 86_400])
def test_the_same_turns_are_chosen_however_few_are_looked_at_together(
    since: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(narrowing, "MOST", 90)
    rows = conversation(6, 700)
    rows[50:60] = [row._replace(time=0.0) for row in rows[50:60]]
    drawn = np.random.default_rng(6)
    meant = Claim(np.arange(0, 700, 7), drawn.random(100).astype(np.float32))
    for text in ("qb qdaa", "Ann qb", "qb two weeks ago", "qc yesterday", "since March"):
        chosen = set()
        for strip in (1 << 15, 64, 1):
            for module in (indexed_turns, narrowing, support):
                monkeypatch.setattr(module, "STRIP", strip)
            query = Query(text, NOW, ranker(rows))
            chosen.add(tuple(narrowed(query, since, math.inf, meant).ranker.places.tolist()))
        assert len(chosen) == 1
        assert chosen.pop()


def test_what_speaks_for_a_turn_is_added_up() -> None:
    rows = [
        IndexRow(0, "amber", NOW, "Ann"), IndexRow(1, "birch", NOW, "Ben"),
        IndexRow(2, "", NOW, "Ben"), IndexRow(3, "birch", NOW + 2 * PAUSE, "Ben"),
    ]  # fmt: skip
    query = Query("birch Ben", NOW, TurnRanker.of([index_page(rows)]))
    rarity = query.ranker.rarity(query.wanted)[terms("birch")[0]]
    word = rarity / sum(query.wanted.values())
    meant = Claim(np.array([0]), np.array([0.25], np.float32))
    found = support.Support(query, meant).of_strip(0)
    assert found.tolist() == pytest.approx(
        [word + 0.25, 2 * word + 0.5, word + 0.5, 2 * word + 0.5]
    )


def test_a_short_scope_is_not_narrowed() -> None:
    query = Query("qb", NOW, ranker(conversation(1, 100)))
    assert narrowed(query, *EVER) is query


def test_a_tail_added_is_as_if_it_had_been_there_before() -> None:
    rows = conversation(5, 120)
    goes_on = [rows[-1]._replace(text="qf qf more"), IndexRow(999, "qf", NOW)]
    for first, then in ((rows, goes_on), ([], goes_on), (rows[:1], goes_on), (goes_on, rows)):
        added = IndexedTurns.of([index_page(first)]).with_tail(index_page(then))
        whole = IndexedTurns.of([index_page(first), index_page(then)])
        for column in ("turns", "time", "length", "together"):
            assert getattr(added, column).tolist() == getattr(whole, column).tolist(), column
        assert (added.mean_length, added.mean_window) == (whole.mean_length, whole.mean_window)
        for term in terms("qf qb more"):
            mine, other = added.held(term), whole.held(term)
            assert mine.at.tolist() == other.at.tolist()
            assert mine.counts.tolist() == other.counts.tolist()
            assert mine.windows == other.windows


def test_of_a_long_scope_a_turn_is_found_in_other_words(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [*conversation(3, 400), IndexRow(9000, "an ancient Volvo car", NOW - 60, "Ann")]
    monkeypatch.setattr(narrowing, "MOST", 8)
    query = narrowed(Query("which vehicle", NOW, ranker(rows)), *EVER)
    assert 9000 in query.ranker.turns
    assert [hit.number for hit in find(query).best(3, np.ones(len(query.ranker.turns), bool))] == [9000]  # fmt: skip # noqa: E501
