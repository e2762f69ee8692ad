"""The bill and the worth of each way to shorten a conversation: what it costs at each provider, how
often requests keep their prefix, and whether what is asked about is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.agents.bill import PROVIDERS, Provider, Traffic
from benchmarks.agents.contenders import NOTHING, OPTIMEM, OTHERS, MakeContender, optimem
from benchmarks.agents.conversation import Conversation
from benchmarks.agents.runs import AgentRun, find_orphans, mentions
from optimem.testing import open_memory

SYSTEM = "You are Marta's assistant. Use the tools; be brief. " + " ".join(
    f"House rule {number}: answer in the language of the question, name your source, and ask "
    "before you send, buy or delete anything."
    for number in range(1, 46)
)
"""A system prompt of the usual length, about 1,300 tokens."""
TOOL_TOKENS = 300
"""Of the definitions of the tools."""


@dataclass(frozen=True)
class Outcome:
    """One way in one conversation. `traffic`: what was sent. `facts`, `follow_ups`: whether each
    was there when it was asked for. `orphans`: tool messages parted from their calls."""

    traffic: Traffic
    facts: list[bool]
    follow_ups: list[bool]
    orphans: int


Outcomes = Mapping[tuple[str, str], Outcome]
"""By contender and, for optimem, the model whose prices it goes by; "" for the others."""


def compare(conversation: Conversation) -> Outcomes:
    """All ways in one conversation. The codec is one that loses nothing: what is compared is the
    plan, not the reading."""
    found = {(name, ""): _run(conversation, make) for name, make in OTHERS.items()}
    for provider in PROVIDERS:
        found[OPTIMEM, provider.model] = _run(conversation, optimem(provider.model))
    return found


def outcome(outcomes: Outcomes, name: str, provider: Provider) -> Outcome:
    """What a contender did at a provider."""
    return outcomes[name, provider.model if name == OPTIMEM else ""]


def worst_moment(outcomes: Outcomes, provider: Provider) -> float:
    """The most that optimem had cost at any call, in times of no middleware."""
    ours, none, rule = 0.0, 0.0, provider.rule
    worst = 0.0
    sizes = (outcome(outcomes, name, provider).traffic.sizes for name in (OPTIMEM, NOTHING))
    for (size, prefix), (all_size, all_prefix) in zip(*sizes, strict=True):
        ours += rule.cost(size, prefix)
        none += rule.cost(all_size, all_prefix)
        worst = max(worst, ours / none)
    return worst


def _run(conversation: Conversation, make: MakeContender) -> Outcome:
    with open_memory() as memory:
        contender = make(memory)
        run = AgentRun(conversation, contender.middleware, SYSTEM).play()
        requests, own = list(run.model.sent), list(contender.own)
        return Outcome(
            traffic=Traffic(requests, TOOL_TOKENS, own),
            facts=run.ask(),
            follow_ups=[mentions(run.sent[f.turn], f) for f in conversation.follow_ups],
            orphans=sum(len(find_orphans(sent)) for sent in run.requests),
        )
