"""The application: the guard, whether all is well, and the doors behind it.

A door is anything with routes: the HTTP interface, the MCP server, a proxy. Knows none of them.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from optimem import __version__
from optimem.api.memory import OpticalMemory
from optimem.serve.guard import METRICS_PATH, Guard
from optimem.serve.limiting import InHand
from optimem.serve.problems import RequestError, problem
from optimem.serve.settings import ServeSettings
from optimem.serve.watching import Watch
from optimem.telemetry import OpenTelemetryObserver, PrometheusObserver, observe
from optimem.telemetry.requests import Observers, RequestMetrics, RequestTraces
from optimem.turns import Scope

STORE_PATIENCE = 5.0
"""Seconds within which the store must answer for the service to be ready."""
PROBE = Scope(session="ready")
"""Where the store is read to see that it can be; nothing is written."""


class Door(Protocol):
    """One way in. Behind the guard, `request.state.caller` is the `Caller`: its `namespace` is all
    that it may reach."""

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """What it answers."""

    def open(self) -> AbstractAsyncContextManager[object]:
        """Entered before the first request and left after the last."""


def create_app(
    memory: OpticalMemory, settings: ServeSettings, doors: Iterable[Door] = ()
) -> Starlette:
    """An ASGI application over a memory, which it observes and leaves open. `doors`: beside
    `/health`, `/ready` and `/metrics`."""
    doors, metrics = list(doors), RequestMetrics()
    observe(memory, PrometheusObserver(metrics.registry))
    watcher = Observers(metrics, *([RequestTraces()] if settings.traces else []))
    if settings.traces:
        observe(memory, OpenTelemetryObserver())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for door in doors:
                await stack.enter_async_context(door.open())
            yield

    return Starlette(
        routes=[*_own_routes(memory, metrics), *(route for door in doors for route in door.routes)],
        middleware=[
            Middleware(Watch, observer=watcher),
            Middleware(Guard, settings=settings, in_hand=InHand(settings.concurrency)),
        ],
        exception_handlers={HTTPException: _no_route},
        lifespan=lifespan,
    )


def _own_routes(memory: OpticalMemory, metrics: RequestMetrics) -> list[BaseRoute]:
    async def health(request: Request) -> Response:
        return JSONResponse({"status": "up", "version": __version__})

    async def ready(request: Request) -> Response:
        async with asyncio.timeout(STORE_PATIENCE):
            await asyncio.to_thread(memory.store.get, PROBE, ["ready"])
        return JSONResponse({"status": "ready", "version": __version__})

    async def show_metrics(request: Request) -> Response:
        text, media_type = metrics.exposition()
        return Response(text, media_type=media_type)

    return [
        Route("/health", health),
        Route("/ready", ready),
        Route(METRICS_PATH, show_metrics),
    ]


async def _no_route(request: Request, error: Exception) -> Response:
    """The answer for a path or a method that there is not."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    return problem(
        RequestError(error.status_code, error.detail.replace(" ", ""), error.detail, headers)
    )
