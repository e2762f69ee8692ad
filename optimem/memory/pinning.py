"""Pinning: a turn's pages and its text in the open tail are kept from fading, or let go."""

from dataclasses import replace
from uuid import uuid4

from optimem import codec, keys
from optimem.decay import DecayPolicy
from optimem.errors import ConflictError, InputError
from optimem.keys import holding
from optimem.memory.shelf import Shelf, head_change
from optimem.protocols import Change

TRIES = 50
"""Writers that get in between before it gives up."""


def set_pinned(shelf: Shelf, turn: str, policy: DecayPolicy, *, pinned: bool) -> None:
    """Pin or unpin a turn. Raises InputError for an unknown turn, and ConflictError if others
    write so much that it never gets its turn."""
    for _ in range(TRIES):
        (number,) = shelf.turn_numbers([turn])
        if number is None:
            raise InputError(f"{shelf.scope} holds no turn {turn!r}; see `reconstruct` for ids")
        try:
            shelf.store.commit(shelf.scope, _changes(shelf, number, policy, pinned))
        except ConflictError:
            continue
        return
    raise ConflictError(f"{shelf.scope} was written to all the time; pin again")


def _changes(shelf: Shelf, number: int, policy: DecayPolicy, pinned: bool) -> list[Change]:
    head, version = shelf.head()
    changes = [head_change(replace(head, epoch=uuid4().hex), version)]
    for chunk in shelf.chunks():
        if chunk.position.sequence == number:
            data = codec.pack_chunk(replace(chunk, pinned=pinned))
            due = None if pinned else policy.due(None, chunk.appended)
            changes.append(Change(keys.chunk_key(chunk.position), data, due=due))
    wanted = holding(shelf.page_keys(), number)
    for key, found in zip(wanted, shelf.pages(wanted), strict=True):
        if found:
            spans = tuple(
                replace(s, pinned=pinned) if s.position.sequence == number else s
                for s in found.record.spans
            )
            record = replace(found.record, spans=spans)
            due = None if record.pinned else policy.due(record.tier, record.accessed)
            changes.append(Change(key.page, codec.pack_page(record), found.version, due))
    return changes
