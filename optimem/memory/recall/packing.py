"""Which turns fill a budget of tokens: those that match, what stands beside them, long ones cut to
the sentences that match best.

Turns are taken by score; one that stands beside a match has a share of its score, so that a strong
match comes with its neighbours before a weak one comes at all. What was said before in the same
words comes last. Knows nothing of pages or stores.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from optimem.memory.recall.prompting import MIN_TOKENS, count_tokens
from optimem.memory.recall.retrieval import TurnRanker
from optimem.memory.recall.snippets import Snippet, best_snippet, narrow, widen
from optimem.memory.recall.stages import Hit
from optimem.memory.recall.turn_builder import TurnBuilder
from optimem.protocols import REPLACEMENT

BESIDE = 0.7
"""Of a match's score, what the turn next to it has; of that, the turn after the next."""
SHARE = 3
"""A turn takes at most one part in so many of a budget."""
SPENT = 8
"""Tokens that are not worth looking for another turn."""
BATCH = 16
"""Turns read at a time."""
LONG = 20
"""Characters a token above which a text is taken for too long without counting."""

Given = tuple["Candidate", TurnBuilder]
Reader = Callable[[Sequence[int]], Mapping[int, TurnBuilder]]
"""Turns by their numbers, as they can be read."""


class Candidate(NamedTuple):
    """A turn to give. `hit`: the match, or what the turn stands beside. `score`: its place."""

    number: int
    hit: Hit
    score: float

    @property
    def matches(self) -> bool:
        """Whether it is a match itself."""
        return self.number == self.hit.number


class Packed(NamedTuple):
    """A turn given. `whole`: all of it."""

    candidate: Candidate
    turn: TurnBuilder
    whole: bool


def with_neighbours(
    hits: Sequence[Hit], ranker: TurnRanker, preceding: int, following: int
) -> list[Candidate]:
    """Each hit, and after it the turns beside it, each turn once and a hit as itself."""
    found, by_number = dict[int, Candidate](), {hit.number: hit for hit in hits}
    for hit in hits:
        for number in (hit.number, *ranker.neighbours(hit.number, preceding, following)):
            own = by_number.get(number)
            found.setdefault(number, Candidate(number, own or hit, own.score if own else 0.0))
    return list(found.values())


def by_score(
    hits: Sequence[Hit],
    ranker: TurnRanker,
    preceding: int,
    following: int,
    rest: Sequence[Hit] = (),
) -> list[Candidate]:
    """The same by score, where a turn beside a match has a share of the match's. `rest`: hits that
    come alone."""
    best = dict[int, Candidate]()
    for hit in hits:
        best[hit.number] = Candidate(hit.number, hit, hit.score)
    for hit in hits:
        beside = ranker.neighbours(hit.number, preceding, following)
        places = {number: at for at, number in enumerate(sorted([*beside, hit.number]))}
        for number in beside:
            score = hit.score * BESIDE ** abs(places[number] - places[hit.number])
            known = best.get(number)
            if known is None or (not known.matches and known.score < score):
                best[number] = Candidate(number, hit, score)
    for hit in rest:
        known = best.get(hit.number)
        if known is None or (not known.matches and known.score < hit.score):
            best[hit.number] = Candidate(hit.number, hit, hit.score)
    return sorted(best.values(), key=lambda candidate: -candidate.score)


def pack(
    candidates: Sequence[Candidate], budget: int, read: Reader, weights: Mapping[int, float]
) -> Iterator[Packed]:
    """The turns that fit, best first. `weights`: of the query's terms, to cut long turns by."""
    left, share, given = budget, max(budget // SHARE, 1), 0
    for candidate, turn in _repeats_last(_readable(candidates, read)):
        room = min(left, share) if left >= MIN_TOKENS else left
        fitting = _fit(turn, room, weights, least=MIN_TOKENS if given else 1)
        if fitting:
            given += 1
            left -= count_tokens(fitting.text)
            yield Packed(candidate, fitting, len(fitting.text) == len(turn.text))
        if left < SPENT:
            return


def _readable(candidates: Sequence[Candidate], read: Reader) -> Iterator[Given]:
    """The candidates of which anything can be read, read some at a time."""
    for start in range(0, len(candidates), BATCH):
        batch = candidates[start : start + BATCH]
        turns = read([candidate.number for candidate in batch])
        for candidate in batch:
            turn = turns.get(candidate.number)
            if turn is not None and turn.text.strip(f"{REPLACEMENT} \n"):
                yield candidate, turn


def _repeats_last(given: Iterable[Given]) -> Iterator[Given]:
    """The same, but last what says again what came before: a match in the words of the same
    speaker, a turn beside one in those of anybody."""
    said, repeats = set[tuple[str, str]](), list[Given]()
    for candidate, turn in given:
        own = (turn.text, f"{turn.role} {turn.name}" if candidate.matches else "")
        if own in said:
            repeats.append((candidate, turn))
            continue
        said |= {own, (turn.text, "")}
        yield candidate, turn
    yield from repeats


def _fit(
    turn: TurnBuilder, tokens: int, weights: Mapping[int, float], least: int
) -> TurnBuilder | None:
    """A turn that takes at most so many tokens, cut around its best sentences if it has to be;
    None if that leaves fewer than `least`."""
    text = turn.text
    if len(text) <= tokens * LONG and count_tokens(text) <= tokens:
        return turn
    if tokens < least:
        return None
    snippet = best_snippet(turn.guess, weights)
    start, end, _ = fit_around(turn.guess, snippet, tokens, lambda a, b: count_tokens(text[a:b]))
    while count_tokens(text[start:end]) > tokens and end - start > 1:
        end = start + (end - start) * 9 // 10
    return turn.cut(start, end) if count_tokens(text[start:end]) <= tokens else None


def fit_around(text: str, snippet: Snippet, room: int, size: Callable[[int, int], int]) -> Snippet:
    """As much of a text as fits, around a snippet, which is cut if it has to be."""
    return widen(text, narrow(snippet, room, size), room, size)
