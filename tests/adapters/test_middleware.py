"""The middleware in real agents, on a model that records what it is sent."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import Field

from benchmarks.agents.runs import ScriptedModel, find_orphans
from optimem import OpticalMemory
from optimem.adapters import OptimemMiddleware
from optimem.adapters.messages import message_tokens
from optimem.errors import ImageSupportError, InputError, ProviderError, StoreUnavailableError
from optimem.testing import plain_codec
from tests.adapters.agents import history, images, ok_model, sent_with

TURNS = 60
FACTS = {5: "The vault code is 7261-QX.", 11: "Ann's flight is LH-4410 on 3 May.",
         20: "The staging database listens on port 6543."}  # fmt: skip


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def answer(messages: Sequence[BaseMessage]) -> AIMessage:
    """Calls the tool in every other turn, then answers."""
    last = messages[-1]
    if last.type == "human" and str(last.content).endswith("?"):
        call = {"name": "add", "args": {"a": 1, "b": 2}, "id": f"call-{last.id}"}
        return AIMessage("", tool_calls=[call])
    return AIMessage(f"Noted: {last.content}")


def request(turn: int) -> str:
    if turn in FACTS:
        return FACTS[turn]
    return f"Turn {turn} about gardening, weather and lunch{'?' if turn % 2 else '.'}"


def talk(
    middleware: list[OptimemMiddleware], turns: int = TURNS
) -> tuple[ScriptedModel, list[AnyMessage]]:
    """A conversation; the model with what it was sent, and the messages in the state."""
    model = ScriptedModel(answer=answer)
    agent = create_agent(model, [add], middleware=middleware, checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "t/1"}}
    for turn in range(turns):
        message = HumanMessage(request(turn), id=f"m{turn}")
        state = agent.invoke({"messages": [message]}, config)
    return model, state["messages"]


def contents(messages: Sequence[BaseMessage]) -> list[tuple[str, object, object]]:
    return [(m.type, m.content, getattr(m, "tool_calls", None)) for m in messages]


def test_tokens_stay_flat_tools_whole_and_the_state_as_it_is_without_us(
    memory: OpticalMemory,
) -> None:
    middleware = OptimemMiddleware(
        memory, trigger=("messages", 30), keep=("messages", 10), budget=300
    )
    ours, state = talk([middleware])
    plain, plain_state = talk([])
    assert contents(state) == contents(plain_state)
    spent, spent_plain = (
        [sum(map(message_tokens, sent)) for sent in m.sent] for m in (ours, plain)
    )
    half = len(spent) // 2
    assert max(spent[half:]) < 1.3 * max(spent[: half + 1])
    assert spent_plain[-1] > 1.8 * spent_plain[half]
    assert spent[-1] < spent_plain[-1] / 2
    assert [find_orphans(sent) for sent in ours.sent] == [[]] * len(ours.sent)


@pytest.mark.parametrize(
    ("question", "fact"),
    [("What is the vault code?", "7261-QX"), ("Which flight does Ann take?", "LH-4410"),
     ("On which port does the staging database listen?", "6543")],
)  # fmt: skip
def test_a_planted_fact_is_sent_when_it_is_asked_for(
    memory: OpticalMemory, question: str, fact: str
) -> None:
    middleware = OptimemMiddleware(
        memory, scope="s1", trigger=("messages", 30), keep=("messages", 10), budget=300
    )
    model, state = talk([middleware], turns=40)
    agent = create_agent(model, [add], middleware=[middleware])
    agent.invoke({"messages": [*state, HumanMessage(question, id="q")]})
    asked = next(sent for sent in model.sent if sent[-1].id == "q")
    assert any(fact in str(message.content) for message in asked)
    assert len(asked) < 30


async def test_the_async_twin_sends_the_same(memory: OpticalMemory) -> None:
    middleware = OptimemMiddleware(memory, trigger=("messages", 6), keep=("messages", 2), scope="s")
    messages = [HumanMessage(f"number {i}", id=str(i)) for i in range(9)]
    sent = []
    for run in range(2):
        model = ok_model()
        agent = create_agent(model, middleware=[middleware])
        given: Any = {"messages": messages}
        await agent.ainvoke(given) if run else agent.invoke(given)
        sent.append(contents(model.sent[0]))
    assert sent[0] == sent[1]
    assert len(sent[0]) < 9


class BrokenMemory(OpticalMemory):
    def append(self, *_: object, **__: object) -> None:  # type: ignore[override]
        raise StoreUnavailableError("the server is gone")


def test_a_broken_memory_passes_the_messages_through_or_raises(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = BrokenMemory.open(":memory:", codec=plain_codec())
    memory = BrokenMemory(broken.store, broken.codec)
    messages = [HumanMessage(f"number {i}", id=str(i)) for i in range(9)]
    model = ok_model()
    small: Any = {"scope": "s", "trigger": ("messages", 6), "keep": ("messages", 2)}
    create_agent(model, middleware=[OptimemMiddleware(memory, **small)]).invoke(
        {"messages": messages}
    )
    assert len(model.sent[0]) == 9
    assert "the server is gone" in caplog.text
    strict = OptimemMiddleware(memory, on_error="raise", **small)
    with pytest.raises(StoreUnavailableError):
        create_agent(model, middleware=[strict]).invoke({"messages": messages})


@pytest.mark.parametrize(
    "options",
    [{"trigger": ("pages", 3)}, {"trigger": []}, {"trigger": ("fraction", 2)}, {"keep": 5},
     {"keep": ("messages", 0)}, {"budget": 10}, {"k": 0}, {"on_error": "ignore"}],
)  # fmt: skip
def test_invalid_options_are_named(memory: OpticalMemory, options: dict[str, object]) -> None:
    with pytest.raises(InputError):
        OptimemMiddleware(memory, **options)  # type: ignore[arg-type]


def test_a_fraction_needs_the_size_of_the_model(memory: OpticalMemory) -> None:
    middleware = OptimemMiddleware(memory, scope="s", trigger=("fraction", 0.5), on_error="raise")
    model = ok_model()
    with pytest.raises(InputError, match="ScriptedModel has no max_input_tokens"):
        create_agent(model, middleware=[middleware]).invoke({"messages": [HumanMessage("x")]})


def page_middleware(memory: OpticalMemory, **options: Any) -> OptimemMiddleware:
    usual = {"mode": "image", "image_model": "gpt-4o", "scope": "s", "budget": 4000}
    small = {"trigger": ("messages", 12), "keep": ("messages", 4)}
    return OptimemMiddleware(memory, **{**usual, **small, **options})


def test_old_messages_are_shown_as_pages_and_remembered(memory: OpticalMemory) -> None:
    messages = [*history(40), HumanMessage("Which came last?", id="q")]
    sent = sent_with(page_middleware(memory), messages)
    assert images(sent)
    assert sent[0].type == "human"
    assert sent[1:] == messages[-len(sent) + 1 :]
    assert memory.stats("s").turns == 42  # the question and its answer, too


def test_pages_stay_the_same_bytes_until_the_boundary_moves(memory: OpticalMemory) -> None:
    messages = history(60)
    middleware = page_middleware(memory, trigger=("messages", 24))
    sent = [sent_with(middleware, messages[:end]) for end in range(25, 60, 2)]
    pages = [images(each) for each in sent]
    assert pages[0]
    changes = sum(later != earlier for earlier, later in pairwise(pages))
    assert 0 < changes <= len(sent) / 3


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
        assert find_orphans(model.sent[-1]) == []
    assert [m.content for m in states[0]] == [m.content for m in states[1]]


def test_a_small_budget_leaves_the_oldest_out(memory: OpticalMemory) -> None:
    sent = sent_with(page_middleware(memory, budget=1000), history(160))
    assert "still older messages are left out" in sent[0].text
    assert images(sent)


async def test_the_async_twin_sends_the_same_pages(memory: OpticalMemory) -> None:
    sent = []
    for run in range(2):
        model = ok_model()
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
    assert "entry 3" in asked.text
    assert "Recalled; lines" in sent[-2].text


def test_auto_sends_short_messages_as_they_are(memory: OpticalMemory) -> None:
    messages = [HumanMessage(f"{i} ship", id=str(i)) for i in range(13)]
    middleware = page_middleware(memory, mode="auto", keep=("messages", 12))
    assert sent_with(middleware, [*messages, HumanMessage("Which ship?", id="q")])[0] == messages[0]


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


def test_no_request_is_longer_than_it_may_be(memory: OpticalMemory) -> None:
    middleware = OptimemMiddleware(memory, scope="s", max_tokens=500, on_error="raise")
    said = history(60, length=1)
    for end in range(1, 61, 6):
        asked = HumanMessage(f"Which ship passed in entry {end - 1}?", id=f"q{end}")
        sent = sent_with(middleware, [*said[:end], asked])
        assert sum(message_tokens(message) for message in sent) <= 500
        assert sent[-1].text == asked.text


def test_a_request_with_no_room_for_recollections_is_told_of_once(
    memory: OpticalMemory, caplog: pytest.LogCaptureFixture
) -> None:
    middleware = OptimemMiddleware(memory, scope="s", max_tokens=200, on_error="raise")
    said = history(60, length=1)
    for end in (30, 45, 60):
        asked = HumanMessage(f"Which ship passed in entry {end - 1}?", id=f"q{end}")
        sent_with(middleware, [*said[:end], asked])
    told = [line for line in caplog.messages if "nothing is recalled" in line]
    assert len(told) == 1
    assert told[0].startswith("max_tokens=200 leaves ")


def test_what_no_font_covers_stays_text_beside_the_pages(memory: OpticalMemory) -> None:
    said = history(30)
    said[4] = HumanMessage("The flag was \ue123\ue456 that day.", id="odd")
    middleware = page_middleware(memory, mode="image")
    sent = sent_with(middleware, [*said, HumanMessage("Which flag?", id="q")])
    assert images(sent)
    shown = [message.text for message in sent if "\ue123" in message.text]
    assert shown == ["The flag was \ue123\ue456 that day."]
