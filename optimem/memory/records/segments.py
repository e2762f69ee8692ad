"""The words of many pages in one: a segment, made of index entries and smaller segments as these
grow in number. It is stored as a head, which has all rows, and as blocks of postings, of which a
query needs those of its terms. Knows nothing of stores or queries.

A segment is never changed, only replaced. What it says of a page counts as long as the page is
there and has no index entry of its own, which a page that was drawn again has.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.memory.records.page_index import PageIndex, Postings, joined_index
from optimem.memory.records.records import EntryKind, PageKey, Position, spell

BLOCK = 2048
"""Postings of a block, more if they are of one term."""
FILTERED = 32
"""Blocks from which on a segment has a filter of its terms."""


class SegmentKey(NamedTuple):
    """Names a segment within its scope; sorts by its first page. `id`: random, since other pages
    may once start at the same place."""

    position: Position
    id: str

    @classmethod
    def new(cls, position: Position) -> "SegmentKey":
        """A name that no segment has had."""
        return cls(position, secrets.token_hex(8))

    @classmethod
    def parse(cls, key: str) -> "SegmentKey":
        """Read the key of a head or of a block."""
        _, sequence, offset, name, *_ = key.split(":")
        return cls(Position(int(sequence, 16), int(offset, 16)), name)

    @property
    def head(self) -> str:
        """The key of its head."""
        return f"{EntryKind.SEGMENT}:{spell(self.position)}:{self.id}"

    @property
    def vectors(self) -> str:
        """The key of a segment of vectors, which is one entry."""
        return f"{EntryKind.VECTOR_SEGMENT}:{spell(self.position)}:{self.id}"

    @property
    def blocks(self) -> str:
        """What the keys of its blocks start with."""
        return f"{EntryKind.BLOCK}:{spell(self.position)}:{self.id}:"

    def block(self, number: int) -> str:
        """The key of a block."""
        return f"{self.blocks}{number:06x}"


@dataclass(frozen=True, slots=True, eq=False)
class SegmentHead:
    """All of a segment but its postings. `pages`: that it holds, in reading order. `page` (R,): of
    each row. `sequence`, `length`, `time` (R,): as in `PageIndex`. `starts` (B,): the first term of
    each block. `size`: bytes of all blocks. `filter`: of its terms (see `term_filter`), empty if
    there are few blocks."""

    pages: tuple[PageKey, ...]
    page: NDArray[np.int64]
    sequence: NDArray[np.int64]
    length: NDArray[np.uint32]
    time: NDArray[np.int64]
    starts: NDArray[np.uint32]
    size: int
    filter: bytes = b""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some postings of a segment, by term and row, in columns (n,). `lost`: they could not be
    read."""

    term: NDArray[np.uint32]
    row: NDArray[np.uint32]
    count: NDArray[np.uint16]
    lost: bool = False

    @classmethod
    def none(cls, *, lost: bool = False) -> "Block":
        """A block without postings."""
        return cls(np.zeros(0, np.uint32), np.zeros(0, np.uint32), np.zeros(0, np.uint16), lost)

    def postings(self, term: int) -> Postings:
        """Where a term stands."""
        wanted = np.array([term], np.uint32)
        first = int(np.searchsorted(self.term, wanted, "left")[0])
        if first == len(self.term) or self.term[first] != term:
            return Postings(self.row[:0], self.count[:0])
        last = int(np.searchsorted(self.term, wanted, "right")[0])
        return Postings(self.row[first:last], self.count[first:last])


LOST = Block.none(lost=True)


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """The words of some pages, whole. `page` (R,): the place of each row's page in `pages`."""

    pages: tuple[PageKey, ...]
    page: NDArray[np.int64]
    index: PageIndex

    @classmethod
    def of(cls, key: PageKey, index: PageIndex) -> "Segment":
        """The words of one page."""
        return cls((key,), np.zeros(len(index.sequence), np.int64), index)

    @classmethod
    def joined(cls, segments: Sequence["Segment"]) -> "Segment":
        """Several segments as one, its rows in reading order."""
        listed = [key for segment in segments for key in segment.pages]
        pages = sorted(listed)
        places = {key: at for at, key in enumerate(pages)}
        moved = np.array([places[key] for key in listed], np.int64)
        first = np.cumsum([0, *(len(segment.pages) for segment in segments)])
        page = np.concatenate(
            [moved[s.page + start] for s, start in zip(segments, first[:-1], strict=True)]
        )
        order = np.argsort(page, kind="stable")
        index = joined_index([segment.index for segment in segments])
        return cls(tuple(pages), page[order], _in_order(index, order))

    def without(self, keys: Collection[PageKey]) -> "Segment":
        """The same without some pages."""
        kept = np.array([key not in keys for key in self.pages], bool)
        rows = kept[self.page]
        pages = tuple(key for key in self.pages if key not in keys)
        return Segment(pages, (np.cumsum(kept) - 1)[self.page[rows]], self.index.rows(rows))

    def only(self, key: PageKey) -> PageIndex:
        """The words of one of its pages."""
        return self.index.rows(self.page == self.pages.index(key))

    def split(self) -> list[Block]:
        """Its postings as blocks, none of which starts within a term."""
        index, blocks, start = self.index, list[Block](), 0
        while start < len(index.term):
            end = min(start + BLOCK, len(index.term)) - 1
            end = int(np.searchsorted(index.term, index.term[end : end + 1], "right")[0])
            part = slice(start, end)
            blocks.append(Block(index.term[part], index.row[part], index.count[part]))
            start = end
        return blocks

    @classmethod
    def whole(cls, head: SegmentHead, blocks: Sequence[Block]) -> "Segment":
        """A segment from all its parts."""
        every = [Block.none(), *blocks]
        index = PageIndex(
            sequence=head.sequence,
            length=head.length,
            term=np.concatenate([block.term for block in every]),
            row=np.concatenate([block.row for block in every]),
            count=np.concatenate([block.count for block in every]),
            time=head.time,
        )
        return cls(head.pages, head.page, index)


def _in_order(index: PageIndex, order: NDArray[np.int64]) -> PageIndex:
    """An index with its rows in another order."""
    places = np.empty(len(order), np.uint64)
    places[order] = np.arange(len(order), dtype=np.uint64)
    row = places[index.row]
    postings = np.argsort((index.term.astype(np.uint64) << np.uint64(32)) | row, kind="stable")
    return PageIndex(
        sequence=index.sequence[order],
        length=index.length[order],
        term=index.term[postings],
        row=row[postings].astype(np.uint32),
        count=index.count[postings],
        time=index.time[order],
    )
