"""The compressor as a step of a real chain."""

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate

from benchmarks.agents.runs import ScriptedModel
from optimem.adapters import OptimemPromptCompressor
from optimem.adapters.messages import message_tokens
from optimem.errors import BudgetError
from tests.adapters.agents import STORY, history, images


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
    assert sum(map(message_tokens, prompt.invoke(given).to_messages())) > 1000


def test_what_would_gain_nothing_passes_unchanged() -> None:
    short = [HumanMessage("hello"), HumanMessage("hm?")]
    assert OptimemPromptCompressor("gpt-4o").invoke(short) == short
    (alone,) = OptimemPromptCompressor("gpt-4o", question="What?").invoke("short")
    assert alone.content == "short\n\nWhat?"


def test_a_plain_text_becomes_pages_and_a_question() -> None:
    (message,) = OptimemPromptCompressor("gpt-4o", question="Who wrote?").invoke(STORY * 80)
    assert images([message])
    assert message.text.endswith("Who wrote?")


def test_other_errors_are_raised() -> None:
    with pytest.raises(BudgetError):
        OptimemPromptCompressor("gpt-4o", budget=50).invoke(history(30))
