"""Text to positioned glyphs, by HarfBuzz, with a box for a character that no font has.

All lengths are whole numbers of 1/64 px. Knows nothing of lines, directions of paragraphs, colours
or pixels.
"""

from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import uharfbuzz as hb

from optimem.renderers.typefaces import DRAWN_AS, INVISIBLE, Font, face_runs, harfbuzz_font

SUBPIXELS = 64
"""Units of length in a pixel, as in FreeType."""

CODE_SIZE = 0.62  # of the digits in a missing character's box, in em
BOX_TOP, BOX_BOTTOM = 0.74, 0.16  # of that box above and below the baseline, in em
BOX_GAP = 0.12  # between box and digits, and around the box, in em
DIGIT_HEIGHT = 0.73  # of DejaVu, in em

WIDE_FACES = frozenset({"DroidSansFallback", "NotoHan", "NotoHangul", "NotoEmoji"})
"""The faces whose characters take two cells each in monospaced text."""


class Glyph(NamedTuple):
    """One glyph of a face at a size. `number`: in the face; (x, y): from the text's origin, y
    upwards."""

    face: str
    size: int
    number: int
    x: int
    y: int


class MissingBox(NamedTuple):
    """A box around the code point of a character that no font has; y upwards."""

    left: int
    bottom: int
    right: int
    top: int


class Shaped(NamedTuple):
    """A piece of text as it is drawn, from left to right.

    `clusters`: (first character, width) of each part that is drawn as one, in text order.
    """

    glyphs: tuple[Glyph, ...]
    missing: tuple[MissingBox, ...]
    clusters: tuple[tuple[int, int], ...]
    width: int


NOTHING = Shaped((), (), ((0, 0),), 0)


@lru_cache(maxsize=1 << 16)
def shape(text: str, font: Font, rtl: bool) -> Shaped:
    """Shape text of one direction, with the first face of `font` that has each character."""
    if text.isascii() and text.isprintable():  # in the first face of every chain
        return _shape_run(text, font.chain[0], font, rtl) if text else NOTHING._replace(clusters=())
    parts = []
    start = 0
    for face, run in face_runs(text.translate(DRAWN_AS), font.chain):
        shaped = _missing(run, font, rtl) if face is None else _shape_run(run, face, font, rtl)
        parts.append((start, shaped))
        start += len(run)
    return _joined(parts, rtl)


def longest_fit(text: str, font: Font, rtl: bool, room: int) -> int:
    """How many characters of `text`, in whole clusters and at least one, fit in `room`."""
    clusters = shape(text, font, rtl).clusters
    ends = [start for start, _ in clusters[1:]] + [len(text)]
    used = accumulate(width for _, width in clusters)
    fit = max(1, sum(width <= room for width in used))
    while fit > 1 and shape(text[: ends[fit - 1]], font, rtl).width > room:
        fit -= 1  # the new last character may take a wider form at the end
    return ends[fit - 1]


def _joined(parts: list[tuple[int, Shaped]], rtl: bool) -> Shaped:
    """Parts, given in text order with their first characters, set side by side."""
    glyphs: list[Glyph] = []
    missing: list[MissingBox] = []
    x = 0
    for _, part in reversed(parts) if rtl else parts:
        glyphs += [glyph._replace(x=glyph.x + x) for glyph in part.glyphs]
        missing += [box._replace(left=box.left + x, right=box.right + x) for box in part.missing]
        x += part.width
    clusters = tuple((start + at, wide) for start, part in parts for at, wide in part.clusters)
    return Shaped(tuple(glyphs), tuple(missing), clusters, x)


def _shape_run(text: str, face: str, font: Font, rtl: bool) -> Shaped:
    """Shape text that one face draws."""
    buffer = hb.Buffer()
    buffer.add_str(text)
    buffer.direction = "rtl" if rtl else "ltr"
    buffer.language = "und"  # the default is the locale's
    buffer.guess_segment_properties()
    hb.shape(harfbuzz_font(face, font.size), buffer)
    pitch = 2 * font.cell if face in WIDE_FACES else 0
    glyphs: list[Glyph] = []
    widths: dict[int, int] = {}
    x = 0
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        advance = _rounded_up(position.x_advance, pitch)
        left = x + position.x_offset + (advance - position.x_advance) // 2
        glyphs.append(Glyph(face, font.size, info.codepoint, left, position.y_offset))
        widths[info.cluster] = widths.get(info.cluster, 0) + advance
        x += advance
    if not widths:  # nothing but joiners
        return NOTHING
    if face != font.chain[0]:
        widths[max(widths)] += _rounded_up(x, font.cell) - x
    return Shaped(tuple(glyphs), (), tuple(sorted(widths.items())), sum(widths.values()))


def _rounded_up(length: int, pitch: int) -> int:
    """A length rounded up to whole pitches, so that columns stay aligned; unchanged if 0."""
    return -(-length // pitch) * pitch if pitch else length


def _missing(text: str, font: Font, rtl: bool) -> Shaped:
    """A box for each character that has ink."""
    drawn = (NOTHING if INVISIBLE.match(char) else _missing_box(char, font) for char in text)
    return _joined(list(enumerate(drawn)), rtl)


def _missing_box(char: str, font: Font) -> Shaped:
    """A box with the code point in hexadecimal."""
    small = Font(max(6, round(font.size * CODE_SIZE)), mono=True)
    gap = round(font.size * SUBPIXELS * BOX_GAP)
    code = _shape_run(f"{ord(char):04X}", small.chain[0], small, rtl=False)
    width = _rounded_up(code.width + 4 * gap, font.cell)
    left = (width - code.width) // 2
    bottom, top = (round(font.size * SUBPIXELS * edge) for edge in (-BOX_BOTTOM, BOX_TOP))
    rise = (bottom + top - round(small.size * SUBPIXELS * DIGIT_HEIGHT)) // 2
    glyphs = tuple(glyph._replace(x=glyph.x + left, y=rise) for glyph in code.glyphs)
    box = MissingBox(left - gap, bottom, left + code.width + gap, top)
    return Shaped(glyphs, (box,), ((0, width),), width)
