"""Which sentences of a text match a question: those that hold the largest share of the question's
terms, by weight.

Sees text, character offsets and weights. Knows nothing of pages, memories or models.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from optimem.text.terms import terms

MAX_LENGTH = 300
"""Characters of a sentence; a longer one (code, a log, a table) is cut at white space."""
MAX_SENTENCES = 3
"""Adjacent sentences that may share the question's terms between them."""
ASKED_WEIGHT = 0.5
"""What a term counts that is only asked about: a question repeats what it does not know."""

Size = Callable[[int, int], int]
"""What the characters from a start to an end cost."""

_END = re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？][」』”）]*\s*|\n\s*")
_ABBREVIATION = re.compile(r"\b(?:Dr|Mr|Mrs|Ms|Prof|St|No|vs|e\.g|i\.e|approx|[A-Z])\. +$")
_QUESTION_MARK = re.compile(r"[?？][\"'”’)\]」』”）]*\s*$")


class Snippet(NamedTuple):
    """Characters `start` to `end` of a text, and the `share` of the question that they match, from
    0 to 1."""

    start: int
    end: int
    share: float


class Sentence(NamedTuple):
    """A sentence, including the white space after it, its terms, and whether it is a question."""

    start: int
    end: int
    terms: frozenset[int]
    asks: bool


def sentences(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence of a text; together they cover it."""
    ends = [match.end() for match in _END.finditer(text) if not _is_abbreviation(text, match)]
    starts = [0, *(end for end in ends if end < len(text))]
    return [
        part
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True)
        for part in _split_long(text, start, end)
    ]


def _is_abbreviation(text: str, match: re.Match[str]) -> bool:
    """Whether a full stop ends an abbreviation or an initial rather than a sentence."""
    return bool(_ABBREVIATION.search(text, max(match.end() - 10, 0), match.end()))


def _split_long(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while end - start > MAX_LENGTH:
        space = text.rfind(" ", start, start + MAX_LENGTH)
        cut = start + MAX_LENGTH if space < start else space + 1
        yield start, cut
        start = cut
    yield start, end


def best_snippet(text: str, weights: Mapping[int, float]) -> Snippet:
    """The sentences, at most `MAX_SENTENCES`, that match a question best, given the weights of
    its terms; of equal ones the fewest and the first."""
    found = split_sentences(text)
    windows = [
        found[at : at + size]
        for size in range(1, MAX_SENTENCES + 1)
        for at in range(max(len(found) - size, 0) + 1)
    ]
    best = max(windows, key=lambda window: _share(window, weights))
    return Snippet(best[0].start, best[-1].end, _share(best, weights))


def split_sentences(text: str) -> list[Sentence]:
    """The sentences of a text with their terms."""
    return [_sentence(text, start, end) for start, end in sentences(text)]


def _sentence(text: str, start: int, end: int) -> Sentence:
    sentence = text[start:end]
    return Sentence(start, end, frozenset(terms(sentence)), bool(_QUESTION_MARK.search(sentence)))


def _share(window: Sequence[Sentence], weights: Mapping[int, float]) -> float:
    """The share of the weights whose terms the sentences hold."""
    held = {t: 1.0 for s in window if not s.asks for t in s.terms if t in weights}
    for sentence in window:
        for term in sentence.terms & weights.keys():
            held.setdefault(term, ASKED_WEIGHT)
    total = sum(weights.values())
    return sum(weights[t] * count for t, count in held.items()) / total if total else 0.0


def widen(text: str, snippet: Snippet, room: float, size: Size) -> Snippet:
    """A snippet with the whole sentences after it, then those before it, as long as the sizes of
    all add up to at most `room`; without white space at its ends."""
    parts = sentences(text)
    after = [part for part in parts if part[0] >= snippet.end]
    before = [part for part in parts if part[1] <= snippet.start]
    left = room - size(snippet.start, snippet.end)
    taken, left = _fit(after, left, size)
    end = taken[-1][1] if taken else snippet.end
    taken, _ = _fit(before[::-1], left, size)
    start = taken[-1][0] if taken else snippet.start
    return strip(text, Snippet(start, end, snippet.share))


def _fit(
    parts: Sequence[tuple[int, int]], room: float, size: Size
) -> tuple[list[tuple[int, int]], float]:
    """The first parts that fit, and the room that they leave."""
    taken = []
    for start, end in parts:
        cost = size(start, end)
        if cost > room:
            break
        taken.append((start, end))
        room -= cost
    return taken, room


def strip(text: str, snippet: Snippet) -> Snippet:
    """A snippet without white space at its ends, unless it is nothing else."""
    inside = text[snippet.start : snippet.end]
    if not inside.strip():
        return snippet
    start = snippet.start + len(inside) - len(inside.lstrip())
    return snippet._replace(start=start, end=snippet.start + len(inside.rstrip()))


def narrow(snippet: Snippet, room: float, size: Size) -> Snippet:
    """A snippet cut at its end until its size is at most `room`, or one character is left."""
    start, end = snippet.start, snippet.end
    while (cost := size(start, end)) > room and end - start > 1:
        end = start + max(int((end - start) * min(room / cost, 0.9)), 1)
    return snippet._replace(end=end)
