"""Stored pages asked of a server that speaks as vLLM does. `python -m benchmarks.projector.served`
asks a real one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from optimem.errors import (
    FingerprintError,
    FormatError,
    InputError,
    OptimemError,
    ReaderUnavailableError,
    ServerSetupError,
    TierError,
)
from optimem.model.projector.chat_model import ChatModel
from optimem.model.projector.pages import PageProjector
from optimem.model.projector.served import ServedProjection
from optimem.tiers import Tier
from tests.model.projector.conftest import CPU
from tests.model.projector.small import WIDTH, stored_page
from tests.model.vllm.fake_server import FakeServer, fake_server, tensors

ANSWER = [(11, "No ", -0.1), (12, "key.", -0.2), (1, "", -0.1)]
QUESTION = "Which key?"


@pytest.fixture
def server(llm: ChatModel) -> Iterator[FakeServer]:
    with fake_server(name=llm.fingerprint, width=WIDTH, bans=False, answer=ANSWER) as started:
        yield started


def ask(server: FakeServer, projector: Path, *, model: str = "", **asked: Any) -> Any:
    address = f"vllm+{server.url}{model}"
    served = ServedProjection.at(address, projector, device=CPU, retries=0)
    try:
        given = {"pages": [stored_page(characters=40).tokens], "question": QUESTION, **asked}
        return served.ask(**given)
    finally:
        served.close()


def test_pages_go_as_vectors_before_the_question(server: FakeServer, projector: Path) -> None:
    answer = ask(server, projector, limit=20)
    assert answer == ("No key.", [11, 12], True)
    (body,) = server.questions
    (sent,) = tensors(body)
    page = stored_page(characters=40).tokens
    expected = PageProjector.open(projector, CPU).vectors([page])
    assert torch.allclose(sent.float(), expected, atol=1e-3)
    text = body["messages"][0]["content"][1]
    assert text == {"type": "text", "text": QUESTION}
    assert (body["temperature"], body["max_tokens"]) == (0.0, 20)


def test_a_limit_is_told(server: FakeServer, projector: Path) -> None:
    assert ask(server, projector, limit=2) == ("No key.", [11, 12], False)


def test_a_model_of_another_name_is_refused_unless_vouched_for(
    server: FakeServer, projector: Path
) -> None:
    server.name = "SmolLM2"
    with pytest.raises(FingerprintError, match="--served-model-name llm-"):
        ask(server, projector)
    assert not server.questions
    assert ask(server, projector, model="?model=SmolLM2").complete


@pytest.mark.parametrize(
    ("change", "asked", "error"),
    [
        ({"width": WIDTH + 1}, {}, FormatError),
        ({"embeds": False}, {}, ServerSetupError),
        ({}, {"question": "a <prompt_embeds> b"}, InputError),
        ({}, {"question": ""}, InputError),
        ({}, {"limit": 0}, InputError),
        ({}, {"pages": []}, InputError),
        ({}, {"pages": [stored_page(Tier.TINY, 40).tokens]}, TierError),
    ],
)
def test_nothing_is_sent_that_cannot_be_answered(
    change: dict[str, Any],
    asked: dict[str, Any],
    error: type[OptimemError],
    server: FakeServer,
    projector: Path,
) -> None:
    vars(server).update(change)
    with pytest.raises(error):
        ask(server, projector, **asked)
    assert not server.questions


def test_no_server_is_named(llm: ChatModel, projector: Path) -> None:
    with fake_server(name=llm.fingerprint, width=WIDTH, answer=ANSWER) as server:
        pass
    with pytest.raises(ReaderUnavailableError):
        ask(server, projector)
