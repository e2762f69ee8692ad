"""Which stretch of a text bears on a question: its sentences, and the share of the question's
terms, by weight, that they hold.

Sees text, places of characters and weights; knows nothing of pages, memories or models.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from optimem.text.terms import terms

LONGEST = 300
"""Characters of a sentence; a longer one (code, a log, a table) is cut at white space."""
TOGETHER = 3
"""Sentences side by side that may share the question's terms between them."""
ASKED = 0.5
"""What a term counts that is only asked about: a question repeats what it does not know."""

Size = Callable[[int, int], int]
"""What the characters from a start to an end cost."""

_END = re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？][」』”）]*\s*|\n\s*")
_GOES_ON = re.compile(r"\b(?:Dr|Mr|Mrs|Ms|Prof|St|No|vs|e\.g|i\.e|approx|[A-Z])\. +$")
_ASKS = re.compile(r"[?？][\"'”’)\]」』”）]*\s*$")


class Snippet(NamedTuple):
    """Characters `start` to `end` of a text, and the `share` of the question, from 0 to 1,
    that they bear on."""

    start: int
    end: int
    share: float


class Sentence(NamedTuple):
    """A sentence, the white space after it included, the terms that it holds, and whether it
    asks them."""

    start: int
    end: int
    terms: frozenset[int]
    asks: bool


def sentences(text: str) -> list[tuple[int, int]]:
    """Start and end of the sentences of a text; together they are the whole text."""
    ends = [match.end() for match in _END.finditer(text) if not _goes_on(text, match)]
    starts = [0, *(end for end in ends if end < len(text))]
    return [
        piece
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True)
        for piece in _pieces(text, start, end)
    ]


def _goes_on(text: str, match: re.Match[str]) -> bool:
    """Whether a full stop ends a title or an initial rather than a sentence."""
    return bool(_GOES_ON.search(text, max(match.end() - 10, 0), match.end()))


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while end - start > LONGEST:
        space = text.rfind(" ", start, start + LONGEST)
        cut = start + LONGEST if space < start else space + 1
        yield start, cut
        start = cut
    yield start, end


def best_snippet(text: str, weights: Mapping[int, float]) -> Snippet:
    """The few sentences of a text that bear most on a question, given its terms' weights; of
    several that do equally, the shortest and the first."""
    found = [_sentence(text, start, end) for start, end in sentences(text)]
    windows = [
        found[at : at + size]
        for size in range(1, TOGETHER + 1)
        for at in range(max(len(found) - size, 0) + 1)
    ]
    best = max(windows, key=lambda window: _share(window, weights))
    return Snippet(best[0].start, best[-1].end, _share(best, weights))


def _sentence(text: str, start: int, end: int) -> Sentence:
    said = text[start:end]
    return Sentence(start, end, frozenset(terms(said)), bool(_ASKS.search(said)))


def _share(window: Sequence[Sentence], weights: Mapping[int, float]) -> float:
    held = {t: 1.0 for s in window if not s.asks for t in s.terms if t in weights}
    for sentence in window:
        for term in sentence.terms & weights.keys():
            held.setdefault(term, ASKED)
    total = sum(weights.values())
    return sum(weights[t] * count for t, count in held.items()) / total if total else 0.0


def widened(text: str, core: Snippet, room: float, size: Size) -> Snippet:
    """A stretch with the whole sentences after it, then those before it, for as long as the
    sizes of them all stay within `room`. White space at its ends is left out."""
    parts = sentences(text)
    after = [part for part in parts if part[0] >= core.end]
    before = [part for part in parts if part[1] <= core.start]
    left = room - size(core.start, core.end)
    taken, left = _fitting(after, left, size)
    end = taken[-1][1] if taken else core.end
    taken, _ = _fitting(before[::-1], left, size)
    start = taken[-1][0] if taken else core.start
    return stripped(text, Snippet(start, end, core.share))


def _fitting(
    parts: Sequence[tuple[int, int]], left: float, size: Size
) -> tuple[list[tuple[int, int]], float]:
    """The first parts, as many as fit, and the room that they leave."""
    taken = []
    for start, end in parts:
        cost = size(start, end)
        if cost > left:
            break
        taken.append((start, end))
        left -= cost
    return taken, left


def stripped(text: str, stretch: Snippet) -> Snippet:
    """A stretch without the white space at its ends; one of nothing else stays as it is."""
    said = text[stretch.start : stretch.end]
    if not said.strip():
        return stretch
    start = stretch.start + len(said) - len(said.lstrip())
    return stretch._replace(start=start, end=stretch.start + len(said.rstrip()))


def narrowed(core: Snippet, room: float, size: Size) -> Snippet:
    """A stretch, its end cut off if its size is above `room`; a character stays at least."""
    start, end = core.start, core.end
    while (cost := size(start, end)) > room and end - start > 1:
        end = start + max(int((end - start) * min(room / cost, 0.9)), 1)
    return core._replace(end=end)
