"""An embedding model as memory uses it: a text becomes `BITS` bits, each the side of a plane on
which its vector lies, and a question a direction that they are compared with.

Vectors are first moved so that unrelated texts lie around the origin, which those of many models do
not, and wide ones turned and cut to `BITS` values, so that no model's take more room than others. A
model is told by what it makes of one sentence. Knows nothing of turns or stores.
"""

import threading
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from hashlib import blake2b
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from optimem.errors import EmbeddingError, InputError
from optimem.memory.caching import LRU
from optimem.memory.records.vectors import Bits, ModelMark, Vectors

BITS = 192
"""Bits of a text, or fewer if the model's vectors are narrower."""
CACHED = 8192
"""Texts whose bits are kept."""
BATCH = 64
"""Texts that a model is given at a time."""
SEED = 20_260
"""Of the turn that wide vectors are given."""
PROBES = (
    "At noon the harbour clock struck 17, and nobody in the blue house noticed.",
    "Yes, sure, see you then!",
    "The invoice was paid late because the bank had rejected the transfer twice.",
    "ERROR: connection refused by host db-3 after 4 attempts",
    "My sister plays the violin, and her son has just started school.",
    "Could you tell me how to reset the password of my account?",
    "In 1912 the expedition reached the coast with eleven men and two boats.",
    "def total(items): return sum(item.price for item in items)",
    "I am allergic to nuts, so please leave them out of the cake.",
    "The committee postponed its vote on the new railway line until spring.",
    "It rained all weekend, we stayed in and watched old films.",
    "Patients with the higher dose slept longer, but not better.",
)
"""Sentences about nothing in common, in whose middle unrelated texts lie. By the first a model is
told."""


@runtime_checkable
class EmbeddingModel(Protocol):
    """What embeds texts and questions, such as any of LangChain's `Embeddings`."""

    def embed_documents(self, texts: list[str]) -> Sequence[Sequence[float]]:
        """A vector for each text."""

    def embed_query(self, text: str) -> Sequence[float]:
        """The vector of a question."""


Embeddings = EmbeddingModel | Callable[[list[str]], Sequence[Sequence[float]]]
"""A model, or a function that gives a vector for each of a list of texts, questions included."""


class Embedder:
    """An embedding model, asked only for what is not known. Safe for threads as far as the model
    is. Raises InputError for anything but a model; its methods raise EmbeddingError."""

    def __init__(self, model: Embeddings) -> None:
        if not isinstance(model, EmbeddingModel) and not callable(model):
            raise InputError(
                f"embeddings={model!r:.80} cannot embed; give an object with embed_documents and "
                "embed_query, such as LangChain's, or a function from texts to vectors"
            )
        self._model = model
        self._known: LRU[bytes, Bits] = LRU(CACHED)
        self._lock = threading.Lock()

    def bits(self, texts: Sequence[str]) -> Bits:
        """The bits of each text, (N, W)."""
        names = [_digest(text) for text in texts]
        found = {name: self._known.get(name) for name in names}
        missing = {n: text for n, text in zip(names, texts, strict=True) if found[n] is None}
        if missing:
            signs = np.packbits(self._turned(self._embed(list(missing.values()))) > 0, axis=1)
            for name, row in zip(missing, signs, strict=True):
                self._known.put(name, row)
                found[name] = row
        rows = [row for row in (found[name] for name in names) if row is not None]
        return np.stack(rows) if rows else np.zeros((0, self.width), np.uint8)

    def direction(self, query: str) -> Vectors:
        """The direction of a question, of length 1, (8 W,)."""
        if isinstance(self._model, EmbeddingModel):
            ask = self._model.embed_query
            given = self._asked(lambda: [ask(query)], 1)
        else:
            given = self._embed([query])
        turned = _unit(self._turned(given))[0]
        padded = np.zeros(8 * self.width, np.float32)
        padded[: len(turned)] = turned
        return padded

    @property
    def mark(self) -> ModelMark:
        """By what the model is told."""
        return ModelMark(len(self._frame.centre), self.bits(PROBES[:1])[0].tobytes())

    @property
    def width(self) -> int:
        """Bytes of a text's bits."""
        return -(-min(len(self._frame.centre), BITS) // 8)

    def forget(self) -> None:
        """Drop what is known of texts."""
        self._known.clear()

    @cached_property
    def _made_frame(self) -> "Frame":
        vectors = _unit(self._embed(PROBES))
        return Frame(vectors.mean(axis=0), _turn(vectors.shape[1]))

    @property
    def _frame(self) -> "Frame":
        with self._lock:
            return self._made_frame

    def _turned(self, vectors: Vectors) -> Vectors:
        """Vectors around the origin, as far as they are kept, (N, bits)."""
        frame = self._frame
        if vectors.shape[1] != len(frame.centre):
            raise EmbeddingError(
                f"the embedding model gave vectors of {vectors.shape[1]} values, and of "
                f"{len(frame.centre)} before; give each width a model of its own"
            )
        centred: Vectors = _unit(vectors) - frame.centre
        return centred if frame.turn is None else centred @ frame.turn

    def _embed(self, texts: Sequence[str]) -> Vectors:
        model = self._model
        embed = model.embed_documents if isinstance(model, EmbeddingModel) else model
        found = list[Vectors]()
        for start in range(0, len(texts), BATCH):
            batch = list(texts[start : start + BATCH])
            found.append(self._asked(partial(embed, batch), len(batch)))
        if len({rows.shape[1] for rows in found}) > 1:
            raise EmbeddingError("the embedding model gave vectors of several widths; repair it")
        return np.concatenate(found)

    def _asked(self, ask: Callable[[], Sequence[Sequence[float]]], wanted: int) -> Vectors:
        """What the model gives, as an array of `wanted` rows."""
        try:
            rows = np.asarray(ask(), np.float32)
        except Exception as error:  # of whatever kind: memory goes on without the model
            raise EmbeddingError(
                f"the embedding model failed: {error!r:.300}; make it answer, then run `optimem "
                "reindex` for what was written meanwhile"
            ) from error
        if rows.ndim != 2 or len(rows) != wanted or not rows.shape[1]:
            raise EmbeddingError(
                f"the embedding model gave an array of {rows.shape} for {wanted} texts; it must "
                "give one vector for each"
            )
        if not np.isfinite(rows).all():
            raise EmbeddingError("the embedding model gave a value that is not finite; repair it")
        return rows


class Frame(NamedTuple):
    """Where a model's vectors lie. `centre` (D,): the middle of unrelated texts. `turn` (D, BITS):
    what turns and cuts wide vectors; None for narrow ones."""

    centre: Vectors
    turn: Vectors | None


def _unit(vectors: Vectors) -> Vectors:
    """Vectors of length 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


def _turn(width: int) -> Vectors | None:
    """Some directions at right angles, the same everywhere. `RandomState` and a QR decomposition
    with positive diagonal have one result."""
    if width <= BITS:
        return None
    drawn = np.random.RandomState(SEED).standard_normal((width, BITS))
    directions, diagonal = np.linalg.qr(drawn)
    return np.asarray(directions * np.sign(np.diag(diagonal)), np.float32)


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()
