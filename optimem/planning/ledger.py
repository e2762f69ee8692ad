"""What was recalled for which message: once sent, it is sent again byte for byte, so that each
request begins with the whole request before it.

The store holds which turns were recalled and when, not what they say: after a restart the text is
read from the memory again, and a turn that was forgotten since is gone from here, too.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from math import inf
from typing import NamedTuple

from pydantic import TypeAdapter

from optimem.api.memory import OpticalMemory
from optimem.errors import ConflictError
from optimem.memory.caching import LRU
from optimem.memory.recall.prompting import count_tokens, format_context
from optimem.memory.records.records import EntryKind, entry_place
from optimem.omem.container import (
    ContainerKind,
    from_json,
    pack_container,
    to_json,
    unpack_container,
)
from optimem.prompts.counting import TokenCounter
from optimem.protocols import Change, Entry
from optimem.results import RecalledTurn, Recollection
from optimem.turns import Scope

TEXTS = 4096
"""Messages whose recollections are cached."""
UNLIMITED = 1 << 30
"""Tokens: what is quoted was cut to its budget before."""


Turns = Mapping[tuple[Scope, str], RecalledTurn]
"""Turns by their scopes and ids."""


class Quote(NamedTuple):
    """Characters `start` to `end` of a turn."""

    scope: Scope
    turn: str
    start: int
    end: int


class Quoted(NamedTuple):
    """Quotes, and the turns that they are of, as they have just been read."""

    quotes: list[Quote]
    turns: Turns


class _Row(NamedTuple):
    """A quote as stored: the parts of its scope, its turn, start and end."""

    session: str
    user: str
    namespace: str
    turn: str
    start: int
    end: int


class _Fields(NamedTuple):
    time: float
    rows: list[_Row]


_FIELDS = TypeAdapter(_Fields)


def pack_sent(time: float, quotes: Sequence[Quote], place: bytes) -> bytes:
    """What was recalled for a message at a `time`, as bytes. `place`: where it will be kept."""
    rows = [[q.scope.session, q.scope.user, q.scope.namespace, *q[1:]] for q in quotes]
    return pack_container(ContainerKind.SENT, [to_json([time, rows])], place)


def unpack_sent(data: bytes, place: bytes) -> tuple[float, list[Quote]]:
    """The time and the quotes. Raises FormatError, VersionError or ChecksumError."""
    with unpack_container(ContainerKind.SENT, data, place=place) as (section,):
        time, rows = from_json(_FIELDS, section)
        return time, [
            Quote(Scope(session=row.session, user=row.user, namespace=row.namespace), *row[3:])
            for row in rows
        ]


class Sent(NamedTuple):
    """What was recalled for a message at a `time`, and its text."""

    time: float
    quotes: tuple[Quote, ...]
    text: str


class Ledger:
    """The recollections that were sent, by scope and message. The first to write an entry wins, so
    that all processes send the same."""

    def __init__(self, memory: OpticalMemory) -> None:
        self.memory = memory
        self._cache: LRU[tuple[Scope, str], Sent] = LRU(TEXTS)

    def find(self, scope: Scope, names: Sequence[str]) -> dict[str, Sent]:
        """What was sent with each of these messages, as far as it is still remembered."""
        found = {name: self._cache.get((scope, name)) for name in names}
        missing = [name for name, sent in found.items() if sent is None]
        if missing:
            entries = self.memory.store.get(scope, [_key(name) for name in missing])
            for name, entry in zip(missing, entries, strict=True):
                if entry:
                    found[name] = self._restored(scope, entry)
        held = self._held(sent for sent in found.values() if sent)
        kept = {name: self._without(sent, held) for name, sent in found.items() if sent}
        for name, sent in kept.items():
            self._cache.put((scope, name), sent)
        return kept

    def write(
        self,
        scope: Scope,
        name: str,
        quoted: Quoted,
        budget: float = inf,
        count: TokenCounter = count_tokens,
    ) -> Sent:
        """Enter what is sent with a message now: the first quotes whose text has at most `budget`
        tokens by `count`; or what another process entered first, if it did."""
        now = self.memory.clock()
        turns, fitting = _as_of(now, quoted.turns), [*quoted.quotes]
        while fitting and count(_text(turns, fitting)) > budget:
            fitting.pop()
        sent = Sent(now, tuple(fitting), _text(turns, fitting))
        key = _key(name)
        data = pack_sent(now, fitting, entry_place(scope, key))
        try:
            self.memory.store.commit(scope, [Change(key, data, expect=0)])
        except ConflictError:
            (entry,) = self.memory.store.get(scope, [key])
            sent = self._restored(scope, entry) if entry else sent
        self._cache.put((scope, name), sent)
        return sent

    def _restored(self, scope: Scope, entry: Entry) -> Sent:
        time, quotes = unpack_sent(entry.value, entry_place(scope, entry.key))
        return Sent(time, tuple(quotes), _text(self._turns(time, quotes), quotes))

    def _held(self, sent: Iterable[Sent]) -> set[tuple[Scope, str]]:
        """The quoted turns that their scopes still hold."""
        wanted = _by_scope(quote for each in sent for quote in each.quotes)
        return {
            (scope, turn)
            for scope, turns in wanted.items()
            for turn, held in zip(turns, self.memory.holds(scope, list(turns)), strict=True)
            if held
        }

    def _without(self, sent: Sent, held: set[tuple[Scope, str]]) -> Sent:
        """The same without turns that were forgotten."""
        quotes = tuple(quote for quote in sent.quotes if (quote.scope, quote.turn) in held)
        if quotes == sent.quotes:
            return sent
        return Sent(sent.time, quotes, _text(self._turns(sent.time, quotes), quotes))

    def _turns(self, time: float, quotes: Iterable[Quote]) -> Turns:
        """The quoted turns that are still there, as of a time."""
        return {
            (scope, turn.id): turn
            for scope, ids in _by_scope(quotes).items()
            for turn in self.memory.read(scope, list(ids), now=time)
        }


def _as_of(now: float, turns: Turns) -> Turns:
    """Turns as old as they are now, which is what reading them again as of now would say."""
    return {
        key: turn.model_copy(update={"age": max(now - turn.time, 0.0)})
        for key, turn in turns.items()
    }


def _text(turns: Turns, quotes: Sequence[Quote]) -> str:
    """The quotes as context for a model."""
    hits = [
        _cut(turns[quote.scope, quote.turn], quote.start, quote.end)
        for quote in quotes
        if (quote.scope, quote.turn) in turns
    ]
    return format_context(hits, UNLIMITED)


def _cut(turn: RecalledTurn, start: int, end: int) -> Recollection:
    text = turn.text[start:end]
    shown = f"{'… ' * (start > 0)}{text}{' …' * (end < len(turn.text))}"
    said = {name: getattr(turn, name) for name in RecalledTurn.model_fields}
    return Recollection.model_construct(**{**said, "text": shown}, score=0.0)


def _by_scope(quotes: Iterable[Quote]) -> dict[Scope, dict[str, None]]:
    found = defaultdict[Scope, dict[str, None]](dict)
    for quote in quotes:
        found[quote.scope][quote.turn] = None
    return found


def _key(name: str) -> str:
    return f"{EntryKind.SENT.prefix}{blake2b(name.encode(), digest_size=12).hexdigest()}"
