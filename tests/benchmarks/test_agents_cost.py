"""The bill of a short conversation: prices, prefixes, and what was there when it was asked for."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from benchmarks.agents.baselines import total_tokens
from benchmarks.agents.bill import PROVIDERS, OwnCall, Provider, Traffic
from benchmarks.agents.contenders import NOTHING, OPTIMEM, OTHERS, SUMMARY, TRIM
from benchmarks.agents.conversation import KINDS, Kind, make_of_kind
from benchmarks.agents.cost import (
    Job,
    Outcome,
    Outcomes,
    bill_jobs,
    compare,
    cost_ratio,
    outcome,
    run_all,
    ways,
    worst_moment,
)
from benchmarks.agents.kept import resumed
from benchmarks.agents.report import bill_table, budget_table, target_table

SHORT = Kind(turns=60, facts=6, follow_ups=2, call_share=0.5, steps=(2, 6), rows=(8, 16),
             distract=False)  # fmt: skip
TINY = Kind(turns=20, facts=2, follow_ups=1, call_share=0.5, distract=False)
GPT = PROVIDERS[0]


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    return compare(make_of_kind(1, SHORT))


def test_a_request_is_priced_by_what_it_shares_with_the_one_before() -> None:
    first = [HumanMessage("word " * 3000)]
    second = [*first, AIMessage("yes"), HumanMessage("more")]
    traffic = Traffic.of([first, second, second[1:]], fixed=0)
    sizes = [total_tokens(each) for each in (first, second, second[1:])]
    assert traffic.sizes == [(sizes[0], 0), (sizes[1], sizes[0]), (sizes[2], 0)]
    assert traffic.kept_prefixes() == 0.5
    read = GPT.rule.cached(sizes[0])
    tokens = sizes[0] + 0.1 * read + (sizes[1] - read) + sizes[2]
    assert traffic.cost(GPT) == pytest.approx(tokens * GPT.input / 1e6)
    assert traffic.costs(GPT.rule)[2] == sizes[2]
    own = Traffic([], [OwnCall(1000, 100)])
    assert own.cost(GPT) == pytest.approx((1000 * GPT.input + 100 * GPT.output) / 1e6)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.model)
def test_optimem_is_cheaper_keeps_its_prefixes_and_parts_nothing(
    outcomes: Outcomes, provider: Provider
) -> None:
    ours, none = (outcome(outcomes, name, provider) for name in (OPTIMEM, NOTHING))
    assert ours.traffic.cost(provider) < none.traffic.cost(provider)
    assert worst_moment(outcomes, provider) <= 1
    assert ours.traffic.kept_prefixes() > 0.95
    assert none.traffic.kept_prefixes() == 1
    assert ours.orphans == 0
    assert sum(ours.facts) >= 5
    assert sum(ours.follow_ups) >= 5


def test_the_calls_of_a_summarizer_are_counted(outcomes: Outcomes) -> None:
    assert outcomes[SUMMARY, ""].traffic.own
    assert not outcomes[OPTIMEM, GPT.model].traffic.own


def test_the_tables_say_what_was_measured(outcomes: Outcomes) -> None:
    bills = {("talk", 1): outcomes}
    rows = bill_table(bills)
    assert [row[1] for row in rows[1:]] == [*OTHERS, OPTIMEM]
    assert rows[1][2] == f"{outcomes[NOTHING, ''].traffic.cost(GPT):.3f}"
    assert rows[1][-3:] == ["100 %"] * 3
    ((kind, seed, worst, times, *_),) = target_table(bills)[1:]
    assert (kind, seed) == ("talk", "1")
    assert float(worst.split()[0]) <= 1
    dearest = max(cost_ratio(outcomes, NOTHING, provider) for provider in PROVIDERS)
    assert times.endswith(f"{dearest:.2f}")


def test_a_run_that_was_stopped_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    jobs = [Job("talk", 0, TRIM), Job("talk", 0, OPTIMEM, GPT.model, 4000)]
    monkeypatch.setitem(KINDS, "talk", TINY)
    kept, ran = tmp_path / "kept.jsonl", list[Job]()

    def run(left: Sequence[Job]) -> Iterator[tuple[Job, Outcome]]:
        ran.extend(left)
        return run_all(left, 1)

    next(resumed(jobs, kept, run))
    found = dict(resumed(jobs, kept, run))
    assert found == dict(resumed(jobs, None, run))
    assert ran == [*jobs, jobs[1], *jobs]
    assert [*found] == jobs
    assert found[jobs[1]].traffic.cost(GPT) > 0
    (row,) = budget_table({jobs[1]: found[jobs[1]]})[1:]
    assert row[:3] == ["talk", "0", "4,000"]


def test_every_way_is_run_in_every_conversation() -> None:
    jobs = bill_jobs(["talk", "coding"], [0, 1])
    assert len(jobs) == len({*jobs}) == 4 * len(ways())
    assert jobs[0].kind == "coding"  # the longest first


def test_every_kind_holds_its_follow_ups() -> None:
    for kind in KINDS.values():
        talk = make_of_kind(0, kind)
        assert len(talk.follow_ups) == 3 * kind.follow_ups
        for asked in talk.follow_ups:
            said = [n for n, each in enumerate(talk.exchanges) if asked.value in each.text]
            assert said
            assert said[0] < asked.turn
            assert talk.exchanges[asked.turn].request == asked.question
