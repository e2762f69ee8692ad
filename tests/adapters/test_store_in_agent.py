"""The store in a LangGraph agent, which keeps facts there and finds them in another thread."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from langchain.agents import create_agent
from langchain.tools import ToolRuntime
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.tools import tool

from benchmarks.agents.runs import ScriptedModel
from optimem.adapters import OptimemStore

FACTS = ("facts", "ann")
STATEMENTS = ["My desk is 4.117.", "My dog is called Rex."]


@tool
def keep(fact: str, runtime: ToolRuntime) -> str:
    """Keep a fact about the user."""
    assert runtime.store
    runtime.store.put(FACTS, str(hash(fact)), {"fact": fact})
    return "Kept."


@tool
def look_up(question: str, runtime: ToolRuntime) -> str:
    """Look up facts about the user."""
    assert runtime.store
    hits = runtime.store.search(FACTS, query=question, limit=1)
    return " ".join(str(hit.value["fact"]) for hit in hits)


def answer(messages: Sequence[BaseMessage]) -> AIMessage:
    """Looks up questions, keeps the rest, and repeats what the tool returned."""
    text = str(messages[-1].content)
    if messages[-1].type == "tool":
        return AIMessage(text)
    name, argument = ("look_up", "question") if text.endswith("?") else ("keep", "fact")
    return AIMessage("", tool_calls=[{"name": name, "args": {argument: text}, "id": f"id-{text}"}])


@pytest.mark.parametrize("is_async", [False, True])
async def test_what_one_thread_keeps_another_finds(tmp_path: Path, is_async: bool) -> None:
    async def say(text: str) -> str:
        with OptimemStore.open(tmp_path / "store.db") as store:
            agent = create_agent(ScriptedModel(answer=answer), [keep, look_up], store=store)
            given = {"messages": [HumanMessage(text)]}
            state = await agent.ainvoke(given) if is_async else agent.invoke(given)
        return str(state["messages"][-1].content)

    assert [await say(text) for text in STATEMENTS] == ["Kept.", "Kept."]
    assert await say("Which desk is mine?") == STATEMENTS[0]
    assert await say("What is my dog called?") == STATEMENTS[1]
