"""Repetition: what must not be said again, and when an answer has begun to go round.

Text models of pages loop now and then (deepseek-ai/DeepSeek-OCR, issue 151); the ban is the
published one, the detector catches what it lets through.
"""

from collections.abc import Sequence
from dataclasses import dataclass

CELL_START, CELL_END = 128_821, 128_822
"""`<td>` and `</td>`, which tables repeat."""

LOOP_SPAN = 400
"""Tokens that are looked back at for a loop that is not exact."""
LOOP_DISTINCT = 0.25
"""Share of different 4-grams among them under which they count as a loop."""
EXACT_LOOP = 96
"""Tokens that an exact repetition must fill, four times over, to count."""


@dataclass(frozen=True)
class NoRepeat:
    """No `size` tokens in a row twice within the last `window`, but for `exempt` ones.

    Published settings (size, window): (30, 90) for an image, (20, 50) for PDF pages,
    (40, 90) in evaluation.
    """

    size: int = 30
    window: int = 90
    exempt: frozenset[int] = frozenset({CELL_START, CELL_END})

    def banned(self, ids: Sequence[int]) -> set[int]:
        """Tokens that must not follow `ids`."""
        length = len(ids)
        if length < self.size:
            return set()
        prefix = tuple(ids[length - self.size + 1 :])
        starts = range(max(0, length - self.window), length - self.size + 1)
        found = {
            ids[start + self.size - 1]
            for start in starts
            if tuple(ids[start : start + self.size - 1]) == prefix
        }
        return found - self.exempt


def is_looping(ids: Sequence[int]) -> bool:
    """Whether generated tokens have begun to repeat themselves: exactly, at least four times,
    or nearly, over a longer stretch."""
    for period in range(1, min(len(ids) // 4, LOOP_SPAN // 4) + 1):
        span = max(4 * period, EXACT_LOOP)
        if len(ids) >= span:
            tail = list(ids[-span:])
            if tail[period:] == tail[:-period]:
                return True
    if len(ids) < LOOP_SPAN:
        return False
    tail = list(ids[-LOOP_SPAN:])
    grams = {tuple(tail[i : i + 4]) for i in range(LOOP_SPAN - 3)}
    return len(grams) < LOOP_DISTINCT * LOOP_SPAN
