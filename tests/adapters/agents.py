"""What tests of agents share: a long history, a model that says ok, and the pages it is shown."""

from collections.abc import Sequence
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage

from benchmarks.agents.runs import ScriptedModel
from optimem.adapters import OptimemMiddleware

STORY = "The keeper wrote down every ship that passed, its name, its flag and the hour. "


def history(count: int, length: int = 4) -> list[AnyMessage]:
    """Human and AI messages in turn, `length` times the story in each."""
    kinds = (HumanMessage, AIMessage)
    return [kinds[i % 2](f"{i}: {STORY * length}", id=str(i)) for i in range(count)]


def ok_model() -> ScriptedModel:
    return ScriptedModel(answer=lambda _: AIMessage("ok"))


def sent_with(middleware: OptimemMiddleware, messages: Sequence[AnyMessage]) -> list[BaseMessage]:
    """What the model is sent of messages through a middleware."""
    model = ok_model()
    create_agent(model, middleware=[middleware]).invoke({"messages": list(messages)})
    return model.sent[0]


def images(messages: Sequence[BaseMessage]) -> list[Any]:
    return [
        block
        for message in messages
        for block in message.content_blocks
        if block["type"] == "image"
    ]
