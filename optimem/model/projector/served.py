"""Questions about stored pages, answered by a chat model on a vLLM server as it is.

The vectors go there as `prompt_embeds`; nothing of the chat model is needed here. A server cannot
be asked for its weights: its model is named after the fingerprint that the projector was trained
for, or the caller vouches for it with `?model=NAME`.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from optimem.errors import FingerprintError, InputError
from optimem.model.deepseek_ocr.generation import FinishReason, GenerationSettings
from optimem.model.projector.pages import LIMIT, PageProjector, ProjectedAnswer, check_question
from optimem.model.vllm.address import VllmAddress
from optimem.model.vllm.events import parse_event
from optimem.model.vllm.requests import RESERVED, Prompt, chat_request
from optimem.model.vllm.server import CHAT, ServedModel
from optimem.model.vllm.session import Options, Session
from optimem.model.vllm.vectors import check_vectors
from optimem.protocols import VisionTokens


class ServedProjection:
    """A projector here and its chat model on a server. Make one with `at`, `close` it at the
    end; safe for threads."""

    def __init__(self, pages: PageProjector, options: Options) -> None:
        self._pages, self._session = pages, Session(options)

    @classmethod
    def at(
        cls,
        address: str,
        projector: str | Path,
        *,
        device: torch.device | None = None,
        timeout: float = 120.0,
        retries: int = 3,
    ) -> Self:
        """The chat model at an address such as `vllm+http://host:8000`; nothing is asked yet.
        `device`: for the pages, default the best that the machine has. `timeout`, `retries`: as for
        `VllmReader.at`. Raises InputError, FormatError, VersionError and MissingExtraError."""
        parsed = VllmAddress.parse(address, os.environ)
        return cls(PageProjector.open(projector, device), Options(parsed, timeout, retries))

    def ask(
        self, pages: Sequence[VisionTokens], question: str, *, limit: int = LIMIT
    ) -> ProjectedAnswer:
        """The greedy answer about pages, at most `limit` tokens. Errors as `PageProjector.vectors`;
        FingerprintError for another chat model, FormatError for one of another width, InputError
        for a question that cannot be sent or has no room, ServerSetupError, and
        ReaderUnavailableError."""
        check_question(question, limit)
        if RESERVED in question:
            raise InputError(f"a question cannot hold {RESERVED}, which vLLM keeps for itself")
        vectors = self._pages.vectors(pages)
        return self._session.loop.run(self._answer(vectors, question, limit))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    async def _answer(self, vectors: Tensor, question: str, limit: int) -> ProjectedAnswer:
        served = await self._session.served()
        self._check(served, vectors)
        settings = GenerationSettings(limit=limit, no_repeat=None)
        prompt = Prompt([vectors, question])
        body = chat_request(
            prompt, settings, model=served.name, room=served.positions, bans=False, salt=None
        )
        text, finish = "", FinishReason.CANCELLED
        ids: list[int] = []
        async for data in self._session.connection.events(CHAT, {**body, "max_tokens": limit}):
            if delta := parse_event(data, served.url):
                text, ids = text + delta.text, ids + delta.ids
                finish = delta.finish or finish
        complete = finish is FinishReason.END
        return ProjectedAnswer(text, ids[:-1] if complete else ids, complete)

    def _check(self, served: ServedModel, vectors: Tensor) -> None:
        wanted = self._pages.trained_for.llm
        if served.name != wanted and not served.vouched:
            raise FingerprintError(
                f"{served.url} serves {served.name!r}, the projector was trained for {wanted!r}; "
                f"start it with --served-model-name {wanted}, or vouch for it with "
                f"?model={served.name}"
            )
        check_vectors(vectors, served.width)
