"""Questions to one server and their answers, within one process: the thread and the connections,
what was found out about the server, and a request from its prompt to the reason why it ended.

All of it is asynchronous; `reader` offers it to callers of both kinds.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from optimem.errors import InputError, ReaderUnavailableError
from optimem.model.deepseek_ocr.answers import AnswerPiece, StreamItem
from optimem.model.deepseek_ocr.generation import (
    LOOP_INTERVAL,
    FinishReason,
    GenerationSettings,
    is_looping,
)
from optimem.model.deepseek_ocr.stored_tokens import StoredPage
from optimem.model.transformers_ocr.kinds import kind_of, own_settings
from optimem.model.vllm.address import VllmAddress
from optimem.model.vllm.connection import Connection, pause
from optimem.model.vllm.events import Delta, parse_event
from optimem.model.vllm.loop import LoopThread
from optimem.model.vllm.requests import Prompt, chat_request, check_prompt_ids, make_prompt
from optimem.model.vllm.server import CHAT, ServedModel, find_model
from optimem.model.vllm.vectors import check_vectors


@dataclass(frozen=True)
class Options:
    """How a server is asked; see `VllmReader.at`."""

    address: VllmAddress
    timeout: float = 120.0
    retries: int = 3
    concurrency: int = 8
    wait: Callable[[int, str | None], float] = pause


class Question(NamedTuple):
    """A prompt about pages. Nothing is wrong with it as far as it can be told without a server.
    `cancelled`: called at each token. `salt`: see `chat_request`."""

    pages: Sequence[StoredPage]
    prompt: Prompt
    settings: GenerationSettings
    salt: str | None
    cancelled: Callable[[], bool]

    @classmethod
    def of(
        cls,
        pages: Sequence[StoredPage],
        prompt: str,
        settings: GenerationSettings | None,
        salt: str | None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Self:
        """Raises FormatError for tokens that cannot be sent, and InputError as `make_prompt`."""
        for page in pages:
            check_vectors(page.tokens)
        made = make_prompt([page.tokens for page in pages], prompt)
        own = own_settings(settings, kind_of(pages[0].fingerprint))
        return cls(pages, made, own, salt, cancelled)

    def check(self, served: ServedModel) -> None:
        """Raise FingerprintError, FormatError or InputError for what the served model cannot
        answer."""
        for page in self.pages:
            served.check_fingerprint(page.fingerprint)
            check_vectors(page.tokens, served.width)
        if self.prompt.positions >= served.positions:
            raise InputError(
                f"a prompt of {self.prompt.positions} positions leaves no room for an answer; "
                f"{served.url} takes {served.positions}: ask about fewer pages, or pages of a "
                "smaller mode, or start it with a longer --max-model-len"
            )


class Session:
    """One process and one server. `close` ends it."""

    def __init__(self, options: Options) -> None:
        self.process, self.loop = os.getpid(), LoopThread("optimem-vllm")
        self.connection = Connection(
            options.address,
            timeout=options.timeout,
            retries=options.retries,
            concurrency=options.concurrency,
            wait=options.wait,
        )
        self._finding = asyncio.Lock()
        self._served: ServedModel | None = None

    def close(self) -> None:
        """Close the connections and end the thread."""
        self.loop.run(self.connection.close())
        self.loop.stop()

    async def served(self) -> ServedModel:
        """What is served; asked for once, and again after a failure: a server may come back as
        another."""
        async with self._finding:
            if self._served is None:
                self._served = await find_model(self.connection)
            return self._served

    async def check(self, questions: Sequence[Question]) -> None:
        """Errors as `Question.check`, before anything of them is sent."""
        served = await self.served()
        for question in questions:
            question.check(served)

    async def steps(self, question: Question) -> AsyncGenerator[StreamItem]:
        """The pieces of one answer, then why it ended."""
        served = await self.served()
        question.check(served)
        body = chat_request(
            question.prompt, question.settings, model=served.name, room=served.positions,
            bans=served.bans, salt=question.salt,
        )  # fmt: skip
        deltas = self._deltas(body, question.prompt)
        try:
            async for item in _pieces(deltas, question):
                yield item
        finally:
            await deltas.aclose()

    async def _deltas(self, body: dict[str, object], prompt: Prompt) -> AsyncGenerator[Delta]:
        url = self.connection.address.url
        events = self.connection.events(CHAT, body)
        try:
            async for data in events:
                delta = parse_event(data, url)
                if delta and delta.prompt:
                    check_prompt_ids(delta.prompt, prompt)
                if delta:
                    yield delta
        except ReaderUnavailableError:
            self._served = None
            raise
        finally:
            await events.aclose()


async def _pieces(deltas: AsyncIterator[Delta], question: Question) -> AsyncGenerator[StreamItem]:
    """Pieces of text, then why the answer ended: as the server says, or at a limit or a loop, as
    in our own generation."""
    ids: list[int] = []
    probability = 1.0
    async for delta in deltas:
        checked = len(ids) // LOOP_INTERVAL
        ids += delta.ids
        probability = min(probability, delta.probability)
        if delta.text:
            yield AnswerPiece(delta.text, probability)
            probability = 1.0
        if delta.finish is not None:
            yield delta.finish
            return
        looped = len(ids) // LOOP_INTERVAL > checked and is_looping(ids)
        if finish := _ended(question, len(ids), looped):
            yield finish
            return
    yield FinishReason.CANCELLED


def _ended(question: Question, tokens: int, looped: bool) -> FinishReason | None:
    """Why an answer ends here though the server would go on."""
    if question.cancelled():
        return FinishReason.CANCELLED
    if looped:
        return FinishReason.LOOP
    limit = question.settings.limit
    return FinishReason.LIMIT if limit is not None and tokens >= limit else None
