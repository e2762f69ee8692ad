"""Pages in place of old messages: the middleware's image and auto modes, and the compressor."""

from collections.abc import Sequence
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import Field

from benchmarks.agents.recording import ScriptedModel, orphans
from optimem import OpticalMemory
from optimem.adapters import OptimemMiddleware, OptimemPromptCompressor
from optimem.adapters.replacements import STEP, Replacement, best
from optimem.adapters.sizes import tokens
from optimem.errors import ImageSupportError, InputError, ProviderError

STORY = "The keeper wrote down every ship that passed, its name, its flag and the hour. "


def history(count: int, length: int = 4) -> list[AnyMessage]:
    kinds = (HumanMessage, AIMessage)
    return [kinds[i % 2](f"{i}: {STORY * length}", id=str(i)) for i in range(count)]


def sent_with(middleware: OptimemMiddleware, messages: Sequence[AnyMessage]) -> list[BaseMessage]:
    model = ScriptedModel(answer=lambda _: AIMessage("ok"))
    create_agent(model, middleware=[middleware]).invoke({"messages": list(messages)})
    return model.sent[0]


def images(messages: Sequence[BaseMessage]) -> list[Any]:
    return [
        block
        for message in messages
        for block in message.content_blocks
        if block["type"] == "image"
    ]


def page_middleware(memory: OpticalMemory, **options: Any) -> OptimemMiddleware:
    usual = {"mode": "image", "image_model": "gpt-4o", "scope": "s", "budget": 4000}
    small = {"trigger": ("messages", 12), "keep": ("messages", 4)}
    return OptimemMiddleware(memory, **{**usual, **small, **options})


def test_old_messages_are_shown_as_pages_and_remembered(memory: OpticalMemory) -> None:
    messages = [*history(40), HumanMessage("Which came last?", id="q")]
    sent = sent_with(page_middleware(memory), messages)
    assert images(sent)
    assert sent[0].type == "human"
    assert sent[1:] == messages[30:]
    assert memory.stats("s").turns == 37


def test_pages_stay_the_same_bytes_while_a_few_messages_are_added(memory: OpticalMemory) -> None:
    messages = history(24 + STEP)
    pages = [images(sent_with(page_middleware(memory), messages[: 24 + i])) for i in range(STEP)]
    assert pages[0]
    assert all(each == pages[0] for each in pages)
    later = images(sent_with(page_middleware(memory), messages))
    assert later != pages[0]


def test_state_and_checkpoint_never_hold_a_page(memory: OpticalMemory) -> None:
    states = []
    for middleware in ([page_middleware(memory)], []):
        model = ScriptedModel(answer=lambda sent: AIMessage(f"answer to {sent[-1].text[:3]}"))
        agent = create_agent(model, middleware=middleware, checkpointer=InMemorySaver())
        config: Any = {"configurable": {"thread_id": "t"}}
        for message in history(30, length=8)[::2]:
            agent.invoke({"messages": [message]}, config)
        states.append(agent.get_state(config).values["messages"])
        assert bool(images(model.sent[-1])) == bool(middleware)
        assert orphans(model.sent[-1]) == []
    assert [m.content for m in states[0]] == [m.content for m in states[1]]


def test_a_small_budget_leaves_the_oldest_out(memory: OpticalMemory) -> None:
    sent = sent_with(page_middleware(memory, budget=1000), history(60))
    assert "still older messages are left out" in sent[0].text
    assert images(sent)


async def test_the_async_twin_sends_the_same(memory: OpticalMemory) -> None:
    sent = []
    for run in range(2):
        model = ScriptedModel(answer=lambda _: AIMessage("ok"))
        agent = create_agent(model, middleware=[page_middleware(memory)])
        given: Any = {"messages": history(30)}
        await agent.ainvoke(given) if run else agent.invoke(given)
        sent.append([message.content for message in model.sent[0]])
    assert sent[0] == sent[1]


def test_streaming_is_left_alone(memory: OpticalMemory) -> None:
    streams = []
    for middleware in ([page_middleware(memory)], []):
        model = ScriptedModel(answer=lambda _: AIMessage("ok", id="a"))
        agent = create_agent(model, middleware=middleware)
        given: Any = {"messages": history(30)}
        parts = [part for part, _ in agent.stream(given, stream_mode="messages")]
        streams.append([(part.type, part.content) for part in parts])
    assert streams[0] == streams[1] != []


class Blind(ScriptedModel):
    """A model that says it takes no images."""

    profile: Any = Field(default_factory=lambda: {"image_inputs": False})


@pytest.mark.parametrize(
    ("model", "named", "error"),
    [(Blind, "gpt-4o", ImageSupportError), (ScriptedModel, None, ProviderError)],
)
def test_a_model_that_cannot_be_shown_pages_is_named(
    memory: OpticalMemory, model: type[ScriptedModel], named: str | None, error: type[Exception]
) -> None:
    agent = create_agent(
        model(answer=lambda _: AIMessage("ok")),
        middleware=[page_middleware(memory, image_model=named)],
    )
    with pytest.raises(error):
        agent.invoke({"messages": history(30)})


def test_auto_serves_a_text_model_with_recollections(memory: OpticalMemory) -> None:
    middleware = page_middleware(memory, mode="auto", image_model=None)
    asked = HumanMessage("What did the keeper write in entry 3?", id="q")
    sent = sent_with(middleware, [*history(30), asked])
    assert not images(sent)
    assert "Recalled from earlier" in sent[0].text


def test_auto_sends_short_messages_as_they_are(memory: OpticalMemory) -> None:
    messages = [HumanMessage(f"{i} ship", id=str(i)) for i in range(13)]
    middleware = page_middleware(memory, mode="auto", keep=("messages", 12))
    assert sent_with(middleware, [*messages, HumanMessage("Which ship?", id="q")])[0] == messages[0]


def test_the_best_is_certain_first_then_cheap() -> None:
    sure, dear, vague = (Replacement([], 10, True), Replacement([], 20, True),
                         Replacement([], 1, False))  # fmt: skip
    assert best([dear, vague, sure]) is sure
    assert best([vague, Replacement([], 2, False)]) is vague


def test_the_recall_tool_searches_the_thread_it_is_called_in(memory: OpticalMemory) -> None:
    def answer(sent: Sequence[BaseMessage]) -> AIMessage:
        if sent[-1].type == "human" and "code" in sent[-1].text:
            call = {"name": "recall_memory", "args": {"query": "vault code"}, "id": "c1"}
            return AIMessage("", tool_calls=[call])
        return AIMessage("ok")

    middleware = OptimemMiddleware(memory, recall_tool=True, trigger=("messages", 4),
                                   keep=("messages", 2))  # fmt: skip
    model = ScriptedModel(answer=answer)
    agent = create_agent(model, middleware=[middleware], checkpointer=InMemorySaver())
    for thread, fact in (("a", "7261"), ("b", "9999")):
        for text in (f"The vault opens with {fact}.", "one", "two", "three"):
            agent.invoke(
                {"messages": [HumanMessage(text)]}, {"configurable": {"thread_id": thread}}
            )
    state = agent.invoke(
        {"messages": [HumanMessage("the code?")]}, {"configurable": {"thread_id": "a"}}
    )
    result = next(m for m in state["messages"] if m.type == "tool")
    assert "7261" in result.text
    assert "9999" not in result.text


@pytest.mark.parametrize("options", [{"mode": "pages"}, {"mode": None}])
def test_an_unknown_mode_is_named(memory: OpticalMemory, options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="mode="):
        OptimemMiddleware(memory, **options)


async def test_the_compressor_is_a_step_of_a_chain() -> None:
    prompt = ChatPromptTemplate([("system", "be brief"), ("placeholder", "{history}"),
                                 ("human", "{question}")])  # fmt: skip
    model = ScriptedModel(answer=lambda _: AIMessage("the Antares"))
    chain = prompt | OptimemPromptCompressor("gpt-4o") | model
    given = {"history": history(30), "question": "Which came last?"}
    assert chain.invoke(given).text == (await chain.ainvoke(given)).text == "the Antares"
    first, second = model.sent
    assert [m.type for m in first] == ["system", "human", "human"]
    assert images(first)
    assert [m.content for m in first] == [m.content for m in second]
    assert sum(map(tokens, prompt.invoke(given).to_messages())) > 1000


def test_the_compressor_lets_pass_what_would_gain_nothing() -> None:
    short = [HumanMessage("hello"), HumanMessage("hm?")]
    assert OptimemPromptCompressor("gpt-4o").invoke(short) == short
    (alone,) = OptimemPromptCompressor("gpt-4o", question="What?").invoke("short")
    assert alone.content == "short\n\nWhat?"
