"""optimem: optical memory for LLM agents.

Public names are loaded when first used, so that importing this package loads neither torch
nor redis.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optimem.compression import compress, read_pages
    from optimem.decay import DecayPolicy
    from optimem.errors import OptimemError
    from optimem.evaluation.run import evaluate
    from optimem.memory import OpticalMemory
    from optimem.picture_file import PictureFile
    from optimem.pictures import compress_pictures, read_pictures
    from optimem.prompts import calibrate, compress_prompt
    from optimem.tiers import Tier
    from optimem.token_file import TokenFile
    from optimem.turns import Scope, Turn

__version__ = "0.1.0"

_HOMES = {
    "DecayPolicy": "optimem.decay",
    "OpticalMemory": "optimem.memory",
    "OptimemError": "optimem.errors",
    "PictureFile": "optimem.picture_file",
    "Scope": "optimem.turns",
    "Tier": "optimem.tiers",
    "TokenFile": "optimem.token_file",
    "Turn": "optimem.turns",
    "calibrate": "optimem.prompts",
    "compress": "optimem.compression",
    "compress_pictures": "optimem.pictures",
    "compress_prompt": "optimem.prompts",
    "evaluate": "optimem.evaluation.run",
    "read_pages": "optimem.compression",
    "read_pictures": "optimem.pictures",
}

__all__ = [
    "DecayPolicy",
    "OpticalMemory",
    "OptimemError",
    "PictureFile",
    "Scope",
    "Tier",
    "TokenFile",
    "Turn",
    "calibrate",
    "compress",
    "compress_pictures",
    "compress_prompt",
    "evaluate",
    "read_pages",
    "read_pictures",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'optimem' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
