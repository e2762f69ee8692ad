"""All doors of a service, by what is installed: the one module that knows each of them."""

from optimem.api.memory import OpticalMemory
from optimem.serve.app import Door
from optimem.serve.http import HttpDoor
from optimem.serve.settings import ServeSettings


def all_doors(memory: OpticalMemory, settings: ServeSettings) -> list[Door]:
    """The doors to a memory."""
    return [HttpDoor(memory)]
