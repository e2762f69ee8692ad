"""A language model on an OpenAI-compatible server, such as llama.cpp's, Ollama, vLLM or LM Studio:
what `OpticalMemory.answer` takes as `llm`.

Knows nothing of memories or prompts.
"""

import os
from typing import Any

from optimem.errors import InputError, MissingExtraError, ReaderUnavailableError


class ChatServer:
    """A model that answers prompts.

    `url`: the server's base, such as `http://localhost:8080/v1`. `model`: its name there; by
    default the first that the server lists. `api_key`: by default the variable OPENAI_API_KEY, if
    it is set. `timeout`: seconds for one try. `retries`: further tries, with growing pauses, if the
    server is busy or fails. Raises InputError for settings out of range, and MissingExtraError
    without the `openai` package.
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float = 300.0,
        retries: int = 2,
    ) -> None:
        if not url.startswith(("http://", "https://")) or timeout <= 0 or retries < 0:
            raise InputError(
                f"url {url!r}, timeout {timeout} and retries {retries} cannot be used; give such "
                "as http://localhost:8080/v1, more than 0, and at least 0"
            )
        try:
            import openai
        except ImportError as error:
            raise MissingExtraError("servers need openai: pip install 'optimem[server]'") from error
        self.url, self.model, self._openai = url, model, openai
        self._options: dict[str, Any] = {
            "base_url": url,
            "api_key": api_key or os.environ.get("OPENAI_API_KEY") or "none",
            "timeout": timeout,
            "max_retries": retries,
        }

    def __repr__(self) -> str:
        return f"ChatServer({self.url!r}, {self.model!r})"

    def invoke(self, prompt: str, /) -> str:
        """The model's reply. Raises ReaderUnavailableError if the server does not answer, and
        InputError if it refuses the request or has no model."""
        try:
            with self._openai.OpenAI(**self._options) as client:
                model = self.model or self._first(client.models.list().data)
                return _text(client.chat.completions.create(**_request(model, prompt)))
        except self._openai.OpenAIError as error:
            raise self._named(error) from error

    async def ainvoke(self, prompt: str, /) -> str:
        """Async twin of `invoke`."""
        try:
            async with self._openai.AsyncOpenAI(**self._options) as client:
                model = self.model or self._first((await client.models.list()).data)
                return _text(await client.chat.completions.create(**_request(model, prompt)))
        except self._openai.OpenAIError as error:
            raise self._named(error) from error

    def _first(self, models: Any) -> str:
        """The id of the first model."""
        ids = [str(each.id) for each in models or ()]
        if not ids:
            raise InputError(f"{self.url} lists no model; load one, or name it")
        return ids[0]

    def _named(self, error: Any) -> InputError | ReaderUnavailableError:
        """What went wrong, by its kind."""
        if isinstance(error, self._openai.APIConnectionError):  # a timeout is one, too
            return ReaderUnavailableError(
                f"{self.url} does not answer ({error}); is the server running?"
            )
        status = getattr(error, "status_code", 500)
        if status == 429 or status >= 500:
            return ReaderUnavailableError(f"{self.url} is busy or fails: {error!s:.500}")
        return InputError(f"{self.url} refuses the request: {error!s:.500}")


def _request(model: str, prompt: str) -> dict[str, Any]:
    """The arguments of a completion; the likeliest words, so that it is the same again."""
    message = {"role": "user", "content": prompt}
    return {"model": model, "messages": [message], "temperature": 0}


def _text(completion: Any) -> str:
    """What a completion says; nothing if it has no choice."""
    choices = getattr(completion, "choices", None)
    return str(choices[0].message.content or "") if choices else ""
