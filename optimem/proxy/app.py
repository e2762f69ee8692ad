"""The proxy as an ASGI application: `/NAME/…` goes to the provider of that name, `/…` as it is
there: `/openai/v1/chat/completions`, `/anthropic/v1/messages`, and everything else beside them.

Mount it anywhere. Knows nothing of who may use it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import httpx2

from optimem.api.memory import OpticalMemory
from optimem.errors import InputError
from optimem.proxy import headers as h
from optimem.proxy.asgi import (
    ClientGoneError,
    Incoming,
    Receive,
    Scope,
    Send,
    answer_error,
    while_there,
)
from optimem.proxy.desk import Desk
from optimem.proxy.forwarding import Forwarder, Outgoing, Watch
from optimem.proxy.pricing import Tally
from optimem.proxy.settings import Mode, ProxySettings, checked_mode
from optimem.proxy.shortening import Asked
from optimem.proxy.wire import Api, find_api


class Origin(NamedTuple):
    """Where a request comes from. `namespace`: of the memory that it may use. `mode`: what is done
    with it if it names no mode itself; None for that of the settings."""

    namespace: str = ""
    mode: Mode | None = None


class _Request(NamedTuple):
    """A request for a provider: its base URL, the target there, and what to do with it."""

    scope: Scope
    base: str
    target: bytes
    mode: Mode
    namespace: str

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """As they came."""
        return [*self.scope["headers"]]

    @property
    def api(self) -> Api | None:
        """What to plan it for; None for a request that passes as it came."""
        packed = h.find(self.headers, b"content-encoding")
        is_off = self.mode == "off" or bool(packed)
        return None if is_off else find_api(self.scope["method"], self.target)


class Proxy:
    """Hands requests through, with memory in place of old messages. `settings`: where to, and in
    which mode. `origin`: of a request, by its ASGI scope; by default the namespace without a name.
    `forwarder`: the connections to providers."""

    def __init__(
        self,
        memory: OpticalMemory,
        settings: ProxySettings,
        origin: Callable[[Scope], Origin] = lambda _: Origin(),
        forwarder: Forwarder | None = None,
    ) -> None:
        self.settings, self._origin = settings, origin
        self._forwarder = forwarder or Forwarder()
        self._desk = Desk(memory, settings.deadline)

    async def close(self) -> None:
        """Close the connections to providers, and store what was added up."""
        await self._forwarder.close()
        await asyncio.to_thread(self._desk.close)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] != "http":
            await _refuse(scope, receive, send)
            return
        name, target = _target(scope)
        base = self.settings.upstreams.get(name)
        if base is None:
            known = ", ".join(f"/{each}" for each in self.settings.upstreams)
            await answer_error(
                send, 404, "unknown_upstream", f"/{name} is no provider here; use {known}"
            )
            return
        origin = self._origin(scope)
        try:
            mode = self._mode(scope, origin)
        except InputError as error:
            await answer_error(send, 400, "unknown_mode", f"x-optimem-mode: {error}")
            return
        incoming = Incoming(scope["headers"], receive)
        request = _Request(scope, base, target, mode, origin.namespace)
        await while_there(self._exchange(request, incoming, send), incoming.gone())

    def _mode(self, scope: Scope, origin: Origin) -> Mode:
        """What to do with a request: as it says, else as its origin has it. Raises InputError for
        an unknown mode."""
        asked = h.find(scope["headers"], b"x-optimem-mode")
        return checked_mode(asked) if asked else origin.mode or self.settings.mode

    async def _exchange(self, request: _Request, incoming: Incoming, send: Send) -> None:
        """Hand a request on and its answer back."""
        try:
            outgoing, tally = await self._outgoing(request, incoming)
            await self._forwarder.forward(outgoing, send, self._watch(tally))
        except ClientGoneError:
            return

    async def _outgoing(
        self, request: _Request, incoming: Incoming
    ) -> tuple[Outgoing, Tally | None]:
        """The request as it goes on, and what it costs if it was planned."""
        host = httpx2.URL(request.base).netloc
        headers = h.request_headers(request.headers, host, incoming.chunked)
        body: bytes | AsyncIterator[bytes] = incoming.chunks()
        tally, api = None, request.api
        if incoming.is_empty:
            body = b"".join([chunk async for chunk in incoming.chunks()])
        elif api:
            body = await _up_to(self.settings.max_body, incoming.chunks())
        if api and isinstance(body, bytes):
            found = await self._desk.ashorten(_asked(request, api, body))
            if found:
                body, tally = found
                headers = h.replaced(headers, b"accept-encoding", b"identity")
            if not incoming.chunked:
                headers = h.replaced(headers, b"content-length", str(len(body)).encode())
        return Outgoing(request.scope["method"], request.base, request.target, headers, body), tally

    def _watch(self, tally: Tally | None) -> Callable[[httpx2.Response], Watch | None]:
        """Who looks at the answer to a request."""

        def watch(response: httpx2.Response) -> Watch | None:
            if tally is None or response.status_code != httpx2.codes.OK:
                return None
            return self._desk.watch(tally, response.headers.get("content-type", ""), True)

        return watch


def _asked(request: _Request, api: Api, body: bytes) -> Asked:
    headers = request.headers
    key = h.find(headers, b"x-api-key") or h.find(headers, b"authorization")
    name = h.find(headers, b"x-optimem-conversation")
    return Asked(api, request.mode, body, request.namespace, key, name)


async def _up_to(limit: int, chunks: AsyncIterator[bytes]) -> bytes | AsyncIterator[bytes]:
    """A whole body of at most `limit` bytes; a longer one as it comes."""
    start, size = list[bytes](), 0
    async for chunk in chunks:
        start.append(chunk)
        size += len(chunk)
        if size > limit:
            return _all_of(start, chunks)
    return b"".join(start)


async def _all_of(start: list[bytes], rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    for chunk in start:
        yield chunk
    async for chunk in rest:
        yield chunk


def _target(scope: Scope) -> tuple[str, bytes]:
    """The provider's name, and path and query behind it as they came."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    path = path.removeprefix(scope.get("root_path", "").encode())
    name, slash, rest = path.removeprefix(b"/").partition(b"/")
    query = scope.get("query_string", b"")
    return name.decode("latin-1"), slash + rest + b"?" * bool(query) + query


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Close a WebSocket, which no provider's API here speaks."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1003})
