"""optimem for LangChain and LangGraph. Each name is imported when it is first used; what it
needs beyond optimem is an extra: `pip install 'optimem[langchain]'`, for old chains
`'optimem[classic]'`.

Translation only: messages to turns, recollections to what the framework expects.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from optimem.errors import MissingExtraError

if TYPE_CHECKING:
    from optimem.adapters.bytestore import OptimemByteStore
    from optimem.adapters.classic import OptimemMemory
    from optimem.adapters.compressor import OptimemPromptCompressor
    from optimem.adapters.history import OptimemChatMessageHistory
    from optimem.adapters.middleware import OptimemMiddleware
    from optimem.adapters.retriever import OptimemRetriever
    from optimem.adapters.store import OptimemStore
    from optimem.adapters.tool import create_recall_tool

__all__ = [
    "OptimemByteStore",
    "OptimemChatMessageHistory",
    "OptimemMemory",
    "OptimemMiddleware",
    "OptimemPromptCompressor",
    "OptimemRetriever",
    "OptimemStore",
    "create_recall_tool",
]

_WHERE = {
    "OptimemByteStore": "bytestore",
    "OptimemChatMessageHistory": "history",
    "OptimemMemory": "classic",
    "OptimemMiddleware": "middleware",
    "OptimemPromptCompressor": "compressor",
    "OptimemRetriever": "retriever",
    "OptimemStore": "store",
    "create_recall_tool": "tool",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    except ModuleNotFoundError as error:
        if str(error.name).startswith("lang"):
            extra = "classic" if _WHERE[name] == "classic" else "langchain"
            raise MissingExtraError(
                f"{name} needs {error.name}: pip install 'optimem[{extra}]'"
            ) from error
        raise
