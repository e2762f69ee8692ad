"""The bill and the worth of each way to shorten a conversation: what it costs at each provider, how
often requests keep their prefix, and whether what is asked about is there.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from multiprocessing import get_context
from typing import NamedTuple

from langchain_core.messages import SystemMessage

from benchmarks.agents.baselines import total_tokens
from benchmarks.agents.bill import PROVIDERS, Provider, Traffic
from benchmarks.agents.contenders import NOTHING, OPTIMEM, OTHERS, MakeContender, optimem
from benchmarks.agents.conversation import KINDS, Conversation, make_of_kind
from benchmarks.agents.direct import DirectRun
from benchmarks.agents.runs import find_orphans, mentions
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


class Job(NamedTuple):
    """One contender in one conversation. `kind`: one of `KINDS`. `model`: whose prices optimem
    goes by, "" for the others. `max_tokens`: optimem's limit."""

    kind: str
    seed: int
    contender: str
    model: str = ""
    max_tokens: int | None = None


def ways() -> list[tuple[str, str]]:
    """Every contender, optimem once for each provider."""
    return [(name, "") for name in OTHERS] + [(OPTIMEM, each.model) for each in PROVIDERS]


def bill_jobs(kinds: Sequence[str], seeds: Sequence[int]) -> list[Job]:
    """All ways in all conversations, the longest first."""
    order = sorted(kinds, key=[*KINDS].index, reverse=True)
    return [Job(kind, seed, *way) for kind in order for seed in seeds for way in ways()]


def run_all(jobs: Sequence[Job], processes: int) -> Iterator[tuple[Job, Outcome]]:
    """The outcomes of jobs, in order, as they are ready."""
    if processes == 1:
        yield from zip(jobs, map(_run_job, jobs), strict=True)
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        yield from zip(jobs, pool.map(_run_job, jobs), strict=True)


def compare(conversation: Conversation) -> Outcomes:
    """All ways in one conversation."""
    return {
        (name, model): run_way(conversation, OTHERS.get(name) or optimem(model))
        for name, model in ways()
    }


def outcome(outcomes: Outcomes, name: str, provider: Provider) -> Outcome:
    """What a contender did at a provider."""
    return outcomes[name, provider.model if name == OPTIMEM else ""]


def cost_ratio(outcomes: Outcomes, name: str, provider: Provider) -> float:
    """What optimem cost at a provider, in times of another."""
    ours, other = (outcome(outcomes, each, provider) for each in (OPTIMEM, name))
    return ours.traffic.cost(provider) / other.traffic.cost(provider)


def worst_moment(outcomes: Outcomes, provider: Provider) -> float:
    """The most that optimem had cost at any call, in times of no middleware."""
    spent = (
        accumulate(outcome(outcomes, name, provider).traffic.costs(provider.rule))
        for name in (OPTIMEM, NOTHING)
    )
    worst: float = max(ours / none for ours, none in zip(*spent, strict=True))
    return worst


def run_way(conversation: Conversation, make: MakeContender) -> Outcome:
    """One way in one conversation. The codec is one that loses nothing: what is compared is the
    plan, not the reading."""
    with open_memory() as memory:
        contender = make(memory)
        run = DirectRun(conversation, contender.middleware, SYSTEM).play()
        fixed = TOOL_TOKENS + total_tokens([SystemMessage(SYSTEM)])
        return Outcome(
            traffic=Traffic.of(run.requests, fixed, [*contender.own]),
            orphans=sum(len(find_orphans(sent)) for sent in run.requests),
            follow_ups=[mentions(run.sent[f.turn], f) for f in conversation.follow_ups],
            facts=run.ask(),
        )


def _run_job(job: Job) -> Outcome:
    make = OTHERS.get(job.contender) or optimem(job.model, job.max_tokens)
    return run_way(_conversation(job.kind, job.seed), make)


@lru_cache(maxsize=2)
def _conversation(kind: str, seed: int) -> Conversation:
    return make_of_kind(seed, KINDS[kind])
