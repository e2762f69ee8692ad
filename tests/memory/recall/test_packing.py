"""A budget of tokens is filled by the best turns and their neighbours, and never exceeded."""

import pytest

from optimem import OpticalMemory
from optimem.memory.recall.prompting import count_tokens
from optimem.testing import open_memory
from optimem.turns import Turn
from tests.memory.factories import NOW, SCOPE

LOG = "\n".join(f"line {n}: request took {n * 7} ms" for n in range(400))


def remember(*texts: str, flush: bool = True) -> OpticalMemory:
    memory = open_memory(clock=lambda: NOW)
    turns = [Turn(text=text, id=str(at), time=NOW - 900 + at) for at, text in enumerate(texts)]
    memory.append(SCOPE, turns)
    if flush:
        memory.flush(SCOPE)
    return memory


@pytest.mark.parametrize("budget", [1, 3, 12, 40, 100, 700])
def test_the_texts_fit_the_budget_and_none_comes_twice(budget: int) -> None:
    memory = remember(*(f"the port of staging is {n}, says somebody" for n in range(60)), LOG)
    found = memory.recall(SCOPE, "which port does staging use? request", budget=budget)
    assert sum(count_tokens(turn.text) for turn in found) <= budget
    assert len({turn.id for turn in found}) == len(found) > 0


def test_a_strong_match_comes_with_its_neighbours_before_a_weak_one() -> None:
    last = "The florist was closed, they say, and so was the rest of the town."
    memory = remember("Who paid?", "Zebedee paid the florist.", "Thanks!", *["No."] * 9, last)
    found = memory.recall(SCOPE, "Did Zebedee pay the florist?", budget=20)
    assert {turn.id for turn in found} == {"0", "1", "2"}
    assert found[0].id == "1"
    assert "12" in [turn.id for turn in memory.recall(SCOPE, "Zebedee florist", budget=60)]
    alone = memory.recall(
        SCOPE, "Did Zebedee pay the florist?", budget=60, preceding=0, following=0
    )
    assert [turn.id for turn in alone] == ["1", "0", "12"]


def test_what_was_said_before_in_the_same_words_comes_last() -> None:
    memory = remember("The port is 6543.", "Fine.", *["The port is 6543.", "Fine."] * 5, "A port.")
    found = memory.recall(SCOPE, "Which port is 6543?", budget=22)
    texts = [turn.text for turn in found]
    assert sorted(texts[:3]) == ["A port.", "Fine.", "The port is 6543."]
    assert len(set(texts)) < len(texts)


def test_two_who_say_the_same_are_two_matches() -> None:
    memory = open_memory(clock=lambda: NOW)
    said = [("Ann", "I like jazz."), ("Ben", "I like jazz."), ("Ben", "Jazz it is, then.")]
    memory.append(SCOPE, [Turn(text=text, name=name) for name, text in said])
    found = memory.recall(SCOPE, "Who likes jazz?", budget=12, preceding=0, following=0)
    assert {turn.name for turn in found} == {"Ann", "Ben"}


def test_a_long_turn_is_cut_around_what_matches() -> None:
    lines = LOG.splitlines()
    lines.insert(211, "FATAL: certificate of node kestrel expired")
    memory = remember("Look at the log.", "\n".join(lines), "One line matters.")
    (cut, *_) = memory.recall(SCOPE, "Which node's certificate expired?", budget=300)
    assert (cut.id, cut.whole) == ("1", False)
    assert "node kestrel expired" in cut.text
    assert count_tokens(cut.text) <= 100
    (whole,) = memory.recall(SCOPE, "Which node's certificate expired?", 1)
    assert whole.whole
    assert len(whole.text) > 10_000


def test_empty_turns_take_no_place_and_an_empty_scope_has_none() -> None:
    memory = remember("", "the port", "   ")
    assert [turn.id for turn in memory.recall(SCOPE, "port", budget=50)] == ["1"]
    assert memory.recall("nobody", "port", budget=50) == []


def test_the_tail_counts_as_pages_do() -> None:
    texts = [f"turn {n} about the port of {n}" for n in range(40)]
    found = [
        [turn.id for turn in remember(*texts, flush=flush).recall(SCOPE, "port 7", budget=80)]
        for flush in (False, True)
    ]
    assert found[0] == found[1]
    assert found[0][0] == "7"
