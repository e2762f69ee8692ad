"""Keeps a memory in step with a conversation: what was said is stored once, and what the
conversation no longer holds is forgotten.

Knows nothing of prompts.
"""

from collections.abc import Sequence

from optimem.api.memory import OpticalMemory
from optimem.errors import InputError
from optimem.memory.caching import LRU
from optimem.planning.conversation import Conversation
from optimem.planning.places import Place

PLACES = 1024
"""Conversations of which this process knows what it stored last."""


class Keeper:
    """Stores conversations in a memory. Safe for threads and processes: a turn is stored once
    however often it is appended."""

    def __init__(self, memory: OpticalMemory) -> None:
        self.memory = memory
        self._seen: LRU[Place, list[str]] = LRU(PLACES)

    def keep(self, place: Place, conversation: Conversation, end: int) -> None:
        """Remember the first `end` messages; forget what the conversation does not hold."""
        names = conversation.names
        seen = self._seen.get(place)
        if seen is None or names[: len(seen)] != seen:
            self._forget_others(place, names)
            seen = []
        if end > len(seen):
            self._append(place, conversation, range(len(seen), end))
            self._seen.put(place, names[:end])
        elif not seen:
            self._seen.put(place, [])

    def _append(self, place: Place, conversation: Conversation, indexes: Sequence[int]) -> None:
        held = self.memory.holds(place.scope, [conversation.names[i] for i in indexes])
        new = [index for index, known in zip(indexes, held, strict=True) if not known]
        turns = conversation.turns(new)
        if turns:
            self.memory.append(place.scope, turns)

    def _forget_others(self, place: Place, names: Sequence[str]) -> None:
        """Forget the messages that were stored under the conversation's key and are gone."""
        if not (place.complete and place.forgets):
            return
        stored, present = self.memory.ids(place.scope), set(names)
        gone = [turn for turn in stored if turn.startswith(place.key) and turn not in present]
        if gone and len(gone) == len(stored):
            self.memory.forget(place.scope)
            self.memory.readmit(place.scope)  # another branch may say it again
            return
        for turn in gone:
            try:
                self.memory.forget(place.scope, turn=turn)
                self.memory.readmit(place.scope, turn=turn)
            except InputError:  # somebody else forgot it meanwhile
                continue
