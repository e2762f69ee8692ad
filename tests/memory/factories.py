"""Records for tests, made with as little as a test needs to say, and a store with other writers."""

from collections.abc import Callable, Sequence

import numpy as np

from optimem import OpticalMemory
from optimem.errors import StoreUnavailableError
from optimem.memory.records.records import (
    Chunk,
    EntryKind,
    PageRecord,
    Position,
    ScopeState,
    Span,
    TurnNumber,
)
from optimem.memory.records.scope_records import ScopeRecords
from optimem.omem.corrections import text_digest
from optimem.protocols import Change, Entry, Store, VisionTokens
from optimem.store.sqlite import SQLiteStore
from optimem.testing import InMemoryStore
from optimem.tiers import Tier
from optimem.turns import RESERVED, Scope

NOW = 1_700_000_000.0
SCOPE = "acme/ann/s1"


def make_span(
    text: str, number: int = 0, offset: int = 0, start: int = 0, pinned: bool = False
) -> Span:
    """A span of `text` on a page of one cell a character, that ends its turn."""
    end = start + len(text) + (offset == 0)
    digest = text_digest(text)
    turn = f"t{number}"
    return Span(Position(number, offset), "user", turn, 5.0, start, end, True, pinned, digest)


def make_page(
    *spans: Span, id: str = "ab", tier: Tier | None = Tier.BASE, accessed: float = 0.0
) -> PageRecord:
    """A page of these spans; of tokens that say nothing, or without a tier, of as much text."""
    body = (
        tuple("x" * (span.end - span.text_start) for span in spans)
        if tier is None
        else VisionTokens(tier, spans[-1].end, "plain-1", np.zeros(spans[-1].end, "u2").tobytes())
    )
    return PageRecord(id, accessed, accessed, 0.0, 3, 9, spans, body)


def make_chunk(
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
        edit.put_turn(turn, TurnNumber(number, b""))
    edit.put_state(ScopeState(9, Position(0, 0), 0, 7.0, "epoch"), 0)
    edit.commit()


def texts(memory: OpticalMemory) -> list[str]:
    """What can be read of all turns."""
    return [turn.text for turn in memory.reconstruct(SCOPE)]


def memory_scopes(memory: OpticalMemory) -> list[str]:
    """All scopes but optimem's own."""
    return [str(s) for s in own_scopes(memory.store)]


def own_scopes(store: Store) -> list[Scope]:
    """The scopes of a store that are a memory's."""
    return [scope for scope in store.scopes() if not scope.namespace.startswith(RESERVED)]


class ContendedStore(SQLiteStore):
    """A store on which others get in before a commit, one before each while there are any."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.others: list[Callable[[], object]] = []

    def commit(self, scope: Scope, changes: Sequence[Change]) -> None:
        waiting, self.others = self.others, []  # nobody gets in before the others' commits
        if waiting:
            waiting[0]()
        self.others = waiting[1:]
        super().commit(scope, changes)


class ReadOnlyStore(InMemoryStore):
    """A store that can be made read-only, as a replica is."""

    def __init__(self) -> None:
        super().__init__()
        self.read_only = False

    def commit(self, scope: Scope, changes: Sequence[Change]) -> None:
        if self.read_only:
            raise StoreUnavailableError("you cannot write against a read only replica")
        super().commit(scope, changes)


class InterruptedStore(InMemoryStore):
    """A store in which `other` acts once, just before the first page is fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.other: Callable[[], object] | None = None

    def get(self, scope: Scope, keys: Sequence[str]) -> list[Entry | None]:
        other = self.other
        if other and any(EntryKind.of(key) is EntryKind.PAGE for key in keys):
            self.other = None
            other()
        return super().get(scope, keys)
