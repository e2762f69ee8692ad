"""The proxy as a door: requests for OpenAI, Anthropic and others, below `/proxy`."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.routing import BaseRoute, Mount
from starlette.types import Scope

from optimem.api.memory import OpticalMemory
from optimem.proxy.app import Origin, Proxy
from optimem.proxy.settings import ProxySettings
from optimem.serve.access import Caller

PATH = "/proxy"


class ProxyDoor:
    """The proxy to providers, over a memory. A caller's namespace holds what it sends, and its key
    may have a mode of its own."""

    def __init__(self, memory: OpticalMemory, settings: ProxySettings) -> None:
        self._proxy = Proxy(memory, settings, _origin)

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """See `Door`."""
        return [Mount(PATH, self._proxy)]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """See `Door`."""
        yield
        await self._proxy.close()


def _origin(scope: Scope) -> Origin:
    caller: Caller = scope["state"]["caller"]
    assert caller.namespace is not None, "a key for the metrics gets no further than the guard"
    return Origin(caller.namespace, caller.mode)
