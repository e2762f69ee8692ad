"""What the proxy needs of ASGI: the body of a request as it comes in, whether its sender is still
there, and small answers of our own. Knows nothing of providers."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from optimem.proxy.headers import RawHeaders, find

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class ClientGoneError(Exception):
    """The sender of a request has closed its connection. Nobody is left to be told."""


class Incoming:
    """The body of a request. `chunked`: whether it comes without a length."""

    def __init__(self, headers: RawHeaders, receive: Receive) -> None:
        self._receive, self._read = receive, asyncio.Event()
        self.chunked = bool(find(headers, b"transfer-encoding"))
        self.length = int(find(headers, b"content-length") or 0)

    @property
    def is_empty(self) -> bool:
        """Whether the headers announce no body."""
        return not self.chunked and not self.length

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises ClientGoneError if it breaks off."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            more = message.get("more_body", False)
            if not more:
                self._read.set()
            if chunk := message.get("body", b""):
                yield chunk

    async def gone(self) -> None:
        """Returns when the sender has closed its connection, after its body was read."""
        await self._read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def answer_error(send: Send, status: int, kind: str, message: str) -> None:
    """An error of our own, in a form that the clients of OpenAI and of Anthropic both read."""
    error = {"type": kind, "code": kind, "message": message, "param": None}
    body = json.dumps({"type": "error", "error": error}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-optimem-error", kind.encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def while_there(work: Awaitable[None], gone: Awaitable[None]) -> None:
    """Do some work for a client, and stop it at once when the client goes."""
    tasks = [asyncio.ensure_future(each) for each in (work, gone)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended = tasks[0].done()
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    if ended and isinstance(results[0], Exception):
        raise results[0]
