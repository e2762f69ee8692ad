"""Draws the dense alphabet into `data/atlas.png` and `data/alphabet.txt`.

Both files ship, so that pages are the same to the byte whatever FreeType is installed. To draw
them again, run `python -m optimem.renderers.glyphs`. Letters of different scripts that look alike
get different faces (Greek oblique, Cyrillic bold). A glyph that is still too similar to an
earlier one is inverted or gets a bar at the top or bottom; if nothing sets it apart, the
alphabet goes without the character.
"""

from collections.abc import Iterator
from pathlib import Path

import freetype
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from optimem.renderers.alphabet import (
    COMMON,
    END,
    ESCAPE,
    MARKS,
    NEWLINE,
    TAB,
    TAIL_RANGES,
    WIDE,
    is_wide,
)
from optimem.renderers.fonts import font_path
from optimem.renderers.raster import LOAD_FLAGS
from optimem.renderers.spelling import ATLAS_COLUMNS, CELL_HEIGHT, CELL_WIDTH

SIZE, WIDE_SIZE = 13, 15
"""Em in pixels. At 13 px an advance, of 0.602 em, fills a cell."""

BASELINE = 12
"""Pixels from the top of a cell."""

CLOSEST = 0.055
"""Least difference of two symbols: RMS of their ink, from 0 to 1, at half size."""

DATA = Path(__file__).parent / "data"
"""Where the package looks for the files."""

SUBSTITUTES = {NEWLINE: "↵", TAB: "⇥", "\u00a0": "␣", "\u2007": "␣"}
"""What is drawn for a character without ink."""

MARK_LETTERS = {ESCAPE: "<", END: ">", WIDE: " ", "<text>": "D"}
"""What is drawn, inverted, for a mark; for other roles their initial."""

Tile = NDArray[np.uint8]


class GlyphPainter:
    """Draws one character into a cell, or two cells, at Large size."""

    def __init__(self) -> None:
        self.regular = _face("DejaVuSansMono", SIZE)
        self.bold = _face("DejaVuSansMono-Bold", SIZE)
        self.oblique = _face("DejaVuSansMono-Oblique", SIZE)
        self.wide = _face("DroidSansFallback", WIDE_SIZE)

    def face(self, char: str) -> freetype.Face:
        """The face for a character's script."""
        code = ord(char)
        if is_wide(char):
            return self.wide
        if 0x0400 <= code <= 0x04FF:
            return self.bold
        return self.oblique if 0x0370 <= code <= 0x03FF else self.regular

    def has(self, char: str) -> bool:
        """Whether its face has a character."""
        return bool(self.face(char).get_char_index(SUBSTITUTES.get(char, char)))

    def tile(self, char: str) -> Tile:
        """(16, 8) grey, or (16, 16) for a wide character; 255 is full ink."""
        face, width = self.face(char), CELL_WIDTH * (1 + is_wide(char))
        face.load_char(SUBSTITUTES.get(char, char), LOAD_FLAGS)
        bitmap = face.glyph.bitmap
        tile = np.zeros((CELL_HEIGHT, width), np.uint8)
        rows = np.array(bitmap.buffer, np.uint8).reshape(bitmap.rows, bitmap.pitch)
        ink = rows[:, : bitmap.width]
        top = min(max(BASELINE - face.glyph.bitmap_top, 0), max(CELL_HEIGHT - bitmap.rows, 0))
        left = min(max(face.glyph.bitmap_left, 0), max(width - bitmap.width, 0))
        part = ink[: CELL_HEIGHT - top, : width - left]
        tile[top : top + part.shape[0], left : left + part.shape[1]] = part
        return tile


def build(folder: Path = DATA) -> None:
    """Draw every symbol and write `alphabet.txt` and `atlas.png` to a folder."""
    painter = GlyphPainter()
    common = [_mark_tile(painter, s) if s in MARKS else painter.tile(s) for s in COMMON]
    tail = _tail_tiles(painter, common)
    narrow = [tile[:, :CELL_WIDTH] for tile in (*common, *tail.values())]
    right = [tile[:, CELL_WIDTH:] for char, tile in tail.items() if is_wide(char)]
    tiles = narrow + right
    rows = -(-len(tiles) // ATLAS_COLUMNS)
    padded = np.zeros((rows * ATLAS_COLUMNS, CELL_HEIGHT, CELL_WIDTH), np.uint8)
    padded[: len(tiles)] = tiles
    lines = padded.reshape(rows, ATLAS_COLUMNS, CELL_HEIGHT, CELL_WIDTH).transpose(0, 2, 1, 3)
    atlas = Image.fromarray(lines.reshape(rows * CELL_HEIGHT, -1))
    atlas.save(folder / "atlas.png", optimize=True)
    (folder / "alphabet.txt").write_text("".join(f"{char}\n" for char in tail), "utf-8")
    print(f"{len(COMMON)} common and {len(tail)} tail symbols, {len(right)} of them wide")


def half_size(tile: Tile) -> NDArray[np.float32]:
    """The ink of a tile at half its size, as on a Small page, from 0 to 1: (32,), or (64,) if
    wide."""
    blocks = tile.reshape(CELL_HEIGHT // 2, 2, -1, 2).astype(np.float32)
    ink: NDArray[np.float32] = (blocks.mean((1, 3)) / 255).ravel()
    return ink


def _mark_tile(painter: GlyphPainter, mark: str) -> Tile:
    return 255 - painter.tile(MARK_LETTERS.get(mark, mark[1].upper()))


def _variants(tile: Tile) -> Iterator[Tile]:
    """The ways to draw a glyph, plainest first."""
    for ink in (tile, 255 - tile):
        for bar in (slice(0, 0), slice(0, 2), slice(CELL_HEIGHT - 2, CELL_HEIGHT)):
            drawn = ink.copy()
            drawn[bar] = 255 - drawn[bar] if ink is tile else 128
            yield drawn


def _tail_tiles(painter: GlyphPainter, taken: list[Tile]) -> dict[str, Tile]:
    """Tiles of the tail's characters that differ enough from `taken` and from each other."""
    tiles: dict[str, Tile] = {}
    narrow, wide = [half_size(tile) for tile in taken], list[NDArray[np.float32]]()
    for first, last in TAIL_RANGES:
        for char in filter(painter.has, map(chr, range(first, last + 1))):
            others = wide if is_wide(char) else narrow
            for tile in _variants(painter.tile(char)):
                ink = half_size(tile)
                if _least_difference(ink, others) >= CLOSEST:
                    tiles[char] = tile
                    others.append(ink)
                    break
    return tiles


def _least_difference(ink: NDArray[np.float32], others: list[NDArray[np.float32]]) -> float:
    if not others:
        return 1.0
    return float(np.min(np.sqrt(np.mean((np.array(others) - ink) ** 2, axis=1))))


def _face(name: str, size: int) -> freetype.Face:
    face = freetype.Face(str(font_path(name)))
    face.set_pixel_sizes(size, size)
    return face


if __name__ == "__main__":
    build()
