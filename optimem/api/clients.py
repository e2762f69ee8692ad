"""`with_pages`: the SDKs of OpenAI and Anthropic, with old messages sent as pages when that saves.

Clients are known by their resources; no SDK is imported. What is not a list of messages, or gains
nothing, is sent as it came.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from optimem.api.prompts import check_x_height, compress_prompt
from optimem.errors import InputError, PromptError
from optimem.prompts import ModelRule, PromptPlan

Client = TypeVar("Client")


class Endpoint(NamedTuple):
    """Where a client sends messages: the path of the resource, the field, and their form."""

    resource: str
    field: str
    form: str


ENDPOINTS = (
    Endpoint("chat.completions", "messages", "openai"),
    Endpoint("beta.chat.completions", "messages", "openai"),
    Endpoint("responses", "input", "responses"),
    Endpoint("messages", "messages", "anthropic"),
    Endpoint("beta.messages", "messages", "anthropic"),
)
METHODS = ("create", "parse", "stream")
COPIES = ("copy", "with_options")


def with_pages(
    client: Client,
    *,
    keep: int = 4,
    step: int = 8,
    model: str | ModelRule | None = None,
    x_height: float | None = None,
    on_plan: Callable[[PromptPlan], None] | None = None,
) -> Client:
    """A copy of an SDK's client (`OpenAI`, `AsyncOpenAI`, `Anthropic`, `AsyncAnthropic`, their
    kin for Azure, Bedrock and Vertex) that sends old messages as pages when that saves tokens.

    `keep`: how many of the last messages always stay text. `step`: how many messages become pages
    at a time; between two steps the pages are the same to the byte, so that the provider's prompt
    cache holds them. `model`: whose rule prices images; default the model of each request.
    `x_height`: as for `compress_prompt`. `on_plan`: called with the plan of each request that is
    sent with pages. Requests that would save nothing, whose model has no rule, or that hold
    something other than messages pass untouched. Raises InputError for any other client,
    and for a negative `keep`, a `step` below 1 or an `x_height` that is not a size.
    """
    check_x_height(x_height)
    if keep < 0 or step < 1:
        raise InputError(f"keep={keep}, step={step}: give keep 0 or more and step 1 or more")
    found = [end for end in ENDPOINTS if _resource(client, end) is not None]
    if not found or not hasattr(client, "copy"):
        raise InputError(
            f"{type(client).__name__} is not a client of OpenAI's or Anthropic's SDK; give "
            "OpenAI(), Anthropic() or one of their kin, or call compress_prompt on the messages"
        )
    wrapped: Client = _Pager(keep, step, model, x_height, on_plan).wrapped(client)
    return wrapped


@dataclass(frozen=True)
class _Pager:
    """Puts pages into requests; see `with_pages`."""

    keep: int
    step: int
    model: str | ModelRule | None
    x_height: float | None
    on_plan: Callable[[PromptPlan], None] | None

    def wrapped(self, client: Any) -> Any:
        """A copy of a client, whose own copies send pages too."""
        copy = client.copy()
        for endpoint in ENDPOINTS:
            resource = _resource(copy, endpoint)
            later = _is_async(getattr(resource, "create", None))
            for name in METHODS:
                if method := getattr(resource, name, None):
                    setattr(resource, name, self._paging(method, endpoint, later))
        for name in COPIES:
            if hasattr(client, name):
                setattr(copy, name, self._copying(getattr(client, name)))
        return copy

    def _copying(self, make: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(make)
        def copied(*args: Any, **options: Any) -> Any:
            return self.wrapped(make(*args, **options))

        return copied

    def _paging(
        self, method: Callable[..., Any], endpoint: Endpoint, later: bool
    ) -> Callable[..., Any]:
        """A method whose messages become pages. `later`: of an async client, for which they are
        drawn in a thread."""

        @wraps(method)
        def paged(*args: Any, **request: Any) -> Any:
            return method(*args, **self._with_pages(request, endpoint))

        @wraps(method)
        async def paged_later(*args: Any, **request: Any) -> Any:
            request = await asyncio.to_thread(self._with_pages, request, endpoint)
            return await method(*args, **request)

        @wraps(method)
        def streamed_later(*args: Any, **request: Any) -> Any:
            async def stream() -> Any:
                paged = await asyncio.to_thread(self._with_pages, request, endpoint)
                return method(*args, **paged)

            return _LaterStream(stream)

        if not later:
            return paged
        return paged_later if _is_async(method) else streamed_later

    def _with_pages(self, request: dict[str, Any], endpoint: Endpoint) -> dict[str, Any]:
        """The request with its old messages as pages, or itself."""
        messages, model = request.get(endpoint.field), self.model or request.get("model")
        if not isinstance(messages, list) or not isinstance(model, str | ModelRule):
            return request
        cut = max(len(messages) - self.keep, 0) // self.step * self.step
        if not cut:
            return request
        try:
            prompt = compress_prompt(
                messages[:cut], model=model, keep=0, form=endpoint.form, x_height=self.x_height
            )
        except (PromptError, InputError):  # nothing to gain, or not ours to read
            return request
        if self.on_plan:
            self.on_plan(prompt.plan)
        return {**request, endpoint.field: [*prompt.messages, *messages[cut:]]}


class _LaterStream:
    """The stream of an async client, which is made when it is entered."""

    def __init__(self, make: Callable[[], Awaitable[Any]]) -> None:
        self._make = make

    async def __aenter__(self) -> Any:
        self._stream = await self._make()
        return await self._stream.__aenter__()

    async def __aexit__(self, *error: Any) -> Any:
        return await self._stream.__aexit__(*error)


def _is_async(method: Any) -> bool:
    """Whether a method is a coroutine's, whatever it is wrapped in."""
    return method is not None and inspect.iscoroutinefunction(inspect.unwrap(method))


def _resource(client: Any, endpoint: Endpoint) -> Any:
    """What a client sends to an endpoint with; None if it has no such thing."""
    try:
        return attrgetter(endpoint.resource)(client)
    except AttributeError:
        return None
