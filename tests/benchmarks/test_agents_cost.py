"""The bill of a short conversation: prices, prefixes, and what was there when it was asked for."""

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from benchmarks.agents.baselines import total_tokens
from benchmarks.agents.bill import PROVIDERS, OwnCall, Provider, Traffic
from benchmarks.agents.contenders import NOTHING, OPTIMEM, OTHERS, SUMMARY
from benchmarks.agents.conversation import KINDS, Kind, make_of_kind
from benchmarks.agents.cost import Outcomes, compare, outcome, worst_moment
from benchmarks.agents.report import cost_table, worth_table

SHORT = Kind(turns=60, facts=6, follow_ups=2, call_share=0.5, steps=(2, 6), rows=(8, 16),
             distract=False)  # fmt: skip
GPT = PROVIDERS[0]


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    return compare(make_of_kind(1, SHORT))


def test_a_request_is_priced_by_what_it_shares_with_the_one_before() -> None:
    first = [HumanMessage("word " * 3000)]
    second = [*first, AIMessage("yes"), HumanMessage("more")]
    traffic = Traffic([first, second, second[1:]], fixed=0)
    sizes = [total_tokens(each) for each in (first, second, second[1:])]
    assert traffic.sizes == [(sizes[0], 0), (sizes[1], sizes[0]), (sizes[2], 0)]
    assert traffic.kept_prefixes() == 0.5
    read = GPT.rule.cached(sizes[0])
    tokens = sizes[0] + 0.1 * read + (sizes[1] - read) + sizes[2]
    assert traffic.cost(GPT) == pytest.approx(tokens * GPT.input / 1e6)
    own = Traffic([], 0, [OwnCall(1000, 100)])
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


def test_the_tables_name_every_contender(outcomes: Outcomes) -> None:
    assert {row[0] for row in cost_table(outcomes)} >= {*OTHERS, OPTIMEM}
    assert len(worth_table(outcomes)) == 1 + len(outcomes)


def test_every_kind_holds_its_follow_ups() -> None:
    for kind in KINDS.values():
        talk = make_of_kind(0, kind)
        assert len(talk.follow_ups) == 3 * kind.follow_ups
        for asked in talk.follow_ups:
            said = [n for n, each in enumerate(talk.exchanges) if asked.value in each.text]
            assert said
            assert said[0] < asked.turn
            assert talk.exchanges[asked.turn].request == asked.question
