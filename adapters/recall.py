"""Recall from a memory as LangChain asks for it: a retriever for chains, a tool for agents."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool, StructuredTool
from pydantic import ConfigDict, Field

from optimem.api.memory import OpticalMemory
from optimem.errors import MissingExtraError
from optimem.memory.recall.prompting import QUOTED, format_context
from optimem.results import Recollection
from optimem.turns import Scope

TOOL_DESCRIPTION = (
    "Search the memory of earlier conversations. Give a question or key words; returns what "
    "was said, by whom and how long ago. The character \ufffd stands for one that has faded. "
    f"{QUOTED}"
)
NOTHING_FOUND = "Nothing in memory matches this query."

Search = Callable[[str, str | Scope | None], str]
"""A query and a scope to recalled text."""


class OptimemRetriever(BaseRetriever):
    """Up to `k` turns of a scope that match a query, best first.

    A document's `page_content` is the turn's text verbatim; its metadata hold what is known of the
    turn, and as "context" the text for a prompt: attributed, with a mark before each line, so that
    it cannot pass for anyone else's words.

    `k`: may also be given to `invoke`. `refresh`: whether recalled pages fade later.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    memory: OpticalMemory
    scope: str
    k: int = Field(default=4, ge=1)
    refresh: bool = True

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        hits = self.memory.recall(self.scope, query, k or self.k, refresh=self.refresh)
        return [to_document(hit) for hit in hits]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        hits = await self.memory.arecall(self.scope, query, k or self.k, refresh=self.refresh)
        return [to_document(hit) for hit in hits]


def to_document(hit: Recollection) -> Document:
    """A recalled turn as a document, with its certainty and age as metadata."""
    metadata = {
        "context": format_context([hit], sys.maxsize),
        "role": hit.role,
        "speaker": hit.speaker,
        "why": hit.reasons,
        "time": hit.time,
        "age": hit.age,
        "tier": hit.tier,
        "probability": hit.probability,
        "exact": hit.exact,
        "score": hit.score,
    }
    return Document(id=hit.id, page_content=hit.text, metadata=metadata)


def create_recall_tool(
    memory: OpticalMemory,
    scope: str | Scope | Callable[[Any], str | Scope | None],
    *,
    k: int = 5,
    budget: int = 1000,
    name: str = "recall_memory",
    description: str = TOOL_DESCRIPTION,
) -> BaseTool:
    """A tool that recalls up to `k` matches of a scope and what was said right before and after
    each, in at most `budget` tokens.

    `scope`: its name, or a function that derives it from the agent's `ToolRuntime`, which needs
    langgraph; where it returns None, nothing is found. Raises MissingExtraError without it.
    """

    def search(query: str, scope: str | Scope | None) -> str:
        if scope is None:
            return NOTHING_FOUND
        hits = memory.recall(scope, query, k, budget=budget)
        return format_context(hits, budget) or NOTHING_FOUND

    if isinstance(scope, str | Scope):
        call, acall = _search_scope(search, scope)
    else:
        call, acall = _search_scope_of_runtime(search, scope)
    return StructuredTool.from_function(
        func=call, coroutine=acall, name=name, description=description
    )


def _search_scope(
    search: Search, scope: str | Scope
) -> tuple[Callable[..., str], Callable[..., Any]]:
    """The tool's function and its async twin for one scope."""

    def recall(query: str) -> str:
        return search(query, scope)

    async def arecall(query: str) -> str:
        return await asyncio.to_thread(search, query, scope)

    return recall, arecall


def _search_scope_of_runtime(
    search: Search, scope: Callable[[Any], str | Scope | None]
) -> tuple[Callable[..., str], Callable[..., Any]]:
    """The same for agents, which pass a runtime to functions that are annotated for it."""
    try:
        from langgraph.prebuilt import ToolRuntime
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "a scope derived from the runtime needs langgraph: pip install 'optimem[langchain]'"
        ) from error

    def recall(query: str, runtime: ToolRuntime) -> str:
        return search(query, scope(runtime))

    async def arecall(query: str, runtime: ToolRuntime) -> str:
        return await asyncio.to_thread(search, query, scope(runtime))

    return recall, arecall
