"""A memory in a real old chain, on a model that repeats what it is sent."""

import pytest
from langchain_classic.chains import LLMChain
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import HumanMessage
from langchain_core.prompts import PromptTemplate
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
    assert answer["history"] == "[user, just now]:\n> The staging port is 6543."
    assert answer["text"] == "It is 6543."
    assert len(memory.reconstruct("s1")) == 4


def test_recollections_keep_to_the_budget(memory: OpticalMemory) -> None:
    small = remembering(memory, memory_key="past", k=3, budget=30)
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
