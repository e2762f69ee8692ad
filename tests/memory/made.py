"""Records for tests, made with as little as a test needs to say."""

import numpy as np

from optimem.memory.records import Chunk, PageRecord, Position, ScopeState, Span, text_digest
from optimem.memory.scope_records import ScopeRecords
from optimem.protocols import VisionTokens
from optimem.tiers import Tier


def made_span(
    text: str, number: int = 0, offset: int = 0, start: int = 0, pinned: bool = False
) -> Span:
    """A span of `text` on a page of one cell a character, that ends its turn."""
    end = start + len(text) + (offset == 0)
    digest = text_digest(text)
    turn = f"t{number}"
    return Span(Position(number, offset), "user", turn, 5.0, start, end, True, pinned, digest)


def made_page(
    *spans: Span, id: str = "ab", tier: Tier | None = Tier.BASE, accessed: float = 0.0
) -> PageRecord:
    """A page of these spans; of tokens that say nothing, or without a tier, of as much text."""
    body = (
        tuple("x" * (span.end - span.text_start) for span in spans)
        if tier is None
        else VisionTokens(tier, spans[-1].end, "plain-1", np.zeros(spans[-1].end, "u2").tobytes())
    )
    return PageRecord(id, accessed, accessed, 0.0, 3, 9, spans, body)


def made_chunk(
    text: str, number: int = 0, offset: int = 0, ends: bool = True, pinned: bool = False
) -> Chunk:
    """A chunk that came in at 7 s."""
    return Chunk(Position(number, offset), "user", f"t{number}", 5.0, 7.0, ends, pinned, text)


def put(records: ScopeRecords, *found: PageRecord | Chunk, due: float | None = None) -> None:
    """Store pages and chunks, with the numbers of their turns."""
    edit, turns = records.edit(), dict[str, int]()
    for record in found:
        parts = record.spans if isinstance(record, PageRecord) else (record,)
        turns.update({part.turn: part.position.sequence for part in parts})
        if isinstance(record, PageRecord):
            edit.put_page(record, due, expect=0)
        else:
            edit.put_chunk(record, due, expect=0)
    for turn, number in turns.items():
        edit.put_turn(turn, number)
    edit.put_state(ScopeState(9, Position(0, 0), 0, 7.0, "epoch"), 0)
    edit.commit()
