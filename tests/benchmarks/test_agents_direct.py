"""A middleware called directly sends what it sends in a real agent, request by request."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from benchmarks.agents import contenders
from benchmarks.agents.contenders import OPTIMEM, OTHERS, MakeContender, optimem
from benchmarks.agents.conversation import Conversation, Kind, make_of_kind
from benchmarks.agents.direct import DirectRun
from benchmarks.agents.runs import AgentRun
from optimem.testing import open_memory

SHORT = Kind(turns=24, facts=2, follow_ups=1, call_share=0.7, steps=(1, 4), rows=(12, 24),
             distract=False)  # fmt: skip
WAYS: dict[str, MakeContender] = {**OTHERS, OPTIMEM: optimem("gpt-5.1", max_tokens=2500)}


def written(requests: Sequence[Sequence[BaseMessage]]) -> list[str]:
    """Requests as text, without the ids that an agent makes up."""
    return [
        json.dumps([[m.type, m.content, getattr(m, "tool_calls", None)] for m in request])
        for request in requests
    ]


def played(kind: type[Any], make: MakeContender, talk: Conversation) -> tuple[Any, ...]:
    with open_memory() as memory:
        contender = make(memory)
        run = kind(talk, contender.middleware).play()
        answers = run.ask()
        return written(run.requests), written(run.sent), answers, contender.own


@pytest.mark.parametrize("name", WAYS)
def test_both_send_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contenders, "WINDOW", 1500)  # so that all of them shorten
    talk = make_of_kind(5, SHORT)
    direct, agent = (played(kind, WAYS[name], talk) for kind in (DirectRun, AgentRun))
    assert direct == agent
    shortened = any(len(b) < len(a) for a, b in zip(direct[0], direct[0][1:], strict=False))
    assert shortened is (name != contenders.NOTHING)
