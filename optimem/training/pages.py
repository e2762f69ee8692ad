"""Training pages: text of many kinds, mixed with strings that no language prior can guess.

Text files become runs of cells once. A page is then composed of random pieces of them, with role
marks and random strings between, and sometimes a blank end. Knows nothing of the model.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from optimem.protocols import Cells
from optimem.renderers.dense import CAPACITY, DenseRenderer
from optimem.text.files import read_text_file
from optimem.turns import ROLES

BLOCK = 1 << 22  # characters turned into cells at a time

# shares of the pages, of their pieces, and of the pieces of text
NOISE_PAGES = 0.10  # hold nothing but noise
PARTIAL_PAGES = 0.12  # end before they are full
NOISE_PIECES = 0.18  # of the other pages
ROLE_PIECES = 0.7  # start with a role mark
ACCENTED_PIECES = 0.10  # have rare symbols strewn in
TYPESET_PIECES = 0.25  # have typographic quotes and dashes, as language models write them
SHORTEST_PIECE = 40  # cells
LINE = 240  # cells within which a piece looks for the start of a line

SCRIPTS = (
    (0x0000, 0x10FFFF), (0x0000, 0xFFFF), (0x4E00, 0x9FFF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3),
    (0xAC00, 0xD7A3), (0x3040, 0x30FF), (0x3000, 0x30FF), (0xFF00, 0xFFEF), (0x0590, 0x05FF),
    (0x0600, 0x06FF), (0x0900, 0x097F), (0x0980, 0x0DFF), (0x0E00, 0x0E7F), (0x0530, 0x058F),
    (0x1000, 0x109F), (0x10A0, 0x10FF), (0x1200, 0x137F), (0x1780, 0x17FF), (0x1F300, 0x1FAFF),
    (0x1D400, 0x1D7FF), (0x0250, 0x036F), (0x20000, 0x2FA1F), (0x2600, 0x27BF), (0xE000, 0xF8FF),
)  # fmt: skip
"""Ranges of code points, ends included, that pages of random scripts are drawn from."""


def text_cells(path: Path, renderer: DenseRenderer) -> Cells:
    """All cells of a text file, plain or .xz. Raises InputError or TextError."""
    text = read_text_file(path)
    parts = [renderer.cells(text[i : i + BLOCK]) for i in range(0, len(text), BLOCK)]
    return np.concatenate(parts)


class Noise:
    """Cells that can only be read, not guessed; each kind is a method (rng, size) that makes at
    least `size` cells. `words`: real text, for `shuffled_words`."""

    def __init__(self, renderer: DenseRenderer, words: Cells) -> None:
        alphabet = renderer.alphabet
        self.words = words
        self.printable = renderer.cells("".join(chr(c) for c in range(32, 127)))
        self.hex = renderer.cells("0123456789abcdef")
        self.base64 = renderer.cells(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        )
        self.digits = renderer.cells("0123456789")
        self.punctuation = renderer.cells("., -:/$%+")
        self.renderer = renderer
        tail = np.arange(alphabet.common, len(alphabet), dtype=np.uint16)
        own = alphabet.characters[tail] > 0
        self.rare_symbols, self.code_symbols = tail[own], tail[~own]
        self.space = int(renderer.cells(" ")[0])
        self.dash = int(renderer.cells("-")[0])
        self.openers = renderer.cells(" \n\t([{")
        double, single = renderer.cells("“”"), renderer.cells("‘’")
        self.typographic = dict(zip(renderer.cells("\"'").tolist(), (double, single), strict=True))
        self.dashes = renderer.cells("—–•")
        coded = (self.scattered_codes,) if len(self.code_symbols) else ()
        self.kinds: tuple[Callable[[np.random.Generator, int], Cells], ...] = (
            self.random_printable, self.random_printable, self.identifiers, self.identifiers,
            self.uuids, self.base64_lines, self.numbers, self.shuffled_words, self.rare,
            self.rare, self.scripts, self.scripts, *coded,
        )  # fmt: skip

    def __call__(self, rng: np.random.Generator, size: int) -> Cells:
        """`size` cells of a random kind."""
        return self.kinds[rng.integers(len(self.kinds))](rng, size)[:size]

    def random_printable(self, rng: np.random.Generator, size: int) -> Cells:
        """Printable ASCII, uniformly distributed."""
        return rng.choice(self.printable, size)

    def identifiers(self, rng: np.random.Generator, size: int) -> Cells:
        """Hex strings of one length, separated by spaces."""
        cells = rng.choice(self.hex, size)
        cells[:: rng.choice([5, 9, 13, 33, 41, 65])] = self.space
        return cells

    def uuids(self, rng: np.random.Generator, size: int) -> Cells:
        """UUIDs, separated by spaces."""
        cells = rng.choice(self.hex, -(-size // 37) * 37).reshape(-1, 37)
        cells[:, [8, 13, 18, 23]], cells[:, 36] = self.dash, self.space
        return cells.ravel()

    def base64_lines(self, rng: np.random.Generator, size: int) -> Cells:
        """Base64 without line breaks."""
        return rng.choice(self.base64, size)

    def numbers(self, rng: np.random.Generator, size: int) -> Cells:
        """Digits with the punctuation of amounts, dates and tables."""
        marks = rng.random(size) < 0.25
        return np.where(marks, rng.choice(self.punctuation, size), rng.choice(self.digits, size))

    def shuffled_words(self, rng: np.random.Generator, size: int) -> Cells:
        """Characters of real text in random order."""
        start = rng.integers(max(len(self.words) - size, 1))
        return rng.permutation(self.words[start : start + size])

    def rare(self, rng: np.random.Generator, size: int) -> Cells:
        """Rare symbols among ASCII."""
        rare = rng.random(size) < rng.choice([0.1, 0.5, 0.9])
        return np.where(rare, rng.choice(self.rare_symbols, size), rng.choice(self.printable, size))

    def scripts(self, rng: np.random.Generator, size: int) -> Cells:
        """Random code points of one script, or of all, some of them spaces."""
        first, last = SCRIPTS[rng.integers(len(SCRIPTS))]
        codes = rng.integers(first, last + 1, size)
        codes[rng.random(size) < rng.choice([0.0, 0.05, 0.2])] = ord(" ")
        return self.renderer.cells("".join(map(chr, codes)))

    def scattered_codes(self, rng: np.random.Generator, size: int) -> Cells:
        """Code symbols in any order, among ASCII."""
        coded = rng.random(size) < rng.choice([0.2, 0.5, 1.0])
        return np.where(
            coded, rng.choice(self.code_symbols, size), rng.choice(self.printable, size)
        )

    def typeset(self, rng: np.random.Generator, cells: Cells) -> Cells:
        """Text with typographic quotes, apostrophes, dashes and bullets instead of ASCII's."""
        before = np.concatenate(([self.space], cells[:-1]))
        opens, typeset = np.isin(before, self.openers), cells.copy()
        for plain, (opening, closing) in self.typographic.items():
            typeset = np.where(cells == plain, np.where(opens, opening, closing), typeset)
        dash, second = cells == self.dash, (cells == self.dash) & (before == self.dash)
        replaced = dash & (
            opens | np.append(second[1:], False)
        )  # after a space, or the first of two
        return np.where(replaced, rng.choice(self.dashes), typeset)[~second].astype(np.uint16)

    def strew(self, rng: np.random.Generator, cells: Cells) -> Cells:
        """Text with one character in ten replaced by a rare one."""
        return np.where(
            rng.random(len(cells)) < 0.1, rng.choice(self.rare_symbols, len(cells)), cells
        )


@dataclass
class PageMixer:
    """Composes pages of cells. `sources`: runs of cells; `weights`: how often, relative to each
    other, text is taken from each."""

    renderer: DenseRenderer
    sources: list[Cells]
    weights: list[float]
    rng: np.random.Generator

    def __post_init__(self) -> None:
        self.noise = Noise(self.renderer, self.sources[0])
        self.roles = [self.renderer.alphabet.role_mark(role) for role in ROLES]
        self.newline = int(self.renderer.cells("\n")[0])
        self.share = np.array(self.weights) / sum(self.weights)

    def batch(self, pages: int) -> Cells:
        """Cells (pages, 12,800); blank ends are spaces."""
        return np.stack([self.page() for _ in range(pages)])

    def page(self) -> Cells:
        """One page."""
        page = np.zeros(CAPACITY, np.uint16)
        only_noise = self.rng.random() < NOISE_PAGES
        partial = self.rng.random() < PARTIAL_PAGES
        end = int(self.rng.integers(1, CAPACITY)) if partial else CAPACITY
        filled = 0
        while filled < end:
            piece = self._piece(end - filled, only_noise)
            page[filled : filled + len(piece)] = piece
            filled += len(piece)
        return page

    def _piece(self, room: int, only_noise: bool) -> Cells:
        longest = np.log(CAPACITY)
        size = min(int(np.exp(self.rng.uniform(np.log(SHORTEST_PIECE), longest))), room)
        if only_noise or self.rng.random() < NOISE_PIECES:
            piece = self.noise(self.rng, size)
        else:
            piece = self._text(size)
        if self.rng.random() < ROLE_PIECES:
            mark = self.rng.choice(self.roles)
            piece = np.concatenate(([mark], piece))[:room].astype(np.uint16)
        return piece

    def _text(self, size: int) -> Cells:
        source = self.sources[self.rng.choice(len(self.sources), p=self.share)]
        start = int(self.rng.integers(max(len(source) - size - LINE, 1)))
        line_ends = np.flatnonzero(source[start : start + LINE] == self.newline)
        if len(line_ends):  # begin where a line does, as turns do
            start += int(line_ends[0]) + 1
        piece = source[start : start + size]
        if self.rng.random() < TYPESET_PIECES:
            piece = self.noise.typeset(self.rng, piece)
        if self.rng.random() < ACCENTED_PIECES:
            piece = self.noise.strew(self.rng, piece)
        return piece
