"""Which turns bear on a query: BM25 over hashed words, from the entries that pages keep.

An entry holds 32-bit hashes and counts, no text. Knows nothing of stores or pages.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any
from zlib import crc32

import numpy as np

from optimem.records import PageIndex

_WORD = re.compile(r"\w+")
_PART = re.compile(r"[^\W\d_]+|\d+")
REPLACEMENT = "\ufffd"


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")


@cache
def _stop_words() -> frozenset[str]:
    from bm25s.stopwords import STOPWORDS_EN

    return frozenset(STOPWORDS_EN)


def terms(text: str) -> list[int]:
    """32-bit hashes of the words of a text: case and accents folded, English endings and
    stop words off, identifiers also by their parts. Words with an unreadable character are
    left out."""
    found: list[str] = []
    for word in re.findall(rf"[\w{REPLACEMENT}]+", _folded(text)):
        if REPLACEMENT in word or word in _stop_words():
            continue
        found += {word, *_PART.findall(word)}
    return [crc32(stem.encode()) for stem in _stemmer().stemWords(found)]


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


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
    """Ranks the turns of a scope. `indexes`: of all pages and of the open tail; the parts of
    a turn that lies on several pages count as one."""

    def __init__(self, indexes: Iterable[PageIndex]) -> None:
        documents: defaultdict[int, list[str]] = defaultdict(list)
        for index in indexes:
            for sequence in index.sequence.tolist():
                documents.setdefault(sequence, [])
            turns = index.sequence[index.row].tolist()
            for turn, term, count in zip(
                turns, index.term.tolist(), index.count.tolist(), strict=True
            ):
                documents[turn] += [str(term)] * count
        self.turns = list(documents)
        self._ranker = self._built(list(documents.values()))

    @staticmethod
    def _built(documents: list[list[str]]) -> Any:
        if not any(documents):
            return None
        import bm25s

        ranker = bm25s.BM25()
        ranker.index(documents, show_progress=False)
        return ranker

    def best(self, query: str, k: int) -> list[tuple[int, float]]:
        """Up to `k` (turn number, score) with a score above zero, best first; of equal
        scores the newest."""
        if self._ranker is None:
            return []
        known = [str(term) for term in terms(query) if str(term) in self._ranker.vocab_dict]
        if not known:
            return []
        scores = self._ranker.get_scores(known)
        scored = sorted(
            zip(self.turns, scores.tolist(), strict=True), key=lambda pair: (-pair[1], -pair[0])
        )
        return [(turn, score) for turn, score in scored[:k] if score > 0]
