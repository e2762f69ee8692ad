"""An application called in this process, as an HTTP client calls it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette

from optimem import OpticalMemory
from optimem.serve.access import AccessKeys
from optimem.serve.app import Door, create_app
from optimem.serve.settings import ServeSettings
from optimem.testing import open_memory

WORK, SHOP, METRICS = (f"om_{name}_{'k' * 30}" for name in ("work", "shop", "metrics"))
KEYS = AccessKeys.parse([f"work {WORK}", f"shop {SHOP}", f"@metrics {METRICS}"])


def application(memory: OpticalMemory, doors: Iterable[Door] = (), **settings: object) -> Starlette:
    """An application over a memory."""
    return create_app(memory, ServeSettings(**settings), doors)


@asynccontextmanager
async def client(
    memory: OpticalMemory | None = None,
    doors: Iterable[Door] = (),
    key: str | None = None,
    **settings: object,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application over a memory, a fake one by default. `key`: sent as bearer."""
    app = application(memory or open_memory(), doors, **settings)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", headers=headers
        ) as opened,
    ):
        yield opened
