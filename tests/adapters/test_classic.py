"""A memory in a real old chain, on a model that repeats what it is sent."""

import pytest
from langchain_classic.chains import LLMChain
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder, PromptTemplate
from pydantic import ValidationError

from optimem import OpticalMemory
from optimem.adapters import OptimemMemory
from optimem.errors import InputError


def remembering(memory: OpticalMemory, **options: object) -> OptimemMemory:
    with pytest.warns(DeprecationWarning, match="in agents use OptimemMiddleware"):
        return OptimemMemory(memory=memory, scope="s1", **options)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_chain_gets_what_matches_its_input(memory: OpticalMemory) -> None:
    prompt = PromptTemplate.from_template("{history}\nQuestion: {question}")
    model = FakeListLLM(responses=["Noted.", "It is 6543."])
    chain = LLMChain(llm=model, prompt=prompt, memory=remembering(memory))
    chain.invoke({"question": "The staging port is 6543."})
    answer = chain.invoke({"question": "Which is the staging port?"})
    assert answer["history"] == "Human: The staging port is 6543.\nAI: Noted."
    assert answer["text"] == "It is 6543."
    assert len(memory.reconstruct("s1")) == 4


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_chat_chain_gets_messages(memory: OpticalMemory) -> None:
    """As a MessagesPlaceholder wants them: what is recalled, then the last exchange as it was."""
    old = remembering(memory, memory_key="past", return_messages=True, recent=1)
    for number in range(4):
        old.save_context({"input": f"Port {number} is {6000 + number}."}, {"output": "Noted."})
    prompt = ChatPromptTemplate.from_messages(
        [("system", "Be brief."), MessagesPlaceholder("past"), ("human", "{input}")]
    )
    asked = {"input": "What is port 1?"}
    system, recalled, *recent, question = prompt.format_messages(
        **asked, **old.load_memory_variables(asked)
    )
    assert [type(m) for m in (system, recalled)] == [SystemMessage, SystemMessage]
    assert "> Port 1 is 6001." in recalled.text
    assert "Port 3" not in recalled.text
    assert [(m.type, m.text) for m in recent] == [("human", "Port 3 is 6003."), ("ai", "Noted.")]
    assert question.text == "What is port 1?"


def test_recent_turns_are_there_whatever_is_asked(memory: OpticalMemory) -> None:
    old = remembering(memory, recent=2, human_prefix="Ann", ai_prefix="Bot")
    for number in range(9):
        old.save_context({"input": f"Item {number}?"}, {"output": f"Shelf {number}."})
    memory.flush("s1")
    said = old.load_memory_variables({"input": "And the one after that?"})["history"]
    assert said == "Ann: Item 7?\nBot: Shelf 7.\nAnn: Item 8?\nBot: Shelf 8."
    again = old.load_memory_variables({"input": "item 8 and item 2"})["history"]
    assert again.count("Item 8?") == 1
    assert again.index("> Item 2?") < again.index("Ann: Item 7?")


def test_a_budget_leaves_out_what_is_old_but_never_the_last_exchange(memory: OpticalMemory) -> None:
    small = remembering(memory, return_messages=True, budget=60)
    for number in range(4):
        small.save_context({"input": f"{number} " + "word " * 30}, {"output": "ok"})
    kept = small.load_memory_variables({"input": "word"})["history"]
    assert [message.text[:2] for message in kept] == ["3 ", "ok"]
    tiny = remembering(memory, return_messages=True, budget=1)
    assert len(tiny.load_memory_variables({"input": "word"})["history"]) == 2


def test_messages_come_back_as_they_were(memory: OpticalMemory) -> None:
    old = remembering(memory, return_messages=True)
    asked = HumanMessage("Sum?", name="ann")
    called = AIMessage("", tool_calls=[{"name": "add", "args": {"a": 1}, "id": "c"}])
    old.save_context({"input": asked}, {"output": called})  # type: ignore[dict-item]
    first, second = old.load_memory_variables({"input": "x"})["history"]
    assert (first.name, second.tool_calls[0]["name"]) == ("ann", "add")


def test_recollections_keep_to_the_budget(memory: OpticalMemory) -> None:
    small = remembering(memory, memory_key="past", k=3, budget=30, recent=0)
    assert small.memory_variables == ["past"]
    for number in range(6):
        small.save_context({"input": f"Port number {number} is {6000 + number}."}, {"output": "ok"})
    recalled = small.load_memory_variables({"input": "port number"})["past"]
    assert 1 <= recalled.count("Port number") <= 2
    assert small.load_memory_variables({"input": " "}) == {"past": ""}
    small.clear()
    assert small.load_memory_variables({"input": "port number"}) == {"past": ""}


async def test_async_twins(memory: OpticalMemory) -> None:
    old = remembering(memory)
    await old.asave_context({"input": HumanMessage("Tea at five.")}, {"output": "Yes."})
    assert "Tea at five." in (await old.aload_memory_variables({"input": "tea?"}))["history"]
    await old.aclear()
    assert memory.reconstruct("s1") == []


def test_the_same_words_count_each_time(memory: OpticalMemory) -> None:
    old = remembering(memory)
    for _ in range(2):
        old.save_context({"input": "yes", "history": "…", "stop": ["\n"]}, {"output": "no"})
    assert [turn.text for turn in memory.reconstruct("s1")] == ["yes", "no"] * 2


def test_which_input_and_output_count(memory: OpticalMemory) -> None:
    old = remembering(memory)
    with pytest.raises(InputError, match=r"which input of \['a', 'b'\].*set input_key"):
        old.load_memory_variables({"a": "1", "b": "2"})
    with pytest.raises(InputError, match="which output"):
        old.save_context({"a": "1"}, {"x": "2", "y": "3"})
    old.save_context({"a": "asked"}, {"output": "said", "steps": "…"})
    named = remembering(memory, input_key="b", output_key="y")
    named.save_context({"a": "1", "b": "2"}, {"x": "3", "y": "4"})
    assert [turn.text for turn in memory.reconstruct("s1")] == ["asked", "said", "2", "4"]
    with pytest.raises(InputError, match="'b' holds a list"):
        named.load_memory_variables({"b": []})
    with pytest.raises(InputError, match="'b' holds a NoneType"):
        named.load_memory_variables({})
    with pytest.warns(DeprecationWarning, match="old chains"), pytest.raises(ValidationError):
        OptimemMemory(memory=memory, scope="s1", k=0)
