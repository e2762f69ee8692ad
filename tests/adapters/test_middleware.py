"""The middleware in real agents, on a model that records what it is sent."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from benchmarks.agents.recording import ScriptedModel, orphans
from optimem import OpticalMemory
from optimem.adapters import OptimemMiddleware
from optimem.adapters.sizes import any_of, cut, tokens
from optimem.errors import InputError, StoreUnavailableError
from optimem.testing import plain_codec

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


def said(turn: int) -> str:
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
        message = HumanMessage(said(turn), id=f"m{turn}")
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
    spent, spent_plain = ([sum(map(tokens, sent)) for sent in m.sent] for m in (ours, plain))
    half = len(spent) // 2
    assert max(spent[half:]) < 1.3 * max(spent[: half + 1])
    assert spent_plain[-1] > 1.8 * spent_plain[half]
    assert spent[-1] < spent_plain[-1] / 3
    assert [orphans(sent) for sent in ours.sent] == [[]] * len(ours.sent)


@pytest.mark.parametrize(
    ("question", "fact"),
    [("What is the vault code?", "7261-QX"), ("Which flight does Ann take?", "LH-4410"),
     ("On which port does the staging database listen?", "6543")],
)  # fmt: skip
def test_a_planted_fact_is_there_when_it_is_asked_for(
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
    assert len(asked) <= 13


async def test_the_async_twin_sends_the_same(memory: OpticalMemory) -> None:
    middleware = OptimemMiddleware(memory, trigger=("messages", 6), keep=("messages", 2), scope="s")
    said_before = [HumanMessage(f"number {i}", id=str(i)) for i in range(9)]
    sent = []
    for run in range(2):
        model = ScriptedModel(answer=lambda _: AIMessage("ok"))
        agent = create_agent(model, middleware=[middleware])
        given_messages = {"messages": said_before}
        await agent.ainvoke(given_messages) if run else agent.invoke(given_messages)
        sent.append(contents(model.sent[0]))
    assert sent[0] == sent[1]
    assert len(sent[0]) == 3


class BrokenMemory(OpticalMemory):
    def append(self, *_: object, **__: object) -> None:  # type: ignore[override]
        raise StoreUnavailableError("the server is gone")


def test_a_broken_memory_passes_the_messages_through_or_raises(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = BrokenMemory.open(":memory:", codec=plain_codec())
    memory = BrokenMemory(broken.store, broken.codec)
    messages = [HumanMessage(f"number {i}", id=str(i)) for i in range(9)]
    model = ScriptedModel(answer=lambda _: AIMessage("ok"))
    small = {"trigger": ("messages", 6), "keep": ("messages", 2)}
    create_agent(model, middleware=[OptimemMiddleware(memory, **small)]).invoke(
        {"messages": messages}
    )
    assert len(model.sent[0]) == 9
    assert "the server is gone" in caplog.text
    strict = OptimemMiddleware(memory, on_error="raise", **small)
    with pytest.raises(StoreUnavailableError):
        create_agent(model, middleware=[strict]).invoke({"messages": messages})


def test_what_a_tool_found_comes_with_the_question_it_was_called_for(memory: OpticalMemory) -> None:
    call = {"name": "run", "args": {"query": "grep ssl_"}, "id": "c1"}
    messages: list[AnyMessage] = [
        HumanMessage("What does the office proxy serve?", id="h1"),
        AIMessage("", tool_calls=[call], id="a1"),
        ToolMessage("fullchain.pem", tool_call_id="c1", name="run", id="t1"),
        AIMessage("See above.", id="b1"),
        *(HumanMessage(f"number {i}", id=str(i)) for i in range(9)),
        HumanMessage("Which file is that for the proxy?", id="q"),
    ]
    model = ScriptedModel(answer=lambda _: AIMessage("ok"))
    small = OptimemMiddleware(memory, trigger=("messages", 6), keep=("messages", 2))
    create_agent(model, middleware=[small]).invoke({"messages": messages})
    told = str(model.sent[0][0].content)
    assert "fullchain.pem" in told
    assert "See above" not in told


@st.composite
def conversations(draw: st.DrawFn) -> list[AnyMessage]:
    """Random conversations with calls of several tools at once."""
    messages: list[AnyMessage] = []
    for turn in range(draw(st.integers(0, 8))):
        messages.append(HumanMessage(f"h{turn}", id=f"h{turn}"))
        for step in range(draw(st.integers(0, 3))):
            ids = [f"{turn}-{step}-{i}" for i in range(draw(st.integers(1, 3)))]
            calls = [{"name": "add", "args": {}, "id": each} for each in ids]
            messages.append(AIMessage("", tool_calls=calls, id=f"a{turn}-{step}"))
            messages += [ToolMessage("r", tool_call_id=each) for each in draw(st.permutations(ids))]
        messages.append(AIMessage("done", id=f"d{turn}"))
    return messages


@settings(max_examples=150, deadline=None)
@given(conversations(), st.integers(1, 12), st.sampled_from(["messages", "tokens"]))
def test_no_cut_parts_a_call_from_its_results(
    messages: list[AnyMessage], keep: int, unit: str
) -> None:
    gone = cut(messages, (unit, keep), None)
    assert orphans(messages[gone:]) == []
    assert orphans(messages[:gone]) == []
    if unit == "messages":
        assert len(messages) - gone >= min(keep, len(messages))


@pytest.mark.parametrize(
    "options",
    [{"trigger": ("pages", 3)}, {"trigger": []}, {"trigger": ("fraction", 2)}, {"keep": 5},
     {"keep": ("messages", 0)}, {"budget": 10}, {"k": 0}, {"on_error": "ignore"}],
)  # fmt: skip
def test_what_cannot_be_used_is_named(memory: OpticalMemory, options: dict[str, object]) -> None:
    with pytest.raises(InputError):
        OptimemMiddleware(memory, **options)  # type: ignore[arg-type]


def test_triggers_are_all_of_a_dict_and_any_of_a_list() -> None:
    assert any_of([("messages", 5), {"tokens": 100, "messages": 2}]) == [
        [("messages", 5.0)],
        [("tokens", 100.0), ("messages", 2.0)],
    ]


def test_a_fraction_needs_a_model_that_tells_its_size(memory: OpticalMemory) -> None:
    middleware = OptimemMiddleware(memory, trigger=("fraction", 0.5), on_error="raise")
    model = ScriptedModel(answer=lambda _: AIMessage("ok"))
    with pytest.raises(InputError, match="does not tell how much it takes in"):
        create_agent(model, middleware=[middleware]).invoke({"messages": [HumanMessage("x")]})
