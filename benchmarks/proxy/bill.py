"""The bill of each way at each provider, and what of planted facts it still sends.

The prefix that a request shares with the one before it is read from the provider's cache; its
length and every request's are counted alike for all ways, by DeepSeek's tokenizer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

from benchmarks.agents.bill import PROVIDERS, Provider, Traffic
from benchmarks.agents.conversation import KINDS, Conversation, make_of_kind
from benchmarks.agents.cost import SYSTEM, TOOL_TOKENS
from benchmarks.agents.exchanges import PlantedFact
from benchmarks.proxy.requests import Dialect, Message, asking, dialect_for, histories
from benchmarks.proxy.ways import WAYS, MakeWay, read, written
from optimem.memory.recall.prompting import count_tokens
from optimem.testing import ManualClock, open_memory

SECONDS = 20.0
"""From one call to the next: less than any cache lives."""


class Job(NamedTuple):
    """One way in one conversation at one provider."""

    kind: str
    seed: int
    way: str
    provider: Provider


@dataclass(frozen=True)
class Outcome:
    """`traffic`: tokens of all requests and of their prefixes. `facts`, `follow_ups`: whether each
    was sent when it was asked for."""

    traffic: Traffic
    facts: list[bool]
    follow_ups: list[bool]


def jobs(kinds: Sequence[str], seeds: Sequence[int]) -> Iterator[Job]:
    """Every way in every conversation at every provider."""
    for kind in kinds:
        for seed in seeds:
            for provider in PROVIDERS:
                yield from (Job(kind, seed, way, provider) for way in WAYS)


def run(job: Job, turns: int | None = None) -> Outcome:
    """What a way does. `turns`: of a shorter conversation, for a quick look."""
    kind = KINDS[job.kind]
    if turns:
        kind = replace(kind, turns=turns, facts=max(turns * kind.facts // kind.turns, 1))
        kind = replace(kind, follow_ups=kind.follow_ups * turns // KINDS[job.kind].turns)
    talk = make_of_kind(job.seed, kind)
    return play(talk, WAYS[job.way], dialect_for(job.provider.model))


def play(talk: Conversation, make: MakeWay, dialect: Dialect) -> Outcome:
    """A way in a conversation. The codec is one that loses nothing: what is compared is the plan,
    not the reading."""
    clock = ManualClock()
    with open_memory(clock=clock) as memory:
        way, meter, last = make(memory, dialect), _Meter(dialect), dict[int, list[Message]]()
        for turn, messages in histories(talk, dialect.api):
            last[turn] = way(messages)
            meter.add(last[turn])
            clock.advance(seconds=SECONDS)
        whole = asking(talk, dialect.api)
        return Outcome(
            Traffic(meter.sizes),
            [_holds(way([*whole, _question(fact)]), fact) for fact in talk.facts],
            [_holds(last[each.turn], each) for each in talk.follow_ups],
        )


def dearest_moment(ours: Outcome, none: Outcome, provider: Provider) -> float:
    """The most that a way had cost at any call, in times of nothing."""
    spent = (accumulate(each.traffic.costs(provider.rule)) for each in (ours, none))
    dearest: float = max(a / b for a, b in zip(*spent, strict=True))
    return dearest


class _Meter:
    """Counts requests, each message once."""

    def __init__(self, dialect: Dialect) -> None:
        self.sizes = list[tuple[int, int]]()
        self._dialect, self._before, self._tokens = dialect, list[str](), dict[str, int]()
        self._fixed = TOOL_TOKENS + count_tokens(SYSTEM)

    def add(self, messages: Sequence[Message]) -> None:
        """Count a request."""
        now = [written(message) for message in messages]
        self._count(messages, now)
        same = 0
        while same < min(len(self._before), len(now)) and self._before[same] == now[same]:
            same += 1
        prefix = self._fixed + sum(self._tokens[name] for name in now[:same])
        total = self._fixed + sum(self._tokens[name] for name in now)
        self.sizes.append((total, prefix if self.sizes else 0))
        self._before = now

    def _count(self, messages: Sequence[Message], names: Sequence[str]) -> None:
        new = [m for m, name in zip(messages, names, strict=True) if name not in self._tokens]
        tokens = read(self._dialect, new)[2].history.tokens if new else []
        self._tokens |= zip(
            (name for name in names if name not in self._tokens), tokens, strict=True
        )


def _question(fact: PlantedFact) -> Message:
    return {"role": "user", "content": fact.question}


def _holds(messages: Sequence[Message], fact: PlantedFact) -> bool:
    """Whether a fact's value occurs verbatim in messages."""
    return any(fact.value in text for message in messages for text in _texts(message))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
