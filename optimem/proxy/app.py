"""The proxy as an ASGI application: `/NAME/…` goes to the provider of that name, `/…` as it is
there: `/openai/v1/chat/completions`, `/anthropic/v1/messages`, and everything else beside them.

Mount it anywhere. Knows nothing of who may use it.
"""

from typing import Any

from optimem.errors import InputError
from optimem.proxy.asgi import (
    ClientGoneError,
    Incoming,
    Receive,
    Scope,
    Send,
    answer_error,
    while_there,
)
from optimem.proxy.forwarding import Forwarder, Outgoing, Watch
from optimem.proxy.headers import find, request_headers
from optimem.proxy.settings import Mode, ProxySettings, checked_mode


class Proxy:
    """Hands requests through. `settings`: where to, and in which mode. `forwarder`: the
    connections to providers; `close` closes them."""

    def __init__(self, settings: ProxySettings, forwarder: Forwarder | None = None) -> None:
        self.settings, self._forwarder = settings, forwarder or Forwarder()

    async def close(self) -> None:
        """Close the connections to providers."""
        await self._forwarder.close()

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
        try:
            mode = self._mode(scope)
        except InputError as error:
            await answer_error(send, 400, "unknown_mode", f"x-optimem-mode: {error}")
            return
        incoming = Incoming(scope["headers"], receive)
        work = self._exchange(scope, base, target, mode, incoming, send)
        await while_there(work, incoming.gone())

    def _mode(self, scope: Scope) -> Mode:
        """What to do with a request. Raises InputError for an unknown mode."""
        asked = find(scope["headers"], b"x-optimem-mode")
        return checked_mode(asked) if asked else self.settings.mode

    async def _exchange(
        self, scope: Scope, base: str, target: bytes, mode: Mode, incoming: Incoming, send: Send
    ) -> None:
        """Hand a request on and its answer back."""
        host = base.partition("://")[2].partition("/")[0].encode()
        headers = request_headers(scope["headers"], host, incoming.chunked)
        body = b"".join([chunk async for chunk in incoming.chunks()]) if incoming.is_empty else None
        outgoing = Outgoing(
            scope["method"], base, target, headers, incoming.chunks() if body is None else body
        )
        try:
            await self._forwarder.forward(outgoing, send, _nobody)
        except ClientGoneError:
            return


def _nobody(_: Any) -> Watch | None:
    """Nobody looks at the answer."""
    return None


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
