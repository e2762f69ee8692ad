"""DeepSeek-OCR on a vLLM server: answers from stored pages, without the checkpoint and without
pixels.

Answers like `DeepSeekReader`; each method has an async twin. Everything about a page is checked
before anything is sent, and which checkpoint is served before the first page is.
"""

import asyncio
import os
import re
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Self

from optimem.errors import InputError
from optimem.model.deepseek_ocr.answers import (
    AnswerStream,
    AsyncAnswerStream,
    PageAnswer,
    StreamItem,
)
from optimem.model.deepseek_ocr.generation import GenerationSettings
from optimem.model.deepseek_ocr.prompts import MARKDOWN
from optimem.model.deepseek_ocr.stored_tokens import StoredPage
from optimem.model.vllm.address import VllmAddress
from optimem.model.vllm.connection import pause
from optimem.model.vllm.server import ServedModel
from optimem.model.vllm.session import Options, Question, Session


class VllmReader:
    """Answers about stored pages, from a server. Make one with `at`; safe for threads. A copy made
    by `salted` shares its connections."""

    def __init__(
        self, options: Options, salt: str | None = None, session: Session | None = None
    ) -> None:
        self._options, self.salt = options, salt
        self._session: Session | None = session or Session(options)

    @classmethod
    def at(
        cls,
        address: str | VllmAddress,
        *,
        timeout: float = 120.0,
        retries: int = 3,
        concurrency: int = 8,
        wait: Callable[[int, str | None], float] = pause,
    ) -> Self:
        """The reader at an address such as `vllm+http://host:8000`; nothing is asked yet.

        `timeout`: seconds without a word from the server. `retries`: further tries, with growing
        pauses, while it is busy (429, 503) or cannot be reached; an answer that has begun is not
        asked for again. `concurrency`: most requests at a time. `wait`: seconds before a further
        try, from its number and what the server asked for. Raises InputError for an address or
        settings that cannot be used, and MissingExtraError without httpx2.
        """
        if not isinstance(address, VllmAddress):
            address = VllmAddress.parse(address, os.environ)
        return cls(Options(address, timeout, retries, concurrency, wait))

    def salted(self, salt: str) -> "VllmReader":
        """The same, whose pages the server caches for requests with the same salt alone."""
        return VllmReader(self._options, salt, self._open)

    @property
    def served(self) -> ServedModel:
        """What the server serves. Raises as `find_model`."""
        session = self._open
        return session.loop.run(session.served())

    @property
    def fingerprint(self) -> str:
        """Of the checkpoint that is served. Raises FingerprintError if nothing tells it."""
        return self.served.known_fingerprint

    @property
    def is_guarded(self) -> bool:
        """Whether the server is on this machine, or we have a key for it."""
        address = self._options.address
        return address.is_here or address.key is not None

    def metric(self, name: str) -> float | None:
        """The sum of a count of the server's `/metrics`; None if it tells none. Raises
        ReaderUnavailableError."""
        session = self._open
        try:
            lines = session.loop.run(session.connection.text("/metrics")).splitlines()
        except InputError:
            return None
        counts = [line.split()[-1] for line in lines if re.match(rf"{name}[{{ ]", line)]
        return sum(map(float, counts)) if counts else None

    def check(self, fingerprint: str, what: str) -> None:
        """Raise FingerprintError unless tokens with a fingerprint are of the checkpoint that is
        served, as far as can be known. `what`: they are, for the message."""
        self.served.check_fingerprint(fingerprint, what)

    def answer(
        self,
        pages: Sequence[StoredPage],
        prompt: str = MARKDOWN,
        settings: GenerationSettings | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[PageAnswer]:
        """The answers about stored pages to one prompt, a request for each. Raises
        FingerprintError for tokens of another checkpoint, FormatError for tokens that cannot be
        sent, InputError for a prompt that cannot or that leaves no room for an answer,
        ServerSetupError, and ReaderUnavailableError; the first of these ends all requests."""
        session = self._open
        return session.loop.run(self._answers(session, pages, prompt, settings, cancelled))

    async def aanswer(
        self,
        pages: Sequence[StoredPage],
        prompt: str = MARKDOWN,
        settings: GenerationSettings | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[PageAnswer]:
        """Async twin of `answer`."""
        session = self._open
        return await session.loop.arun(self._answers(session, pages, prompt, settings, cancelled))

    def answer_together(
        self,
        pages: Sequence[StoredPage],
        prompt: str,
        settings: GenerationSettings | None = None,
    ) -> PageAnswer:
        """The one answer about several stored pages, to a prompt with an `<image>` for each. Its
        boxes are in pixels of the first. Errors as `answer`."""
        session = self._open
        question = Question.of(pages, prompt, settings, self.salt)
        return AnswerStream(session.loop.each(session.steps(question)), pages[0]).finish()

    async def aanswer_together(
        self,
        pages: Sequence[StoredPage],
        prompt: str,
        settings: GenerationSettings | None = None,
    ) -> PageAnswer:
        """Async twin of `answer_together`."""
        session = self._open
        question = Question.of(pages, prompt, settings, self.salt)
        steps = session.loop.aeach(session.steps(question))
        return await AsyncAnswerStream(steps, pages[0]).finish()

    def stream(
        self, page: StoredPage, prompt: str = MARKDOWN, settings: GenerationSettings | None = None
    ) -> AnswerStream:
        """The answer piece by piece, as the server writes it. Raises as `answer`, in part only at
        a piece."""
        session = self._open
        question = Question.of([page], prompt, settings, self.salt)
        return AnswerStream(session.loop.each(session.steps(question)), page)

    def astream(
        self, page: StoredPage, prompt: str = MARKDOWN, settings: GenerationSettings | None = None
    ) -> AsyncAnswerStream:
        """Async twin of `stream`."""
        session = self._open
        question = Question.of([page], prompt, settings, self.salt)
        return AsyncAnswerStream(session.loop.aeach(session.steps(question)), page)

    def streams(
        self,
        pages: Iterable[StoredPage],
        prompt: str = MARKDOWN,
        settings: GenerationSettings | None = None,
    ) -> Iterator[AnswerStream]:
        """The stream about each page, in order. The server answers about the next pages, as many
        as `concurrency`, while one is read. Errors as `stream`."""
        session, left = self._open, iter(pages)
        begun: deque[tuple[Future[None], AnswerStream]] = deque()
        try:
            while True:
                while len(begun) < self._options.concurrency and (page := next(left, None)):
                    question = Question.of([page], prompt, settings, self.salt)
                    begun.append(_begin(session, question))
                if not begun:
                    return
                yield begun[0][1]
                begun.popleft()
        finally:
            for future, _ in begun:
                future.cancel()

    def close(self) -> None:
        """Close the connections. Closing twice is harmless; a later request opens them again."""
        session, self._session = self._session, None
        if session is not None and session.process == os.getpid():
            session.close()

    @property
    def _open(self) -> Session:
        """The session of this process: neither threads nor connections survive a fork."""
        if self._session is None or self._session.process != os.getpid():
            self._session = Session(self._options)
        return self._session

    async def _answers(
        self,
        session: Session,
        pages: Sequence[StoredPage],
        prompt: str,
        settings: GenerationSettings | None,
        cancelled: Callable[[], bool],
    ) -> list[PageAnswer]:
        questions = [Question.of([page], prompt, settings, self.salt, cancelled) for page in pages]
        await session.check(questions)
        streams = [
            AsyncAnswerStream(session.steps(question), page)
            for page, question in zip(pages, questions, strict=True)
        ]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(stream.finish()) for stream in streams]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return [task.result() for task in tasks]


def _begin(session: Session, question: Question) -> tuple[Future[None], AnswerStream]:
    """A stream whose answer is written ahead of its reader, and what cancels that."""
    written: asyncio.Queue[StreamItem | BaseException | None] = asyncio.Queue()

    async def write() -> None:
        steps = session.steps(question)
        try:
            async for item in steps:
                written.put_nowait(item)
            written.put_nowait(None)
        except BaseException as error:
            written.put_nowait(error)
            raise
        finally:
            await steps.aclose()

    async def read() -> AsyncGenerator[StreamItem]:
        while (item := await written.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    future = session.loop.submit(write())
    return future, AnswerStream(session.loop.each(read()), question.pages[0])
