"""The open tail: turns as text, durable in the store, until they fill a page.

Appending never encodes, so it takes milliseconds however large the memory is.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from optimem import codec, keys
from optimem.decay import DecayPolicy
from optimem.errors import ConflictError
from optimem.memory.shelf import Shelf, head_change
from optimem.protocols import Cells, Change, Renderer
from optimem.records import Chunk, Head, Position
from optimem.results import AppendReport
from optimem.turns import Turn

CHUNK = 1 << 16
"""Characters of a turn that are stored as one piece."""
TRIES = 50
"""Writers that get in between before an append gives up."""


def append_turns(
    shelf: Shelf, turns: Sequence[Turn], renderer: Renderer, policy: DecayPolicy, now: float
) -> tuple[AppendReport, Head]:
    """Put turns at the end of a scope, each at most once. Raises ConflictError if others
    write so much that it never gets its turn."""
    due = policy.due(None, now)
    for _ in range(TRIES):
        head, version = shelf.head()
        new = _unknown(shelf, turns)
        if not new:
            return AppendReport(added=0, duplicates=len(turns)), head
        changes, head = _changes(head, new, renderer, due, now)
        try:
            shelf.store.commit(shelf.scope, [*changes, head_change(head, version)])
        except ConflictError:
            continue
        return AppendReport(added=len(new), duplicates=len(turns) - len(new)), head
    raise ConflictError(f"{shelf.scope} was written to {TRIES} times in between; append again")


def _unknown(shelf: Shelf, turns: Sequence[Turn]) -> list[Turn]:
    """The turns that the scope has not seen, each once."""
    first: dict[str, Turn] = {}
    for turn in turns:
        first.setdefault(turn.key, turn)
    unique = list(first.values())
    known = shelf.turn_numbers([turn.key for turn in unique])
    return [turn for turn, number in zip(unique, known, strict=True) if number is None]


def _changes(
    head: Head, turns: Sequence[Turn], renderer: Renderer, due: float | None, now: float
) -> tuple[list[Change], Head]:
    changes: list[Change] = []
    number, cells = head.next, head.cells
    for turn in turns:
        changes.append(Change(keys.turn_key(turn.key), codec.pack_place(number), expect=0))
        for chunk in chunks_of(turn, number, now):
            cells += len(chunk_cells(chunk, renderer))
            key = keys.chunk_key(chunk.position)
            changes.append(Change(key, codec.pack_chunk(chunk), expect=0, due=due))
        number += 1
    epoch = head.epoch or uuid4().hex  # a scope that was forgotten and begun again is another
    return changes, Head(number, head.tail, cells, now, epoch)


def chunk_cells(chunk: Chunk, renderer: Renderer) -> Cells:
    """The cells of a piece of the tail, a role mark first if its turn starts here."""
    return renderer.cells(chunk.text, chunk.role if chunk.position.offset == 0 else None)


def tail_removal(shelf: Shelf, chunks: Sequence[Chunk], renderer: Renderer) -> list[Change]:
    """Remove pieces of the tail; pages drawn from them meanwhile will not be committed."""
    head, version = shelf.head()
    cells = head.cells - sum(len(chunk_cells(chunk, renderer)) for chunk in chunks)
    removed = [Change(keys.chunk_key(chunk.position), None) for chunk in chunks]
    return [*removed, head_change(replace(head, cells=cells, epoch=uuid4().hex), version)]


def chunks_of(turn: Turn, number: int, now: float) -> list[Chunk]:
    """A turn as pieces of the tail; an empty turn is one empty piece."""
    starts = range(0, max(len(turn.text), 1), CHUNK)
    return [
        Chunk(
            position=Position(number, start),
            role=turn.role,
            key=turn.key,
            time=now if turn.time is None else turn.time,
            appended=now,
            ends=start + CHUNK >= len(turn.text),
            pinned=False,
            text=turn.text[start : start + CHUNK],
        )
        for start in starts
    ]
