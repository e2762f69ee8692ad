"""What a projector is compared with: texts of the right size, and a verdict that is earned."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.projector.__main__ import table
from benchmarks.projector.measure import WAYS, Bench, Score, verdict
from benchmarks.projector.ways import ANOTHER, CHOICES, PROJECTED, anywhere, best_matching, newest
from optimem.build import nano
from optimem.model.projector.chat_model import ChatModel
from optimem.model.projector.weights import ProjectorFile
from optimem.training.projector.stretches import learn_pages
from tests.model.projector.conftest import folder, llm, projector
from tests.model.projector.small import stored_page, token_file

__all__ = ["folder", "llm", "projector"]  # fixtures
TEXT = "one two three four five six seven eight nine ten Maria's code is 4821 and more follows it"
RNG = np.random.default_rng(0)


def test_text_is_chosen_to_a_budget() -> None:
    assert newest(TEXT, "", 16, len, RNG).strip() == "more follows it"
    assert "code is 4821" in best_matching(TEXT, "What is Maria's code?", 50, len, RNG)
    begun = {anywhere(TEXT, "", 20, len, RNG)[:3] for _ in range(30)}
    assert len(begun) > 4
    for choice in CHOICES:
        assert choice.keep(TEXT, "code", 1000, len, RNG) == TEXT
        assert choice.keep(TEXT, "code", 0, len, RNG) == ""
        for room in range(0, 90, 7):
            kept = choice.keep(TEXT, "code", room, len, RNG)
            assert len(kept) <= room


@pytest.mark.parametrize("text", ["", "\n", "漢" * 30, " a", "a  b\n\n c "])
def test_any_text_is_chosen_from(text: str) -> None:
    for choice in CHOICES:
        assert choice.keep(text, "", 1000, len, RNG) == text


def score(name: str, figure: float) -> Score:
    share, right = [figure], [figure > 0.5]
    return Score(name, [1], [1 - figure], share, share, share, right, right)


def test_only_what_beats_every_text_ships() -> None:
    rivals = [score("the whole text", 0.9), score("newest text, same tokens", 0.4)]
    assert verdict([score(PROJECTED, 0.6), *rivals])[0]
    ships, why = verdict([score(PROJECTED, 0.3), *rivals])
    assert (ships, why) == (
        False, "does not ship: beats the best text at equal tokens by 0 of 6 measures",
    )  # fmt: skip
    equal = score("random stretch, same tokens", 0.6)
    assert not verdict([score(PROJECTED, 0.6), *rivals, equal])[0]


def test_a_stretch_is_measured_in_every_way(llm: ChatModel, projector: Path) -> None:
    (page,) = learn_pages(token_file(stored_page(characters=300)), nano())
    bench = Bench(llm, ProjectorFile.load(projector).projector)
    bench.measure(page.stretch(0, 120, 40), page.stretch(130, 80, 0), questions=2)
    scores = list(bench.scores.values())
    assert [each.name for each in scores] == list(WAYS)
    tokens = {each.name: each.tokens[0] for each in scores}
    assert (tokens[PROJECTED], tokens[ANOTHER]) == (15, 10)
    assert tokens["the whole text"] == 120
    assert all(tokens[f"{choice.name}, same tokens"] <= 15 for choice in CHOICES)
    (asked,) = {len(each.chosen) for each in scores}
    assert 1 <= asked <= 2
    rows = table(scores)
    assert len(rows) == 1 + len(WAYS)
    assert len({len(row) for row in rows}) == 1
