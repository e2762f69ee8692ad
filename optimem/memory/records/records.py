"""What a memory stores, as plain values, and the keys it is stored under.

Knows nothing of bytes (`serialization`), stores or models. Turns are numbered within a scope in
the order they came in. A `Position` is a turn's number and a character within the turn, so that
pages and tail share one order.

    head                      the scope's state
    id:<hash>                 a turn's id → its number, so that appending it twice counts once
    tail:<position>           a chunk
    page:<position>:<id>      a page
    index:<position>:<id>     the words of that page, until they are in a segment
    vectors:<position>:<id>   what its turns mean, as an embedding model sees it, until it is in
    vectorsegment:<position>:<id>  the same of many pages
    gone:<hash>               a turn that was forgotten, so that no late writer stores it again
    image:<hash>              an image's vision tokens, by the id of the turn that describes it
    segment:<position>:<id>   the words of many pages: all but postings
    block:<position>:<id>:<n> some of its postings
    stamp                     random bytes, others whenever pages, words or vectors come or go

Positions are fixed-width hexadecimal, so key order is reading order. A page's key includes its
content hash: a writer that still holds a page that was forgotten meanwhile finds no entry to
replace, even if another page took its place.
"""

import base64
import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from optimem.omem.container import to_json
from optimem.protocols import VisionTokens
from optimem.text.keeping import Keep
from optimem.tiers import Tier
from optimem.turns import Role, Scope


class Position(NamedTuple):
    """A place in a scope's text: a turn's number and the characters of that turn before it."""

    sequence: int
    offset: int


@dataclass(frozen=True, slots=True)
class Span:
    """A turn, or the part of one, that lies on a page. Exact; it never fades.

    `turn`: the turn's id. `start`, `end`: its cells on the page, including the role mark if the
    turn starts here. `ends`: the turn's last character is here. `digest`: hash of the text as
    written, which proves a reading exact however faded the page is. `extra`: the turn's, as JSON,
    if the turn starts here and has any; else empty. `name`: who speaks; empty for nobody in
    particular.
    """

    position: Position
    role: Role
    turn: str
    time: float
    start: int
    end: int
    ends: bool
    pinned: bool
    digest: bytes
    extra: str = ""
    name: str = ""

    @property
    def starts(self) -> bool:
        """Whether the turn starts here, with a role mark in the first cell."""
        return self.position.offset == 0

    @property
    def whole(self) -> bool:
        """Whether the whole turn is here."""
        return self.starts and self.ends

    @property
    def text_start(self) -> int:
        """The first cell of text."""
        return self.start + self.starts


@dataclass(frozen=True, slots=True)
class PageRecord:
    """A page. `id`: hash of scope, position and text when it was written. `accessed`: when it
    was last recalled, or written; it fades from then on. `error`: expected share of characters
    that read back wrong, corrections applied; `misread`: of cells that its tokens alone read wrong,
    per character. `text_bytes`, `zstd_bytes`: size of the text as
    written, plain and under zstd, for the stats. `body`: vision tokens, or the text of each span
    if no tier reads well enough. `kept`: what its corrections bring back to the letter.
    `corrections`: what the tokens misread, as `Corrections` packs it; decoded only when the page
    is read.
    """

    id: str
    created: float
    accessed: float
    error: float
    text_bytes: int
    zstd_bytes: int
    spans: tuple[Span, ...]
    body: VisionTokens | tuple[str, ...]
    kept: Keep = Keep.ALL
    corrections: bytes = b""
    misread: float = 0.0

    @property
    def key(self) -> "PageKey":
        """Its key."""
        return PageKey(self.spans[0].position, self.id)

    @property
    def tier(self) -> Tier | None:
        """The tier of the vision tokens; None for a page kept as text."""
        return self.body.tier if isinstance(self.body, VisionTokens) else None

    @property
    def accuracy(self) -> float:
        """Expected share of characters that read back right, corrections applied."""
        return 1 - self.error

    @property
    def legibility(self) -> float:
        """The lesser of its accuracy and of what its tokens alone read right: corrections make up
        for what a tier misreads, not for a tier that cannot be read."""
        return min(self.accuracy, 1 - self.misread)

    @property
    def pinned(self) -> bool:
        """Whether a pinned turn lies on it."""
        return any(span.pinned for span in self.spans)

    def holds(self, number: int) -> bool:
        """Whether a part of the turn with this number lies on it."""
        return any(span.position.sequence == number for span in self.spans)


class PageParts(NamedTuple):
    """Bytes of a stored page by what they are for. A page's body is tokens or text, never
    both."""

    tokens: int
    text: int
    structure: int
    corrections: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A turn, or the part of a long one, in the tail. `turn`: the turn's id. `appended`: when it
    came in. `ends`: the turn's last character is here. `extra`, `name`: as in `Span`."""

    position: Position
    role: Role
    turn: str
    time: float
    appended: float
    ends: bool
    pinned: bool
    text: str
    extra: str = ""
    name: str = ""


class TurnNumber(NamedTuple):
    """What is stored of a turn under its id: its number, and the digest of its text, by which
    another text under the same id is told; empty if it is not known."""

    number: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class ScopeState:
    """The state of a scope. `next`: the next turn's number. `tail`: where the tail starts; all
    text before lies on pages. `cells`: of the tail. `appended`: time of the last append.
    `epoch`: changes whenever text already in the tail changes, so that a page drawn from older
    text is not committed. `recent`: hashes of the last turns (see `admission`).
    """

    next: int
    tail: Position
    cells: int
    appended: float
    epoch: str
    recent: str = ""

    def same_tail(self, other: "ScopeState") -> bool:
        """Whether the tail starts at the same text; turns may have been appended."""
        return (self.tail, self.epoch) == (other.tail, other.epoch)


def page_id(scope: str, position: Position, texts: tuple[str, ...]) -> str:
    """The content hash, 16 hex digits, of a page within its scope."""
    content = to_json([scope, position, texts])
    return hashlib.blake2b(content, digest_size=8).hexdigest()


class EntryKind(StrEnum):
    """The kinds of a scope's entries; the value is what their keys start with."""

    STATE = "head"
    TURN = "id"
    GONE = "gone"
    CHUNK = "tail"
    PAGE = "page"
    INDEX = "index"
    VECTORS = "vectors"
    VECTOR_SEGMENT = "vectorsegment"
    IMAGE = "image"
    DIGEST = "digest"
    SENT = "sent"
    STAMP = "stamp"
    SEGMENT = "segment"
    BLOCK = "block"

    @classmethod
    def of(cls, key: str) -> "EntryKind | None":
        """The kind of the entry under a key; None for a key that is not a memory's."""
        start = key.partition(":")[0]
        return next((kind for kind in cls if kind == start), None)

    @property
    def prefix(self) -> str:
        """What the keys of this kind start with, if there may be several."""
        return f"{self}:"


STATE_KEY = EntryKind.STATE.value
STAMP_KEY = EntryKind.STAMP.value


class PageKey(NamedTuple):
    """Names a page within its scope; sorts in reading order."""

    position: Position
    id: str

    @property
    def page(self) -> str:
        """The key of the page's record."""
        return self.entry(EntryKind.PAGE)

    @property
    def words(self) -> str:
        """The key of the page's index entry."""
        return self.entry(EntryKind.INDEX)

    @property
    def vectors(self) -> str:
        """The key of the vectors of its turns."""
        return self.entry(EntryKind.VECTORS)

    def entry(self, kind: EntryKind) -> str:
        """The key of one of its entries."""
        return f"{kind}:{spell(self.position)}:{self.id}"

    @classmethod
    def parse(cls, key: str) -> "PageKey":
        """Read the key of a page or of its index entry."""
        _, sequence, offset, content = key.split(":")
        return cls(Position(int(sequence, 16), int(offset, 16)), content)


def holding(keys: Sequence[PageKey], number: int) -> list[PageKey]:
    """Those of the sorted `keys` whose pages may hold a part of a turn: every page that
    starts within it, and the last page that starts before it."""
    first = bisect_left(keys, number, key=lambda key: key.position.sequence)
    last = bisect_right(keys, number, first, key=lambda key: key.position.sequence)
    starts_a_page = first < last and keys[first].position.offset == 0
    return list(keys[first if starts_a_page or not first else first - 1 : last])


def entry_place(scope: Scope, key: str) -> bytes:
    """Where an entry is stored, as bytes that stand for no other scope and key."""
    return to_json([scope.namespace, scope.user, scope.session, key])


def chunk_key(position: Position) -> str:
    """The key of a chunk."""
    return f"{EntryKind.CHUNK}:{spell(position)}"


def chunk_position(key: str) -> Position:
    """The position in a chunk's key."""
    _, sequence, offset = key.split(":")
    return Position(int(sequence, 16), int(offset, 16))


def turn_key(turn: str) -> str:
    """The key of a turn's number: a hash of its id, as ids may be long or hold anything."""
    return f"{EntryKind.TURN}:{_hashed(turn)}"


def gone_key(turn: str) -> str:
    """The key of the tombstone of a forgotten turn."""
    return f"{EntryKind.GONE}:{_hashed(turn)}"


def image_turn(image: str) -> str:
    """The id of the turn that describes an image."""
    return EntryKind.IMAGE.prefix + image


def image_key(turn: str) -> str | None:
    """The key of an image's vision tokens; None for a turn that does not describe an image."""
    prefix = EntryKind.IMAGE.prefix
    return prefix + _hashed(turn) if turn.startswith(prefix) else None


def _hashed(turn: str) -> str:
    encoded = turn.encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(encoded, digest_size=12).digest()
    return base64.urlsafe_b64encode(digest).decode()


def spell(position: Position) -> str:
    """A position as keys have it."""
    return f"{position.sequence:010x}:{position.offset:08x}"
