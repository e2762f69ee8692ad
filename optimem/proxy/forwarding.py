"""Hands a request on to a provider and its answer back, byte by byte as it comes.

What a provider answers is never ours to judge: 429 and 529 go back as they are, a stalled answer
stalls, and one that breaks off breaks off. Knows nothing of what the bytes mean.
"""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from typing import NamedTuple, Protocol

import httpx2

from optimem.proxy.asgi import Send, answer_error
from optimem.proxy.headers import response_headers

CONNECT = 30.0
"""Seconds to reach a provider. What it takes to answer is between it and the client, who goes away
when that is too long."""
IDLE = 100
"""Connections that are kept open for the next request."""


class Watch(Protocol):
    """Looks at an answer that passes. `waits`: whether its headers need the whole body first."""

    waits: bool

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Headers to add to the answer."""

    def feed(self, chunk: bytes) -> None:
        """A part of the body, which goes on unchanged."""

    def end(self) -> None:
        """The answer has ended, or was cut off."""


class Outgoing(NamedTuple):
    """A request as it goes on. `base`: of the provider. `target`: path and query as they stand on
    the wire."""

    method: str
    base: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: AsyncIterable[bytes] | bytes


class Forwarder:
    """Sends requests to providers. `client`: the connections, which `close` closes."""

    def __init__(self, client: httpx2.AsyncClient | None = None) -> None:
        self._client = client or httpx2.AsyncClient(
            timeout=httpx2.Timeout(None, connect=CONNECT),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=IDLE),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def forward(
        self, outgoing: Outgoing, send: Send, watch: Callable[[httpx2.Response], Watch | None]
    ) -> None:
        """Send a request and hand its answer back. `watch`: who looks at an answer, if anybody. An
        answer that breaks off raises, so that the connection to the client breaks off, too."""
        request = _request(outgoing)
        try:
            response = await self._client.send(request, stream=True)
        except httpx2.TransportError as error:
            await answer_error(
                send, 502, "upstream_unreachable",
                f"no answer from {httpx2.URL(outgoing.base).host}: {type(error).__name__}",
            )  # fmt: skip
            return
        try:
            await _hand_back(response, send, watch(response))
        finally:
            await response.aclose()


async def _hand_back(response: httpx2.Response, send: Send, watch: Watch | None) -> None:
    headers = response_headers(response.headers.raw)
    body = _watched(response.aiter_raw(), watch) if watch else response.aiter_raw()
    try:
        if watch and watch.waits:
            body = _again([chunk async for chunk in body])
        headers += watch.headers() if watch else []
        start = {"type": "http.response.start", "status": response.status_code, "headers": headers}
        await send(start)
        async for chunk in body:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        if watch:
            watch.end()


async def _watched(body: AsyncIterator[bytes], watch: Watch) -> AsyncIterator[bytes]:
    async for chunk in body:
        watch.feed(chunk)
        yield chunk


async def _again(chunks: Sequence[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def _request(outgoing: Outgoing) -> httpx2.Request:
    """The request with these headers and no others."""
    url = httpx2.URL(outgoing.base)
    return httpx2.Request(
        outgoing.method,
        url,
        headers=outgoing.headers,
        stream=_Stream(outgoing.body),
        extensions={"target": url.raw_path.rstrip(b"/") + outgoing.target},
    )


class _Stream(httpx2.AsyncByteStream):
    def __init__(self, body: AsyncIterable[bytes] | bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if isinstance(self._body, bytes):
            yield self._body
            return
        async for chunk in self._body:
            yield chunk
