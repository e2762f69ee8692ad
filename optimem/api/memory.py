"""`OpticalMemory`, the memory that users call. Each method has an async twin, called `a…`.

Checks what comes in and calls the engine in `optimem.memory`; holds no logic of its own. Its upkeep
is in `upkeep`, how it is opened in `memory_handle`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial as bind
from math import inf
from pathlib import Path
from typing import Any

from optimem import build
from optimem.api.upkeep import MemoryUpkeep
from optimem.errors import InputError
from optimem.memory.answering.answering import Question, aanswer, answer
from optimem.memory.background import async_twin
from optimem.memory.recall.page_images import page_image, page_tokens
from optimem.memory.recall.prompting import Llm
from optimem.memory.recall.recall import Recaller
from optimem.memory.recall.request import Request
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.upkeep.exchange import Importer, export_lines
from optimem.memory.upkeep.stats import newest_pages
from optimem.memory.writing.images import append_images
from optimem.memory.writing.paging import PageWriter
from optimem.memory.writing.tail import append_turns
from optimem.protocols import VisionTokens
from optimem.reports import AppendReport, ImportReport, PageSummary
from optimem.results import Answer, RecalledTurn, Recollection, TurnList
from optimem.times import Time, as_seconds
from optimem.turns import Scope, Turns, as_turns


class OpticalMemory(MemoryUpkeep):
    """Optical memory on a store. Make one with `OpticalMemory.open`.

    Safe for threads; any number of processes may use one store. Times are seconds since the
    epoch; `now` defaults to the clock. A scope is a `Scope` or "namespace/user/session"; all
    methods that take one raise ScopeError for one that cannot be used, and StoreError and its kin
    if the store fails.
    """

    def append(
        self,
        scope: Scope | str,
        turns: Turns,
        *,
        now: float | None = None,
        aged: bool = False,
    ) -> AppendReport:
        """Remember turns, each once.

        `turns`: one or several strings, `Turn`s, dicts or messages; see `optimem.turns.Turns`.
        A turn with an id or a time, and a document (role "text"), counts once however often it is
        appended. Other turns count once at their place in the conversation: those at the start of
        `turns` that repeat its end, or three or more that it holds side by side, were sent again
        and are not stored twice; so the whole conversation, or its last turns, may be sent with
        what is new. Everything else is new, whatever it says. Where several write to one scope and
        send again what they are not sure of, give ids. The same id with another text raises
        ChangedTurnError, and nothing is appended.

        A turn that was forgotten, by `forget` of it or of its scope, is left out until `readmit`;
        so is a turn of a time before its scope was forgotten.

        `aged`: turns fade as old as they are by their own times, such as those of an imported
        conversation; by default a turn begins to fade when it is appended.

        Turns are stored durably within milliseconds; a background thread puts them on pages as
        these fill. Raises QuotaError for what would go over the memory's limits (those of
        `Limits`), InputError for anything else, TextError for text with a lone surrogate. A file
        is appended by `append_file`.
        """
        records, when = self._records(scope), self._now(now)
        report, state = append_turns(
            records, as_turns(turns), self.codec.renderer, self.policy, when,
            allow=bind(self._quota.admit, records), aged=aged,
        )  # fmt: skip
        if state.cells >= self.codec.renderer.capacity:
            write = bind(self._write_pages, records, when, stop=lambda: self._background.left)
            self._background.submit(records.scope, write)
        return report

    def append_file(
        self, scope: Scope | str, path: str | Path, *, now: float | None = None
    ) -> AppendReport:
        """Remember an image or a PDF: the `images` model reads each page, which takes its time,
        and the text is appended as a turn; the page's vision tokens are stored for `answer`.

        A page that the scope holds already is not read again. Raises InputError for a file that
        cannot be read as an image, and for a memory without such a model.
        """
        page = bind(self.append, scope, now=self._now(now))
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
        return self._write_pages(records, self._now(now), partial=True)

    def recall(
        self,
        scope: Scope | str,
        query: str,
        k: int | None = None,
        *,
        budget: int | None = None,
        since: Time | None = None,
        until: Time | None = None,
        preceding: int | None = None,
        following: int | None = None,
        now: float | None = None,
        refresh: bool = True,
    ) -> TurnList[Recollection]:
        """The turns that match the query, best first; each says why (`Recollection.why`).

        A turn matches by its words, by those around it, by who said it if the query names somebody
        who speaks in the scope, and by when it was said if the query names a date ("last Friday",
        "in May", "on 8 May 2023"; UTC, `now` being when it is asked), and by its meaning if the
        memory was opened with `embeddings`. If the query names people, what is left of a `budget`
        goes to what they said.

        `k`: turns that match, at most; 5 by default, with a `budget` as many as it holds.
        `budget`: tokens that the texts have together, by DeepSeek's tokenizer; a turn that is too
        long is cut to the sentences that match best, and its `whole` is False. `since`, `until`:
        only turns of this time, both ends included, as `Turn.time` takes them; no match is
        outside of it. `preceding`, `following`: how many of the turns right before and after each
        match to add, such as the result of a tool call, as far as they were said within six hours;
        1 each with a `budget`, else 0. Those that do not match themselves have a score of 0.
        `refresh`: pages recalled fade later. Reads only the pages it needs. Raises InputError for
        an empty query, and for a number or a time that is none.
        """
        request = Request.of(
            query, k, budget=budget, since=since, until=until,
            preceding=preceding, following=following, refresh=refresh,
        )  # fmt: skip
        return self._recaller(scope, now).recall(request)

    def term_weights(self, scope: Scope | str, query: str) -> dict[int, float]:
        """What each search term of a query weighs in a scope: the fewer turns hold it, the more.
        Terms are the 32-bit hashes of `optimem.text.terms`; decodes no page. Raises InputError
        for an empty query."""
        Request(query)
        return self._recaller(scope, None).weights(query)

    def answer(
        self,
        scope: Scope | str,
        question: str,
        llm: Llm | None = None,
        *,
        k: int | None = None,
        budget: int | None = None,
        since: Time | None = None,
        until: Time | None = None,
        now: float | None = None,
        refresh: bool = True,
    ) -> Answer:
        """The answer to a question with the passages it rests on, or that it is not known.

        `llm`: a LangChain chat model, a `ChatServer`, or a function from str to str, that answers
        from what `recall` finds within `budget` tokens, which the whole prompt keeps to (2,000 by
        default). Without one, the sentence that most likely answers is quoted if that is likely
        enough; if it is of an image, the `images` model answers from the image. It is looked for
        in what `recall` finds within the `budget`; without one, in the 16 turns that match best
        and those beside them. `k`: turns that match, at most. `since`, `until`: only turns of this
        time, as for `recall`. `refresh`: pages recalled fade later. Raises InputError for an empty
        question, a `k` under 1, a budget too small for any prompt, and an `llm` that cannot be
        called. Errors of the model are passed on.
        """
        asked = Question(question, k, budget, since, until, refresh)
        return answer(self._recaller(scope, now), asked, llm, self.images)

    def reconstruct(
        self,
        scope: Scope | str,
        *,
        since: Time | None = None,
        until: Time | None = None,
        now: float | None = None,
    ) -> TurnList[RecalledTurn]:
        """All turns in order, those of the tail too. `since`, `until`: only turns of this time,
        both ends included, as `Turn.time` takes them. Raises InputError for anything else."""
        first = -inf if since is None else as_seconds(since, "since")
        last = inf if until is None else as_seconds(until, "until")
        return self._recaller(scope, now).between(first, last)

    def pinned(self, scope: Scope | str, *, now: float | None = None) -> TurnList[RecalledTurn]:
        """The pinned turns of a scope in order, as they can be read now; `now`: default the
        memory's clock."""
        return self._recaller(scope, now).pinned()

    def ids(self, scope: Scope | str) -> list[str]:
        """The ids of all turns in order, those of the tail too. Decodes no page."""
        return self._recaller(scope, None).ids()

    def read(
        self, scope: Scope | str, ids: Sequence[str], *, now: float | None = None
    ) -> list[RecalledTurn]:
        """The turns with these ids, in the scope's order, without those that it does not hold."""
        return self._recaller(scope, now).read(ids)

    def newest_pages(self, scope: Scope | str, count: int = 100) -> list[PageSummary]:
        """What the last `count` pages of a scope hold, the newest first; decodes none. Raises
        InputError for a count under 1."""
        if count < 1:
            raise InputError(f"count={count} shows no page; give at least 1")
        return newest_pages(self._records(scope), count)

    def page_image(
        self, scope: Scope | str, page: str, *, turn: str | None = None, now: float | None = None
    ) -> bytes:
        """A page as a PNG, drawn from what can be read of it now, at its tier. `page`: as the parts
        of a result name it. `turn`: the id of a turn whose lines on the page are boxed. Raises
        UnknownPageError for a page that the scope does not hold, or not the turn, and FormatError
        for a page that cannot be read."""
        return page_image(self._recaller(scope, now), page, turn, build.boxed_picture)

    def page_tokens(self, scope: Scope | str, page: str) -> VisionTokens:
        """The vision tokens of a page as stored, for a model that reads them, such as
        `ProjectedReader`. `page`: as the parts of a result, or `newest_pages`, name it. Raises
        UnknownPageError for a page that the scope does not hold, and PageError for one that is
        stored as text."""
        return page_tokens(self._records(scope), page)

    def export(
        self, scopes: Iterable[Scope | str], *, images: bool = False, now: float | None = None
    ) -> Iterator[dict[str, Any]]:
        """All that is held of some scopes, as JSON objects for the lines of a file: a header, every
        turn as it can be read now, vision tokens of images in base64, what is unreadable, and with
        `images` each page as a PNG; last, by which `import_lines` tells that all lines are there,
        their number and digest."""
        recallers = (self._recaller(scope, now) for scope in scopes)
        return export_lines(recallers, self._now(now), build.page_picture if images else None)

    def import_lines(
        self,
        lines: Iterable[str],
        *,
        partial: bool = False,
        now: float | None = None,
        aged: bool = False,
    ) -> ImportReport:
        """Append what `export` gave, as lines of JSON, one export or several. Turns keep id, role,
        name, time, extra fields and pins, and begin to fade anew, or with `aged` go on from their
        own times; to keep pages as they are, copy the store (`copy_store`). An export that was cut
        off or changed, as its last line tells, raises InputError before anything is appended;
        `partial` takes what there is, up to a line that cannot be read, which raises InputError
        too."""
        append = bind(self.append, now=self._now(now), aged=aged)
        return Importer(append, self.pin, self._records).read(lines, partial)

    async def aexport(
        self, scopes: Iterable[Scope | str], *, images: bool = False, now: float | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Async twin of `export`: each line is made on another thread."""
        lines = self.export(scopes, images=images, now=now)
        while (line := await asyncio.to_thread(next, lines, None)) is not None:
            yield line

    aappend = async_twin(append)
    aimport_lines = async_twin(import_lines)
    aappend_file = async_twin(append_file)
    aholds = async_twin(holds)
    aflush = async_twin(flush)
    arecall = async_twin(recall)
    aterm_weights = async_twin(term_weights)
    areconstruct = async_twin(reconstruct)
    apinned = async_twin(pinned)
    aids = async_twin(ids)
    aread = async_twin(read)
    anewest_pages = async_twin(newest_pages)
    apage_image = async_twin(page_image)
    apage_tokens = async_twin(page_tokens)

    async def aanswer(
        self,
        scope: Scope | str,
        question: str,
        llm: Llm | None = None,
        *,
        k: int | None = None,
        budget: int | None = None,
        since: Time | None = None,
        until: Time | None = None,
        now: float | None = None,
        refresh: bool = True,
    ) -> Answer:
        """Async twin of `answer`; `llm` may also be an asynchronous function."""
        asked = Question(question, k, budget, since, until, refresh)
        return await aanswer(self._recaller(scope, now), asked, llm, self.images)

    def _write_pages(
        self,
        records: ScopeRecords,
        now: float,
        *,
        partial: bool = False,
        stop: Callable[[], bool] = lambda: False,
    ) -> int:
        """Write full pages, and keep to the limits; the number of pages written."""
        writer = PageWriter(records, self.codec, self.policy, now, self.meanings, stop)
        written = writer.write_pages(partial=partial)
        if written:
            self._quota.settle(records)
        return written

    def _recaller(self, scope: Scope | str, now: float | None) -> Recaller:
        records = replace(self._records(scope), damage={})
        return Recaller(
            records, self.codec, self.policy, self._rankers, self._now(now), self.meanings,
            self.rerank,
        )  # fmt: skip
