"""All doors of a service, by what is installed: the one module that knows each of them."""

from importlib.util import find_spec

from optimem.api.memory import OpticalMemory
from optimem.errors import MissingExtraError
from optimem.proxy.settings import ProxySettings
from optimem.serve.app import Door
from optimem.serve.backend import Backend
from optimem.serve.http import HttpDoor
from optimem.serve.settings import ServeSettings


def all_doors(
    backend: Backend, settings: ServeSettings, proxy: ProxySettings | None = None
) -> list[Door]:
    """The doors to a backend; MCP's if its package is installed. `proxy`: settings of the proxy;
    None for none. Raises MissingExtraError if it is not installed."""
    doors: list[Door] = [HttpDoor(backend)]
    if find_spec("mcp") is not None:
        from optimem.serve.mcp_server import McpDoor

        doors.append(McpDoor(backend, settings.max_body))
    if proxy:
        doors.append(_proxy_door(backend.memory, proxy))
    return doors


def _proxy_door(memory: OpticalMemory, proxy: ProxySettings) -> Door:
    try:
        from optimem.serve.proxy import ProxyDoor
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"the proxy needs {error.name}: pip install 'optimem[serve,proxy]'"
        ) from error
    return ProxyDoor(memory, proxy)
