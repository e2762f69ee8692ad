"""How many of the oldest messages have left a conversation: a function of the conversation alone.

The conversation is played again from its start, so that a restarted server, or another process,
draws the same boundary. It moves when a human speaks, seldom and far, because what follows it has
to be sent anew, without the provider's cache. Knows token counts; knows nothing of messages.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import inf
from typing import Protocol

from optimem.prompts.cache_rules import CacheRule

PATIENCE = 3.0
"""How many times its own cost the messages before the next step must have cost since the last one.
At 1 the bill would be least; each step also costs the wait for the first token."""
STAKE = 0.02
"""Of all that the conversation has cost so far: the most that a first step may cost."""
PAYBACK = 1 / 8
"""Of the calls so far: within how many a first step must have paid for itself, as a conversation
may be expected to go on as long as it has lasted."""
HELD = 10
"""Calls for which a recollection is sent again, about half of those between two steps."""


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

    def safe_cut(self, wanted: int) -> int:
        """The last place at or before `wanted` where the conversation may be cut."""
        at = bisect_right(self.safe, wanted)
        return self.safe[at - 1] if at else 0


class Stepper(Protocol):
    """Decides at one call after the other where the boundary is."""

    def step(self, history: History, cut: int, sent: int, starts: bool) -> int:
        """The boundary for the call with the first `sent` messages, which was at `cut`.
        `starts`: whether it may move, because a human has just spoken."""


def find_boundary(history: History, stepper: Stepper) -> int:
    """How many of the oldest messages have left by the last call."""
    cut, before = 0, -1
    for sent in history.calls:
        starts = history.last_human(sent) > before
        cut, before = stepper.step(history, cut, sent, starts), sent
    return cut


class Keep(Protocol):
    """How much of the newest messages always stays."""

    def __call__(self, history: History, end: int) -> int:
        """The last place where the first `end` messages may be cut."""


class Reached(Protocol):
    """Whether it is time to move."""

    def __call__(self, history: History, cut: int, sent: int) -> bool:
        """For the messages from `cut` to `sent`."""


@dataclass
class TriggeredSteps:
    """Moves when what is visible reaches a trigger, down to what is to be kept."""

    reached: Reached
    keep: Keep

    def step(self, history: History, cut: int, sent: int, starts: bool) -> int:
        """See `Stepper`."""
        if not starts or not self.reached(history, cut, sent):
            return cut
        return max(cut, _latest_cut(history, self.keep, sent))


@dataclass
class PricedSteps:
    """Moves when that is cheaper, by a provider's prices of its cache.

    `fixed`: tokens of the system message and the tools. `block`: of what stands for the messages
    that have left. `recalled`: of what is recalled for a human message. `limit`: of a request; a
    longer one makes the boundary move at any price.
    """

    rule: CacheRule
    fixed: int
    block: int
    recalled: int
    keep: Keep
    limit: float = inf
    _calls: int = 0
    _turns: int = 0
    _spent: float = 0.0
    _window: int = 0
    _recollections: int = 0
    _least: float = 0.0
    _excess: float = 0.0

    def step(self, history: History, cut: int, sent: int, starts: bool) -> int:
        """See `Stepper`."""
        self._recollections += starts and cut > 0
        prefix = self._window
        if starts:
            wanted = self._candidate(history, sent)
            if wanted > cut and self._moves(history, cut, wanted, sent):
                cut, prefix, self._recollections, self._excess = wanted, self.fixed, 1, 0.0
                self._least = self.rule.hold(self._size(history, cut, sent))
        self._window = self._size(history, cut, sent)
        self._spent += self.rule.cost(self._window, prefix)
        self._excess += self.rule.hold(self._window) - self._least
        self._calls, self._turns = self._calls + 1, self._turns + starts
        return cut

    def _size(self, history: History, cut: int, sent: int) -> int:
        """Tokens of a request."""
        extra = self.block + self._recollections * self.recalled if cut else 0
        return self.fixed + extra + history.between(cut, sent)

    def _stepped(self, history: History, cut: int, sent: int) -> int:
        """Tokens of a request right after a step."""
        return self.fixed + self.block + self.recalled + history.between(cut, sent)

    def _candidate(self, history: History, sent: int) -> int:
        """The place that makes the cheapest requests: the latest, or the latest that leaves
        enough for the provider to cache, whatever else is sent."""
        latest = _latest_cut(history, self.keep, sent)
        spare = self.fixed + history.between(latest, sent) - self.rule.minimum
        if spare >= 0:
            return latest
        at = bisect_right(history.totals, history.totals[latest] + spare) - 1
        longer = history.safe_cut(max(at, 0))
        sizes = {place: self._stepped(history, place, sent) for place in (latest, longer)}
        cached = {place: self.fixed + history.between(place, sent) for place in sizes}
        prices = {
            place: self.rule.hold(size) if cached[place] >= self.rule.minimum else size
            for place, size in sizes.items()
        }
        return min(prices, key=lambda place: (prices[place], -place))

    def _moves(self, history: History, cut: int, wanted: int, sent: int) -> bool:
        """Whether to move the boundary now."""
        return self._size(history, cut, sent) > self.limit or self._pays(history, cut, wanted, sent)

    def _pays(self, history: History, cut: int, wanted: int, sent: int) -> bool:
        """Whether it pays to move the boundary now."""
        stay, move = self._size(history, cut, sent), self._stepped(history, wanted, sent)
        price = (self.rule.write - self.rule.read) * (move - self.rule.cached(self.fixed))
        gain = self.rule.hold(stay) - self.rule.hold(move)
        if cut:
            return gain > 0 and self._excess >= PATIENCE * price
        gain -= self._recall_cost()
        most = min(STAKE * self._spent, PAYBACK * self._calls * gain)
        return gain > 0 and price <= most

    def _recall_cost(self) -> float:
        """What recollections will cost at each call, once messages have left."""
        turns = self._turns / max(self._calls, 1)
        return turns * self.recalled * (self.rule.write + HELD * self.rule.read)


def _latest_cut(history: History, keep: Keep, sent: int) -> int:
    """The last place to cut that keeps the last human message and what is to be kept."""
    wanted = min(keep(history, sent), history.last_human(sent))
    return history.safe_cut(max(wanted, 0))
