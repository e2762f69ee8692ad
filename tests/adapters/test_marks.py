"""Which prefixes of a request Anthropic is told to cache."""

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRequest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage

from benchmarks.agents.runs import ScriptedModel
from optimem.adapters import OptimemMiddleware
from optimem.adapters.conversation import INSERTED
from optimem.adapters.marks import mark_for_cache
from optimem.planning.facts import Counters
from optimem.prompts.cache_rules import cache_rule_for
from optimem.testing import open_memory
from tests.adapters.agents import history

RULE = cache_rule_for("claude-opus-5")


class Claude(ScriptedModel):
    @property
    def _llm_type(self) -> str:
        return "anthropic-chat"


def request(messages: list[AnyMessage], **fields: Any) -> ModelRequest[Any]:
    model = Claude(answer=lambda _: AIMessage("ok"))
    system = SystemMessage("Be brief. " * 300)
    return ModelRequest(model=model, messages=messages, system_message=system, **fields)


def marked(given: ModelRequest[Any]) -> list[int]:
    """Which messages carry a mark."""
    return [
        index
        for index, message in enumerate(given.messages)
        if isinstance(message.content, list) and "cache_control" in message.content[-1]
    ]


def test_marks_stand_where_prefixes_end() -> None:
    digest = HumanMessage("user: hi", id=f"{INSERTED}left")
    messages = [digest, *history(4), HumanMessage("q"), AIMessage("step")]
    given = request(messages)
    done = mark_for_cache(given, RULE, 1000, Counters())
    assert marked(done) == [0, 5]
    assert done.system_message
    assert isinstance(done.system_message.content, list)
    assert done.model_settings["cache_control"] == {"type": "ephemeral"}
    assert isinstance(given.messages[0].content, str)
    assert len(marked(done)) + 2 <= RULE.breakpoints


@pytest.mark.parametrize("why", ["short", "set by others", "another provider", "another class"])
def test_no_marks_are_set(why: str) -> None:
    messages = history(2 if why == "short" else 8)
    given = request(messages)
    rule, fixed = RULE, 0 if why == "short" else 1000
    if why == "set by others":
        given = request(messages, model_settings={"cache_control": {"type": "ephemeral"}})
    if why == "another provider":
        rule = cache_rule_for("gpt-5.1")
    if why == "another class":
        given = given.override(model=ScriptedModel(answer=lambda _: AIMessage("ok")))
    assert mark_for_cache(given, rule, fixed, Counters()) is given


def test_an_agent_sets_marks_on_a_copy_only() -> None:
    model = Claude(answer=lambda _: AIMessage("ok"))
    middleware = OptimemMiddleware(open_memory(), scope="s", cache="claude-opus-5")
    agent = create_agent(model, system_prompt="Be brief. " * 300, middleware=[middleware])
    state = agent.invoke({"messages": history(9)})
    assert isinstance(model.sent[0][0].content, list)
    assert all(isinstance(message.content, str) for message in state["messages"])
