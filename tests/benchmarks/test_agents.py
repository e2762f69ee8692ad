"""A short life of an agent: what the long benchmark claims must hold here too."""

from collections import Counter
from itertools import pairwise

import pytest
from langchain_core.messages import HumanMessage

from benchmarks.agents.contenders import INTRODUCTION, extract, total
from benchmarks.agents.conversation import conversation
from benchmarks.agents.facts import FACTS
from benchmarks.agents.measure import OURS, PLAIN, SUMMARY, TRIMMED, Allowance, Results, measure
from benchmarks.agents.overhead import overhead
from benchmarks.agents.report import checks, facts, flatness
from benchmarks.agents.runs import Run
from optimem.errors import InputError

TURNS, PLANTED = 60, 8
ALLOWANCE = Allowance()


@pytest.fixture(scope="module")
def results() -> Results:
    """All runs of a short conversation, with the shipped model."""
    return measure(conversation(seed=1, turns=TURNS, facts=PLANTED), ALLOWANCE)


def test_what_is_sent_stays_flat_instead_of_growing(results: Results) -> None:
    plain, ours = results.scores[PLAIN].tokens, results.scores[OURS].tokens
    assert plain[-1] > 1.7 * plain[TURNS // 2] > 3 * ours[-1]
    assert all(later >= earlier for earlier, later in pairwise(plain))
    assert results.scores[OURS].longest <= ALLOWANCE.total
    assert max(ours[TURNS // 2 :]) <= ALLOWANCE.total


def test_all_get_the_same_allowance(results: Results) -> None:
    for name in (SUMMARY, TRIMMED):
        assert ALLOWANCE.total / 2 < results.scores[name].longest <= ALLOWANCE.total


def test_no_call_is_parted_from_its_results(results: Results) -> None:
    assert [score.orphans for score in results.scores.values()] == [0, 0, 0, 0]


def test_state_and_checkpoints_are_those_of_the_run_without_us(results: Results) -> None:
    assert results.same_state
    assert results.same_saved


def test_facts_are_found_and_others_find_fewer(results: Results) -> None:
    found = {name: sum(score.found) for name, score in results.scores.items()}
    assert found[PLAIN] == PLANTED
    assert found[OURS] >= PLANTED - 1
    assert found[OURS] > max(found[SUMMARY], found[TRIMMED])


def test_pages_fade_and_part_of_it_is_still_there_to_the_letter(results: Results) -> None:
    assert [set(each.pages) for each in results.faded] == [{"small"}, {"tiny"}]
    small, tiny = (sum(each.found) for each in results.faded)
    assert sum(results.scores[OURS].found) >= small >= tiny >= PLANTED / 4
    assert small >= PLANTED / 2


def test_the_tables_say_what_was_measured(results: Results) -> None:
    assert flatness(results)[-1] == ["50", *(f"{s.tokens[49]:,}" for s in results.scores.values())]
    by_name = {row[0]: row[-1] for row in facts(results)}
    share = sum(results.scores[OURS].found) / PLANTED
    assert by_name[OURS].startswith(f"{share:.1%}".rstrip("%"))
    assert ["state equals that of the run without it", "yes"] in checks(results, ALLOWANCE)


def test_a_conversation_is_the_same_each_time_and_says_each_value_in_one_turn() -> None:
    talk = conversation(seed=3, turns=300, facts=40)
    assert talk == conversation(seed=3, turns=300, facts=40) != conversation(4, 300, 40)
    for fact in talk.planted:
        turns = [turn for turn, each in enumerate(talk.exchanges) if fact.value in each.text]
        assert turns == [fact.turn]
    assert set(Counter(fact.kind for fact in talk.planted).values()) == {5}


def test_questions_quote_nothing() -> None:
    for fact in FACTS:
        stated = fact.stated if isinstance(fact.stated, str) else " ".join(fact.stated)
        words = fact.question.lower().split()
        quotes = {" ".join(words[i : i + 5]) for i in range(len(words) - 4)}
        assert not [quote for quote in quotes if quote in stated.lower()]


@pytest.mark.parametrize(("turns", "facts"), [(20, 8), (300, 0), (300, 41)])
def test_what_cannot_be_planted_is_named(turns: int, facts: int) -> None:
    with pytest.raises(InputError, match="facts"):
        conversation(0, turns, facts)


def test_a_summary_keeps_what_says_most_within_its_budget() -> None:
    run = Run(conversation(seed=2, turns=30, facts=2)).go()
    summary = extract(run.requests[-1], 300)
    assert total([HumanMessage(INTRODUCTION + summary)]) <= 300
    assert "user: " in summary


def test_the_overhead_is_taken_with_so_many_turns_in_memory() -> None:
    measured = overhead(0, ALLOWANCE, remembered=200, calls=3)
    assert 180 <= measured.remembered <= 220
    assert measured.high >= measured.median > 0
