"""Small doors, to see what happens before them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route


class WhoDoor:
    """A door that says who calls."""

    def __init__(self) -> None:
        self.is_open = False

    @property
    def routes(self) -> Sequence[BaseRoute]:
        async def who(request: Request) -> Response:
            return PlainTextResponse(f"{request.state.caller.namespace} {self.is_open}")

        return [Route("/who", who)]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        self.is_open = True
        yield
        self.is_open = False


class EchoDoor:
    """A door that says how long a body is, and one that takes its time."""

    @property
    def routes(self) -> Sequence[BaseRoute]:
        async def echo(request: Request) -> Response:
            return PlainTextResponse(str(len(await request.body())))

        async def wait(request: Request) -> Response:
            await asyncio.sleep(0.05)
            return PlainTextResponse("done")

        return [Route("/echo", echo, methods=["POST"]), Route("/wait", wait)]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        yield
