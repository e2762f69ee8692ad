"""How recall and its index bear long conversations.

    python -m benchmarks.recall_scale [--turns 100000] [--words 14] [--embeddings] [--appended]
                                      [--redis] [--queries 60] [--keep FILE]

writes two scopes of generated chat to a store of its own, one of 1,000 turns and one of `--turns`,
as pages that are kept as text (so no model is loaded), merges their indexes as the background
thread does, and prints, all of one run and in turns between both scopes: the CPU time of a recall,
median and 99th percentile, as a multiple of that of the small scope; the same of the first recall
of a process, and of the first recall after a turn was appended; the memory of a process that
recalled from the long scope, above that of one that recalled from the small one; and the bytes of
index and vectors for each byte of text. `--words`: of a turn, on average. `--embeddings`: turns are
also found by meaning, with a model that takes no time and whose vectors are the sum of those of
words. `--appended`: a third scope, the long one appended a hundred turns at a time, is compared.
`--keep`: a SQLite file that is left behind, and used again.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from statistics import median
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from optimem import OpticalMemory, Scope, Turn
from optimem.memory.recall.retrieval import IndexRow, index_page
from optimem.memory.records.records import (
    EntryKind,
    PageRecord,
    Position,
    ScopeState,
    Span,
    TurnNumber,
    page_id,
)
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.writing.merging import merge_index
from optimem.omem.corrections import text_digest
from optimem.store import open_store
from optimem.testing import plain_codec
from optimem.text.terms import STOP_WORDS
from tests.servers import RedisServer

SMALL = 1000
NOW = 1_700_000_000.0
STEP = 45.0
"""Seconds from one turn to the next."""
WORDS = 40_000
PAGE = 12_800
"""Characters of a page."""
SPEAKERS = ("Ann", "Ben")
ADDED = 20
"""Turns appended, one at a time."""
BATCH = 100
"""Turns that come together with `--appended`."""
VALUES = 256
"""Of a vector of `word_vectors`."""


class Chat:
    """Turns of two people, of words as frequent as in English: half of them function words, the
    rest by Zipf's law, numbers among them. `words`: of a turn, on average."""

    def __init__(self, seed: int = 0, words: int = 14) -> None:
        self._rng, self._mean = np.random.default_rng(seed), words
        vowels = ("a", "e", "i", "o", "ar", "en", "il")
        syllables = [first + last for first in "bdfgklmnprstvz" for last in vowels]
        drawn = self._rng.integers(len(syllables), size=(WORDS, 3))
        self._words = np.array(["".join(syllables[at] for at in row) for row in drawn])
        little = [word for word in STOP_WORDS.pattern.split("|") if word.isalpha()]
        self._little = np.array(little)
        weights = 1 / (np.arange(WORDS) + 3.0)
        self._share = np.cumsum(weights / weights.sum())

    def turns(self, count: int) -> list[str]:
        """The texts of some turns."""
        sizes = self._rng.poisson(self._mean - 2, count) + 2
        total = int(sizes.sum())
        at = np.searchsorted(self._share, self._rng.random(total))
        words = np.where(
            self._rng.random(total) < 0.5,
            self._words[np.minimum(at, WORDS - 1)],
            self._rng.choice(self._little, total),
        )
        ends = np.cumsum(sizes)
        return [" ".join(words[end - size : end]) for size, end in zip(sizes, ends, strict=True)]

    def question(self) -> str:
        """Six words, two of them rare, and sometimes a name."""
        common = self._words[np.searchsorted(self._share, self._rng.random(4))]
        rare = self._words[self._rng.integers(WORDS // 20, WORDS, 2)]
        name = self._rng.choice([*SPEAKERS, "", ""])
        return " ".join([str(name), *common, *rare])


def word_vectors(texts: list[str]) -> list[list[float]]:
    """An embedding model: the sum of directions that the words of a text were given by chance."""
    directions = _directions()
    placed = [[crc32(word.encode()) % len(directions) for word in text.split()] for text in texts]
    found: list[list[float]] = [directions[at or [0]].sum(axis=0).tolist() for at in placed]
    return found


@cache
def _directions() -> NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal((1 << 14, VALUES), np.float32)


def write(records: ScopeRecords, turns: int, chat: Chat) -> None:
    """Write a scope: pages as text with their index, and the numbers of their turns."""
    number, waiting = 0, list[str]()
    while number < turns or waiting:
        while number + len(waiting) < turns and sum(map(len, waiting)) < PAGE:
            waiting += chat.turns(min(100, turns - number - len(waiting)))
        texts, size = list[str](), 0
        while waiting and size + len(waiting[0]) < PAGE:
            size += len(waiting[0]) + 1
            texts.append(waiting.pop(0))
        _write_page(records, number, texts)
        merge_index(records)
        number += len(texts)
    edit, (_, version) = records.edit(), records.state()
    edit.put_state(ScopeState(turns, Position(turns, 0), 0, NOW, "epoch"), version)
    edit.commit()


def _write_page(records: ScopeRecords, first: int, texts: list[str]) -> None:
    spans, start = list[Span](), 0
    for at, text in enumerate(texts, first):
        end = start + len(text) + 1
        said, name = NOW + at * STEP, SPEAKERS[at % 2]
        spans.append(
            Span(Position(at, 0), "user", f"t{at}", said, start, end, True, False,
                 text_digest(text), "", name)
        )  # fmt: skip
        start = end
    body, size = tuple(texts), sum(map(len, texts))
    content = page_id(str(records.scope), spans[0].position, body)
    page = PageRecord(content, NOW, NOW, 0.0, size, size // 3, tuple(spans), body)
    edit = records.edit()
    rows = list(map(IndexRow.of, spans, texts))
    edit.put_page(page, None, expect=0, index=index_page(rows))
    for span in spans:
        edit.put_turn(span.turn, TurnNumber(span.position.sequence, b""))
    edit.commit()


def append(memory: OpticalMemory, scope: str, turns: int, chat: Chat) -> None:
    """Write the same scope through the memory's own door; pages as long as tokens make them."""
    waiting = list[str]()
    while len(waiting) < turns:
        waiting += chat.turns(min(BATCH, turns - len(waiting)))
    for start in range(0, turns, BATCH):
        memory.append(
            scope,
            [
                Turn(id=f"t{at}", text=text, name=SPEAKERS[at % 2], time=NOW + at * STEP)
                for at, text in enumerate(waiting[start : start + BATCH], start)
            ],
        )
    memory.flush(scope)


def cpu(act: Callable[[], object]) -> float:
    """CPU seconds of this process that something takes."""
    started = time.process_time()
    act()
    return time.process_time() - started


def peak() -> int:
    """The most memory of this process so far, in bytes; `getrusage` would count its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


class Place(NamedTuple):
    """Where the scopes are, and whether turns are found by meaning."""

    address: str
    embeddings: bool = False

    def open(self) -> OpticalMemory:
        """A memory whose pages no model draws."""
        model = word_vectors if self.embeddings else None
        return OpticalMemory(
            open_store(self.address), plain_codec(capacity=PAGE),
            clock=lambda: NOW, owns_store=True, embeddings=model,
        )  # fmt: skip


def first(place: Place, scope: str) -> None:
    """Print, as JSON, what a first recall takes in this process, and its memory then."""
    with place.open() as memory:
        took = cpu(lambda: memory.recall(scope, Chat(9).question(), k=5))
        for _ in range(5):
            memory.recall(scope, Chat(9).question(), k=5)
    print(json.dumps({"seconds": took, "bytes": peak()}))


def measure_first(place: Place, scope: str) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.recall_scale", "--first", scope]
    command += ["--at", place.address, *(["--embeddings"] if place.embeddings else [])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def measure_warm(place: Place, scopes: list[str], queries: int) -> list[list[float]]:
    """CPU seconds of recalls, by scope, in turns."""
    chat, took = Chat(7), [list[float]() for _ in scopes]
    with place.open() as memory:
        for at in range(queries + 5):
            question = chat.question()
            for scope, found in zip(scopes, took, strict=True):
                seconds = cpu(lambda: memory.recall(scope, question, k=5))  # noqa: B023
                found += [seconds] if at >= 5 else []
    return took


def measure_appended(place: Place, scopes: list[str]) -> list[list[float]]:
    """CPU seconds of the first recall after a turn was appended, by scope, in turns."""
    chat, took = Chat(8), [list[float]() for _ in scopes]
    with place.open() as memory:
        for at in range(ADDED):
            for scope, found in zip(scopes, took, strict=True):
                said = NOW + (1 << 27) + at
                memory.append(scope, Turn(text=chat.turns(1)[0], name="Ann", time=said))
                seconds = cpu(lambda: memory.recall(scope, chat.question(), k=5))  # noqa: B023
                found += [seconds] if at else []
    return took


def shares(place: Place, scope: str) -> tuple[float, float]:
    """Bytes of index and of vectors for each byte of text in a scope."""
    with place.open() as memory:
        stats = memory.stats(scope)
    return stats.index_bytes / stats.text_bytes, stats.vector_bytes / stats.text_bytes


def report(place: Place, scopes: list[str], turns: int, queries: int) -> None:
    """Print all measures."""
    small, large = measure_warm(place, scopes, queries)
    slowest = [float(np.quantile(took, 0.99)) for took in (small, large)]
    print(f"{turns:,} turns beside {SMALL:,}, CPU time:")
    print(
        f"  warm recall: {median(large) / median(small):.1f} × (median, {1e3 * median(large):.0f} "
        f"ms), {slowest[1] / slowest[0]:.1f} × (99th percentile, {1e3 * slowest[1]:.0f} ms)"
    )
    small, large = measure_appended(place, scopes)
    print(f"  first recall after an append: {median(large) / median(small):.1f} ×")
    few, many = (measure_first(place, scope) for scope in scopes)
    print(
        f"  first recall of a process: {many['seconds'] / few['seconds']:.1f} × "
        f"({1e3 * many['seconds']:.0f} ms)"
    )
    extra = max(many["bytes"] - few["bytes"], 0)
    print(f"  memory: {extra / 2**20:.0f} MiB more, {extra / turns:.0f} bytes a turn")
    (index, vectors), (index_small, vectors_small) = (shares(place, at) for at in scopes[::-1])
    print(f"  index: {index:.2f} bytes a byte of text ({index_small:.2f} at {SMALL:,})")
    if place.embeddings:
        print(f"  vectors: {vectors:.2f} ({vectors_small:.2f}), both: {index + vectors:.2f}")


def compare(place: Place, scopes: list[str], queries: int) -> None:
    """Print what differs between scopes of the same turns."""
    chat, same = Chat(7), 0
    with place.open() as memory:
        for _ in range(queries):
            question = chat.question()
            found = [memory.recall(scope, question, k=5) for scope in scopes]
            same += [hit.id for hit in found[0]] == [hit.id for hit in found[1]]
    print(f"appended: the same turns in the same order for {same} of {queries} questions")
    index, vectors = shares(place, scopes[1])
    print(f"  index: {index:.2f} bytes a byte of text, vectors: {vectors:.2f}")
    many = measure_first(place, scopes[1])
    print(f"  first recall of a process: {1e3 * many['seconds']:.0f} ms")


@contextmanager
def store_at(options: argparse.Namespace) -> Iterator[str]:
    """The address of a store for one run."""
    with tempfile.TemporaryDirectory() as folder:
        if not options.redis:
            yield options.keep or str(Path(folder) / "scale.db")
            return
        server = RedisServer(Path(folder), "--appendonly", "no")
        try:
            yield server.url
        finally:
            server.stop()


def written(place: Place, scope: str, turns: int, words: int, *, appended: bool = False) -> None:
    """Write a scope, and what its turns mean, unless it is there."""
    with place.open() as memory:
        records, chat = ScopeRecords(memory.store, Scope.parse(scope)), Chat(turns, words)
        if not records.count(EntryKind.PAGE):
            if appended:
                took = cpu(lambda: append(memory, scope, turns, chat))
            else:
                took = cpu(lambda: write(records, turns, chat))
            how = "appended" if appended else "written"
            print(f"{turns:,} turns {how} in {took:.0f} s of CPU time")
        if place.embeddings:
            memory.reindex(scope=scope)


def main(arguments: list[str] | None = None) -> None:
    """Write the scopes and print all measures."""
    parser = argparse.ArgumentParser(prog="benchmarks.recall_scale")
    parser.add_argument("--turns", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=14)
    parser.add_argument("--queries", type=int, default=60)
    parser.add_argument("--embeddings", action="store_true")
    parser.add_argument("--appended", action="store_true")
    parser.add_argument("--redis", action="store_true")
    parser.add_argument("--keep")
    parser.add_argument("--first", help=argparse.SUPPRESS)
    parser.add_argument("--at", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.first:
        first(Place(options.at, options.embeddings), options.first)
        return
    with store_at(options) as address:
        place = Place(address, options.embeddings)
        scopes = [f"scale/ann/{turns}" for turns in (SMALL, options.turns)]
        for scope, turns in zip(scopes, (SMALL, options.turns), strict=True):
            written(place, scope, turns, options.words)
        if options.appended:
            other = f"scale/ben/{options.turns}"
            written(place, other, options.turns, options.words, appended=True)
            compare(place, [scopes[1], other], options.queries)
        report(place, scopes, options.turns, options.queries)


if __name__ == "__main__":
    main()
