"""A page's way from the tail to the store: take text from the tail, lay it out on a page, draw it
and read it back, build the record, commit.

Nothing is locked while a page is drawn, which may take seconds. At the commit the tail must still
be what it was drawn from; turns appended meanwhile do no harm.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from optimem.errors import ConflictError
from optimem.memory.decay import DecayPolicy
from optimem.memory.recall.meaning import Meanings
from optimem.memory.recall.retrieval import IndexRow, index_page
from optimem.memory.records.records import (
    Chunk,
    PageRecord,
    Position,
    ScopeState,
    Span,
    page_id,
)
from optimem.memory.records.scope_records import ScopeRecords, retry
from optimem.memory.writing.drawing import certain, draw_each
from optimem.memory.writing.merging import merge_index
from optimem.memory.writing.tail import chunk_cells
from optimem.omem.container import compress
from optimem.omem.corrections import text_digest
from optimem.protocols import Cells, PageCodec, Renderer
from optimem.tiers import Tier

LONGEST_WORD = 64
"""Characters of a word that is not divided between two pages."""
_LAST_WORD = re.compile(rf"(?<!\w)\w{{1,{LONGEST_WORD}}}\Z")


@dataclass(frozen=True)
class PageLayout:
    """What goes on a page. `cells` (N,): its symbols. `texts`: of its spans. `chunks`: positions
    of the chunks it takes text from. `rest`: what does not fit of the last of them. `appended`:
    when the last of its text began to age."""

    cells: Cells
    spans: tuple[Span, ...]
    texts: tuple[str, ...]
    chunks: tuple[Position, ...]
    rest: Chunk | None
    appended: float

    @property
    def end(self) -> Position:
        """Where the text after the page starts."""
        last = self.spans[-1]
        if last.ends:
            return Position(last.position.sequence + 1, 0)
        return Position(last.position.sequence, last.position.offset + len(self.texts[-1]))


@dataclass(frozen=True)
class PageWriter:
    """Turns a scope's tail into pages. `meanings`: makes their vectors, if an embedding model was
    given. `stop`: asked after each page, whether to leave the others to a later writer."""

    records: ScopeRecords
    codec: PageCodec
    policy: DecayPolicy
    now: float
    meanings: Meanings | None = None
    stop: Callable[[], bool] = lambda: False

    def write_pages(self, *, partial: bool) -> int:
        """Write all full pages, and with `partial` a last one with what is left; the number
        written. Of several writers at the same time, one wins each page. Raises ConflictError if
        the tail changes whenever a page is drawn."""
        written = 0
        while retry(lambda: self._write_page(partial), self.records.scope, "flush"):
            written += 1
            if self.stop():
                break
        if written:
            merge_index(self.records)
        return written

    def _write_page(self, partial: bool) -> bool:
        """Write the first page of the tail; False if there is no text for one. Raises
        ConflictError if the tail changed meanwhile."""
        capacity = self.codec.renderer.capacity
        state, _ = self.records.state()
        if state.cells < capacity and not (partial and state.cells):
            return False
        chunks = self.records.chunks(state.tail, enough=capacity)
        if not chunks:
            raise ConflictError(f"the tail of {self.records.scope} changed; read it again")
        layout = lay_out(chunks, self.codec.renderer)
        record = self._draw(layout)
        self._commit(layout, record, state)
        return True

    def _draw(self, layout: PageLayout) -> PageRecord:
        """The page at the tier of a new page, or the next larger one whose tokens read well enough,
        or else as text."""
        text = "".join(layout.texts).encode()
        as_text = PageRecord(
            id=page_id(str(self.records.scope), layout.spans[0].position, layout.texts),
            created=self.now,
            accessed=min(layout.appended, self.now),
            error=0.0,
            text_bytes=len(text),
            zstd_bytes=len(compress(text)),
            spans=layout.spans,
            body=layout.texts,
        )
        smallest = self.policy.tier_at(0.0) or Tier.LARGE
        tiers = [tier for tier in Tier if tier >= smallest]
        pages = draw_each(as_text, certain(layout.cells), tiers, self.codec, self.policy)
        return next((page for page in pages if page.misread <= self.policy.write_error), as_text)

    def _commit(self, layout: PageLayout, record: PageRecord, drawn_from: ScopeState) -> None:
        """Put the page in the place of its text in the tail. Raises ConflictError if the tail is
        no longer what was drawn."""
        rows = list(map(IndexRow.of, layout.spans, layout.texts))
        index = index_page(rows)
        vectors = self.meanings.of_page(rows, self.records.scope) if self.meanings else None

        def attempt() -> bool:
            state, version = self.records.state()
            if not state.same_tail(drawn_from):
                return False
            edit = self.records.edit()
            edit.put_page(record, self.policy.page_due(record), expect=0, index=index)
            if vectors:
                edit.put_vectors(record.key, vectors)
            for position in layout.chunks:
                edit.remove_chunk(position)
            if layout.rest:
                edit.put_chunk(layout.rest, self.policy.chunk_due(layout.rest), expect=0)
            cells = state.cells - len(layout.cells)
            edit.put_state(replace(state, tail=layout.end, cells=cells), version)
            edit.commit()
            return True

        if not retry(attempt, self.records.scope, "flush"):
            raise ConflictError(f"the tail of {self.records.scope} changed; draw the page again")


def lay_out(chunks: Sequence[Chunk], renderer: Renderer) -> PageLayout:
    """As much of the tail's start as fits on a page."""
    placed, rest = _fill(chunks, renderer)
    spans: list[Span] = []
    texts: list[str] = []
    start = 0
    for _, turn in groupby(placed, key=lambda part: part[0].position.sequence):
        parts = list(turn)
        end = start + sum(len(cells) for _, cells in parts)
        spans.append(_span([chunk for chunk, _ in parts], start, end))
        texts.append("".join(chunk.text for chunk, _ in parts))
        start = end
    return PageLayout(
        cells=np.concatenate([cells for _, cells in placed]),
        spans=tuple(spans),
        texts=tuple(texts),
        chunks=tuple(chunk.position for chunk, _ in placed),
        rest=rest,
        appended=max(chunk.appended for chunk, _ in placed),
    )


def _fill(
    chunks: Sequence[Chunk], renderer: Renderer
) -> tuple[list[tuple[Chunk, Cells]], Chunk | None]:
    """The chunks that fit on a page with their cells, the last one cut short if need be, and what
    is left of that."""
    placed: list[tuple[Chunk, Cells]] = []
    room = renderer.capacity
    for chunk in chunks:
        cells = chunk_cells(chunk, renderer)
        size = renderer.split(cells, room)
        if size < len(cells):
            text = renderer.text(certain(cells[:size])).text
            whole = _whole_words(text, chunk.text)
            if not whole and (placed or not text):  # the next page has room for its first word
                break
            cut = replace(chunk, text=whole or text, ends=False)
            placed.append((cut, chunk_cells(cut, renderer)))
            return placed, _rest(chunk, len(cut.text))
        placed.append((chunk, cells))
        room -= size
    return placed, None


def _whole_words(text: str, of: str) -> str:
    """The start `text` of a text, without a word that it ends in the middle of, since half a word
    is not found. What is longer than a word is cut."""
    last, following = _LAST_WORD.search(text), of[len(text) : len(text) + 1]
    return text[: last.start()] if last and _LAST_WORD.match(following) else text


def _rest(chunk: Chunk, start: int) -> Chunk:
    """A chunk from its character `start` on."""
    position = Position(chunk.position.sequence, chunk.position.offset + start)
    return replace(chunk, position=position, text=chunk.text[start:], extra="")


def _span(parts: Sequence[Chunk], start: int, end: int) -> Span:
    """Chunks of one turn that follow one another as one span."""
    first, last = parts[0], parts[-1]
    return Span(
        position=first.position,
        role=first.role,
        turn=first.turn,
        time=first.time,
        start=start,
        end=end,
        ends=last.ends,
        pinned=first.pinned,
        digest=text_digest("".join(chunk.text for chunk in parts)),
        extra=first.extra,
        name=first.name,
    )
