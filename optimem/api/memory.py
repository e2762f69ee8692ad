"""`OpticalMemory`: the public face of the memory. Every method has an async twin.

Coordinates tail, paging, recalling, fading and forgetting; holds no logic of its own beyond
checking what comes in, and one background thread that turns full tails into pages.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from math import inf, isfinite
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from optimem import build
from optimem.errors import InputError, OptimemError
from optimem.memory.answering import Question, aanswer, answer
from optimem.memory.caching import clear_cache
from optimem.memory.decay import DecayPolicy
from optimem.memory.fading import Fader, SweepProgress, set_pinned
from optimem.memory.forgetting import TurnForgetter, forget_scopes
from optimem.memory.images import append_images
from optimem.memory.paging import PageWriter
from optimem.memory.prompting import Llm
from optimem.memory.recall import Recaller
from optimem.memory.retrieval import Rankers
from optimem.memory.scope_records import ScopeRecords
from optimem.memory.stats import memory_stats
from optimem.memory.tail import append_turns
from optimem.model import NANO
from optimem.protocols import Clock, ImageReader, PageCodec, Store
from optimem.results import (
    Answer,
    AppendReport,
    ForgetReceipt,
    MemoryStats,
    RecalledTurn,
    Recollection,
    SweepReport,
)
from optimem.turns import Scope, Turns, as_turns

log = logging.getLogger("optimem")


READ_ANYTHING_ERROR = 0.03
"""`write_error` of a memory whose pages a model reads freely: it is right in 97 of 100 characters
where `optimem-nano` is in 998 of 1,000 (arXiv 2510.18234, table 2), and what it misread when a
page was written is marked."""


class OpticalMemory:
    """Optical memory on a store. Make one with `OpticalMemory.open`.

    Safe for threads; many processes may use the same store. Times are seconds since the
    epoch; `now` defaults to the clock.
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
        self.store, self.codec, self.clock = store, codec, clock
        self.images = images
        self.policy = policy or DecayPolicy()
        self._owns_store = owns_store
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="optimem-pages")
        self._jobs: list[Future[int]] = []
        self._lock = threading.Lock()
        self._rankers = Rankers()

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
        `OPTIMEM_STORE`, else a file in the user's data folder. `model`: what draws and reads the
        pages: the shipped `optimem-nano`, or a DeepSeek-OCR folder or hub name, loaded when first
        needed; `codec` in its place is one that was made already. `images`: a DeepSeek-OCR
        folder or hub name, which reads images and PDFs and answers from them; default `model`
        if that can. `policy`: default `DecayPolicy()`, for DeepSeek-OCR with a `write_error` of
        0.03. Raises InputError for an address or a model of no known kind, and StoreError and
        its kin if the store cannot be used.
        """
        if model != NANO:
            if codec is not None:
                raise InputError(f"give a codec or the model {model!r}, not both")
            policy = policy or DecayPolicy(write_error=READ_ANYTHING_ERROR)
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

    def append(
        self, scope: Scope | str, turns: Turns | Path, *, now: float | None = None
    ) -> AppendReport:
        """Remember turns, each once however often it is appended.

        They are durable when this returns, in milliseconds; a background thread puts them on
        pages as these fill. A `Path` is a image or a PDF: each page is read by the `images`
        model, which takes its time, and what was read is a turn. Raises TextError for what is
        no text, InputError for a file that cannot be read or a memory without such a model.
        """
        when, records = self._now(now), self._records(scope)
        if isinstance(turns, Path):
            page = partial(self.append, scope, now=when)
            return append_images(records, turns, self.images, page)
        report, state = append_turns(
            records, as_turns(turns), self.codec.renderer, self.policy, when
        )
        if state.cells >= self.codec.renderer.capacity:
            self._write_later(records, when)
        return report

    def holds(self, scope: Scope | str, ids: Sequence[str]) -> list[bool]:
        """Which turns it holds, by their ids."""
        return [number is not None for number in self._records(scope).turn_numbers(ids)]

    def flush(self, scope: Scope | str, *, now: float | None = None) -> int:
        """Put the whole tail on pages, the last one part-filled; the pages written by now.
        Raises what went wrong in the background since the last flush."""
        self.wait()
        return self._writer(self._records(scope), self._now(now)).write_pages(partial=True)

    def wait(self) -> None:
        """Wait until the background thread has written all full pages. Raises what went
        wrong there; the turns concerned are still in the tail."""
        with self._lock:
            jobs, self._jobs = self._jobs, []
        errors = [error for job in jobs if (error := job.exception())]
        for other in errors[1:]:
            errors[0].add_note(f"also: {other!r}")
        if errors:
            raise errors[0]

    def recall(
        self,
        scope: Scope | str,
        query: str,
        k: int = 5,
        *,
        now: float | None = None,
        refresh: bool = True,
        following: int = 0,
    ) -> list[Recollection]:
        """The `k` turns that bear most on a query, best first, none that does not.

        Reads only the pages it needs. `refresh`: what is recalled fades later. `following`: how
        many of the turns said right after each come with it, such as what a tool then found;
        their score is 0 unless they bear on the query themselves. Raises InputError for an
        empty query, a `k` under 1 or `following` under 0.
        """
        if not query.strip() or k < 1 or following < 0:
            raise InputError(
                f"cannot recall {k} turns for {query!r} and {following} after each; give a "
                "question, k ≥ 1 and following ≥ 0"
            )
        return self._recaller(scope, now).recall(
            query, k, refresh=refresh, rankers=self._rankers, following=following
        )

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
        """The answer to a question, with the passages it rests on, or that it is not known.

        `llm`: a LangChain chat model, or a function from str to str, that answers from the `k`
        turns recalled, in a prompt of `budget` tokens at most; without one, the stretch of a
        turn that bears most on the question is quoted, if enough; of a image, the `images`
        model is asked. Raises InputError for an
        empty question, a `k` under 1, a budget that holds no prompt and what is no model; an
        error of the model is passed on.
        """
        asked = Question(question, k, budget, refresh)
        return answer(self._recaller(scope, now), self._rankers, asked, llm, self.images)

    def reconstruct(
        self,
        scope: Scope | str,
        *,
        since: float | None = None,
        until: float | None = None,
        now: float | None = None,
    ) -> list[RecalledTurn]:
        """All turns in order, those of the open tail too; `since` and `until` (both included)
        limit their time."""
        first, last = (-inf if since is None else since), (inf if until is None else until)
        return self._recaller(scope, now).between(first, last)

    def sweep(
        self,
        *,
        now: float | None = None,
        dry_run: bool = False,
        limit: int | None = None,
        lease: float = 60.0,
        progress: SweepProgress | None = None,
    ) -> SweepReport:
        """Let every page fade whose time has come, or `limit` of them.

        Several processes may sweep at once: a page is offered to one of them for `lease`
        seconds. `dry_run` says what would happen and changes nothing.
        """
        self.wait()
        fader = Fader(self.store, self.codec, self.policy, self._now(now), dry_run)
        return fader.sweep(limit, lease, progress)

    def pin(self, scope: Scope | str, turn: str) -> None:
        """Keep the pages of a turn from fading. Raises InputError for an unknown turn."""
        set_pinned(self._records(scope), turn, self.policy, pinned=True)

    def unpin(self, scope: Scope | str, turn: str) -> None:
        """Let a pinned turn fade again."""
        set_pinned(self._records(scope), turn, self.policy, pinned=False)

    def forget(self, scope: Scope | str, *, turn: str | None = None) -> ForgetReceipt:
        """Remove a whole scope, or one turn of it, from text, pages, index and queue."""
        records = self._records(scope)
        self.wait()
        try:
            if turn is None:
                return forget_scopes([records])
            return TurnForgetter(records, self.codec, self.policy).forget(turn)
        finally:
            clear_cache(self.codec.decoder)

    def forget_user(self, user: str, *, namespace: str = "") -> ForgetReceipt:
        """Remove all scopes of a user in a namespace."""
        self.wait()
        scopes = [s for s in self.store.scopes() if (s.namespace, s.user) == (namespace, user)]
        try:
            return forget_scopes([ScopeRecords(self.store, scope) for scope in scopes])
        finally:
            clear_cache(self.codec.decoder)

    def stats(self, scope: Scope | str | None = None) -> MemoryStats:
        """What a scope, or the whole store, holds and costs."""
        scopes = list(self.store.scopes()) if scope is None else [Scope.parse(scope)]
        return memory_stats(ScopeRecords(self.store, each) for each in scopes)

    def close(self) -> None:
        """Wait for the background thread and release the store if it was opened here."""
        try:
            self.wait()
        finally:
            self._worker.shutdown()
            if self._owns_store:
                self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def aappend(
        self, scope: Scope | str, turns: Turns | Path, *, now: float | None = None
    ) -> AppendReport:
        """Async twin of `append`."""
        return await asyncio.to_thread(self.append, scope, turns, now=now)

    async def aholds(self, scope: Scope | str, ids: Sequence[str]) -> list[bool]:
        """Async twin of `holds`."""
        return await asyncio.to_thread(self.holds, scope, ids)

    async def aflush(self, scope: Scope | str, *, now: float | None = None) -> int:
        """Async twin of `flush`."""
        return await asyncio.to_thread(self.flush, scope, now=now)

    async def arecall(
        self,
        scope: Scope | str,
        query: str,
        k: int = 5,
        *,
        now: float | None = None,
        refresh: bool = True,
        following: int = 0,
    ) -> list[Recollection]:
        """Async twin of `recall`."""
        return await asyncio.to_thread(
            self.recall, scope, query, k, now=now, refresh=refresh, following=following
        )

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
        return await aanswer(self._recaller(scope, now), self._rankers, asked, llm, self.images)

    async def areconstruct(
        self,
        scope: Scope | str,
        *,
        since: float | None = None,
        until: float | None = None,
        now: float | None = None,
    ) -> list[RecalledTurn]:
        """Async twin of `reconstruct`."""
        return await asyncio.to_thread(self.reconstruct, scope, since=since, until=until, now=now)

    async def asweep(
        self, *, now: float | None = None, dry_run: bool = False, limit: int | None = None
    ) -> SweepReport:
        """Async twin of `sweep`."""
        return await asyncio.to_thread(self.sweep, now=now, dry_run=dry_run, limit=limit)

    async def apin(self, scope: Scope | str, turn: str) -> None:
        """Async twin of `pin`."""
        await asyncio.to_thread(self.pin, scope, turn)

    async def aunpin(self, scope: Scope | str, turn: str) -> None:
        """Async twin of `unpin`."""
        await asyncio.to_thread(self.unpin, scope, turn)

    async def aforget(self, scope: Scope | str, *, turn: str | None = None) -> ForgetReceipt:
        """Async twin of `forget`."""
        return await asyncio.to_thread(self.forget, scope, turn=turn)

    async def astats(self, scope: Scope | str | None = None) -> MemoryStats:
        """Async twin of `stats`."""
        return await asyncio.to_thread(self.stats, scope)

    async def aclose(self) -> None:
        """Async twin of `close`."""
        await asyncio.to_thread(self.close)

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
            raise InputError(f"now={when} is no time; give seconds since the epoch")
        return when

    def _records(self, scope: Scope | str) -> ScopeRecords:
        return ScopeRecords(self.store, Scope.parse(scope))

    def _writer(self, records: ScopeRecords, now: float) -> PageWriter:
        return PageWriter(records, self.codec, self.policy, now)

    def _recaller(self, scope: Scope | str, now: float | None) -> Recaller:
        return Recaller(self._records(scope), self.codec, self.policy, self._now(now))

    def _write_later(self, records: ScopeRecords, now: float) -> None:
        job = self._worker.submit(self._writer(records, now).write_pages, partial=False)
        job.add_done_callback(_log_failure)
        with self._lock:
            self._jobs = [known for known in self._jobs if not _went_well(known)] + [job]


def _went_well(job: "Future[int]") -> bool:
    return job.done() and job.exception() is None


def _log_failure(job: "Future[int]") -> None:
    error = job.exception()
    if isinstance(error, OptimemError):
        log.error("a page could not be written, its turns stay in the tail: %s", error)
