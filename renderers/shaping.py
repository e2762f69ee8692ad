"""Text to positioned glyphs, by HarfBuzz, with a box for what no font can draw.

All lengths are whole numbers of 1/64 px. Knows nothing of lines, directions of paragraphs,
colours or pixels.
"""

from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import uharfbuzz as hb

from optimem.renderers.typefaces import INVISIBLE, Font, face_runs, harfbuzz_font

UNIT = 64
"""Parts of a pixel."""

CODE_SCALE = 0.62  # size of the digits in a missing character's box, in em
BOX_TOP, BOX_BOTTOM = 0.74, 0.16  # of that box above and below the baseline, in em
BOX_GAP = 0.12  # between box and digits, and around the box, in em
DIGIT_HEIGHT = 0.73  # of DejaVu, in em

WIDE_FACE = "DroidSansFallback"
"""Its characters take two cells each where text is monospaced."""


class Glyph(NamedTuple):
    """One glyph of a face at a size; (x, y) from the text's origin, y upwards."""

    face: str
    size: int
    number: int
    x: int
    y: int


class Frame(NamedTuple):
    """A box around the code point of a character that no font has; y upwards."""

    left: int
    bottom: int
    right: int
    top: int


class Shaped(NamedTuple):
    """A piece of text as it is drawn, left to right.

    `clusters`: (first character, width) of each part that is drawn as one, in text order.
    """

    glyphs: tuple[Glyph, ...]
    frames: tuple[Frame, ...]
    clusters: tuple[tuple[int, int], ...]
    width: int


@lru_cache(maxsize=1 << 16)
def shape(text: str, font: Font, rtl: bool) -> Shaped:
    """Shape text of one direction; faces are chosen for each character."""
    parts = []
    start = 0
    for face, run in face_runs(text, font.chain):
        drawn = _boxes(run, font, rtl) if face is None else _run(run, face, font, rtl)
        parts.append((start, drawn))
        start += len(run)
    return _joined(parts, rtl)


def cut_to(text: str, font: Font, rtl: bool, room: int) -> int:
    """How many characters of `text`, in whole clusters and at least one, fit `room`."""
    places = shape(text, font, rtl).clusters
    ends = [start for start, _ in places[1:]] + [len(text)]
    used = accumulate(width for _, width in places)
    fit = max(1, sum(width <= room for width in used))
    while fit > 1 and shape(text[: ends[fit - 1]], font, rtl).width > room:
        fit -= 1  # what now ends the text may take a wider form there
    return ends[fit - 1]


def _joined(parts: list[tuple[int, Shaped]], rtl: bool) -> Shaped:
    """Parts in text order, set one beside the other in the order they are seen."""
    glyphs: list[Glyph] = []
    frames: list[Frame] = []
    x = 0
    for _, part in reversed(parts) if rtl else parts:
        glyphs += [glyph._replace(x=glyph.x + x) for glyph in part.glyphs]
        frames += [f._replace(left=f.left + x, right=f.right + x) for f in part.frames]
        x += part.width
    places = tuple((start + at, wide) for start, part in parts for at, wide in part.clusters)
    return Shaped(tuple(glyphs), tuple(frames), places, x)


def _run(text: str, face: str, font: Font, rtl: bool) -> Shaped:
    """Shape text that one face draws."""
    buffer = hb.Buffer()
    buffer.add_str(text)
    buffer.direction = "rtl" if rtl else "ltr"
    buffer.language = "und"  # or it would be the locale's
    buffer.guess_segment_properties()
    hb.shape(harfbuzz_font(face, font.size), buffer)
    pitch = 2 * font.cell if face == WIDE_FACE else 0
    glyphs: list[Glyph] = []
    widths: dict[int, int] = {}
    x = 0
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        advance = _whole(position.x_advance, pitch)
        left = x + position.x_offset + (advance - position.x_advance) // 2
        glyphs.append(Glyph(face, font.size, info.codepoint, left, position.y_offset))
        widths[info.cluster] = widths.get(info.cluster, 0) + advance
        x += advance
    if face != font.chain[0]:
        widths[max(widths)] += _whole(x, font.cell) - x
    return Shaped(tuple(glyphs), (), tuple(sorted(widths.items())), sum(widths.values()))


def _whole(length: int, pitch: int) -> int:
    """A length rounded up to whole pitches, so that columns stay aligned; 0 pitch: as it is."""
    return -(-length // pitch) * pitch if pitch else length


def _boxes(text: str, font: Font, rtl: bool) -> Shaped:
    """A box with the code point in hex for each character that has ink."""
    nothing = Shaped((), (), ((0, 0),), 0)
    drawn = (nothing if INVISIBLE.match(char) else _box(char, font) for char in text)
    return _joined(list(enumerate(drawn)), rtl)


def _box(char: str, font: Font) -> Shaped:
    small = Font(max(6, round(font.size * CODE_SCALE)), mono=True)
    gap = round(font.size * UNIT * BOX_GAP)
    code = _run(f"{ord(char):04X}", small.chain[0], small, rtl=False)
    width = _whole(code.width + 4 * gap, font.cell)
    left = (width - code.width) // 2
    bottom, top = round(-font.size * UNIT * BOX_BOTTOM), round(font.size * UNIT * BOX_TOP)
    rise = (bottom + top - round(small.size * UNIT * DIGIT_HEIGHT)) // 2
    glyphs = tuple(glyph._replace(x=glyph.x + left, y=rise) for glyph in code.glyphs)
    frame = Frame(left - gap, bottom, left + code.width + gap, top)
    return Shaped(glyphs, (frame,), ((0, width),), width)
