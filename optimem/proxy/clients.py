"""`with_memory`: the SDKs of OpenAI and Anthropic with memory in place of old messages, within the
process: their HTTP client gets a transport that plans each request as the proxy does.

Clients are known by their parts; no SDK is imported. What goes wrong is never the request's: it is
sent as it came.
"""

import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple, TypeVar

from optimem.api.memory import OpticalMemory
from optimem.errors import InputError
from optimem.proxy import headers as h
from optimem.proxy.desk import Bill, Desk
from optimem.proxy.settings import DEADLINE, Mode, checked_mode
from optimem.proxy.shortening import Asked, Shortened
from optimem.proxy.wire import find_api

Client = TypeVar("Client")
OK = 200


def with_memory(
    client: Client,
    memory: OpticalMemory,
    *,
    mode: Mode = "recall",
    conversation: str = "",
    namespace: str = "",
    deadline: float = DEADLINE,
) -> Client:
    """A copy of an SDK's client (`OpenAI`, `AsyncOpenAI`, `Anthropic`, `AsyncAnthropic`) that sends
    what matters of old messages in place of them, when that is cheaper by the provider's prices.

    `mode`: "recall" for text, "image" for pages, "auto" for pages that leave nothing to guess, else
    text; "off" changes nothing. `conversation`: its name in the memory; default one for each
    conversation, made from how it begins. Both can be set for a request by the headers
    `x-optimem-mode` and `x-optimem-conversation` (`extra_headers=`). `namespace`: of the memory.
    `deadline`: seconds after which a request whose plan is not ready is sent as it came. The
    answer's headers tell tokens and prices before and after (`with_raw_response`). Copies of the
    copy have the memory too. Raises InputError for any other client, and for an unknown mode.
    """
    inner: Any = getattr(client, "_client", None)
    module = sys.modules.get(_library(inner))
    if module is None or not hasattr(client, "copy"):
        raise InputError(
            f"{type(client).__name__} is not a client of OpenAI's or Anthropic's SDK; give "
            "OpenAI(), AsyncOpenAI(), Anthropic() or AsyncAnthropic()"
        )
    given = _Given(Desk(memory, deadline), checked_mode(mode), conversation, namespace)
    later = isinstance(inner, module.AsyncClient)
    transport = (_AsyncTransport if later else _Transport)(inner, module, given)
    make = module.AsyncClient if later else module.Client
    limits = {"timeout": inner.timeout, "follow_redirects": inner.follow_redirects}
    copy: Client = client.copy(http_client=make(transport=transport, **limits))
    return copy


class _Given(NamedTuple):
    """What is done with requests; see `with_memory`."""

    desk: Desk
    mode: Mode
    conversation: str
    namespace: str

    def asked(self, request: Any) -> Asked | None:
        """A request to plan; None for one to send as it is."""
        headers = request.headers.raw
        mode = checked_mode(h.find(headers, b"x-optimem-mode") or self.mode)
        api = find_api(request.method, request.url.raw_path)
        if mode == "off" or api is None or "content-encoding" in request.headers:
            return None
        key = h.find(headers, b"x-api-key") or h.find(headers, b"authorization")
        name = h.find(headers, b"x-optimem-conversation") or self.conversation
        return Asked(api, mode, request.content, self.namespace, key, name)

    def bill(self, planned: Shortened | None, response: Any) -> Bill | None:
        """Who looks at an answer."""
        if planned is None or response.status_code != OK:
            return None
        return self.desk.watch(planned.tally, response.headers.get("content-type", ""), False)


class _Shared:
    """What both transports do. `inner`: the client's own HTTP client, which sends; `module`: the
    library that it is of, httpx2 or, in older SDKs, httpx."""

    def __init__(self, inner: Any, module: Any, given: _Given) -> None:
        self._inner, self._module, self._given = inner, module, given

    def _sent(self, request: Any, planned: Shortened | None) -> Any:
        """The request to send, without our own headers."""
        body = planned.body if planned else request.content
        headers = [
            (name, value)
            for name, value in request.headers.raw
            if not name.lower().startswith(h.PREFIX)
        ]
        headers = h.replaced(headers, b"content-length", str(len(body)).encode())
        if planned:
            headers = h.replaced(headers, b"accept-encoding", b"identity")
        return self._module.Request(
            request.method, request.url, headers=headers, content=body,
            extensions=request.extensions,
        )  # fmt: skip

    def _answered(self, response: Any, bill: Bill | None, stream: Any) -> Any:
        """The answer with our headers, and a stream in place of its own."""
        added = bill.headers() if bill else []
        return self._module.Response(
            response.status_code,
            headers=[*response.headers.raw, *added],
            stream=stream,
            extensions=response.extensions,
        )


class _Transport(_Shared):
    """Plans requests, and has the client's own HTTP client send them."""

    def handle_request(self, request: Any) -> Any:
        """Send a request, as httpx has it."""
        request.read()
        asked = self._given.asked(request)
        planned = self._given.desk.shorten(asked) if asked else None
        response = self._inner.send(self._sent(request, planned), stream=True)
        bill, module = self._given.bill(planned, response), self._module

        class Stream(module.SyncByteStream):  # type: ignore[misc,name-defined]  # either library's
            def __iter__(self) -> Iterator[bytes]:
                for chunk in response.iter_raw():
                    if bill:
                        bill.feed(chunk)
                    yield chunk

            def close(self) -> None:
                response.close()
                if bill:
                    bill.end()

        return self._answered(response, bill, Stream())

    def close(self) -> None:
        """Close the client's own HTTP client, and store what was added up."""
        self._inner.close()
        self._given.desk.close()

    def __enter__(self) -> "_Transport":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _AsyncTransport(_Shared):
    """Async twin of `_Transport`."""

    async def handle_async_request(self, request: Any) -> Any:
        """Send a request, as httpx has it."""
        await request.aread()
        asked = self._given.asked(request)
        planned = await self._given.desk.ashorten(asked) if asked else None
        response = await self._inner.send(self._sent(request, planned), stream=True)
        bill, module = self._given.bill(planned, response), self._module

        class Stream(module.AsyncByteStream):  # type: ignore[misc,name-defined]  # either library's
            async def __aiter__(self) -> AsyncIterator[bytes]:
                async for chunk in response.aiter_raw():
                    if bill:
                        bill.feed(chunk)
                    yield chunk

            async def aclose(self) -> None:
                await response.aclose()
                if bill:
                    bill.end()

        return self._answered(response, bill, Stream())

    async def aclose(self) -> None:
        """Close the client's own HTTP client, and store what was added up."""
        await self._inner.aclose()
        self._given.desk.close()

    async def __aenter__(self) -> "_AsyncTransport":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _library(inner: Any) -> str:
    """The name of the library that an HTTP client is of: "httpx2" or "httpx"."""
    homes = (each.__module__.partition(".")[0] for each in type(inner).__mro__)
    return next((home for home in homes if home in ("httpx2", "httpx")), "")
