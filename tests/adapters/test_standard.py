"""langchain-tests' standard suites against our retriever and tool."""

from typing import Any

import pytest
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool
from langchain_tests.integration_tests import RetrieversIntegrationTests, ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from optimem import OpticalMemory
from optimem.adapters import OptimemRetriever, create_recall_tool
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


def test_documents_say_how_sure_they_are() -> None:
    (hit,) = OptimemRetriever(memory=filled(), scope=SCOPE, k=1).invoke("port 6003")
    assert hit.page_content == "The staging port number 3 is 6003."
    assert hit.metadata["exact"]
    assert hit.metadata["tier"] == "tail"


def test_a_tool_that_finds_nothing_says_so() -> None:
    tool = create_recall_tool(filled(), SCOPE)
    assert tool.invoke({"query": "zeppelin"}) == "Nothing in memory bears on this."
    assert "6003" in tool.invoke({"query": "number 3"})


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from optimem import adapters
    from optimem.errors import MissingExtraError

    monkeypatch.delitem(sys.modules, "optimem.adapters.middleware", raising=False)
    monkeypatch.setitem(sys.modules, "langchain.agents.middleware", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'optimem\[langchain\]'"):
        _ = adapters.OptimemMiddleware
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = adapters.no_such_name
