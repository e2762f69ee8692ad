"""A short run of the agents' benchmark: what the long one claims must hold here too."""

from collections import Counter
from itertools import pairwise

import pytest
from langchain_core.messages import HumanMessage

from benchmarks.agents.baselines import SUMMARY_PREFIX, extract_summary, total_tokens
from benchmarks.agents.conversation import make_conversation
from benchmarks.agents.facts import FACTS
from benchmarks.agents.measure import OPTIMEM, PLAIN, SUMMARY, TRIMMED, Budget, Results, measure
from benchmarks.agents.overhead import measure_overhead
from benchmarks.agents.report import check_table, fact_table
from benchmarks.agents.runs import AgentRun
from optimem.errors import InputError

TURNS, PLANTED = 60, 8
BUDGET = Budget()


@pytest.fixture(scope="module")
def results() -> Results:
    """All runs of a short conversation, with the shipped model."""
    return measure(make_conversation(seed=1, turns=TURNS, facts=PLANTED), BUDGET)


def test_what_is_sent_stays_flat_instead_of_growing(results: Results) -> None:
    plain, ours = results.scores[PLAIN].tokens, results.scores[OPTIMEM].tokens
    assert all(later >= earlier for earlier, later in pairwise(plain))
    assert ours[-1] < plain[-1]


def test_all_get_the_same_budget(results: Results) -> None:
    for name in (SUMMARY, TRIMMED):
        assert BUDGET.total / 2 < results.scores[name].longest <= BUDGET.total


def test_no_call_is_parted_from_its_results(results: Results) -> None:
    assert [score.orphans for score in results.scores.values()] == [0, 0, 0, 0]


def test_state_and_checkpoints_equal_those_without_the_middleware(results: Results) -> None:
    assert results.same_state
    assert results.same_saved


def test_facts_are_found_and_the_baselines_find_fewer(results: Results) -> None:
    found = {name: sum(score.found) for name, score in results.scores.items()}
    assert found[PLAIN] == PLANTED
    assert found[OPTIMEM] >= PLANTED - 1
    assert found[OPTIMEM] > max(found[SUMMARY], found[TRIMMED])


def test_faded_pages_still_hold_part_of_the_facts_verbatim(results: Results) -> None:
    assert ["small" in results.faded[0].pages, "tiny" in results.faded[1].pages] == [True, True]
    small, tiny = (sum(each.found) for each in results.faded)
    assert sum(results.scores[OPTIMEM].found) >= small >= tiny >= PLANTED / 4
    assert small >= PLANTED / 2


def test_the_tables_say_what_was_measured(results: Results) -> None:
    by_name = {row[0]: row[-1] for row in fact_table(results)}
    share = sum(results.scores[OPTIMEM].found) / PLANTED
    assert by_name[OPTIMEM].startswith(f"{share:.1%}".rstrip("%"))
    assert ["state equals that of the run without it", "yes"] in check_table(results, BUDGET)


def test_a_conversation_is_the_same_each_time_and_says_each_value_in_one_turn() -> None:
    talk = make_conversation(seed=3, turns=300, facts=40)
    assert talk == make_conversation(seed=3, turns=300, facts=40) != make_conversation(4, 300, 40)
    for fact in talk.facts:
        turns = [turn for turn, each in enumerate(talk.exchanges) if fact.value in each.text]
        assert turns == [fact.turn]
    assert set(Counter(fact.kind for fact in talk.facts).values()) == {5}


def test_questions_quote_nothing() -> None:
    for fact in FACTS:
        text = fact.statement if isinstance(fact.statement, str) else " ".join(fact.statement)
        words = fact.question.lower().split()
        quotes = {" ".join(words[i : i + 5]) for i in range(len(words) - 4)}
        assert not [quote for quote in quotes if quote in text.lower()]


@pytest.mark.parametrize(("turns", "facts"), [(20, 8), (300, 0), (300, 41)])
def test_an_impossible_number_of_facts_is_named(turns: int, facts: int) -> None:
    with pytest.raises(InputError, match="facts"):
        make_conversation(0, turns, facts)


def test_a_summary_keeps_what_says_most_within_its_budget() -> None:
    run = AgentRun(make_conversation(seed=2, turns=30, facts=2)).play()
    summary = extract_summary(run.requests[-1], 300)
    assert total_tokens([HumanMessage(SUMMARY_PREFIX + summary)]) <= 300
    assert "user: " in summary


def test_the_overhead_is_timed_with_that_many_turns_in_memory() -> None:
    measured = measure_overhead(0, BUDGET, remembered=200, calls=3)
    assert 180 <= measured.remembered <= 220
    assert measured.p99 >= measured.median > 0
