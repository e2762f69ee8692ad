"""What a memory keeps, as plain values: pages, pieces of the open tail, index entries.

Knows nothing of bytes (`codec`), names of entries (`keys`), stores or models. Turns are
counted within a scope by a sequence number that only grows; a `Position` is a turn's number
and a character within it, so that pages and tail follow one another in one order.

Names of entries within a scope, made and read here and nowhere else.

    head                      the scope's state
    id:<hash>                 a turn's id → its number, so that appending twice counts once
    tail:<position>           text that lies on no page yet
    page:<position>:<id>      a page
    index:<position>:<id>     the words of that page
    image:<hash>            the vision tokens of a image, by the id of the turn that tells it

Positions are fixed-width hexadecimal, so key order is reading order. A page's key holds its
content hash: a writer that still holds a page which was since forgotten finds no entry to
replace, even if another page took its place.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.protocols import VisionTokens
from optimem.tiers import Tier
from optimem.turns import Role

DOUBT_LEVELS = 255
"""Steps in which a remembered doubt is kept: one byte."""


class Position(NamedTuple):
    """A place in a scope's text: turn number, characters of that turn before it."""

    sequence: int
    offset: int


@dataclass(frozen=True, slots=True)
class Span:
    """A turn, or the part of one that lies on a page. Exact; it never fades.

    `start`, `end`: its cells on the page, the role mark included if the turn starts here.
    `ends`: the turn's last character is here. `digest`: of the text as it was written, so
    that a reading can be proved right however faded the page is.
    """

    position: Position
    role: Role
    key: str
    time: float
    start: int
    end: int
    ends: bool
    pinned: bool
    digest: bytes

    @property
    def starts(self) -> bool:
        """Whether the turn starts here, with a role mark in the first cell."""
        return self.position.offset == 0

    @property
    def text_start(self) -> int:
        """The first cell of text."""
        return self.start + self.starts


class Verbatim(NamedTuple):
    """An exact value that the tier in use misreads, kept as text: first cell and text."""

    cell: int
    text: str


class Doubt(NamedTuple):
    """A cell known to be unsure: its probability is at most `level` / 255. Kept so that a
    guess drawn again on a smaller page does not come back looking certain."""

    cell: int
    level: int


@dataclass(frozen=True, slots=True)
class PageRecord:
    """One page. `id`: hash of scope, position and text at the time of writing. `body`: the
    tokens, or one text per span where no tier would read back. `error`: cells expected to be
    read wrong, for each character. `text_bytes`, `zstd_bytes`: of the text as written, for the
    accounts. `accessed`: when it was last recalled; decay counts from there.
    """

    id: str
    created: float
    accessed: float
    error: float
    text_bytes: int
    zstd_bytes: int
    spans: tuple[Span, ...]
    body: VisionTokens | tuple[str, ...]
    verbatim: tuple[Verbatim, ...] = ()
    doubts: tuple[Doubt, ...] = ()

    @property
    def tier(self) -> Tier | None:
        """The tier of the tokens; None for a page kept as text."""
        return self.body.tier if isinstance(self.body, VisionTokens) else None

    @property
    def position(self) -> Position:
        """Where the page starts."""
        return self.spans[0].position

    @property
    def pinned(self) -> bool:
        """Whether a pinned turn lies on it."""
        return any(span.pinned for span in self.spans)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Text of the open tail: a turn, or a piece of a long one. `appended`: when it came in."""

    position: Position
    role: Role
    key: str
    time: float
    appended: float
    ends: bool
    pinned: bool
    text: str

    @property
    def after(self) -> Position:
        """Where the next chunk starts."""
        if self.ends:
            return Position(self.position.sequence + 1, 0)
        return Position(self.position.sequence, self.position.offset + len(self.text))


@dataclass(frozen=True, slots=True)
class Head:
    """The state of a scope. `next`: the next turn's number. `tail`: where the open tail
    starts; all before lies on pages. `cells`: of the tail. `appended`: the last append.
    `epoch`: changes whenever text already in the tail was changed, so that pages drawn from
    an older state are not committed.
    """

    next: int
    tail: Position
    cells: int
    appended: float
    epoch: str


@dataclass(frozen=True, slots=True, eq=False)
class PageIndex:
    """Words of a page, one row per span. `sequence` (R,) int64: the row's turn. `length`
    (R,) uint32: its words. Postings, sorted by term: `term` (P,) uint32 hash, `row` (P,)
    uint16, `count` (P,) uint16.
    """

    sequence: NDArray[np.int64]
    length: NDArray[np.uint32]
    term: NDArray[np.uint32]
    row: NDArray[np.uint16]
    count: NDArray[np.uint16]


def text_digest(text: str) -> bytes:
    """Eight bytes that tell whether a span was read to the letter."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def page_id(scope: str, position: Position, texts: tuple[str, ...]) -> str:
    """The content hash, 16 hex digits, of a page within its scope."""
    content = "\0".join((scope, *map(str, position), *texts))
    return hashlib.blake2b(content.encode(), digest_size=8).hexdigest()


HEAD_KEY = "head"
TURN_PREFIX = "id:"
TAIL_PREFIX = "tail:"
PAGE_PREFIX = "page:"
INDEX_PREFIX = "index:"
IMAGE_PREFIX = "image:"


class PageKey(NamedTuple):
    """Names a page; sorts in reading order."""

    position: Position
    id: str

    @property
    def page(self) -> str:
        """The key of the page's record."""
        return f"{PAGE_PREFIX}{_spell(self.position)}:{self.id}"

    @property
    def words(self) -> str:
        """The key of the page's index entry."""
        return f"{INDEX_PREFIX}{_spell(self.position)}:{self.id}"

    @classmethod
    def parse(cls, key: str) -> "PageKey":
        """Read the key of a page or of its index entry."""
        _, sequence, offset, content = key.split(":")
        return cls(Position(int(sequence, 16), int(offset, 16)), content)


def chunk_key(position: Position) -> str:
    """The key of a piece of the open tail."""
    return TAIL_PREFIX + _spell(position)


def chunk_position(key: str) -> Position:
    """The position in a tail entry's key."""
    _, sequence, offset = key.split(":")
    return Position(int(sequence, 16), int(offset, 16))


def turn_key(key: str) -> str:
    """The key of a turn's id entry: 96 bits of a hash, as ids may be long or hold anything."""
    return TURN_PREFIX + _hashed(key)


def image_turn(image: str) -> str:
    """The id of the turn that tells what was read of a image."""
    return IMAGE_PREFIX + image


def image_key(turn: str) -> str | None:
    """The key of a image's vision tokens; None for a turn that tells no image."""
    return IMAGE_PREFIX + _hashed(turn) if turn.startswith(IMAGE_PREFIX) else None


def holding(keys: Sequence[PageKey], sequence: int) -> list[PageKey]:
    """Those of the sorted `keys` whose pages may hold a part of a turn: every page that
    starts within it, and the last page that starts before it."""
    within = [key for key in keys if key.position.sequence == sequence]
    before = [key for key in keys if key.position.sequence < sequence]
    starts_a_page = bool(within) and within[0].position.offset == 0
    return within if starts_a_page or not before else [before[-1], *within]


def _hashed(key: str) -> str:
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=12).digest()
    return base64.urlsafe_b64encode(digest).decode()


def _spell(position: Position) -> str:
    return f"{position.sequence:010x}:{position.offset:08x}"
