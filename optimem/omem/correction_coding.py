"""Corrections to bytes and back: which cells of a page are named, and a number for each.

One range coder for both. A page's cells are flags of equal probability; numbers are coded by how
often the page has named them before, a new one by its number of bits and then bit for bit. So the
bytes need no table of symbols and fit any alphabet. Knows nothing of what the numbers mean.
"""

from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

_stream = constriction.stream

BITS = 22
"""Bits of the largest number: code points have 21."""


def pack_numbers(cells: NDArray[np.int64], numbers: NDArray[np.int64], size: int) -> bytes:
    """Numbers from 0, named at increasing `cells` of a page of `size` cells; nothing for none."""
    if not len(cells):
        return b""
    flags = np.zeros(size, np.int32)
    flags[cells] = 1
    coder = _stream.queue.RangeEncoder()
    coder.encode(len(cells) - 1, _stream.model.Uniform(max(size, 2)))
    coder.encode(flags, _flag_model(len(cells), size))
    history = _History()
    for number in numbers.tolist():
        _encode(coder, history, number)
    return bytes(coder.get_compressed().astype("<u4").tobytes().rstrip(b"\0"))


def unpack_numbers(data: bytes, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The cells and their numbers. Raises ValueError for bytes that are not of such a page."""
    if not data:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    words = np.frombuffer(data + b"\0" * (-len(data) % 4), "<u4").astype(np.uint32)
    coder = _stream.queue.RangeDecoder(words)
    try:
        count = int(coder.decode(_stream.model.Uniform(max(size, 2)))) + 1
        flags = coder.decode(_flag_model(count, size), size)
        cells = np.flatnonzero(flags)
        if len(cells) != count:
            raise ValueError(f"{len(cells)} cells are named, not {count}")
        history = _History()
        numbers = [_decode(coder, history) for _ in range(count)]
    except AssertionError as error:  # constriction's word for bytes that nothing encodes to
        raise ValueError(str(error)) from error
    return cells, np.array(numbers, np.int64)


class _History:
    """The numbers of a page so far. `order`: each once; a new number goes to its end."""

    def __init__(self) -> None:
        self.order: list[int] = []
        self._place: dict[int, int] = {}
        self._counts: list[int] = [0]  # of "a new number", then of each in `order`
        self._bits = np.ones(BITS + 1, np.int64)

    def model(self) -> Any:
        """Of the choice between a new number, 0, and those in `order`, from 1. Half of each first
        time counts for new numbers (method D of PPM)."""
        weights = 2 * np.array(self._counts, np.float64) - 1
        weights[0] = len(self.order)
        return _stream.model.Categorical(weights / weights.sum(), perfect=False)

    def bits_model(self) -> Any:
        """Of the number of bits of a new number."""
        return _stream.model.Categorical(self._bits / self._bits.sum(), perfect=False)

    def place(self, number: int) -> int:
        """The choice that stands for a number."""
        return self._place.get(number, 0)

    def add(self, number: int) -> None:
        """Count a number."""
        if number not in self._place:
            self.order.append(number)
            self._place[number] = len(self.order)
            self._counts.append(0)
            self._bits[number.bit_length()] += 1
        self._counts[self._place[number]] += 1


def _flag_model(count: int, size: int) -> Any:
    return _stream.model.Bernoulli(count / (size + 1), perfect=False)


def _encode(coder: Any, history: _History, number: int) -> None:
    place = history.place(number)
    if history.order:
        coder.encode(place, history.model())
    if not place:
        bits = number.bit_length()
        coder.encode(bits, history.bits_model())
        if bits > 1:  # the first bit is 1
            coder.encode(number - (1 << bits - 1), _stream.model.Uniform(1 << bits - 1))
    history.add(number)


def _decode(coder: Any, history: _History) -> int:
    place = int(coder.decode(history.model())) if history.order else 0
    if place:
        number = history.order[place - 1]
    else:
        bits = int(coder.decode(history.bits_model()))
        rest = int(coder.decode(_stream.model.Uniform(1 << bits - 1))) if bits > 1 else 0
        number = rest + (1 << bits - 1) if bits else 0
    history.add(number)
    return number
