"""What others have published, to stand beside our figures. Data only.

DeepSeek-OCR: arXiv 2510.18234, table 2 (Fox benchmark, English, precision, Tiny 64 and Small
100 tokens). C3: arXiv 2511.15244.
"""

from typing import NamedTuple


class Bucket(NamedTuple):
    """A row of the paper's table: text tokens from `first` up to `first` + 100; share right
    and ratio at 64 and at 100 vision tokens."""

    first: int
    right_64: float
    ratio_64: float
    right_100: float
    ratio_100: float


PAPER = (
    Bucket(600, 0.965, 10.5, 0.985, 6.7),
    Bucket(700, 0.938, 11.8, 0.973, 7.5),
    Bucket(800, 0.838, 13.2, 0.968, 8.5),
    Bucket(900, 0.859, 15.1, 0.968, 9.7),
    Bucket(1000, 0.793, 16.5, 0.915, 10.6),
    Bucket(1100, 0.764, 17.7, 0.898, 11.3),
    Bucket(1200, 0.591, 19.7, 0.871, 12.6),
)
C3 = ((20.0, 0.98), (40.0, 0.93))
"""Ratio and share right of text latents."""

DIFFERENCE = (
    "The tasks differ. The published figures are of DeepSeek-OCR on scans of any document, the Fox "
    "benchmark's pages; ours are of the texts named here, cut to as many tokens and drawn by "
    "optimem itself: one font, each character in a known cell. That is much easier, and with "
    "optimem-nano, which reads nothing else, it is why the ratios can be higher."
)
