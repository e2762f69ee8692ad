"""A reader of images on another machine: an OpenAI-compatible server, such as vLLM 0.12 or later,
that serves the checkpoint.

It is sent images, which are not to be stored; stored ones are asked through `model.vllm`.
"""

import asyncio
import base64
import io
from collections.abc import Sequence
from math import exp
from typing import Any

from optimem.errors import InputError, MissingExtraError, ReaderUnavailableError
from optimem.model import DEEPSEEK
from optimem.model.deepseek_ocr.answers import AnswerPiece, PageAnswer
from optimem.model.deepseek_ocr.generation import FinishReason, GenerationSettings
from optimem.model.deepseek_ocr.images import RGBImage
from optimem.model.deepseek_ocr.prompts import IMAGE, MARKDOWN

FINISH_REASONS = {"stop": FinishReason.END, "length": FinishReason.LIMIT}
MODE = "remote"
"""The server decides how an image is cut into views."""


class RemoteReader:
    """Reads images through a server.

    `url`: its base, such as `http://host:8000/v1`. `timeout`: seconds for one try. `retries`:
    further tries, with growing pauses, if the server is unreachable, busy (429) or failing (5xx).
    `concurrency`: most requests at a time. Raises InputError for settings out of range, and
    MissingExtraError without the `openai` package.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str = DEEPSEEK,
        api_key: str = "none",
        timeout: float = 120.0,
        retries: int = 3,
        concurrency: int = 8,
    ) -> None:
        if concurrency < 1 or retries < 0 or timeout <= 0:
            raise InputError(
                f"concurrency {concurrency}, retries {retries} and timeout {timeout} cannot be "
                "used; give at least 1, at least 0, and more than 0"
            )
        try:
            import openai
        except ImportError as error:
            raise MissingExtraError("servers need openai: pip install 'optimem[server]'") from error
        self._errors = openai
        self._options: dict[str, Any] = {"base_url": url, "api_key": api_key, "timeout": timeout}
        self.url, self.model, self.retries, self.concurrency = url, model, retries, concurrency

    def read(
        self,
        images: Sequence[RGBImage],
        prompt: str = MARKDOWN,
        settings: GenerationSettings | None = None,
    ) -> list[PageAnswer]:
        """The server's answer about each image. Raises ReaderUnavailableError if it does not
        answer, and InputError if it refuses the request."""
        return asyncio.run(self.aread(images, prompt, settings))

    async def aread(
        self,
        images: Sequence[RGBImage],
        prompt: str = MARKDOWN,
        settings: GenerationSettings | None = None,
    ) -> list[PageAnswer]:
        """Async twin of `read`."""
        slots = asyncio.Semaphore(self.concurrency)
        settings = settings or GenerationSettings()
        async with self._errors.AsyncOpenAI(**self._options, max_retries=self.retries) as client:
            try:
                async with asyncio.TaskGroup() as group:
                    tasks = [
                        group.create_task(self._read_one(client, slots, image, prompt, settings))
                        for image in images
                    ]
            except ExceptionGroup as failed:
                raise failed.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _read_one(
        self,
        client: Any,
        slots: asyncio.Semaphore,
        image: RGBImage,
        prompt: str,
        settings: GenerationSettings,
    ) -> PageAnswer:
        async with slots:
            try:
                answer = await client.chat.completions.create(
                    **self._request(image, prompt, settings)
                )
            except self._errors.APIConnectionError as error:  # a timeout is one, too
                raise ReaderUnavailableError(
                    f"{self.url} does not answer ({error}); is the server running?"
                ) from error
            except self._errors.APIStatusError as error:
                if error.status_code == 429 or error.status_code >= 500:
                    raise ReaderUnavailableError(f"{self.url} is busy or fails: {error}") from error
                raise InputError(f"{self.url} refuses the request: {error}") from error
        return _answer(answer, image)

    def _request(
        self, image: RGBImage, prompt: str, settings: GenerationSettings
    ) -> dict[str, Any]:
        data = io.BytesIO()
        image.save(data, "PNG")
        url = "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()
        extra: dict[str, Any] = {"skip_special_tokens": False}
        if settings.no_repeat:
            extra["vllm_xargs"] = {
                "ngram_size": settings.no_repeat.size,
                "window_size": settings.no_repeat.window,
                "whitelist_token_ids": sorted(settings.no_repeat.exempt),
            }
        content = [
            {"type": "image_url", "image_url": {"url": url}},
            {"type": "text", "text": prompt.replace(IMAGE, "").strip()},
        ]
        limit = {} if settings.limit is None else {"max_tokens": settings.limit}
        return {
            "model": self.model,
            "messages": [{"role": "user", "content": content}],
            **limit,
            "temperature": settings.sampling.temperature,
            "top_p": settings.sampling.top_p,
            "seed": settings.sampling.seed,
            "logprobs": True,
            "extra_body": extra,
        }


def _answer(answer: Any, image: RGBImage) -> PageAnswer:
    (choice,) = answer.choices
    tokens = choice.logprobs.content if choice.logprobs else None
    if tokens:
        pieces = tuple(AnswerPiece(token.token, exp(token.logprob)) for token in tokens)
    else:  # a server that gives no probabilities
        pieces = (AnswerPiece(choice.message.content or "", float("nan")),)
    finish = FINISH_REASONS.get(choice.finish_reason, FinishReason.CANCELLED)
    return PageAnswer(pieces, MODE, finish, *image.size)
