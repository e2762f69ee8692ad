"""Pinning: a turn kept from fading and from being forgotten for its age, on its pages and in the
tail, and let go again."""

from dataclasses import replace

from optimem.errors import InputError
from optimem.memory.decay import DecayPolicy
from optimem.memory.records.edits import Edit
from optimem.memory.records.records import holding
from optimem.memory.records.scope_records import ScopeRecords, retry
from optimem.memory.writing.tail import new_epoch


def set_pinned(records: ScopeRecords, turn: str, policy: DecayPolicy, *, pinned: bool) -> None:
    """Keep a turn from fading, on its pages and in the tail, or let it fade again. Raises
    InputError for a turn the scope does not hold, and ConflictError if others keep writing."""

    def attempt() -> None:
        (number,) = records.turn_numbers([turn])
        if number is None:
            raise InputError(f"{records.scope} holds no turn {turn!r}; `reconstruct` lists the ids")
        edit = records.edit()
        state, version = records.state()
        edit.put_state(replace(state, epoch=new_epoch()), version)
        _pin_chunks(records, edit, number, policy, pinned)
        _pin_pages(records, edit, number, policy, pinned)
        edit.commit()

    retry(attempt, records.scope, "pin")


def _pin_chunks(
    records: ScopeRecords, edit: Edit, number: int, policy: DecayPolicy, pinned: bool
) -> None:
    for chunk in records.chunks_of(number):
        chunk = replace(chunk, pinned=pinned)
        edit.put_chunk(chunk, policy.chunk_due(chunk), expect=None)


def _pin_pages(
    records: ScopeRecords, edit: Edit, number: int, policy: DecayPolicy, pinned: bool
) -> None:
    for found in records.pages(holding(records.page_keys(), number)):
        if found:
            spans = tuple(
                replace(span, pinned=pinned) if span.position.sequence == number else span
                for span in found.record.spans
            )
            page = replace(found.record, spans=spans)
            edit.put_page(page, policy.page_due(page), expect=found.version)
