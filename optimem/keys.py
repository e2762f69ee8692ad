"""Names of entries within a scope, made and read here and nowhere else.

    head                      the scope's state
    id:<hash>                 a turn's id → its number, so that appending twice counts once
    tail:<position>           text that lies on no page yet
    page:<position>:<id>      a page
    index:<position>:<id>     the words of that page
    picture:<hash>            the vision tokens of a picture, by the id of the turn that tells it

Positions are fixed-width hexadecimal, so key order is reading order. A page's key holds its
content hash: a writer that still holds a page which was since forgotten finds no entry to
replace, even if another page took its place.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from optimem.records import Position

HEAD = "head"
TURNS = "id:"
TAIL = "tail:"
PAGES = "page:"
INDEX = "index:"
PICTURES = "picture:"


class PageKey(NamedTuple):
    """Names a page; sorts in reading order."""

    position: Position
    id: str

    @property
    def page(self) -> str:
        """The key of the page's record."""
        return f"{PAGES}{_spell(self.position)}:{self.id}"

    @property
    def words(self) -> str:
        """The key of the page's index entry."""
        return f"{INDEX}{_spell(self.position)}:{self.id}"

    @classmethod
    def parse(cls, key: str) -> "PageKey":
        """Read the key of a page or of its index entry."""
        _, sequence, offset, content = key.split(":")
        return cls(Position(int(sequence, 16), int(offset, 16)), content)


def chunk_key(position: Position) -> str:
    """The key of a piece of the open tail."""
    return TAIL + _spell(position)


def chunk_position(key: str) -> Position:
    """The position in a tail entry's key."""
    _, sequence, offset = key.split(":")
    return Position(int(sequence, 16), int(offset, 16))


def turn_key(key: str) -> str:
    """The key of a turn's id entry: 96 bits of a hash, as ids may be long or hold anything."""
    return TURNS + _hashed(key)


def picture_turn(picture: str) -> str:
    """The id of the turn that tells what was read of a picture."""
    return PICTURES + picture


def picture_key(turn: str) -> str | None:
    """The key of a picture's vision tokens; None for a turn that tells no picture."""
    return PICTURES + _hashed(turn) if turn.startswith(PICTURES) else None


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
