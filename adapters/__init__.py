"""optimem for LangChain and LangGraph: messages become turns, and what is recalled becomes what the
framework expects.

A name is imported when it is first used. What it needs beyond optimem is an extra:
`pip install 'optimem[langchain]'`, or `'optimem[classic]'` for chains of langchain-classic.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from optimem.errors import MissingExtraError

if TYPE_CHECKING:  # the names of `_HOMES` for type checkers; a test compares the two
    from optimem.adapters.bytestore import OptimemByteStore as OptimemByteStore
    from optimem.adapters.classic import OptimemMemory as OptimemMemory
    from optimem.adapters.compressor import OptimemPromptCompressor as OptimemPromptCompressor
    from optimem.adapters.history import OptimemChatMessageHistory as OptimemChatMessageHistory
    from optimem.adapters.middleware import OptimemMiddleware as OptimemMiddleware
    from optimem.adapters.recall import OptimemRetriever as OptimemRetriever
    from optimem.adapters.recall import create_recall_tool as create_recall_tool
    from optimem.adapters.store import OptimemStore as OptimemStore

_HOMES = {
    "OptimemByteStore": "bytestore",
    "OptimemChatMessageHistory": "history",
    "OptimemMemory": "classic",
    "OptimemMiddleware": "middleware",
    "OptimemPromptCompressor": "compressor",
    "OptimemRetriever": "recall",
    "OptimemStore": "store",
    "create_recall_tool": "recall",
}
"""Every public name, by the module that defines it."""

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _HOMES[name]
    try:
        return getattr(import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("lang"):
            raise
        extra = "classic" if module == "classic" else "langchain"
        raise MissingExtraError(
            f"{name} needs {error.name}: pip install 'optimem[{extra}]'"
        ) from error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
