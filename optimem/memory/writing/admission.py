"""Which turns of an append are new.

A turn with an id or a time, and a document, counts once. Any other turn is one at its place in the
conversation: what repeats the end of the conversation, or three or more turns side by side anywhere
in it, was sent again; everything else is new, whatever it says. Knows nothing of tail or pages.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Container, Sequence
from typing import NamedTuple

from optimem.errors import ChangedTurnError
from optimem.memory.records.records import ScopeState
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.records.tombstones import forgotten
from optimem.omem.corrections import text_digest
from optimem.turns import Turn

RECENT = 32
"""Turns at the end of a conversation that are compared with the start of what is appended."""
RUN = 3
"""Turns side by side that are taken for the same turns wherever the conversation holds them."""
OCCURRENCES = 8
"""Times that equal turns are numbered from 0; further ones get a number that is new anyway."""
_DIGEST = 8  # characters


class Admitted(NamedTuple):
    """A new turn and its id."""

    turn: Turn
    key: str


class Admission(NamedTuple):
    """What an append has to store. `recent`: of the state afterwards."""

    new: list[Admitted]
    duplicates: int
    forgotten: int
    recent: str


class Known(NamedTuple):
    """What a scope knows under a turn's key. `number`: None if it does not hold the turn.
    `digest`: of the text that it holds; empty if that is not known."""

    key: str
    number: int | None
    forgotten: bool
    digest: bytes = b""

    @property
    def is_free(self) -> bool:
        """Whether a new turn may take the key."""
        return self.number is None and not self.forgotten


def admit(records: ScopeRecords, turns: Sequence[Turn], state: ScopeState) -> Admission:
    """Sort out which turns are new to a scope with this state. Raises ChangedTurnError for an id
    that stands for another text."""
    known, last = _look_up(records, turns, _keys_from_start(turns)), _split(state.recent)
    _check_texts(turns, known)
    repeated = max(_overlap([_digest(turn) for turn in turns], last), _run(known))
    left = [at for at, turn in enumerate(turns) if at >= repeated or not _has_place(turn)]
    others = [turns[at] for at in left]
    rest = _resolved(records, others, [known[at] for at in left])
    new = dict[str, Turn]()
    for turn, found in zip(others, rest, strict=True):
        if found.number is not None and _has_place(turn):  # all its usual keys are taken
            found = Known(turn.nth_key(OCCURRENCES + state.next + len(new)), None, False)
        if found.is_free:
            new.setdefault(found.key, turn)
    skipped = [known[at] for at in sorted({*range(len(turns))} - {*left})]
    forgotten = sum(found.forgotten for found in [*skipped, *rest])
    recent = [*last, *map(_digest, new.values())][-RECENT:]
    return Admission(
        new=[Admitted(turn, key) for key, turn in new.items()],
        duplicates=len(turns) - len(new) - forgotten,
        forgotten=forgotten,
        recent="".join(recent),
    )


def _look_up(records: ScopeRecords, turns: Sequence[Turn], keys: Sequence[str]) -> list[Known]:
    found, gone = records.numbered_turns(keys), forgotten(records, turns, keys)
    return [
        Known(key, turn and turn.number, was_forgotten, turn.digest if turn else b"")
        for key, turn, was_forgotten in zip(keys, found, gone, strict=True)
    ]


def _check_texts(turns: Sequence[Turn], known: Sequence[Known]) -> None:
    """Raises ChangedTurnError if a turn's id stands for another text, in the scope or among the
    turns. A digest that is not known stands for any."""
    digests = {found.key: found.digest for found in known if found.digest}
    for turn in turns:
        if turn.id is None:
            continue
        digest = text_digest(turn.text)
        if digests.setdefault(turn.id, digest) != digest:
            raise ChangedTurnError(
                f"the turn {turn.id!r:.80} is known with another text than {turn.text!r:.80}; give "
                "the new text an id of its own, or forget the turn (`forget`, then `readmit`) and "
                "append it again"
            )


def _resolved(records: ScopeRecords, turns: Sequence[Turn], known: Sequence[Known]) -> list[Known]:
    """What is known of turns that do not repeat others: of those whose key is taken but whose
    place is their own, under the first key that is free."""
    taken = [
        turn
        for turn, found in zip(turns, known, strict=True)
        if _has_place(turn) and not found.is_free
    ]
    if not taken:
        return list(known)
    choices = {turn.key: _choices(turn) for turn in taken}
    flat = [(turn, key) for turn in taken for key in choices[turn.key]]
    looked = _look_up(records, [turn for turn, _ in flat], [key for _, key in flat])
    by_key = {found.key: found for found in (*known, *looked)}
    used = {found.key for found in known if found.is_free}
    resolved = []
    for turn, found in zip(turns, known, strict=True):
        if turn.key in choices and not found.is_free:
            found = _first_free([by_key[key] for key in choices[turn.key]], used)
            used.add(found.key)
        resolved.append(found)
    return resolved


def _first_free(choices: Sequence[Known], used: Container[str]) -> Known:
    """The first choice that is free; one that was forgotten if any was, else a taken one."""
    gone = next((found for found in choices if found.forgotten), None)
    free = next((found for found in choices if found.is_free and found.key not in used), None)
    return gone or free or choices[-1]._replace(number=0)


def _overlap(digests: Sequence[str], recent: Sequence[str]) -> int:
    """How many of the first turns repeat the end of the conversation. Of a longer list, such as
    the whole conversation, its last `RECENT` turns are looked for."""
    for end in range(len(digests), 0, -1):
        size = min(end, len(recent))
        if size in (end, RECENT) and list(digests[end - size : end]) == list(
            recent[len(recent) - size :]
        ):
            return end
    return 0


def _run(known: Sequence[Known]) -> int:
    """How many of the first turns the conversation holds side by side; 0 if under `RUN`. What was
    forgotten fits anywhere."""
    size, expected = 0, None
    for found in known:
        if not found.forgotten and (found.number is None or expected not in (None, found.number)):
            break
        size += 1
        at = expected if found.forgotten else found.number
        expected = None if at is None else at + 1
    return size if size >= RUN else 0


def _keys_from_start(turns: Sequence[Turn]) -> list[str]:
    """The keys of turns that start a conversation."""
    seen: Counter[str] = Counter()
    keys = []
    for turn in turns:
        keys.append(turn.nth_key(seen[turn.key]) if _has_place(turn) else turn.key)
        seen[turn.key] += 1
    return keys


def _choices(turn: Turn) -> list[str]:
    return [turn.nth_key(number) for number in range(OCCURRENCES)]


def _has_place(turn: Turn) -> bool:
    """Whether its place in the conversation is part of what makes it this turn."""
    return turn.id is None and turn.time is None and turn.role != "text"


def _digest(turn: Turn) -> str:
    digest = hashlib.blake2b(turn.key.encode("utf-8", "surrogatepass"), digest_size=6).digest()
    return base64.urlsafe_b64encode(digest).decode()


def _split(recent: str) -> list[str]:
    return [recent[at : at + _DIGEST] for at in range(0, len(recent), _DIGEST)]
