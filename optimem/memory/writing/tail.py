"""The tail: turns as text, durable in the store until they fill a page (see `paging`).

Appending never encodes, so it takes milliseconds however large the memory is.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import uuid4

from optimem.memory.decay import DecayPolicy
from optimem.memory.records.edits import Edit
from optimem.memory.records.records import Chunk, Position, ScopeState, TurnNumber
from optimem.memory.records.scope_records import ScopeRecords, retry
from optimem.memory.writing.admission import Admitted, admit
from optimem.omem.container import to_json
from optimem.omem.corrections import text_digest
from optimem.protocols import Cells, Renderer
from optimem.reports import AppendReport
from optimem.turns import Turn

CHUNK = 1 << 16
"""Characters of a turn that are stored as one chunk."""


def append_turns(
    records: ScopeRecords,
    turns: Sequence[Turn],
    renderer: Renderer,
    policy: DecayPolicy,
    now: float,
    allow: Callable[[Sequence[Turn]], None] = lambda new: None,
    aged: bool = False,
) -> tuple[AppendReport, ScopeState]:
    """Put turns at the end of a scope, those that are new; the scope's new state, too. `allow`:
    raises if the new turns must not be stored. `aged`: turns fade from their own times on, unless
    these are yet to come. Raises ConflictError if others keep writing."""

    def attempt() -> tuple[AppendReport, ScopeState]:
        state, version = records.state()
        new, duplicates, forgotten, recent = admit(records, turns, state)
        if new:
            allow([turn for turn, _ in new])
            edit = records.edit()
            state = _put_turns(
                edit, new, replace(state, recent=recent), renderer, policy, now, aged
            )
            edit.put_state(state, version)
            edit.commit()
        report = AppendReport(added=len(new), duplicates=duplicates, forgotten=forgotten)
        return report, state

    return retry(attempt, records.scope, "append")


def without_chunks(state: ScopeState, chunks: Sequence[Chunk], renderer: Renderer) -> ScopeState:
    """The state once chunks are removed from the tail. A page that somebody draws from them
    meanwhile will not be committed."""
    cells = sum(len(chunk_cells(chunk, renderer)) for chunk in chunks)
    return replace(state, cells=state.cells - cells, epoch=new_epoch())


def chunk_cells(chunk: Chunk, renderer: Renderer) -> Cells:
    """The cells of a chunk, a role mark first if its turn starts here."""
    return renderer.cells(chunk.text, chunk.role if chunk.position.offset == 0 else None)


def new_epoch() -> str:
    """An epoch that no other state of the scope has."""
    return uuid4().hex


def _put_turns(
    edit: Edit,
    turns: Sequence[Admitted],
    state: ScopeState,
    renderer: Renderer,
    policy: DecayPolicy,
    now: float,
    aged: bool,
) -> ScopeState:
    """Write new turns as chunks; the state after them."""
    cells = state.cells
    for number, (turn, key) in enumerate(turns, state.next):
        edit.put_turn(key, TurnNumber(number, text_digest(turn.text)))
        for chunk in _chunks(turn, key, number, now, aged):
            edit.put_chunk(chunk, policy.chunk_due(chunk), expect=0)
            cells += len(chunk_cells(chunk, renderer))
    return replace(
        state,
        next=state.next + len(turns),
        cells=cells,
        appended=now,
        epoch=state.epoch or new_epoch(),  # a scope that was forgotten and begun again is another
    )


def _chunks(turn: Turn, key: str, number: int, now: float, aged: bool) -> list[Chunk]:
    """A turn as chunks; an empty turn is one empty chunk."""
    time = now if turn.time is None else turn.time
    starts = range(0, max(len(turn.text), 1), CHUNK)
    return [
        Chunk(
            position=Position(number, start),
            role=turn.role,
            turn=key,
            time=time,
            appended=min(time, now) if aged else now,
            ends=start + CHUNK >= len(turn.text),
            pinned=False,
            text=turn.text[start : start + CHUNK],
            extra=to_json(turn.extra).decode() if turn.extra and not start else "",
            name=turn.name or "",
        )
        for start in starts
    ]
