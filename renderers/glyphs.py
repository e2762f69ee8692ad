"""Draws the dense alphabet once, into `data/atlas.png` and `data/alphabet.txt`.

Run `python -m optimem.renderers.glyphs` to draw them again. The files ship, so that pages
are the same to the byte whatever FreeType is installed. Letters of different scripts that
look alike get different faces (Greek oblique, Cyrillic bold), and a glyph that still lies
too close to an earlier one is inverted or gets a bar above or below; if none of these tells
it apart, the character is left to be escaped.
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
    NEWLINE,
    ROLE_MARKS,
    TAB,
    TAIL_RANGES,
    WIDE,
    is_wide,
)

CELL_WIDTH, CELL_HEIGHT = 8, 16
PIXELS = 13  # em size whose advance, 0.602 em, fills a cell
BASELINE = 12
CLOSEST = 0.055  # least RMS ink difference, seen at half size, between two symbols

FONTS = Path(__file__).parent / "fonts"
DATA = Path(__file__).parent / "data"
STAND_INS = {NEWLINE: "↵", TAB: "⇥", "\u00a0": "␣", "\u2007": "␣", ESCAPE: "⟨", END: "⟩"}
ATLAS_COLUMNS = 64

Tile = NDArray[np.uint8]


class GlyphPainter:
    """Draws one character into a cell, or two cells, at Large size."""

    def __init__(self) -> None:
        names = ("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique")
        regular, bold, oblique = (freetype.Face(str(FONTS / f"{name}.ttf")) for name in names)
        wide = freetype.Face(str(FONTS / "DroidSansFallback.ttf"))
        self.regular, self.bold, self.oblique, self.wide = regular, bold, oblique, wide
        for face in (regular, bold, oblique):
            face.set_pixel_sizes(PIXELS, PIXELS)
        wide.set_pixel_sizes(15, 15)

    def face(self, char: str) -> freetype.Face:
        """The face that tells a character's script."""
        code = ord(char)
        if is_wide(char):
            return self.wide
        if 0x0400 <= code <= 0x04FF:
            return self.bold
        return self.oblique if 0x0370 <= code <= 0x03FF else self.regular

    def has(self, char: str) -> bool:
        """Whether the font can draw a character."""
        return bool(self.face(char).get_char_index(STAND_INS.get(char, char)))

    def tile(self, char: str) -> Tile:
        """(16, 8) grey, or (16, 16) for a wide character; 255 is full ink."""
        face, width = self.face(char), CELL_WIDTH * (1 + is_wide(char))
        face.load_char(
            STAND_INS.get(char, char), freetype.FT_LOAD_RENDER | freetype.FT_LOAD_NO_HINTING
        )
        bitmap = face.glyph.bitmap
        tile = np.zeros((CELL_HEIGHT, width), np.uint8)
        ink = np.array(bitmap.buffer, np.uint8).reshape(bitmap.rows, bitmap.pitch)[
            :, : bitmap.width
        ]
        top = min(max(BASELINE - face.glyph.bitmap_top, 0), max(CELL_HEIGHT - bitmap.rows, 0))
        left = min(max(face.glyph.bitmap_left, 0), max(width - bitmap.width, 0))
        part = ink[: CELL_HEIGHT - top, : width - left]
        tile[top : top + part.shape[0], left : left + part.shape[1]] = part
        return tile


def mark_tile(painter: GlyphPainter, mark: str) -> Tile:
    """A role mark or an escape bracket: an inverted letter."""
    letter = {ESCAPE: "<", END: ">", WIDE: " "}.get(mark) or mark[1].upper()
    letter = "D" if mark == "<text>" else letter
    return 255 - painter.tile(letter)


def half_size(tile: Tile) -> NDArray[np.float32]:
    """The ink as the Small tier shows it, (32,) for one cell."""
    blocks = tile.reshape(CELL_HEIGHT // 2, 2, -1, 2).astype(np.float32)
    ink: NDArray[np.float32] = (blocks.mean((1, 3)) / 255).ravel()
    return ink


def variants(tile: Tile) -> Iterator[Tile]:
    """The ways to show a glyph, plainest first."""
    for ink in (tile, 255 - tile):
        for bar in (slice(0, 0), slice(0, 2), slice(CELL_HEIGHT - 2, CELL_HEIGHT)):
            drawn = ink.copy()
            drawn[bar] = 255 - drawn[bar] if ink is tile else 128
            yield drawn


def tail_tiles(painter: GlyphPainter, taken: list[Tile]) -> dict[str, Tile]:
    """Tiles of the tail characters that can be told from `taken` and from each other."""
    tiles: dict[str, Tile] = {}
    seen = {False: [half_size(tile) for tile in taken], True: []}
    for first, last in TAIL_RANGES:
        for char in map(chr, range(first, last + 1)):
            if not painter.has(char):
                continue
            others = seen[is_wide(char)]
            for tile in variants(painter.tile(char)):
                ink = half_size(tile)
                gaps = np.sqrt(np.mean((np.array(others) - ink) ** 2, axis=1)) if others else [1]
                if np.min(gaps) >= CLOSEST:
                    tiles[char] = tile
                    others.append(ink)
                    break
    return tiles


def build() -> None:
    """Draw every symbol and write `alphabet.txt` and `atlas.png`."""
    painter = GlyphPainter()
    marks = {*ROLE_MARKS, ESCAPE, END, WIDE}
    common = [mark_tile(painter, s) if s in marks else painter.tile(s) for s in COMMON]
    tail = tail_tiles(painter, common)
    narrow = [tile[:, :CELL_WIDTH] for tile in (*common, *tail.values())]
    right = [tile[:, CELL_WIDTH:] for char, tile in tail.items() if is_wide(char)]
    tiles = narrow + right
    rows = -(-len(tiles) // ATLAS_COLUMNS)
    sheet = np.zeros((rows * ATLAS_COLUMNS, CELL_HEIGHT, CELL_WIDTH), np.uint8)
    sheet[: len(tiles)] = tiles
    lines = sheet.reshape(rows, ATLAS_COLUMNS, CELL_HEIGHT, CELL_WIDTH).transpose(0, 2, 1, 3)
    DATA.mkdir(exist_ok=True)
    Image.fromarray(lines.reshape(rows * CELL_HEIGHT, -1)).save(DATA / "atlas.png", optimize=True)
    (DATA / "alphabet.txt").write_text("".join(f"{char}\n" for char in tail), "utf-8")
    print(f"{len(COMMON)} common and {len(tail)} tail symbols, {len(right)} of them wide")


if __name__ == "__main__":
    build()
