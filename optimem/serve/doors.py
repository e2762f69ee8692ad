"""All doors of a service, by what is installed: the one module that knows each of them."""

from importlib.util import find_spec

from optimem.api.memory import OpticalMemory
from optimem.serve.app import Door
from optimem.serve.http import HttpDoor
from optimem.serve.settings import ServeSettings


def all_doors(memory: OpticalMemory, settings: ServeSettings) -> list[Door]:
    """The doors to a memory; MCP's if its package is installed."""
    doors: list[Door] = [HttpDoor(memory)]
    if find_spec("mcp") is not None:
        from optimem.serve.mcp_server import McpDoor

        doors.append(McpDoor(memory, settings.max_body))
    return doors
