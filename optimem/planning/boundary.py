"""How many of the oldest messages have left a conversation: a function of the conversation alone.

The conversation is played again from its start, or from where it was played to before, so that a
restarted server, or another process, draws the same boundary. It moves when a human speaks, seldom
and far, because what follows it has to be sent anew, without the provider's cache; within a task
only if a request would exceed its limit. Knows token counts; knows nothing of messages.
"""

from bisect import bisect_right
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import inf
from typing import Protocol

from optimem.prompts.cache_rules import CacheRule

PATIENCE = 2.0
"""How many times its own cost the messages before the next step must have cost since the last one.
At 1 the bill would be least; each step also costs the wait for the first token."""
CALLS = 21
"""Least number of calls from one step to the next: so more than 95 of 100 requests begin with the
whole request before them."""


@dataclass(frozen=True)
class History:
    """A conversation as token counts. `tokens`: of each message. `human`: indexes of human
    messages. `calls`: for each call of the model, how many messages it was sent. `safe`: where
    the conversation may be cut without parting a tool call from its result, ascending."""

    tokens: Sequence[int]
    human: Sequence[int]
    calls: Sequence[int]
    safe: Sequence[int]

    @cached_property
    def totals(self) -> list[int]:
        """Tokens of the first n messages, for each n."""
        return [0, *accumulate(self.tokens)]

    def between(self, start: int, end: int) -> int:
        """Tokens of the messages from `start` to `end`."""
        return self.totals[end] - self.totals[start]

    def last_human(self, end: int) -> int:
        """The index of the last human message before `end`; -1 if there is none."""
        at = bisect_right(self.human, end - 1)
        return self.human[at - 1] if at else -1

    def humans(self, start: int, end: int) -> int:
        """How many human messages there are from `start` to `end`."""
        return bisect_right(self.human, end - 1) - bisect_right(self.human, start - 1)

    def safe_cut(self, wanted: int) -> int:
        """The last place at or before `wanted` where the conversation may be cut."""
        at = bisect_right(self.safe, wanted)
        return self.safe[at - 1] if at else 0


class Stepper(Protocol):
    """Decides at one call after the other where the boundary is."""

    def step(self, history: History, cut: int, sent: int, starts: bool) -> int:
        """The boundary for the call with the first `sent` messages, which was at `cut`.
        `starts`: whether it may move, because a human has just spoken."""


class Replay:
    """A conversation played again call by call, as far as it has been played: a longer history of
    the same conversation goes on from there."""

    def __init__(self, stepper: Stepper) -> None:
        self._stepper, self._cut, self._played, self._names = stepper, 0, 0, list[str]()
        self._before = -1

    def goes_on(self, names: Sequence[str], calls: Sequence[int]) -> bool:
        """Whether a history of messages with these names goes on where this one ended."""
        before = calls[self._played - 1] if 0 < self._played <= len(calls) else 0
        same = self._played < len(calls) and before == len(self._names)
        return same and [*names[:before]] == self._names

    def boundary(self, names: Sequence[str], history: History) -> int:
        """How many of the oldest messages have left by the last call; the call at hand is played
        each time, as it may still turn out to be another."""
        calls = history.calls
        for sent in calls[self._played : -1]:
            self._play(history, sent)
        self._played, self._names = len(calls) - 1, [*names[: max(self._before, 0)]]
        ahead = copy(self)
        ahead._stepper = copy(self._stepper)
        ahead._play(history, calls[-1])
        return ahead._cut

    def _play(self, history: History, sent: int) -> None:
        starts = history.last_human(sent) > self._before
        self._cut = self._stepper.step(history, self._cut, sent, starts)
        self._before = sent


class Keep(Protocol):
    """How much of the newest messages always stays."""

    def __call__(self, history: History, end: int) -> int:
        """The last place where the first `end` messages may be cut."""


class Reached(Protocol):
    """Whether it is time to move."""

    def __call__(self, history: History, cut: int, sent: int) -> bool:
        """For the messages from `cut` to `sent`."""


@dataclass(frozen=True)
class Added:
    """Tokens of a request beside its messages. `fixed`: of the system message and the tools.
    `block`: of what stands for the messages that have left. `recalled`, `most`: of what is recalled
    for a human message, on average and at most."""

    fixed: int
    block: int
    recalled: int
    most: int

    def size(self, history: History, cut: int, sent: int, recollections: int) -> int:
        """Tokens of a request with so many recollections."""
        shown = self.fixed + history.between(cut, sent)
        return shown + self._block(history, cut) + recollections * self.recalled if cut else shown

    def longest(self, history: History, cut: int, sent: int) -> int:
        """The same with a recollection for each human message, the last one as long as may be."""
        recollections = history.humans(cut, sent)
        full = self.most - self.recalled if cut and recollections else 0
        return self.size(history, cut, sent, recollections) + full

    def _block(self, history: History, cut: int) -> int:
        """What stands for messages takes no more tokens than they do."""
        return min(self.block, history.between(0, cut))


@dataclass
class TriggeredSteps:
    """Moves when what is visible reaches a trigger, down to what is to be kept; and, whoever
    speaks, when a request exceeds the `limit`."""

    reached: Reached
    keep: Keep
    added: Added
    limit: float = inf

    def step(self, history: History, cut: int, sent: int, starts: bool) -> int:
        """See `Stepper`."""
        exceeded = self.added.longest(history, cut, sent) > self.limit
        if not exceeded and not (starts and self.reached(history, cut, sent)):
            return cut
        return max(cut, _latest_cut(history, self.keep, sent))


@dataclass
class PricedSteps:
    """Moves when that is cheaper, by a provider's prices of its cache, and never so that the
    conversation has cost more than it would have cost without.

    A request of more than `limit` tokens makes it move at any price, whoever speaks.
    """

    rule: CacheRule
    added: Added
    keep: Keep
    limit: float = inf
    _calls: int = 0
    _whole: int = 0
    _without: float = 0.0
    _spent: float = 0.0
    _window: int = 0
    _recollections: int = 0
    _least: float = 0.0
    _excess: float = 0.0

    def step(self, history: History, cut: int, sent: int, starts: bool) -> int:
        """See `Stepper`."""
        self._count_without(history, sent)
        self._recollections += starts and cut > 0
        prefix = self._window
        wanted = self._wanted(history, cut, sent, starts)
        if wanted > cut:
            cut, prefix = wanted, self.added.fixed
            self._recollections, self._calls, self._excess = 1, 0, 0.0
            self._least = self.rule.hold(self._size(history, cut, sent))
        self._window = self._size(history, cut, sent)
        self._spent += self.rule.cost(self._window, prefix)
        self._excess += self.rule.hold(self._window) - self._least
        return cut

    def _count_without(self, history: History, sent: int) -> None:
        """Add what the call would cost if nothing had left."""
        whole = self.added.fixed + history.between(0, sent)
        self._without += self.rule.cost(whole, self._whole)
        self._whole, self._calls = whole, self._calls + 1

    def _size(self, history: History, cut: int, sent: int) -> int:
        """Tokens of a request."""
        return self.added.size(history, cut, sent, self._recollections)

    def _wanted(self, history: History, cut: int, sent: int, starts: bool) -> int:
        """Where the boundary should be now."""
        latest = _latest_cut(history, self.keep, sent)
        if self.added.longest(history, cut, sent) > self.limit:
            return latest
        if not starts:
            return cut
        place = self._cacheable(history, latest, sent)
        pays = place > cut and self._calls >= CALLS and self._pays(history, cut, place, sent)
        return place if pays else cut

    def _cacheable(self, history: History, latest: int, sent: int) -> int:
        """The latest place that leaves enough for the provider to cache, whatever else is sent."""
        spare = self.added.fixed + history.between(latest, sent) - self.rule.minimum
        if spare >= 0:
            return latest
        at = bisect_right(history.totals, history.totals[latest] + spare) - 1
        return history.safe_cut(max(at, 0))

    def _pays(self, history: History, cut: int, wanted: int, sent: int) -> bool:
        """Whether it pays to move the boundary now, and has been paid for by this call."""
        stay, move = self._size(history, cut, sent), self.added.size(history, wanted, sent, 1)
        most = move - self.added.recalled + self.added.most + self.rule.block
        price = (self.rule.write - self.rule.read) * (move - self.rule.cached(self.added.fixed))
        gain = self.rule.hold(stay) - self.rule.hold(move)
        paid_for = self._spent + self.rule.cost(most, self.added.fixed) <= self._without
        behind = cut > 0 and self._spent > self._without  # staying would only make it worse
        return gain > 0 and (paid_for or behind) and (not cut or self._excess >= PATIENCE * price)


def _latest_cut(history: History, keep: Keep, sent: int) -> int:
    """The last place to cut that keeps the last human message and what is to be kept."""
    wanted = min(keep(history, sent), history.last_human(sent))
    return history.safe_cut(max(wanted, 0))
