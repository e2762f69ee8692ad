"""The weights by which a memory quotes (`optimem.memory.answering.quoting`): chosen on generated
conversations, without the kinds that are held out, and on the questions called CHOSEN about the
demo's conversation.

No pages are drawn: turns are taken as they were said.
"""

import argparse
from collections.abc import Iterator, Sequence
from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.recall.generate import HELD_OUT, make_talk
from benchmarks.recall.talks import Asked, Said, Talk
from optimem.build import embeddings_at
from optimem.cli.demo_story import demo_turns
from optimem.memory.answering.answering import LOOKED_AT
from optimem.memory.answering.asked import Asked as Question
from optimem.memory.answering.evidence import FEATURES, Candidate, candidates
from optimem.memory.answering.quoting import Scale, best_quotation
from optimem.memory.recall.embedding import Embedder, Embeddings
from optimem.memory.recall.meaning import Meanings
from optimem.memory.recall.packing import Packed, with_neighbours
from optimem.memory.recall.retrieval import IndexRow, TurnRanker, index_page
from optimem.memory.recall.stages import Query, find
from optimem.memory.recall.turn_builder import TurnBuilder, TurnPart
from optimem.memory.recall.vector_table import VectorTable
from optimem.text.terms import terms
from optimem.text.told_dates import told_dates
from optimem.turns import Turn
from tests.memory.questions import CHOSEN

PRIOR = {"share": 4.0, "says": 1.0, "asks": -1.0, "told": 3.0}
"""What the weights are drawn to where no example says otherwise."""
PULL = 0.0004
"""How strongly, beside a mean over the questions."""
STEPS, PACE = 600, 0.08
HUMAN = 3.0
"""How often a question that a person wrote counts."""
ENOUGH = 0.9
"""Share of the quotations that must be right, and of the questions without an answer that must be
refused."""


class Example(NamedTuple):
    """A question. `figures` (N, F): of each sentence that may answer. `right` (N,): whether it
    does. `counts`: how much the example does."""

    asked: Asked
    candidates: list[Candidate]
    figures: NDArray[np.float64]
    right: NDArray[np.bool_]
    counts: float


def examples(talk: Talk, counts: float = 1.0, model: Embeddings | None = None) -> Iterator[Example]:
    """The questions of a conversation with the sentences that may answer them. `model`: what finds
    turns by meaning."""
    rows = [
        IndexRow(number, said.text, said.time, said.speaker or "", said.role)
        for number, said in enumerate(talk.turns)
    ]
    ranker = TurnRanker.of([index_page(rows)])
    turns = [_turn(number, said) for number, said in enumerate(talk.turns)]
    embedder = Embedder(model) if model else None
    table = None
    if model and embedder:
        table = VectorTable.of([Meanings(model).of(rows)], embedder.width)
    for asked in talk.questions:
        near = None
        if table and embedder:
            near = table.cosines(ranker.turns, embedder.direction(asked.text))
        query = Query(asked.text, asked.time, ranker, near)
        hits = find(query).best(LOOKED_AT, ranker.within(-inf, inf))
        given = with_neighbours(hits, ranker, 1, 1)
        found = [Packed(each, turns[each.number], whole=True) for each in given]
        beside = {each.number: ranker.neighbours(each.number, 1, 1) for each in given}
        made = candidates(Question(query, ranker.weights(asked.text)), found, beside)
        figures = np.array([each.evidence for each in made], np.float64).reshape(-1, len(FEATURES))
        yield Example(
            asked, made, figures, np.array([_right(asked, c) for c in made], bool), counts
        )


def _turn(number: int, said: Said) -> TurnBuilder:
    """A turn as it was said."""
    certain, no_cells = np.ones(len(said.text), np.float32), np.zeros(0, np.int64)
    turn = TurnBuilder(number, said.id, said.role, said.time, "", said.speaker or "")
    turn.parts.append(TurnPart(None, None, said.text, said.text, certain, no_cells, exact=True))
    return turn


def _right(asked: Asked, candidate: Candidate) -> bool:
    """Whether sentences are of the evidence and hold the answer; of several turns, a part of it."""
    turn = candidate.found.turn
    text = turn.guess[candidate.snippet.start : candidate.snippet.end]
    dates = " ".join(date.shown for date in told_dates(text, turn.time))
    wanted, said = set(terms(asked.answer)), set(terms(f"{text} {dates}"))
    enough = bool(wanted & said) if len(asked.evidence) > 1 else wanted <= said
    return turn.id in asked.evidence and enough


def demo_talk() -> Talk:
    """The demo's conversation with the questions called CHOSEN."""
    turns = tuple(
        Said(str(number), None, turn.role, turn.time or 0.0, turn.text)
        for number, turn in enumerate(map(Turn.model_validate, demo_turns()))
    )
    end = turns[-1].time
    questions = tuple(
        Asked("human" if answer else "no answer", text, _holding(turns, answer), end, answer or "")
        for text, answer in CHOSEN
    )
    return Talk("demo", turns, questions)


def _holding(turns: Sequence[Said], answer: str | None) -> tuple[str, ...]:
    return tuple(said.id for said in turns if answer and answer in said.text)


def fit(given: Sequence[Example]) -> Scale:
    """The weights, and that of "none of them", under which the right sentences are likeliest: by
    Adam, from the prior. What no example has weighs nothing. The threshold is not chosen yet: 1."""
    prior = np.array([PRIOR.get(name, 0.0) for name in FEATURES] + [8.0])
    rows = [_with_none(each) for each in given]
    figures = np.vstack([row for row, _ in rows])  # (M, F + 1)
    right = np.concatenate([answers for _, answers in rows])
    sizes = [len(row) for row, _ in rows]
    starts = np.cumsum([0, *sizes[:-1]])
    counts = np.repeat([each.counts for each in given], sizes) / sum(e.counts for e in given)

    def shares(powers: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = powers / np.repeat(np.add.reduceat(powers, starts), sizes)
        return found

    weights, mean, square = prior.copy(), np.zeros_like(prior), np.zeros_like(prior)
    for step in range(1, STEPS + 1):
        scores = figures @ weights
        powers = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), sizes))
        wrong = shares(powers * right + 1e-12) - shares(powers)
        slope = figures.T @ (wrong * counts) - 2 * PULL * (weights - prior)
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope**2
        weights += PACE * mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
    weights[:-1] *= figures[:, :-1].any(axis=0)
    named = {name: round(float(n), 2) for name, n in zip(FEATURES, weights, strict=False)}
    return Scale(named, round(float(weights[-1]), 2), 1.0)


def _with_none(example: Example) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The figures (N + 1, F + 1) and what is right (N + 1,) with "none of them" as the last."""
    figures = np.zeros((len(example.figures) + 1, len(FEATURES) + 1))
    figures[:-1, :-1], figures[-1, -1] = example.figures, 1.0
    return figures, np.append(example.right, not example.right.any())


def outcomes(given: Sequence[Example], scale: Scale) -> list[tuple[float, bool]]:
    """The probability of the quotation that each question would get, and whether it is right."""
    found = []
    for each in given:
        best = best_quotation(each.candidates, scale)
        right = best is not None and any(
            answers and best.holds(candidate)
            for candidate, answers in zip(each.candidates, each.right, strict=True)
        )
        found.append((best.probability if best else 0.0, right))
    return found


def threshold(groups: Sequence[Sequence[Example]], scale: Scale) -> float:
    """The least probability, in twentieths, from which on in each group enough quotations are
    right, and enough questions without an answer get none; 1 if there is none."""
    judged = [
        [(*outcome, each.asked.answerable) for each, outcome in
         zip(group, outcomes(group, scale), strict=True)]
        for group in groups
    ]  # fmt: skip
    good = (at / 20 for at in range(1, 20) if all(_is_enough(group, at / 20) for group in judged))
    return next(good, 1.0)


def _is_enough(judged: Sequence[tuple[float, bool, bool]], least: float) -> bool:
    quoted = [right for likely, right, _ in judged if likely >= least]
    refused = [likely < least for likely, _, answerable in judged if not answerable]
    return sum(quoted) >= ENOUGH * len(quoted) and sum(refused) >= ENOUGH * len(refused)


def main() -> None:
    """Parse arguments, choose the weights and print them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recall.fit",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3],
                        help="of the conversations to choose on")  # fmt: skip
    parser.add_argument("--embeddings", metavar="NAME",
                        help="also choose with it, such as minilm")  # fmt: skip
    args = parser.parse_args()
    _choose("BY_WORDS", args.seeds, None)
    if args.embeddings:
        _choose("BY_MEANING", args.seeds, embeddings_at(args.embeddings))


def _choose(name: str, seeds: Sequence[int], model: Embeddings | None) -> None:
    """Choose a scale and print it."""
    made = [each for seed in seeds for each in examples(make_talk(seed), model=model)]
    chosen = [each for each in made if each.asked.kind not in HELD_OUT]
    human = [*examples(demo_talk(), HUMAN, model)]
    scale = fit([*chosen, *human])
    print(name)
    for figure, weight in scale.weights.items():
        print(f'"{figure}": {weight:.2f},')
    print(f"none={scale.none:.2f},")
    print(f"threshold={threshold([chosen, human], scale):.2f},")


if __name__ == "__main__":
    main()
