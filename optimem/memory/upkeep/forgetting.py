"""Forgetting: scopes, single turns on whatever pages they lie, or all turns of a time, with a
receipt of what was removed and what a new look still finds."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from optimem.errors import FormatError, InputError
from optimem.memory.decay import DecayPolicy
from optimem.memory.recall.page_reading import PageReading, read_pages
from optimem.memory.records.edits import Edit
from optimem.memory.records.records import EntryKind, PageRecord, Span, gone_key, holding, page_id
from optimem.memory.records.scope_records import ScopeRecords, Stored, retry
from optimem.memory.records.segment_records import take_out
from optimem.memory.records.segments import SegmentKey
from optimem.memory.records.tombstones import bury_scope, tombstone
from optimem.memory.records.vector_records import page_vectors
from optimem.memory.writing.drawing import draw_each, redrawn_index
from optimem.memory.writing.tail import new_epoch, without_chunks
from optimem.omem.container import compress
from optimem.protocols import PageCodec, ReadCells
from optimem.reports import ForgetReceipt
from optimem.text.keeping import Keep
from optimem.tiers import Tier

ALL_KEYS = tuple(kind.prefix for kind in EntryKind if kind is not EntryKind.STATE)
"""How the keys of a scope's entries start."""
TURNS = 32
"""Turns forgotten in one commit."""


def forget_scopes(scopes: Sequence[ScopeRecords], now: float) -> ForgetReceipt:
    """Remove everything in some scopes, and leave tombstones."""
    kinds: Counter[EntryKind | None] = Counter()
    entries = size = left = 0
    for records in scopes:
        kinds.update(entry.kind for entry in records.entry_sizes())
        size += records.bytes_used()
        _bury(records, now)
        entries += records.clear()
        left += len(records.entry_sizes())
    return ForgetReceipt(
        scopes=[str(records.scope) for records in scopes],
        turns=kinds[EntryKind.TURN],
        pages=kinds[EntryKind.PAGE],
        entries=entries,
        bytes=size,
        left=left,
        residue=_residue([(records, ALL_KEYS) for records in scopes]),
        time=now,
    )


def forget_before(
    scopes: Sequence[ScopeRecords],
    before: float,
    codec: PageCodec,
    policy: DecayPolicy,
    now: float,
) -> ForgetReceipt:
    """Remove all turns of a time before `before` from some scopes."""
    receipts = [
        TurnForgetter(records, codec, policy, now).forget_all(turns_before(records, before))
        for records in scopes
    ]
    return ForgetReceipt(
        scopes=[str(records.scope) for records in scopes],
        turns=sum(receipt.turns for receipt in receipts),
        pages=sum(receipt.pages for receipt in receipts),
        entries=sum(receipt.entries for receipt in receipts),
        bytes=sum(receipt.bytes for receipt in receipts),
        left=sum(receipt.left for receipt in receipts),
        residue=list(dict.fromkeys(place for receipt in receipts for place in receipt.residue)),
        time=now,
        removed={scope: keys for each in receipts for scope, keys in each.removed.items()},
    )


def turns_before(records: ScopeRecords, before: float) -> list[str]:
    """The ids of all turns of a time before `before`, in order."""
    records = replace(records, damage={})
    keys, found = records.page_keys(), dict[int, str]()
    for start in range(0, len(keys), TURNS):
        for page in records.pages(keys[start : start + TURNS]):
            spans = page.record.spans if page else ()
            found |= {span.position.sequence: span.turn for span in spans if span.time < before}
    chunks = records.chunks()
    found |= {chunk.position.sequence: chunk.turn for chunk in chunks if chunk.time < before}
    return [found[number] for number in sorted(found)]


def _residue(gone: Sequence[tuple[ScopeRecords, Sequence[str]]]) -> list[str]:
    """Where bytes of removed entries may still be, given their keys or how these start."""
    if not gone:
        return []
    places = gone[0][0].wipe()
    for records, starts in gone:
        places += records.store.remains(records.scope, starts)
    return list(dict.fromkeys(places))


def _bury(records: ScopeRecords, now: float) -> None:
    """Leave tombstones of all turns. The state is written last, so that whoever appends at the same
    time fails, reads again and finds them."""

    def attempt() -> None:
        try:
            state, version = records.state()
        except FormatError:
            version = 0  # nobody can append to a scope whose state is damaged
        bury_scope(records, now)
        if version:
            edit = records.edit()
            edit.put_state(replace(state, epoch=new_epoch()), version)
            edit.commit()

    retry(attempt, records.scope, "forget")


class Gone(NamedTuple):
    """Turns that were removed: the `keys` of removed entries, the turns' `numbers` by id, and on
    how many `pages` they were."""

    keys: list[str]
    numbers: dict[str, int]
    pages: int

    def plus(self, more: "Gone") -> "Gone":
        """Both together."""
        return Gone(self.keys + more.keys, self.numbers | more.numbers, self.pages + more.pages)


@dataclass(frozen=True)
class TurnForgetter:
    """Removes single turns of a scope."""

    records: ScopeRecords
    codec: PageCodec
    policy: DecayPolicy
    now: float

    def forget(self, turn: str) -> ForgetReceipt:
        """Remove a turn; pages that held it are drawn again without it. Raises InputError for a
        turn the scope does not hold, and ConflictError if others keep writing."""
        return self.forget_all([turn])

    def forget_all(self, turns: Sequence[str]) -> ForgetReceipt:
        """Remove turns, a few at a time."""
        scope, before = str(self.records.scope), self.records.bytes_used()
        gone = Gone([], {}, 0)
        for start in range(0, len(turns), TURNS):
            batch = turns[start : start + TURNS]
            gone = gone.plus(retry(partial(self._forget, batch), self.records.scope, "forget"))
        left = (self.records.traces(turn, number) for turn, number in gone.numbers.items())
        return ForgetReceipt(
            scopes=[scope],
            turns=len(turns),
            pages=gone.pages,
            entries=len(gone.keys),
            bytes=max(before - self.records.bytes_used(), 0),
            left=sum(left),
            residue=_residue([(self.records, gone.keys)]),
            time=self.now,
            removed={scope: gone.keys},
        )

    def _forget(self, turns: Sequence[str]) -> "Gone":
        numbers = dict[str, int]()
        for turn, number in zip(turns, self.records.turn_numbers(turns), strict=True):
            if number is None:
                scope = self.records.scope
                raise InputError(f"{scope} holds no turn {turn!r}; nothing was forgotten")
            numbers[turn] = number
        edit = self.records.edit()
        for turn in turns:
            edit.remove_turn(turn)
            edit.changes.append(tombstone(self.records.scope, gone_key(turn), self.now))
        self._remove_chunks(edit, numbers.values())
        pages = self._remove_spans(edit, frozenset(numbers.values()))
        keys = self._held([change.key for change in edit.changes if change.value is None])
        for info in self.records.store.entries(self.records.scope, EntryKind.DIGEST.prefix):
            edit.remove_entry(info.key)  # it may tell of the turns, and may be written again
        edit.commit()
        return Gone(keys, numbers, pages)

    def _held(self, keys: Sequence[str]) -> list[str]:
        """Keys of entries to remove, without those of words and vectors that there are not, or how
        the keys of blocks start."""
        held = set[str]()
        several = (EntryKind.INDEX, EntryKind.VECTORS)
        for each in several:
            held |= {i.key for i in self.records.store.entries(self.records.scope, each.prefix)}
        found = dict[str, None]()
        for key in keys:
            kind = EntryKind.of(key)
            if kind is EntryKind.BLOCK:
                found[SegmentKey.parse(key).blocks] = None
            elif kind is not EntryKind.STAMP and (kind not in several or key in held):
                found[key] = None
        return list(found)

    def _remove_chunks(self, edit: Edit, numbers: Iterable[int]) -> None:
        """Take turns out of the tail. The scope's state is written even if nothing of them is
        there, so that no page drawn from older text is committed."""
        state, version = self.records.state()
        chunks = [chunk for number in numbers for chunk in self.records.chunks_of(number)]
        for chunk in chunks:
            edit.remove_chunk(chunk.position)
        edit.put_state(without_chunks(state, chunks, self.codec.renderer), version)

    def _remove_spans(self, edit: Edit, numbers: frozenset[int]) -> int:
        """Take turns off their pages; the number of pages they were on."""
        keys = self.records.page_keys()
        wanted = sorted({key for number in numbers for key in holding(keys, number)})
        stored = self.records.pages(wanted)
        held = [found for found in stored if found and any(map(found.record.holds, numbers))]
        take_out(self.records, edit, {found.record.key for found in held})
        for found in held:
            self._redraw(edit, found, numbers)
        return len(held)

    def _redraw(self, edit: Edit, found: Stored[PageRecord], numbers: frozenset[int]) -> None:
        """Put a page without the turns in the place of the page; remove it if nothing else is on
        it. Vectors of stretches that held them go, those of others stay."""
        edit.remove_page(found.record.key, found.version)
        if all(span.position.sequence in numbers for span in found.record.spans):
            return
        (reading,) = read_pages([found.record], self.codec)
        kept = [read for read in reading.spans if read.span.position.sequence not in numbers]
        page = self._without(found.record, PageReading(reading.cells, kept))
        index = redrawn_index(kept, self.policy.uncertain)
        edit.put_page(page, self.policy.page_due(page), expect=None, index=index)
        vectors = page_vectors(self.records, found.record.key)
        if vectors:
            edit.put_vectors(page.key, vectors.without(numbers))

    def _without(self, record: PageRecord, kept: PageReading) -> PageRecord:
        """The page with only the spans that are kept, at its tier or the next larger one that
        its floor allows; at Large if none does."""
        page, cells = _cut(record, kept, str(self.records.scope))
        if record.tier is None:
            return page
        tiers = [tier for tier in Tier if tier >= record.tier]
        for drawn in draw_each(page, cells, tiers, self.codec, self.policy):
            if drawn.legibility >= self.policy.floor:
                break
        return drawn


def _cut(record: PageRecord, kept: PageReading, scope: str) -> tuple[PageRecord, ReadCells]:
    """A page with only the spans that are kept, as text, and its cells."""
    slices = [slice(read.span.start, read.span.end) for read in kept.spans]
    cells = ReadCells(
        np.concatenate([kept.cells.ids[part] for part in slices]),
        np.concatenate([kept.cells.probability[part] for part in slices]),
    )
    texts = tuple(read.reading.text for read in kept.spans)
    page = replace(
        record,
        id=page_id(scope, kept.spans[0].span.position, texts),
        spans=_closed_up([read.span for read in kept.spans]),
        text_bytes=sum(len(text.encode()) for text in texts),
        zstd_bytes=len(compress("".join(texts).encode())),
        body=texts,
        kept=Keep.ALL,
        corrections=b"",
        misread=0.0,
    )
    return page, cells


def _closed_up(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Spans moved so that each starts where the one before ends."""
    moved, start = [], 0
    for span in spans:
        end = start + span.end - span.start
        moved.append(replace(span, start=start, end=end))
        start = end
    return tuple(moved)
