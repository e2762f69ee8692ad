"""How readable pages look: sizes, colours and columns. Knows nothing of text."""

from dataclasses import dataclass, field

from optimem.errors import InputError
from optimem.renderers.layout import BlockKind
from optimem.renderers.typefaces import Font
from optimem.turns import Role

Colour = tuple[int, int, int]

DENSE_MARGIN = 12  # pixels
PAPER: Colour = (255, 255, 255)
INK: Colour = (26, 29, 33)
TINT: Colour = (243, 245, 247)
ROLE_COLOURS: dict[Role, Colour] = {
    "system": (91, 101, 112),
    "user": (11, 87, 165),
    "assistant": (11, 110, 79),
    "tool": (150, 82, 8),
    "text": (91, 101, 112),
}


@dataclass(frozen=True)
class ReadableStyle:
    """How pages look; lengths are in pixels. `size`: em of the body text. `heading`: size of
    headings, times `size`. `leading`: height of a line, times its size. `mono`: all text is
    monospaced. `columns`: on a page, filled one after the other; 0 for as many as take the least
    room. `compact`: a turn's role precedes its first words instead of having a line of its own,
    blank lines are half as high, a line parts columns, and code is monospaced only where it is
    aligned. Raises InputError if a column has no room for a few letters."""

    width: int = 1024
    height: int = 1024
    margin: int = 48
    size: int = 18
    heading: float = 1.35
    leading: float = 1.4
    mono: bool = False
    columns: int = 1
    compact: bool = False
    colours: dict[Role, Colour] = field(default_factory=lambda: dict(ROLE_COLOURS))

    def __post_init__(self) -> None:
        room = min(self.room, self.height - 2 * self.margin) if self.columns >= 0 else 0
        if self.size < 6 or room < 4 * self.size:
            raise InputError(
                f"a page of {self.width} × {self.height} px with margins of {self.margin} has no "
                f"room for text of {self.size} px in {self.columns} columns; use a size of 6 or "
                "more on a larger page"
            )

    @classmethod
    def dense(cls, width: int, height: int, size: int) -> "ReadableStyle":
        """The most text of a size that a page holds and a model reads."""
        return cls(
            width, height, DENSE_MARGIN, size, heading=1.0, leading=1.2, columns=0, compact=True
        )  # fmt: skip

    @property
    def gutter(self) -> int:
        """Space between two columns."""
        return self.size if self.compact else 2 * self.margin

    @property
    def rule(self) -> int:
        """Width of the line between two columns."""
        return int(self.compact)

    @property
    def room(self) -> int:
        """Width of a column."""
        columns = self.columns or 1
        return (self.width - 2 * self.margin + self.gutter) // columns - self.gutter

    @property
    def gap(self) -> int:
        """Space between turns."""
        return self.size // (6 if self.compact else 2)

    def left(self, column: int) -> int:
        """The left edge of a column."""
        return self.margin + column * (self.room + self.gutter)

    def font(self, kind: BlockKind, aligned: bool = True) -> Font:
        """The font of a kind of block. `aligned`: whether the line has columns within it."""
        if kind == "heading":
            return Font(round(self.size * self.heading), mono=self.mono, bold=True)
        fixed = kind in ("code", "table") and (aligned or not self.compact)
        return Font(self.size, mono=self.mono or fixed)

    def height_of(self, font: Font, blank: bool = False) -> int:
        """Pixels from a line to the next."""
        height = font.size * self.leading
        return round(height / 2 if blank and self.compact else height)

    def tinted(self, kind: BlockKind) -> bool:
        """Whether a kind of block has a paper of its own."""
        return kind in ("code", "table") and not self.compact
