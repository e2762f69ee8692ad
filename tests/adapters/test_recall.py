"""The retriever and the recall tool, in langchain-tests' standard suites and beyond."""

import sys
from typing import Any

import pytest
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool
from langchain_tests.integration_tests import RetrieversIntegrationTests, ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from optimem import OpticalMemory
from optimem.adapters import OptimemRetriever, create_recall_tool
from optimem.adapters.recall import NOTHING_FOUND
from optimem.errors import MissingExtraError
from optimem.testing import plain_codec

SCOPE = "acme/ann/s1"


def filled() -> OpticalMemory:
    memory = OpticalMemory.open(":memory:", codec=plain_codec(), clock=lambda: 1e9)
    memory.append(SCOPE, [f"The staging port number {i} is {6000 + i}." for i in range(9)])
    return memory


class TestRetriever(RetrieversIntegrationTests):
    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return OptimemRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"memory": filled(), "scope": SCOPE}

    @property
    def retriever_query_example(self) -> str:
        return "staging port"


class Tool:
    @property
    def tool_constructor(self) -> BaseTool:
        return create_recall_tool(filled(), SCOPE)

    @property
    def tool_invoke_params_example(self) -> dict[str, str]:
        return {"query": "staging port"}


class TestToolUnit(Tool, ToolsUnitTests):
    """Name, schema, constructor."""


class TestToolIntegration(Tool, ToolsIntegrationTests):
    """Calls, sync and async."""


def test_documents_carry_their_certainty() -> None:
    (hit,) = OptimemRetriever(memory=filled(), scope=SCOPE, k=1).invoke("port 6003")
    assert hit.page_content == "The staging port number 3 is 6003."
    assert hit.metadata["exact"]
    assert hit.metadata["tier"] == "tail"


def test_a_tool_that_finds_nothing_says_so() -> None:
    tool = create_recall_tool(filled(), SCOPE)
    assert tool.invoke({"query": "zeppelin"}) == NOTHING_FOUND
    assert "6003" in tool.invoke({"query": "number 3"})


def test_a_scope_may_be_derived_from_the_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    tool = create_recall_tool(filled(), lambda runtime: SCOPE)
    assert set(tool.args) == {"query"}
    monkeypatch.setitem(sys.modules, "langgraph.prebuilt", None)
    with pytest.raises(MissingExtraError, match=r"needs langgraph: pip install"):
        create_recall_tool(filled(), lambda runtime: SCOPE)


def test_recalled_text_keeps_to_the_budget() -> None:
    tool = create_recall_tool(filled(), SCOPE, k=9, budget=50)
    assert 1 <= len(tool.invoke({"query": "staging port"}).splitlines()) <= 3
