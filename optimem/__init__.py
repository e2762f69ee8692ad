"""optimem: optical memory for LLM agents.

Public names are loaded when first used, so that importing this package loads neither torch
nor redis.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optimem.api.files import compress, compress_images, read_images, read_pages
    from optimem.api.memory import OpticalMemory
    from optimem.api.prompts import calibrate, compress_prompt
    from optimem.errors import OptimemError
    from optimem.evaluation.run import evaluate
    from optimem.memory.decay import DecayPolicy
    from optimem.omem.images import ImageArchive
    from optimem.omem.text import TokenFile
    from optimem.tiers import Tier
    from optimem.turns import Scope, Turn

__version__ = "0.1.0"

_HOMES = {
    "DecayPolicy": "optimem.memory.decay",
    "ImageArchive": "optimem.omem.images",
    "OpticalMemory": "optimem.api.memory",
    "OptimemError": "optimem.errors",
    "Scope": "optimem.turns",
    "Tier": "optimem.tiers",
    "TokenFile": "optimem.omem.text",
    "Turn": "optimem.turns",
    "calibrate": "optimem.api.prompts",
    "compress": "optimem.api.files",
    "compress_images": "optimem.api.files",
    "compress_prompt": "optimem.api.prompts",
    "evaluate": "optimem.evaluation.run",
    "read_images": "optimem.api.files",
    "read_pages": "optimem.api.files",
}

__all__ = [
    "DecayPolicy",
    "ImageArchive",
    "OpticalMemory",
    "OptimemError",
    "Scope",
    "Tier",
    "TokenFile",
    "Turn",
    "calibrate",
    "compress",
    "compress_images",
    "compress_prompt",
    "evaluate",
    "read_images",
    "read_pages",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'optimem' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
