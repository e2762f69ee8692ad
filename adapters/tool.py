"""A tool with which an agent looks into its memory."""

import asyncio
from collections.abc import Callable
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool

from optimem.api.memory import OpticalMemory
from optimem.errors import MissingExtraError
from optimem.memory.prompting import told

DESCRIPTION = (
    "Search the memory of earlier conversations. Give a question or key words; returns what "
    "was said, by whom and how long ago. The character \ufffd stands for one that has faded."
)
NOTHING = "Nothing in memory bears on this."


def create_recall_tool(
    memory: OpticalMemory,
    scope: str | Callable[[Any], str],
    *,
    k: int = 5,
    budget: int = 1000,
    name: str = "recall_memory",
    description: str = DESCRIPTION,
) -> BaseTool:
    """A tool that recalls up to `k` turns of a scope, `budget` tokens of them at most. `scope`:
    its name, or a function that makes it from an agent's tool runtime (needs langgraph)."""

    def found(query: str, where: str) -> str:
        return told(memory.recall(where, query, k), budget) or NOTHING

    def recall(query: str) -> str:
        return found(query, str(scope))

    async def arecall(query: str) -> str:
        return await asyncio.to_thread(found, query, str(scope))

    tool = StructuredTool.from_function
    if isinstance(scope, str):
        return tool(func=recall, coroutine=arecall, name=name, description=description)
    both = _with_runtime(found, scope)
    return tool(func=both[0], coroutine=both[1], name=name, description=description)


def _with_runtime(
    found: Callable[[str, str], str], scope: Callable[[Any], str]
) -> tuple[Callable[..., str], Callable[..., Any]]:
    """The tool's function and its twin, for agents that hand a runtime to their tools."""
    try:
        from langgraph.prebuilt import ToolRuntime
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "a scope made from the runtime needs langgraph: pip install 'optimem[langchain]'"
        ) from error

    def recall(query: str, runtime: ToolRuntime) -> str:
        return found(query, scope(runtime))

    async def arecall(query: str, runtime: ToolRuntime) -> str:
        return await asyncio.to_thread(found, query, scope(runtime))

    return recall, arecall
