"""What an agent's memory can be trusted with: whose it is, what it may never send again, and what
is always there. Real agents, on a model that records what it is sent."""

import logging
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
    ToolMessage,
)
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph.message import REMOVE_ALL_MESSAGES

from benchmarks.agents.runs import ScriptedModel, find_orphans
from optimem import OpticalMemory
from optimem.adapters import OptimemMiddleware
from tests.adapters.agents import history, ok_model, sent_with

SMALL: dict[str, Any] = {"trigger": ("messages", 6), "keep": ("messages", 2), "on_error": "raise"}


def all_text(sent: Sequence[BaseMessage]) -> str:
    return "\n".join(str(message.text) for message in sent)


class Chat:
    """A thread of an agent."""

    def __init__(self, middleware: Any, thread: str = "t", **options: Any) -> None:
        self.model = options.pop("model", None) or ok_model()
        self.agent = options.pop("agent", None) or create_agent(
            self.model, options.pop("tools", []), middleware=[middleware],
            checkpointer=InMemorySaver(), **options,
        )  # fmt: skip
        self.config: Any = {"configurable": {"thread_id": thread}}

    def say(self, *messages: Any, **options: Any) -> list[BaseMessage]:
        """What the model is sent last."""
        given = [HumanMessage(m) if isinstance(m, str) else m for m in messages]
        self.agent.invoke({"messages": given}, self.config, **options)
        return self.model.sent[-1]

    def chatter(self, count: int = 8) -> None:
        for number in range(count):
            self.say(f"Chatter number {number} about the weather.")

    @property
    def messages(self) -> list[AnyMessage]:
        return self.agent.get_state(self.config).values["messages"]


def test_without_a_thread_or_a_scope_nothing_is_stored_and_it_says_so_once(
    memory: OpticalMemory, caplog: pytest.LogCaptureFixture
) -> None:
    middleware = OptimemMiddleware(memory, **SMALL)
    model = ok_model()
    agent = create_agent(model, middleware=[middleware])
    ann = [HumanMessage(f"My diagnosis is diabetes, note {i}", id=f"a{i}") for i in range(9)]
    bob = [HumanMessage(f"Is there a diagnosis for me? {i}", id=f"b{i}") for i in range(9)]
    with caplog.at_level(logging.WARNING, logger="optimem"):
        agent.invoke({"messages": ann})
        agent.invoke({"messages": bob})
    assert "diabetes" not in all_text(model.sent[-1])
    assert memory.stats().turns == 0
    assert caplog.text.count("thread_id") == 1


@pytest.mark.parametrize("everything", [False, True])
def test_what_was_removed_is_forgotten_and_never_sent_again(
    memory: OpticalMemory, everything: bool
) -> None:
    chat = Chat(OptimemMiddleware(memory, **SMALL))
    chat.say(HumanMessage("My PIN is 4711-X.", id="pin"))
    chat.chatter()
    assert "4711-X" in all_text(chat.say("What is my PIN?"))
    chat.say(RemoveMessage(id=REMOVE_ALL_MESSAGES if everything else "pin"), "Gone, please.")
    chat.chatter(4)
    assert "4711-X" not in all_text(chat.say("What is my PIN?"))
    assert "4711-X" not in "".join(turn.text for turn in memory.reconstruct("t"))


def test_an_edited_message_takes_the_place_of_the_old_one(memory: OpticalMemory) -> None:
    chat = Chat(OptimemMiddleware(memory, **SMALL))
    chat.say(HumanMessage("The gate code is 1111-A.", id="code"))
    chat.chatter()
    chat.say(HumanMessage("The gate code is 2222-B.", id="code"))
    chat.chatter(4)
    sent = all_text(chat.say("Which gate code is it?"))
    assert "2222-B" in sent
    assert "1111-A" not in sent


def test_a_branch_sees_its_own_history(memory: OpticalMemory) -> None:
    chat = Chat(OptimemMiddleware(memory, **SMALL))
    chat.chatter(2)
    fork = chat.agent.get_state(chat.config).config
    chat.say("The surprise party is on Sunday at the boathouse.")
    chat.chatter()
    chat.config = fork
    chat.say("Let us talk about the party.")
    chat.config = {"configurable": {"thread_id": "t"}}
    chat.chatter()
    assert "boathouse" not in all_text(chat.say("Where is the surprise party?"))


def test_history_sent_anew_with_new_ids_is_stored_once(memory: OpticalMemory) -> None:
    agent = create_agent(ok_model(), middleware=[OptimemMiddleware(memory, scope="s", **SMALL)])
    said: list[AnyMessage] = []
    for turn in range(10):
        said += [HumanMessage("ok" if turn % 3 else f"Turn {turn}")]
        agent.invoke({"messages": [m.model_copy(update={"id": None}) for m in said]})
        said += [AIMessage("ok")]
    turns = memory.reconstruct("s")
    assert [turn.text for turn in turns] == [str(message.content) for message in said]


def test_a_user_is_remembered_across_threads_and_others_are_not(memory: OpticalMemory) -> None:
    middleware = OptimemMiddleware(memory, on_error="raise")
    ann, bob = {"user_id": "ann"}, {"user_id": "bob"}
    chat = Chat(middleware, "one", context_schema=dict)
    chat.say("I am allergic to peanuts.", context=ann)
    new = Chat(middleware, "two", agent=chat.agent, model=chat.model)
    assert "peanuts" in all_text(new.say("What am I allergic to?", context=ann))
    other = Chat(middleware, "three", agent=chat.agent, model=chat.model)
    assert "peanuts" not in all_text(other.say("What am I allergic to?", context=bob))


def test_a_scope_may_be_a_function_of_the_runtime(memory: OpticalMemory) -> None:
    middleware = OptimemMiddleware(
        memory, scope=lambda runtime: f"team/{runtime.context['team']}", **SMALL
    )
    chat = Chat(middleware, context_schema=dict)
    for number in range(8):
        chat.say(f"Number {number}", context={"team": "red"})
    assert memory.stats("team/red").turns == 16


def test_several_middlewares_share_an_agent(memory: OpticalMemory) -> None:
    memory.append("handbook", "The canteen opens at 11:30.")
    own = OptimemMiddleware(memory, **SMALL)
    book = OptimemMiddleware(memory, scope="handbook", name="handbook", **SMALL)
    model = ok_model()
    agent = create_agent(model, middleware=[own, book], checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "t"}}
    for number in range(9):
        agent.invoke({"messages": [HumanMessage(f"Number {number}")]}, config)
    agent.invoke({"messages": [HumanMessage("When does the canteen open?")]}, config)
    assert "11:30" in all_text(model.sent[-1])
    assert all("Recalled for" not in turn.text for turn in memory.reconstruct("t"))


def test_a_subagent_has_a_scope_of_its_own(memory: OpticalMemory) -> None:
    middleware = OptimemMiddleware(memory, **SMALL)
    inner = create_agent(ok_model(), middleware=[middleware])

    @tool
    def research(topic: str) -> str:
        """Look something up."""
        said = [HumanMessage(f"Inner note {i} on {topic}") for i in range(9)]
        inner.invoke({"messages": said})
        return "done"

    def answer(sent: Sequence[BaseMessage]) -> AIMessage:
        if sent[-1].type == "human" and "tides" in sent[-1].text:
            return AIMessage("", tool_calls=[{"name": "research", "args": {"topic": "tides"},
                                              "id": "c1"}])  # fmt: skip
        return AIMessage("ok")

    chat = Chat(middleware, model=ScriptedModel(answer=answer), tools=[research])
    chat.say("Please look up tides.")
    chat.chatter()
    assert all("Inner note" not in turn.text for turn in memory.reconstruct("t"))
    assert "Inner note" not in all_text(chat.say("Which note was it on the inner topic?"))


def test_the_question_and_its_task_are_there_throughout_a_tool_loop(memory: OpticalMemory) -> None:
    @tool
    def step(n: int) -> str:
        """Take a step."""
        return f"step {n} done"

    def answer(sent: Sequence[BaseMessage]) -> AIMessage:
        done = sum(message.type == "tool" for message in sent)
        if "migrate" in all_text(sent) and done < 60:
            call = {"name": "step", "args": {"n": done}, "id": f"c{done}"}
            return AIMessage("", tool_calls=[call])
        return AIMessage("ok")

    model = ScriptedModel(answer=answer)
    chat = Chat(OptimemMiddleware(memory, **SMALL), model=model, tools=[step])
    chat.chatter(6)
    start = len(model.sent)
    chat.config["recursion_limit"] = 500
    chat.say("Now migrate the database, all sixty steps.")
    loop = model.sent[start:]
    assert len(loop) == 61
    assert all("all sixty steps" in all_text(sent) for sent in loop)
    assert all(later[: len(sent)] == sent for sent, later in pairwise(loop))
    assert [find_orphans(sent) for sent in loop] == [[]] * 61


def test_what_cannot_be_stored_stays_and_all_else_is_shortened(memory: OpticalMemory) -> None:
    middleware = OptimemMiddleware(memory, scope="t", **SMALL)
    half = HumanMessage("Half a surrogate pair \ud83d of a file: 77-Z.", id="half")
    sent = sent_with(middleware, [half, *history(24), HumanMessage("And now?", id="q")])
    assert "77-Z" in all_text(sent)
    assert len(sent) < 12
    assert memory.stats("t").turns >= 20


def test_an_unanswered_tool_call_stays_and_all_else_is_shortened(memory: OpticalMemory) -> None:
    call = {"name": "wire", "args": {"to": "Ann"}, "id": "c9"}
    said: list[AnyMessage] = [HumanMessage("Wire it."), AIMessage("", tool_calls=[call])]
    said += [HumanMessage(f"Number {i}") for i in range(20)]
    model = ok_model()
    agent = create_agent(model, middleware=[OptimemMiddleware(memory, scope="s", **SMALL)])
    agent.invoke({"messages": said})
    assert any(getattr(m, "tool_calls", None) for m in model.sent[0])
    assert len(model.sent[0]) < 12


def test_a_line_says_which_image_left(memory: OpticalMemory) -> None:
    image = {"type": "image", "base64": "aGk=", "mime_type": "image/png"}
    chat = Chat(OptimemMiddleware(memory, **SMALL))
    chat.say(HumanMessage(content=[{"type": "text", "text": "My passport photo"}, image]))
    chat.chatter(8)
    sent = chat.say("Thanks")
    assert "image no longer shown, sent with: My passport photo" in all_text(sent)


def test_images_count_towards_a_trigger(memory: OpticalMemory) -> None:
    image = {"type": "image", "base64": "aGk=", "mime_type": "image/png"}
    middleware = OptimemMiddleware(
        memory, trigger=("tokens", 3000), keep=("tokens", 100), on_error="raise"
    )
    chat = Chat(middleware)
    for number in range(4):
        sent = chat.say(HumanMessage(content=[{"type": "text", "text": f"photo {number}"}, image]))
    assert sum(isinstance(m.content, list) for m in sent) < 4


@pytest.mark.parametrize(
    ("before", "question", "wanted"),
    [(("About the offsite in Lisbon again.",), "How many was it?", "37 people"),
     (("Shall we get back to the offsite in Lisbon?",), "Yes, do it.", "37 people"),
     ((), "Summarise what we agreed.", "go with the oak table")],
)  # fmt: skip
def test_follow_ups_are_understood(
    memory: OpticalMemory, before: Sequence[str], question: str, wanted: str
) -> None:
    chat = Chat(OptimemMiddleware(memory, **SMALL))
    chat.say("For the offsite in Lisbon we are 37 people.")
    chat.say("We agreed to go with the oak table.")
    chat.chatter(12)
    for text in before:
        chat.say(text)
    assert wanted in all_text(chat.say(question))


def test_a_tool_result_comes_with_the_question_it_answers(memory: OpticalMemory) -> None:
    call = {"name": "run", "args": {"query": "grep ssl_"}, "id": "c1"}
    messages: list[AnyMessage] = [
        HumanMessage("What does the office proxy serve?", id="h1"),
        AIMessage("", tool_calls=[call], id="a1"),
        ToolMessage("fullchain.pem", tool_call_id="c1", name="run", id="t1"),
        AIMessage("See above.", id="b1"),
        *(HumanMessage(f"number {i}", id=str(i)) for i in range(9)),
        HumanMessage("Which file is that for the proxy?", id="q"),
    ]
    model = ok_model()
    agent = create_agent(model, middleware=[OptimemMiddleware(memory, scope="s", **SMALL)])
    agent.invoke({"messages": messages})
    assert "fullchain.pem" in all_text(model.sent[0])
