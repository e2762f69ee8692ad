"""`OpticalMemory`, the memory that users call. Each method has an async twin, called `a…`.

Checks what comes in and calls the engine in `optimem.memory`; holds no logic of its own.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import inf, isfinite
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from optimem import build
from optimem.errors import InputError, ScopeError
from optimem.memory.answering import Question, aanswer, answer
from optimem.memory.background import BackgroundThread, async_twin
from optimem.memory.caching import clear_cache
from optimem.memory.checking import check_scopes
from optimem.memory.decay import DecayPolicy
from optimem.memory.fading import Fader, SweepProgress, set_pinned
from optimem.memory.forgetting import TurnForgetter, forget_scopes
from optimem.memory.images import append_images
from optimem.memory.paging import PageWriter
from optimem.memory.prompting import Llm
from optimem.memory.recall import Recaller, check_query
from optimem.memory.retrieval import RankerCache
from optimem.memory.scope_records import ScopeRecords
from optimem.memory.stats import memory_stats
from optimem.memory.tail import append_turns
from optimem.memory.tombstones import FORGOTTEN, readmit
from optimem.model import NANO
from optimem.protocols import Clock, ImageReader, PageCodec, Store
from optimem.results import (
    Answer,
    AppendReport,
    CheckReport,
    ForgetReceipt,
    MemoryStats,
    RecalledTurn,
    Recollection,
    SweepReport,
    TurnList,
)
from optimem.turns import RESERVED, Scope, Turns, as_turns

DEEPSEEK_WRITE_ERROR = 0.03
"""`write_error` for pages that DeepSeek-OCR reads: it reads 97 of 100 characters right
(arXiv 2510.18234, table 2), where `optimem-nano` reads 998 of 1,000. What it misread when a page
was written is marked."""


class OpticalMemory:
    """Optical memory on a store. Make one with `OpticalMemory.open`.

    Safe for threads; any number of processes may use one store. Times are seconds since the
    epoch; `now` defaults to the clock. A scope is a `Scope` or "namespace/user/session"; all
    methods that take one raise ScopeError for one that cannot be used, and StoreError and its kin
    if the store fails.
    """

    def __init__(
        self,
        store: Store,
        codec: PageCodec,
        *,
        policy: DecayPolicy | None = None,
        clock: Clock = time.time,
        images: ImageReader | None = None,
        owns_store: bool = False,
    ) -> None:
        self.store, self.codec, self.clock, self.images = store, codec, clock, images
        self.policy = policy or DecayPolicy()
        self._owns_store = owns_store
        self._rankers = RankerCache()
        self._background = BackgroundThread(
            "optimem-pages", "a page could not be written, its turns stay in the tail"
        )

    @classmethod
    def open(
        cls,
        store: "str | Path | Store | Any | None" = None,
        *,
        policy: DecayPolicy | None = None,
        clock: Clock = time.time,
        model: str = NANO,
        codec: PageCodec | None = None,
        images: str | ImageReader | None = None,
    ) -> "OpticalMemory":
        """Open a memory.

        `store`: a file path, `redis://` URL, Redis client or `Store`; default
        `OPTIMEM_STORE`, else a file in the user's data folder. `model`: what draws and reads
        pages: `optimem-nano`, which ships, or a DeepSeek-OCR folder or hub name, loaded at its
        first use; `codec`: what does so instead. `images`: a DeepSeek-OCR folder or hub name, or
        an `ImageReader`, which reads images and PDFs and answers from them; default `model` if
        it can. `policy`: default `DecayPolicy()`, for DeepSeek-OCR with a `write_error` of 0.03.
        Raises InputError for an address or a model of no known kind, StoreError and its kin
        if the store cannot be opened.
        """
        if model != NANO:
            if codec is not None:
                raise InputError(f"both a codec and the model {model!r} were given; give one")
            policy = policy or DecayPolicy(write_error=DEEPSEEK_WRITE_ERROR)
            images = images or model
        codec = codec or build.caching(build.named_codec(model))
        opened = build.store_at(store)
        return cls(
            opened,
            codec,
            policy=policy,
            clock=clock,
            images=build.image_reader(images) if isinstance(images, str) else images,
            owns_store=opened is not store,
        )

    def append(self, scope: Scope | str, turns: Turns, *, now: float | None = None) -> AppendReport:
        """Remember turns, each once.

        `turns`: one or several strings, `Turn`s, dicts or messages; see `optimem.turns.Turns`.
        A turn with an id or a time, and a document (role "text"), counts once however often it is
        appended. Other turns count once at their place in the conversation: those at the start of
        `turns` that repeat its end, or three or more that it holds side by side, were sent again
        and are not stored twice; so the whole conversation, or its last turns, may be sent with
        what is new. Everything else is new, whatever it says. Where several write to one scope and
        send again what they are not sure of, give ids.

        A turn that was forgotten, by `forget` of it or of its scope, is left out until `readmit`;
        so is a turn of a time before its scope was forgotten.

        Turns are stored durably within milliseconds; a background thread puts them on pages as
        these fill. Raises InputError for anything else, TextError for text with a lone surrogate
        or a NUL. A file is appended by `append_file`.
        """
        records, when = self._records(scope), self._now(now)
        report, state = append_turns(
            records, as_turns(turns), self.codec.renderer, self.policy, when
        )
        if state.cells >= self.codec.renderer.capacity:
            write = self._writer(records, when).write_pages
            self._background.submit(records.scope, partial(write, partial=False))
        return report

    def append_file(
        self, scope: Scope | str, path: str | Path, *, now: float | None = None
    ) -> AppendReport:
        """Remember an image or a PDF: the `images` model reads each page, which takes its time,
        and the text is appended as a turn; the page's vision tokens are stored for `answer`.

        A page that the scope holds already is not read again. Raises InputError for a file that
        cannot be read as an image, and for a memory without such a model.
        """
        page = partial(self.append, scope, now=self._now(now))
        return append_images(self._records(scope), Path(path), self.images, page)

    def holds(self, scope: Scope | str, ids: Sequence[str]) -> list[bool]:
        """Whether the scope holds each of these turn ids."""
        return [number is not None for number in self._records(scope).turn_numbers(ids)]

    def flush(self, scope: Scope | str, *, now: float | None = None) -> int:
        """Put the whole tail on pages, the last one partly filled. Returns the number of pages
        this call wrote. Raises what went wrong with this scope in the background since the last
        call."""
        records = self._records(scope)
        self._background.drain(records.scope)
        return self._writer(records, self._now(now)).write_pages(partial=True)

    def drain(self) -> None:
        """Wait until the background thread has written all full pages. Raises what went wrong
        there since the last call; the turns concerned are still in the tail."""
        self._background.drain()

    def recall(
        self,
        scope: Scope | str,
        query: str,
        k: int = 5,
        *,
        now: float | None = None,
        refresh: bool = True,
        following: int = 0,
    ) -> TurnList[Recollection]:
        """Up to `k` turns that match the query, best first.

        Reads only the pages it needs. `refresh`: pages recalled fade later. `following`: how many
        of the turns right after each hit to add, such as the result of a tool call; those that do
        not match have a score of 0. Raises InputError for an empty query, a `k` under 1 or
        `following` under 0.
        """
        check_query(query, k, following)
        return self._recaller(scope, now).recall(query, k, refresh=refresh, following=following)

    def answer(
        self,
        scope: Scope | str,
        question: str,
        llm: Llm | None = None,
        *,
        k: int = 5,
        budget: int = 2000,
        now: float | None = None,
        refresh: bool = True,
    ) -> Answer:
        """The answer to a question with the passages it rests on, or that it is not known.

        `llm`: a LangChain chat model, or a function from str to str, that answers from the `k`
        best turns, in a prompt of at most `budget` tokens. Without one, the snippet that matches
        the question best is quoted if it matches well enough; if it is of an image, the `images`
        model answers from the image. `refresh`: pages recalled fade later. Raises InputError for
        an empty question, a `k` under 1, a budget too small for any prompt, and an `llm` that
        cannot be called. Errors of the model are passed on.
        """
        asked = Question(question, k, budget, refresh)
        return answer(self._recaller(scope, now), asked, llm, self.images)

    def reconstruct(
        self,
        scope: Scope | str,
        *,
        since: float | None = None,
        until: float | None = None,
        now: float | None = None,
    ) -> TurnList[RecalledTurn]:
        """All turns in order, those of the tail too. `since`, `until`: only turns of this time,
        both ends included."""
        first, last = (-inf if since is None else since), (inf if until is None else until)
        return self._recaller(scope, now).between(first, last)

    def ids(self, scope: Scope | str) -> list[str]:
        """The ids of all turns in order, those of the tail too. Decodes no page."""
        return self._recaller(scope, None).ids()

    def read(
        self, scope: Scope | str, ids: Sequence[str], *, now: float | None = None
    ) -> list[RecalledTurn]:
        """The turns with these ids, in the scope's order, without those that it does not hold."""
        return self._recaller(scope, now).read(ids)

    def sweep(
        self,
        *,
        now: float | None = None,
        dry_run: bool = False,
        limit: int | None = None,
        lease: float = 60.0,
        progress: SweepProgress | None = None,
    ) -> SweepReport:
        """Let every page that is due fade, or `limit` of them.

        Several processes may sweep at once: each page is offered to one of them for `lease`
        seconds. `dry_run`: report what would happen and change nothing. `progress`: called with
        the number of pages looked at so far.
        """
        self._background.wait()
        fader = Fader(self.store, self.codec, self.policy, self._now(now), dry_run)
        return fader.sweep(limit, lease, progress)

    def pin(self, scope: Scope | str, turn: str) -> None:
        """Keep the pages of a turn, given by its id, from fading. Raises InputError for an
        unknown turn."""
        set_pinned(self._records(scope), turn, self.policy, pinned=True)

    def unpin(self, scope: Scope | str, turn: str) -> None:
        """Let a pinned turn fade again. Raises InputError for an unknown turn."""
        set_pinned(self._records(scope), turn, self.policy, pinned=False)

    def forget(self, scope: Scope | str, *, turn: str | None = None) -> ForgetReceipt:
        """Delete a whole scope, or one turn of it by its id: text, pages, index and due times.
        What was forgotten is not stored again: a hash of each id stays behind, and `append` leaves
        such turns out until `readmit`. Raises InputError for an unknown turn."""
        records = self._records(scope)
        self._background.wait()
        try:
            if turn is None:
                return forget_scopes([records], self._now(None))
            forgetter = TurnForgetter(records, self.codec, self.policy, self._now(None))
            return forgetter.forget(turn)
        finally:
            clear_cache(self.codec.decoder)

    def forget_user(self, user: str, *, namespace: str = "") -> ForgetReceipt:
        """Delete all scopes of a user in a namespace, as `forget` does."""
        self._records(Scope(session="any", user=user, namespace=namespace))  # raises if reserved
        self._background.wait()
        scopes = [s for s in self.store.scopes() if (s.namespace, s.user) == (namespace, user)]
        try:
            return forget_scopes([self._records(each) for each in scopes], self._now(None))
        finally:
            clear_cache(self.codec.decoder)

    def readmit(self, scope: Scope | str, *, turn: str | None = None) -> int:
        """Let `append` store again what was forgotten: a turn by its id, or a scope and all its
        turns. Brings nothing back. Returns the number of turns."""
        return readmit(self._records(scope), turn)

    def purge(self) -> list[str]:
        """Have the store rewrite its files, so that nothing of what was forgotten or replaced is
        left in them: SQLite's file, a Redis server's append-only file and snapshot. Takes as long
        as the whole store is large. Returns where such bytes may still be, each place with the
        reason and the remedy; empty if nowhere that the store knows of."""
        self.drain()
        return self.store.purge()

    def stats(self, scope: Scope | str | None = None) -> MemoryStats:
        """What a scope, or by default the whole store, holds and costs."""
        if scope is not None:
            return memory_stats([self._records(scope)])
        scopes = [each for each in self.store.scopes() if each.namespace != FORGOTTEN]
        return memory_stats(ScopeRecords(self.store, each) for each in scopes)

    def check(self, scope: Scope | str | None = None, *, repair: bool = False) -> CheckReport:
        """What cannot be read of a scope, or of all, or does not fit the rest. Pages are not
        decoded. `repair`: make again what can be made from the rest, such as indexes, and remove
        what is lost, such as a damaged page; the rest can then be written to again."""
        every = self.store.scopes() if scope is None else [Scope.parse(scope)]
        scopes = [each for each in every if scope or not each.namespace.startswith(RESERVED)]
        records = [self._records(each) for each in scopes]
        return check_scopes(records, self.codec, self.policy, repair=repair)

    def close(self) -> None:
        """Wait for the background thread, and close the store if it was opened here. Raises what
        went wrong in the background."""
        try:
            self.drain()
        finally:
            self._background.close()
            if self._owns_store:
                self.store.close()

    aappend = async_twin(append)
    aappend_file = async_twin(append_file)
    aholds = async_twin(holds)
    aflush = async_twin(flush)
    adrain = async_twin(drain)
    arecall = async_twin(recall)
    areconstruct = async_twin(reconstruct)
    aids = async_twin(ids)
    aread = async_twin(read)
    asweep = async_twin(sweep)
    apin = async_twin(pin)
    aunpin = async_twin(unpin)
    aforget = async_twin(forget)
    aforget_user = async_twin(forget_user)
    areadmit = async_twin(readmit)
    apurge = async_twin(purge)
    astats = async_twin(stats)
    acheck = async_twin(check)
    aclose = async_twin(close)

    async def aanswer(
        self,
        scope: Scope | str,
        question: str,
        llm: Llm | None = None,
        *,
        k: int = 5,
        budget: int = 2000,
        now: float | None = None,
        refresh: bool = True,
    ) -> Answer:
        """Async twin of `answer`; `llm` may also be an asynchronous function."""
        asked = Question(question, k, budget, refresh)
        return await aanswer(self._recaller(scope, now), asked, llm, self.images)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _now(self, now: float | None) -> float:
        when = self.clock() if now is None else now
        if not isfinite(when):
            raise InputError(f"now={when} is not a time; give seconds since the epoch")
        return when

    def _records(self, scope: Scope | str) -> ScopeRecords:
        parsed = Scope.parse(scope)
        if parsed.namespace.startswith(RESERVED):
            raise ScopeError(
                f"{scope!r} is no scope of a memory: namespaces that start with {RESERVED!r} are "
                "kept for items and for what was forgotten; use another, or OptimemStore for items"
            )
        return ScopeRecords(self.store, parsed)

    def _writer(self, records: ScopeRecords, now: float) -> PageWriter:
        return PageWriter(records, self.codec, self.policy, now)

    def _recaller(self, scope: Scope | str, now: float | None) -> Recaller:
        records = replace(self._records(scope), damage={})
        return Recaller(records, self.codec, self.policy, self._rankers, self._now(now))
