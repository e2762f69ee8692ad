"""How much a memory may hold, for each scope and each user, and what happens at the limit.

Usage is measured at most every few seconds and counted on from there; it is measured anew before
anything is refused, faded or dropped. Knows nothing of how turns are appended.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field

from optimem.errors import QuotaError
from optimem.memory.caching import LRU, clear_cache
from optimem.memory.decay import DecayPolicy
from optimem.memory.fading.fading import without_page
from optimem.memory.recall.page_reading import PageReading, read_each
from optimem.memory.records.records import EntryKind, PageKey, PageRecord, image_key, turn_key
from optimem.memory.records.scope_records import ScopeRecords, Stored
from optimem.memory.settings import parse_settings, parse_size
from optimem.memory.writing.drawing import Drawing, draw_together, redrawn_index
from optimem.protocols import PageCodec, Store
from optimem.turns import Scope, Turn, Value

FRESH = 10.0
"""Seconds for which a measured usage is counted on instead of measured again."""
TURN_BYTES = 300
"""Bytes of a stored turn beside its text, about."""
BATCH = 16
"""Pages read at a time while room is made."""
HELD = 1024
"""Scopes and users whose usage is kept in mind."""
MERGED = {
    EntryKind.INDEX: (EntryKind.SEGMENT, EntryKind.BLOCK),
    EntryKind.VECTORS: (EntryKind.VECTOR_SEGMENT,),
}
"""What a page's entries are merged into, by their kind."""


class Usage(NamedTuple):
    """What a scope or a user holds."""

    turns: int
    pages: int
    bytes: int


class Limits(Value):
    """The most that a memory may hold; None for no limit.

    `turns`, `pages`, `bytes`: of a scope; `bytes` by default 1 GiB. `user_turns`, `user_pages`,
    `user_bytes`: of all scopes of a user in a namespace together, default none; scopes without a
    user have no such limit. `full`: what an append does at a limit. "refuse", the default: raise
    QuotaError. "fade": let pages fade sooner, in reading order, as far as the policy's floor
    allows, and if that is not enough, drop pages. "drop": drop pages, those that have faded first,
    the oldest first. Pinned turns are neither faded nor dropped, and for an append that would not
    fit all the same nothing is: it is refused.

    Bytes are those that are stored; text that is not on a page yet counts as such and takes more
    when it is. Every process measures at most every 10 s what others write, so that together they
    may go over a limit by what they append in that time. Raises InputError for other values.
    """

    kind: ClassVar[str] = "set of limits"

    turns: int | None = Field(default=None, gt=0)
    pages: int | None = Field(default=None, gt=0)
    bytes: int | None = Field(default=1 << 30, gt=0)
    user_turns: int | None = Field(default=None, gt=0)
    user_pages: int | None = Field(default=None, gt=0)
    user_bytes: int | None = Field(default=None, gt=0)
    full: Literal["refuse", "fade", "drop"] = "refuse"

    @classmethod
    def parse(cls, text: str) -> "Limits":
        """Limits from a line such as `bytes=50MB,user_bytes=1GB,full=fade`. Raises InputError."""
        readers = {name: parse_size if name.endswith("bytes") else str for name in cls.model_fields}
        return cls.model_validate(parse_settings(text, readers, "a set of limits"))

    def exceeded(self, usage: Usage, prefix: str = "") -> str | None:
        """The name of the first limit that a usage is over; None if it is within all."""
        for name, held in usage._asdict().items():
            limit = getattr(self, prefix + name)
            if limit is not None and held > limit:
                return prefix + name
        return None


@dataclass
class Quota:
    """Keeps the scopes and users of a store within limits. Safe for threads."""

    store: Store
    codec: PageCodec
    policy: DecayPolicy
    limits: Limits
    _known: "LRU[tuple[str, ...], tuple[float, Usage]]" = field(default_factory=lambda: LRU(HELD))

    def admit(self, records: ScopeRecords, turns: Sequence[Turn]) -> None:
        """Make sure that there is room for new turns. Raises QuotaError if there is none."""
        need = Usage(len(turns), 0, sum(len(turn.text.encode()) + TURN_BYTES for turn in turns))
        for holder in self._holders(records.scope):
            self._admit(holder, need)

    def settle(self, records: ScopeRecords) -> None:
        """After pages were written: bring a scope and its user back within their limits if making
        room is what happens there, and have their usage measured anew by the next append."""
        for holder in self._holders(records.scope):
            if self.limits.full != "refuse":
                self._make_room(holder, Usage(0, 0, 0))
            self._known.put(holder.name, (-math.inf, Usage(0, 0, 0)))

    def _admit(self, holder: "Holder", need: Usage) -> None:
        measured, usage = self._known.get(holder.name) or (-math.inf, Usage(0, 0, 0))
        then = _sum(usage, need)
        if time.monotonic() - measured < FRESH and not holder.exceeded(then):
            self._known.put(holder.name, (measured, then))
            return
        then = holder.after(need)
        makes_room = self.limits.full != "refuse" and holder.exceeded(then)
        if makes_room and holder.could_hold(then):
            self._make_room(holder, need)
            then = holder.after(need)
        name = holder.exceeded(then)
        if name:
            raise QuotaError(self._refusal(holder, then, name))
        self._known.put(holder.name, (time.monotonic(), then))

    def _refusal(self, holder: "Holder", then: Usage, name: str) -> str:
        what = name.removeprefix("user_")
        if self.limits.full == "refuse":
            remedy = "forget something, raise the limit, or let it make room (full=fade, full=drop)"
        else:
            remedy = "dropping pages does not make room enough; append less, or raise the limit"
        return (
            f"{holder} would hold {getattr(then, what):,} {what}, and may hold "
            f"{getattr(self.limits, name):,} (limit {name}); nothing was appended: {remedy}"
        )

    def _make_room(self, holder: "Holder", need: Usage) -> None:
        """Let pages fade or drop them until what is needed fits, or nothing is left to do."""

        def exceeded() -> str | None:
            return holder.exceeded(holder.after(need))

        name = exceeded()
        if name is None:
            return
        scopes = holder.scopes()
        if name.endswith("bytes") and self.limits.full == "fade":
            while exceeded() and any(self._fade(records, exceeded) for records in scopes):
                pass
        for only_faded in (True, False):
            for records in scopes:
                self._drop(records, exceeded, only_faded)
        clear_cache(self.codec.decoder)

    def _fade(self, records: ScopeRecords, exceeded: Callable[[], object]) -> bool:
        """Draw pages one tier smaller; whether any could be."""
        faded = False
        for batch in _batches(records, exceeded):
            pages = [page for page in batch if not page.record.pinned and page.record.tier]
            readings = read_each([page.record for page in pages], self.codec)
            for page, reading in zip(pages, readings, strict=True):
                if isinstance(reading, PageReading):
                    faded |= self._fade_page(records, page, reading)
        return faded

    def _fade_page(
        self, records: ScopeRecords, page: Stored[PageRecord], reading: PageReading
    ) -> bool:
        tier = page.record.tier and page.record.tier.below
        if tier is None:
            return False
        drawing = Drawing(page.record, reading.cells)
        (drawn,) = draw_together([drawing], tier, self.codec, self.policy)
        if drawn.legibility < self.policy.floor:
            return False
        edit, index = records.edit(), redrawn_index(reading.spans, self.policy.uncertain)
        edit.put_page(drawn, self.policy.page_due(drawn), expect=page.version, index=index)
        return edit.try_commit()

    def _drop(
        self, records: ScopeRecords, exceeded: Callable[[], object], only_faded: bool
    ) -> None:
        """Remove pages, oldest first. A page has faded if it is smaller than a new one."""
        fresh = self.policy.tier_at(0.0)
        for batch in _batches(records, exceeded):
            for record, version in batch:
                has_faded = record.tier is not None and fresh is not None and record.tier < fresh
                if not record.pinned and (has_faded or not only_faded) and exceeded():
                    without_page(records, record, version).try_commit()

    def _holders(self, scope: Scope) -> "list[Holder]":
        holders = [Holder(self.store, scope, self.limits)]
        of_users = (self.limits.user_turns, self.limits.user_pages, self.limits.user_bytes)
        if scope.user and any(of_users):
            holders.append(Holder(self.store, scope, self.limits, "user_"))
        return holders


@dataclass(frozen=True)
class Holder:
    """A scope, or with the `prefix` "user_" its user, as something that limits hold for."""

    store: Store
    scope: Scope
    limits: Limits
    prefix: Literal["", "user_"] = ""

    @property
    def name(self) -> tuple[str, ...]:
        """Names it among all holders."""
        own = () if self.prefix else (self.scope.session,)
        return (self.scope.namespace, self.scope.user, *own)

    def __str__(self) -> str:
        if self.prefix:
            return f"user {self.scope.user!r} of namespace {self.scope.namespace!r}"
        return str(self.scope)

    def exceeded(self, usage: Usage) -> str | None:
        """The limit that a usage of it is over."""
        return self.limits.exceeded(usage, self.prefix)

    def after(self, need: Usage) -> Usage:
        """What it would hold with what is needed. What no limit holds for counts as 0. Numbers of
        turns that were ever given stand for turns as long as that is within the limit."""
        about = _sum(need, *(self._usage_of(records, exact=False) for records in self._all()))
        if not self.exceeded(about):
            return about
        return _sum(need, *(self._usage_of(records, exact=True) for records in self._all()))

    def could_hold(self, then: Usage) -> bool:
        """Whether dropping pages could bring a usage within the limits."""
        for records in self.scopes():
            sizes = _sizes(records)
            for page in itertools.chain.from_iterable(_batches(records, lambda: True)):
                then = _less(then, page.record, sizes)
                if not self.exceeded(then):
                    return True
        return False

    def scopes(self) -> list[ScopeRecords]:
        """Its scopes, the one longest unused first."""
        return sorted(self._all(), key=lambda records: records.state().record.appended)

    def _all(self) -> list[ScopeRecords]:
        if not self.prefix:
            return [ScopeRecords(self.store, self.scope)]
        return [ScopeRecords(self.store, scope) for scope in user_scopes(self.store, self.scope)]

    def _usage_of(self, records: ScopeRecords, *, exact: bool) -> Usage:
        limited = [getattr(self.limits, self.prefix + name) for name in Usage._fields]
        turns = records.state().record.next if limited[0] else 0
        return Usage(
            turns=records.count(EntryKind.TURN) if turns and exact else turns,
            pages=records.count(EntryKind.PAGE) if limited[1] else 0,
            bytes=records.bytes_used() if limited[2] else 0,
        )


def user_scopes(store: Store, like: Scope) -> list[Scope]:
    """All scopes of a scope's user in its namespace. Looks at the names of all scopes."""
    of = (like.namespace, like.user)
    return [scope for scope in store.scopes() if (scope.namespace, scope.user) == of]


def _batches(
    records: ScopeRecords, wanted: Callable[[], object]
) -> Iterator[list[Stored[PageRecord]]]:
    """The pages of a scope in reading order, a few at a time, as long as they are wanted."""
    records = replace(records, damage={})  # damaged pages are left to `check`
    keys = records.page_keys()
    for start in range(0, len(keys), BATCH):
        if not wanted():
            return
        yield [page for page in records.pages(keys[start : start + BATCH]) if page]


def _sum(*usages: Usage) -> Usage:
    columns = zip(*usages, strict=True) if usages else ((0,), (0,), (0,))
    return Usage(*map(sum, columns))


def _less(usage: Usage, page: PageRecord, sizes: Mapping[str, float]) -> Usage:
    """A usage without a page and its turns, none of which goes on elsewhere; the same if it is
    pinned."""
    if page.pinned:
        return usage
    turns = [span.turn for span in page.spans]
    keys = [page.key.page, page.key.words, page.key.vectors]
    keys += [key for turn in turns for key in (turn_key(turn), image_key(turn)) if key]
    freed = sum(sizes.get(key, 0) for key in keys)
    return Usage(usage.turns - len(turns), usage.pages - 1, usage.bytes - math.ceil(freed))


def _sizes(records: ScopeRecords) -> dict[str, float]:
    """Bytes of all entries by key, with their share of what the store adds to them. Those of
    segments are shared by the pages that have no entries of their own."""
    sizes = {i.key: i.size + len(i.key) for i in records.store.entries(records.scope)}
    scale = records.bytes_used() / max(sum(sizes.values()), 1)
    pages = [PageKey.parse(key) for key in sizes if EntryKind.of(key) is EntryKind.PAGE]
    for kind, merged in MERGED.items():
        size = sum(size for key, size in sizes.items() if EntryKind.of(key) in merged)
        without = [page.entry(kind) for page in pages if page.entry(kind) not in sizes]
        sizes |= dict.fromkeys(without, size // max(len(without), 1))
    return {key: size * scale for key, size in sizes.items()}
