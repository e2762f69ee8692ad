"""Make the table of words that mean much the same (`optimem.text.alike`).

    python -m optimem.training.alike books.txt chat.txt talk.txt

takes the words that at least two of the texts hold, has the sentence model minilm (the extra
`embeddings`) embed each alone, and writes for every word those that lie nearest. Texts are UTF-8,
plain or .xz. Takes about a minute.
"""

import argparse
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from math import log2
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.errors import InputError
from optimem.memory.recall.embedding import Embeddings
from optimem.model.minilm.minilm import MiniLM
from optimem.text.alike import NEAR, ROW, WORDS
from optimem.text.files import read_text_file
from optimem.text.terms import terms

LEAST_TEXTS, LEAST_COUNT = 2, 8
"""Texts that must hold a word, and how often it must stand in all of them."""
MOST = 1 << 16
"""Words, the most frequent ones; as many as a row can number."""
LEAST_ALIKE = 0.35
"""Cosine from which on words mean much the same."""
UNRELATED = 0.2
"""Cosine at which they would count nothing."""
BATCH = 512

_LETTERS = re.compile(r"[a-z]{2,}")


class Word(NamedTuple):
    """The commonest form of a word, its hash, and what it tells, in bits."""

    text: str
    term: int
    bits: float


def choose_words(texts: Sequence[str]) -> list[Word]:
    """The words that several texts hold, the most frequent first, each stem once in its commonest
    form."""
    counts, held = Counter[str](), Counter[str]()
    for text in texts:
        found = Counter(_LETTERS.findall(text.lower()))
        counts.update(found)
        held.update(found.keys())
    forms = defaultdict[int, Counter[str]](Counter)
    for word, count in counts.items():
        for term in terms(word)[:1]:
            forms[term][word] = count
    common = {
        term: words
        for term, words in forms.items()
        if words.total() >= LEAST_COUNT and max(map(held.__getitem__, words)) >= LEAST_TEXTS
    }
    order = sorted(common, key=lambda term: (-common[term].total(), term))[:MOST]
    total = counts.total()
    return [
        Word(common[term].most_common(1)[0][0], term, log2(total / common[term].total()))
        for term in order
    ]


def nearest(words: Sequence[Word], vectors: NDArray[np.float32]) -> NDArray[np.void]:
    """The table, given the vectors (V, D) of the words."""
    order = np.argsort([word.term for word in words])
    around = _unit(_unit(vectors[order]) - _unit(vectors).mean(axis=0))
    table = np.zeros(len(words), ROW)
    table["term"] = [words[at].term for at in order]
    table["bits"] = [min(round(8 * words[at].bits), 255) for at in order]
    kept = min(NEAR, len(words) - 1)
    for start in range(0, len(words), BATCH):
        cosines = around[start : start + BATCH] @ around.T  # (B, V)
        own = np.arange(len(cosines))
        cosines[own, own + start] = -1.0
        near = np.argsort(-cosines, axis=1)[:, :kept]
        found = np.take_along_axis(cosines, near, axis=1)
        share = np.where(found >= LEAST_ALIKE, (found - UNRELATED) / (1 - UNRELATED), 0.0)
        table["near"][start : start + BATCH, :kept] = near
        table["share"][start : start + BATCH, :kept] = (share * 255).round()
    return table


def make(texts: Sequence[str], model: Embeddings) -> NDArray[np.void]:
    """The table for the words of some texts. Raises InputError if these share none."""
    words = choose_words(texts)
    if len(words) < 2:
        raise InputError(
            f"{len(texts)} texts have {len(words)} frequent words in common; give at least two "
            "long texts"
        )
    embed = model if callable(model) else model.embed_documents
    return nearest(words, np.asarray(embed([word.text for word in words]), np.float32))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


def main() -> None:
    """Parse arguments and write the table."""
    parser = argparse.ArgumentParser(
        prog="python -m optimem.training.alike",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("texts", nargs="+", type=Path, metavar="TEXT")
    parser.add_argument("--out", type=Path, default=WORDS, metavar="FILE")
    args = parser.parse_args()
    table = make([read_text_file(path) for path in args.texts], MiniLM())
    np.save(args.out, table)
    print(f"{args.out}: {len(table):,} words, {table.nbytes / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
