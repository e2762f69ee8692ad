"""Which turns bear on a query: BM25 over hashed words, from the entries that pages keep.

An entry holds 32-bit hashes and counts, no text. Knows nothing of stores or pages.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from optimem.protocols import REPLACEMENT
from optimem.records import PageIndex

K1, B = 1.5, 0.75
"""BM25's saturation and length normalisation, as in Lucene and Robertson & Zaragoza (2009)."""
FEW = 10
"""Turns added to a memory's own when its terms are weighed, so that one of two says little."""

_UNSPACED = (  # Thai, Lao; Burmese; Khmer; kana; Chinese characters; Hangul; compatibility forms
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
)
_WORD = re.compile(rf"[{_UNSPACED}]+|(?:(?![{_UNSPACED}])[\w{REPLACEMENT}])+")
_WRITTEN_TOGETHER = re.compile(rf"[{_UNSPACED}]")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_VOICED = "\u3099\u309a"  # marks that make another kana, not an accent
STOP_WORDS = re.compile(
    "an?|about|all|also|am|an|and|any|are|as|at|be|been|being|but|by|can|could|did|do|does|doing|"
    "each|few|for|from|had|has|have|having|he|her|hers|him|his|how|i|if|in|into|is|it|its|me|more|"
    "most|my|no|nor|not|of|on|or|other|our|ours|out|own|same|shall|she|should|so|some|such|than|"
    "that|the|their|theirs|them|then|there|these|they|this|those|to|too|us|very|was|we|were|what|"
    "when|where|which|while|who|whom|whose|why|will|with|would|you|your|yours"
)
"""English words that say nothing of what a turn is about: the function words of Snowball's list
(snowballstem.org, BSD), those of questions among them."""


@lru_cache(maxsize=1 << 16)
def _stem(word: str) -> str:
    """A word without its English ending. Each has a stemmer of its own, for they keep the word
    in themselves while they work, and pages are indexed in a thread beside the caller's."""
    import snowballstemmer

    return str(snowballstemmer.stemmer("english").stemWord(word))


def terms(text: str) -> list[int]:
    """32-bit hashes of the words of a text: case and accents folded, English endings and
    stop words off, identifiers also by their parts (`readTimeout`, `HTTP_404`). Scripts that
    are written without spaces count by pairs of characters. Words with an unreadable
    character are left out."""
    found: list[str] = []
    for word in _WORD.findall(_without_accents(text)):
        if REPLACEMENT in word:
            continue
        if _WRITTEN_TOGETHER.match(word):
            found += [word[i : i + 2] for i in range(max(len(word) - 1, 1))]
        elif not STOP_WORDS.fullmatch(word.casefold()):
            found += {part.casefold() for part in (word, *_PART.findall(word))}
    return [crc32(_stem(word).encode()) for word in found]


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    kept = (c for c in decomposed if c in _VOICED or not unicodedata.combining(c))
    return unicodedata.normalize("NFC", "".join(kept))


def index_page(rows: Sequence[tuple[int, str]]) -> PageIndex:
    """The index entry of a page: (turn number, text) of each of its spans."""
    counted = [Counter(terms(text)) for _, text in rows]
    postings = sorted((t, row, n) for row, c in enumerate(counted) for t, n in c.items())
    columns = np.array(postings, np.int64).reshape(-1, 3).T
    return PageIndex(
        sequence=np.array([sequence for sequence, _ in rows], np.int64),
        length=np.array([counts.total() for counts in counted], np.uint32),
        term=columns[0].astype(np.uint32),
        row=columns[1].astype(np.uint16),
        count=np.minimum(columns[2], 65535).astype(np.uint16),
    )


class TurnRanker:
    """Ranks the turns of a scope by BM25. `indexes`: of all pages and of the open tail; the
    parts of a turn that lies on several pages count as one."""

    def __init__(self, indexes: Sequence[PageIndex]) -> None:
        indexes = [index_page([]), *indexes]
        starts = np.cumsum([0, *(len(index.sequence) for index in indexes)])
        rows = [i.row + start for i, start in zip(indexes, starts[:-1].tolist(), strict=True)]
        sequence = np.concatenate([index.sequence for index in indexes])
        self.turns, turn = np.unique(sequence, return_inverse=True)
        lengths = np.concatenate([index.length for index in indexes])
        length = np.bincount(turn, lengths, minlength=len(self.turns))
        self._damping = K1 * (1 - B + B * length / max(length.mean(), 1)) if len(length) else length
        self._term = np.concatenate([index.term for index in indexes])
        self._turn = turn[np.concatenate(rows).astype(np.int64)]
        self._count = np.concatenate([index.count for index in indexes])

    def best(self, query: str, k: int) -> list[tuple[int, float]]:
        """Up to `k` (turn number, score) with a score above zero, best first; of equal
        scores the newest."""
        scores = np.zeros(len(self.turns))
        for term in set(terms(query)):
            scores += self._scores(term)
        order = np.lexsort((-self.turns, -scores))[:k]
        return [(int(self.turns[at]), float(scores[at])) for at in order if scores[at] > 0]

    def weights(self, query: str) -> dict[int, float]:
        """How much each term of a query tells, by how few of the turns hold it. A term that
        none holds tells most; in a small memory the terms differ little."""
        total = len(self.turns) + FEW
        return {t: float(np.log1p(total / (self._having(t) + 1))) for t in terms(query)}

    def _having(self, term: int) -> int:
        """How many turns hold a term."""
        return len(np.unique(self._turn[self._term == term]))

    def _scores(self, term: int) -> NDArray[np.float64]:
        """What one word adds to the score of each turn."""
        at = np.flatnonzero(self._term == term)
        count = np.bincount(self._turn[at], self._count[at], minlength=len(self.turns))
        having, total = np.count_nonzero(count), len(count)
        rarity = np.log1p((total - having + 0.5) / (having + 0.5))
        scores: NDArray[np.float64] = rarity * count / (count + self._damping)
        return scores


def followed(
    best: Sequence[tuple[int, float]], known: Sequence[int], count: int
) -> list[tuple[int, float]]:
    """Each turn of `best`, then the `count` turns that were said next, of those that are `known`,
    with score 0 where they are not among the best themselves; each turn once."""
    scores, there = dict(best), set(known)
    order: dict[int, float] = {}
    for number, _ in best:
        for each in range(number, number + count + 1):
            if each in there:
                order.setdefault(each, scores.get(each, 0.0))
    return list(order.items())
