"""When old messages leave: by prices, by a trigger, and the same everywhere."""

from dataclasses import replace
from itertools import pairwise
from math import inf

import pytest

from optimem.planning.boundary import (
    CALLS,
    Added,
    History,
    PricedSteps,
    Replay,
    Stepper,
    TriggeredSteps,
)
from optimem.planning.sizes import Kept, Reached
from optimem.prompts.cache_rules import CacheRule, cache_rule_for

FIXED, BLOCK, RECALLED = 1500, 400, 300
ADDED = Added(FIXED, BLOCK, RECALLED, RECALLED)
KEEP = Kept(("tokens", 600))
MODELS = ["gpt-5.1", "claude-opus-4-5", "claude-opus-4-8", "gemini-2.5-flash", "deepseek-chat"]


def talk(turns: int, calls: int = 1, tokens: int = 60) -> History:
    """Turns of a human message, tool calls with results, and an answer."""
    size = 2 * calls
    return History(
        tokens=[tokens] * (turns * size),
        human=range(0, turns * size, size),
        calls=[i for turn in range(turns) for i in range(turn * size + 1, (turn + 1) * size, 2)],
        safe=[i for i in range(turns * size + 1) if i % size in (0, 1) or i % 2],
    )


def find_boundary(history: History, stepper: Stepper) -> int:
    """Of a conversation that is played from its start."""
    return Replay(stepper).boundary([], history)


def priced(rule: CacheRule, limit: float = inf) -> PricedSteps:
    return PricedSteps(rule, ADDED, KEEP, limit)


def boundaries(history: History, stepper: Stepper) -> list[int]:
    """The boundary at each call."""
    cuts, cut, before = [], 0, -1
    for sent in history.calls:
        starts = history.last_human(sent) > before
        cut, before = stepper.step(history, cut, sent, starts), sent
        cuts.append(cut)
    return cuts


def bill(history: History, rule: CacheRule, cuts: list[int]) -> list[float]:
    """What has been paid by each call, if every recollection is as long as it may be."""
    paid, prefix, recalled, last, before = [0.0], 0, 0, 0, -1
    for sent, cut in zip(history.calls, cuts, strict=True):
        moved, starts = cut != last, history.last_human(sent) > before
        recalled = (0 if moved else recalled) + (starts and cut > 0)
        size = FIXED + history.between(cut, sent)
        size += BLOCK + recalled * RECALLED if cut else 0
        paid.append(paid[-1] + rule.cost(size, FIXED if moved else prefix))
        prefix, last, before = size, cut, sent
    return paid[1:]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("turns", "calls", "tokens"), [(300, 1, 60), (300, 2, 60), (120, 5, 300),
                                                        (24, 25, 400), (60, 1, 15)])  # fmt: skip
def test_it_is_never_dearer_than_sending_everything(
    model: str, turns: int, calls: int, tokens: int
) -> None:
    history, rule = talk(turns, calls, tokens), cache_rule_for(model)
    ours = bill(history, rule, boundaries(history, priced(rule)))
    everything = bill(history, rule, [0] * len(history.calls))
    assert ours[-1] <= everything[-1]
    assert all(a <= b for a, b in zip(ours, everything, strict=True))


@pytest.mark.parametrize("model", MODELS)
def test_a_long_conversation_costs_much_less_and_keeps_its_prefix(model: str) -> None:
    history, rule = talk(300, 2, 60), cache_rule_for(model)
    cuts = boundaries(history, priced(rule))
    ours, everything = bill(history, rule, cuts), bill(history, rule, [0] * len(cuts))
    assert ours[-1] < (0.6 if rule.minimum < 4096 else 1) * everything[-1]
    steps = sum(later != earlier for earlier, later in pairwise(cuts))
    assert 2 < steps < 0.05 * len(cuts)


def test_a_short_conversation_stays_as_it_is() -> None:
    history = talk(40)
    assert find_boundary(history, priced(cache_rule_for("gpt-5.1"))) == 0


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("calls", [1, 3, 20])
def test_95_of_100_requests_keep_their_whole_prefix(model: str, calls: int) -> None:
    cuts = boundaries(talk(1200 // calls, calls, 200), priced(cache_rule_for(model)))
    steps = [at for at in range(1, len(cuts)) if cuts[at] != cuts[at - 1]]
    assert steps
    assert all(later - earlier >= CALLS for earlier, later in pairwise(steps))
    assert len(steps) < 0.05 * len(cuts)


def test_a_replay_goes_on_where_it_ended_and_notices_another_history() -> None:
    rule, whole = cache_rule_for("gpt-5.1"), talk(120)
    names = [f"m{i}" for i in range(len(whole.tokens))]
    replay = Replay(priced(rule))
    for number in (1, 2, 40, 90, 90, 119, 120):
        calls = whole.calls[:number]
        history = replace(whole, calls=calls)
        assert replay.goes_on(names[: calls[-1]], calls)
        assert replay.boundary(names[: calls[-1]], history) == find_boundary(history, priced(rule))
    assert not replay.goes_on(["another", *names[1:]], whole.calls)
    assert not replay.goes_on(names, whole.calls[:50])


def test_it_moves_only_when_a_human_speaks_and_never_back() -> None:
    history = talk(30, 20, 200)
    cuts = boundaries(history, priced(cache_rule_for("gpt-5.1")))
    assert cuts == sorted(cuts)
    for at in range(1, len(cuts)):
        if cuts[at] != cuts[at - 1]:
            assert history.last_human(history.calls[at]) == history.calls[at] - 1
    assert all(cut <= history.last_human(end) for cut, end in zip(cuts, history.calls, strict=True))


def test_a_longer_history_has_the_same_boundaries_before() -> None:
    rule = cache_rule_for("gpt-5.1")
    long = boundaries(talk(300), priced(rule))
    for turns in (80, 150, 299):
        assert boundaries(talk(turns), priced(rule)) == long[:turns]


def test_enough_is_left_for_the_provider_to_cache() -> None:
    rule = replace(cache_rule_for("claude-opus-4-5"), minimum=4096)
    history = talk(600)
    cut = find_boundary(history, priced(rule))
    assert cut > 0
    assert FIXED + history.between(cut, len(history.tokens)) >= 4096


def steppers(limit: float) -> list[Stepper]:
    """Both kinds, neither of which would move for another reason."""
    never = TriggeredSteps(Reached([[("tokens", 1e9)]]), KEEP, ADDED, limit)
    return [priced(replace(cache_rule_for("gpt-5.1"), read=0.0), limit), never]


@pytest.mark.parametrize("kind", [0, 1])
def test_a_limit_makes_it_move_at_any_price_and_leaves_room_to_recall(kind: int) -> None:
    history, limit = talk(300), 6000
    cuts = boundaries(history, steppers(limit)[kind])
    assert max(cuts) > 0
    for cut, sent in zip(cuts, history.calls, strict=True):
        added = BLOCK + history.humans(cut, sent) * RECALLED if cut else 0
        assert FIXED + added + history.between(cut, sent) <= limit
    assert len({*cuts}) < 60  # and not at each call


@pytest.mark.parametrize("kind", [0, 1])
def test_a_limit_holds_within_a_task(kind: int) -> None:
    history = talk(10, calls=12, tokens=60)
    cuts = boundaries(history, steppers(4500)[kind])
    moved = [at for at in range(1, len(cuts)) if cuts[at] != cuts[at - 1]]
    assert any(history.calls[at] - 1 > history.last_human(history.calls[at]) for at in moved)
    for cut, sent in zip(cuts, history.calls, strict=True):
        task = history.last_human(sent)
        fits = ADDED.longest(history, cut, sent) <= 4500
        assert fits or history.between(cut, task) <= 600  # nothing is left but what stays
        assert cut <= task


def test_what_stands_for_messages_takes_no_more_than_they_did() -> None:
    history = talk(10)
    assert ADDED.size(history, 2, 20, 1) == FIXED + history.between(0, 20) + RECALLED
    assert ADDED.size(history, 12, 20, 0) == FIXED + BLOCK + history.between(12, 20)
    assert ADDED.size(history, 0, 20, 3) == FIXED + history.between(0, 20)


def test_a_trigger_moves_it_down_to_what_is_kept_and_then_waits() -> None:
    history = talk(12)
    stepper = TriggeredSteps(Reached([[("messages", 9)]]), Kept(("messages", 3)), ADDED)
    assert boundaries(history, stepper) == [0, 0, 0, 0, 6, 6, 6, 12, 12, 12, 18, 18]
