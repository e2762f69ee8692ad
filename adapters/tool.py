"""A tool with which an agent looks into its memory."""

from langchain_core.tools import BaseTool, StructuredTool

from optimem.memory import OpticalMemory
from optimem.memory.telling import told

DESCRIPTION = (
    "Search the memory of earlier conversations. Give a question or key words; returns what "
    "was said, by whom and how long ago. The character \ufffd stands for one that has faded."
)
NOTHING = "Nothing in memory bears on this."


def create_recall_tool(
    memory: OpticalMemory,
    scope: str,
    *,
    k: int = 5,
    budget: int = 1000,
    name: str = "recall_memory",
    description: str = DESCRIPTION,
) -> BaseTool:
    """A tool that recalls up to `k` turns of a scope, `budget` tokens of them at most."""

    def recall(query: str) -> str:
        return told(memory.recall(scope, query, k), budget) or NOTHING

    async def arecall(query: str) -> str:
        return told(await memory.arecall(scope, query, k), budget) or NOTHING

    return StructuredTool.from_function(
        func=recall, coroutine=arecall, name=name, description=description
    )
