"""A reranker's order holds, with or without a budget; what it gives that are no scores is named."""

import pytest

from optimem import OpticalMemory
from optimem.errors import InputError
from optimem.memory.recall.reranking import POOL, Reranker
from optimem.testing import open_memory
from optimem.turns import Turn
from tests.memory.factories import NOW, SCOPE

TEXTS = ["the port is open", "a port, a port, a port", "which port of call?", "nothing at all"]


def remember(rerank: Reranker | None, texts: list[str] = TEXTS) -> OpticalMemory:
    memory = open_memory(clock=lambda: NOW, rerank=rerank)
    turns = [Turn(text=t, id=str(at), time=1e6 * at) for at, t in enumerate(texts)]
    memory.append(SCOPE, turns)
    memory.flush(SCOPE)
    return memory


def longest(query: str, texts: list[str]) -> list[float]:
    return [-20.0 + len(text) for text in texts]


@pytest.mark.parametrize("asked", [{}, {"budget": 100}])
def test_a_reranker_orders_what_was_found(asked: dict[str, int]) -> None:
    found = remember(longest).recall(SCOPE, "port", **asked)
    matches = [turn for turn in found if turn.score]
    assert [turn.id for turn in matches] == ["1", "2", "0"]
    assert (matches[0].score, matches[0].why[0].stage) == (1.0, "reranker")
    assert matches[0].why[1].stage == "words"
    assert [turn.id for turn in remember(longest).recall(SCOPE, "port", 1)] == ["1"]


def test_it_is_shown_the_query_and_the_best_texts_alone() -> None:
    seen: list[tuple[str, int]] = []

    def note(query: str, texts: list[str]) -> list[float]:
        seen.append((query, len(texts)))
        return [0.0] * len(texts)

    memory = remember(note, [f"port {n}" for n in range(POOL + 30)])
    plain = remember(None, [f"port {n}" for n in range(POOL + 30)])
    found, expected = (m.recall(SCOPE, "port", budget=2000) for m in (memory, plain))
    assert seen == [("port", POOL)]
    assert {turn.id for turn in found} == {turn.id for turn in expected}
    assert memory.recall(SCOPE, "zebra") == []


@pytest.mark.parametrize("scores", [[], [1.0], [1.0, float("nan"), 2.0], [1.0] * 4])
def test_what_are_no_scores_is_named(scores: list[float]) -> None:
    with pytest.raises(InputError, match="for 3 texts"):
        remember(lambda query, texts: scores).recall(SCOPE, "port")


def test_what_it_raises_is_passed_on() -> None:
    def fail(query: str, texts: list[str]) -> list[float]:
        raise TimeoutError("too slow")

    with pytest.raises(TimeoutError, match="too slow"):
        remember(fail).recall(SCOPE, "port")
