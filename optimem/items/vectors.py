"""Vectors of items: a byte a value, compared by cosine, and never with those of another model.

A model is recognised by its vector for one fixed sentence, which is kept in the collection:
a renamed model is the same one, and another behind the same name is not. Knows no model: it is
given vectors.
"""

from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.errors import ConflictError, FormatError, InputError
from optimem.items import serialization
from optimem.memory.records.records import entry_place
from optimem.memory.records.word_secret import make_word_secret
from optimem.protocols import Change, Store
from optimem.turns import Scope

PROBE = "At noon the harbour clock struck 17, and nobody in the blue house noticed."
"""The sentence by whose vector a model is recognised."""
SAME = 0.99
"""The cosine from which two vectors of the sentence are one model's: servers round differently."""
MODELS = "model:"
MODEL_BYTES, SIZE_BYTES = 8, 4
MOST = 127

Rows = NDArray[np.int8]


class ItemVectors(NamedTuple):
    """Vectors of one item or query, or of several items. `model`: which made them, 8 bytes;
    `rows`: (N, D), each scaled so that its largest value is 127."""

    model: bytes
    rows: Rows

    def pack(self) -> bytes:
        """As stored; empty for no vectors."""
        if not len(self.rows):
            return b""
        size = self.rows.shape[1].to_bytes(SIZE_BYTES, "little")
        packed: bytes = self.model + size + self.rows.tobytes()
        return packed

    @classmethod
    def parse(cls, data: bytes) -> "ItemVectors":
        """What `pack` wrote. Raises FormatError for a size that does not fit."""
        start = MODEL_BYTES + SIZE_BYTES
        size, values = int.from_bytes(data[MODEL_BYTES:start], "little"), data[start:]
        if not size or not values or len(values) % size:
            raise FormatError(f"{len(values)} bytes are not vectors of {size} values")
        return cls(data[:MODEL_BYTES], np.frombuffer(values, np.int8).reshape(-1, size))


def quantise(vectors: Sequence[Sequence[float]], dims: int) -> Rows:
    """Vectors in a byte a value. (N, `dims`). Raises InputError for another number of values and
    for a value that is not finite."""
    for vector in vectors:
        if len(vector) != dims:
            raise InputError(
                f"the embedding model gave a vector of {len(vector)} values, not {dims}; give its "
                "size as dims"
            )
    given = np.asarray(vectors, np.float32).reshape(-1, dims)  # (N, D)
    if not np.isfinite(given).all():
        raise InputError("the embedding model gave a value that is not finite; repair the model")
    most = np.abs(given).max(axis=1, keepdims=True, initial=0)  # (N, 1)
    scaled: Rows = np.rint(given / np.where(most > 0, most, 1) * MOST).astype(np.int8)
    return scaled


def cosines(rows: Rows, query: Rows) -> NDArray[np.float32]:
    """The cosine of each row with the one row of `query`; 0 for a row of zeros. (N,)"""
    left, right = rows.astype(np.float32), query[0].astype(np.float32)
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right)
    products = left @ right
    found: NDArray[np.float32] = np.divide(
        products, norms, out=np.zeros_like(products), where=norms > 0
    )
    return found


def find_model(store: Store, scope: Scope, probe: Rows) -> bytes:
    """The name under which a scope keeps the model that gave `probe` for `PROBE`; a model that it
    does not know is added."""
    infos, secret = store.entries(scope, MODELS), make_word_secret(store)
    for entry in store.get(scope, [info.key for info in infos]):
        if entry is None:
            continue
        mark = serialization.unpack_mark(entry.value, entry_place(scope, entry.key), secret)
        known = mark.vectors and ItemVectors.parse(mark.vectors)
        if known and known.rows.shape == probe.shape and cosines(known.rows, probe)[0] >= SAME:
            return known.model
    added = ItemVectors(blake2b(probe.tobytes(), digest_size=MODEL_BYTES).digest(), probe)
    key = MODELS + added.model.hex()
    data = serialization.pack_mark(None, b"", entry_place(scope, key), secret, added.pack())
    with suppress(ConflictError):  # another process has just added the same
        store.commit(scope, [Change(key, data, 0)])
    return added.model
