"""What stands for the messages that have left, at the front of a request: a digest of them, and the
turns that are pinned.

The same in every process until the boundary moves or a pin is set: what a model wrote is shared
through the memory, and a pinned turn, which never fades, is quoted without its age.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from optimem.api.memory import OpticalMemory
from optimem.errors import ConflictError
from optimem.memory.caching import LRU
from optimem.memory.recall.prompting import marked_lines
from optimem.memory.records.records import EntryKind, entry_place
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.records.serialization import pack_digest, unpack_digest
from optimem.planning.conversation import Conversation
from optimem.planning.digest import Digest, ExtractiveDigest
from optimem.planning.layout import Note, digest_note, pinned_note
from optimem.planning.places import Place
from optimem.prompts.draft import TokenCounter
from optimem.protocols import Change
from optimem.results import RecalledTurn
from optimem.turns import Scope

DIGEST_TOKENS = 200
PINNED_TOKENS = 1000
"""Of pinned turns; of more, the newest."""
CACHED = 256
"""Digests, and scopes' pinned turns, that are cached."""


class Front(NamedTuple):
    """The notes of a block, and the ids of the turns that they quote."""

    notes: list[Note]
    turns: frozenset[str]


class Block:
    """Writes the block. `digest`: what writes the digest; None for sentences from the messages.
    `count`: counts the tokens of a text."""

    def __init__(self, memory: OpticalMemory, digest: Digest | None, count: TokenCounter) -> None:
        self.memory, self.count = memory, count
        self.digest = digest or ExtractiveDigest(DIGEST_TOKENS, count)
        self._shared = digest is not None
        self._texts: LRU[tuple[str, ...], str] = LRU(CACHED)
        self._pins: LRU[tuple[Scope, str], Sequence[RecalledTurn]] = LRU(CACHED)

    def left(self, talk: Conversation, cut: int, place: Place) -> list[Note]:
        """The digest of the messages before `cut`; nothing if none has left."""
        if not cut:
            return []
        key = (str(place.scope), *talk.names[:cut])
        text = self._texts.get(key)
        if text is None:
            name = blake2b("\0".join(talk.names[:cut]).encode(), digest_size=12).hexdigest()
            text = self._shared_text(place.scope, name, talk, talk.leaving(cut))
            self._texts.put(key, text)
        return [digest_note(text)]

    def pinned(self, talk: Conversation, cut: int, place: Place) -> list[RecalledTurn]:
        """The pinned turns of the scope that are not shown anyway, oldest first; the newest that
        fit `PINNED_TOKENS`. Only a scope that others share holds any before messages leave."""
        if not (cut or place.shared):
            return []
        shown, left, chosen = {*talk.names[cut:]}, PINNED_TOKENS, list[RecalledTurn]()
        for turn in reversed(self._pinned_turns(place.scope)):
            size = self.count(marked_lines(turn.text))
            if turn.id not in shown and size <= left:
                chosen.append(turn)
                left -= size
        return chosen[::-1]

    def front(self, talk: Conversation, cut: int, place: Place) -> Front:
        """All of the block."""
        turns = self.pinned(talk, cut, place)
        pins = [pinned_note(turns)] if turns else []
        return Front([*self.left(talk, cut, place), *pins], frozenset(turn.id for turn in turns))

    def pins(self, talk: Conversation, cut: int, place: Place) -> list[Note]:
        """The note with the pinned turns, if there are any."""
        turns = self.pinned(talk, cut, place)
        return [pinned_note(turns)] if turns else []

    def _pinned_turns(self, scope: Scope) -> Sequence[RecalledTurn]:
        """Read again when a turn was pinned, let go or forgotten: each begins a new epoch."""
        state = ScopeRecords(self.memory.store, scope).state().record
        key = (scope, state.epoch)
        found = self._pins.get(key)
        if found is None:
            found = self.memory.pinned(scope)
            self._pins.put(key, found)
        return found

    def _shared_text(self, scope: Scope, name: str, talk: Conversation, left: Sequence[int]) -> str:
        """The digest that the first process wrote."""
        if not self._shared:
            return self.digest(talk, left)  # the same everywhere
        key, records = EntryKind.DIGEST.prefix + name, ScopeRecords(self.memory.store, scope)
        place, epoch = entry_place(scope, key), records.state().record.epoch
        (entry,) = self.memory.store.get(scope, [key])
        if entry:
            return unpack_digest(entry.value, place)
        text = self.digest(talk, left).encode(errors="replace").decode()
        if records.state().record.epoch != epoch:
            return text  # of what may have been forgotten meanwhile
        try:
            self.memory.store.commit(scope, [Change(key, pack_digest(text, place), expect=0)])
        except ConflictError:
            (entry,) = self.memory.store.get(scope, [key])
        return unpack_digest(entry.value, place) if entry else text
