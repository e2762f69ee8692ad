"""What a request will hold: where its boundary is, what stands for the messages before it, and what
is recalled for the ones after it.

Knows nothing of agents' runtimes or of how messages are stored.
"""

import json
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from threading import Lock
from typing import Any, NamedTuple

from langchain.agents.middleware import ModelRequest
from langchain_core.messages import AnyMessage

from optimem.adapters.block import DIGEST_TOKENS, Block, Front
from optimem.adapters.boundary import (
    Added,
    PricedSteps,
    Replay,
    Stepper,
    TriggeredSteps,
)
from optimem.adapters.conversation import Conversation, message_size
from optimem.adapters.digest import Digest
from optimem.adapters.layout import lay_out, mark_for_cache, recalled_message
from optimem.adapters.ledger import Ledger, Quote, Sent
from optimem.adapters.pages import Pages, draw_pages, model_name
from optimem.adapters.recalling import Recall
from optimem.adapters.scopes import Place
from optimem.adapters.sizes import (
    Kept,
    Reached,
    Size,
    Trigger,
    absolute_size,
    parse_size,
    parse_trigger,
)
from optimem.api.memory import OpticalMemory
from optimem.errors import InputError
from optimem.memory.caching import LRU
from optimem.prompts import ModelRule
from optimem.prompts.cache_rules import CacheRule, cache_rule_for
from optimem.prompts.draft import TokenCounter

MIN_BUDGET = 100
RECALL_BUDGET = 240
EXPECTED = 0.5
"""Of the budget: what a recollection takes on average (`python -m benchmarks.agents`)."""
PAGE_BUDGET = 2000
FRAME_TOKENS = 64
"""Of what stands around a digest, and marks its lines."""
BLOCKS = 256
"""Conversations and pages that are cached."""
STEP = 256
"""The system message and the tools are counted in steps of so many tokens: one that tells the time
must not move the boundary."""


@dataclass(frozen=True)
class Limits:
    """What a user allows. `trigger`: None for when it is cheaper."""

    trigger: list[list[Size]] | None
    keep: Size
    budget: int
    page_budget: int
    max_tokens: float
    k: int
    pages: bool

    @classmethod
    def checked(
        cls,
        trigger: Trigger | None,
        keep: Size,
        budget: int | None,
        max_tokens: int | None,
        k: int,
        pages: bool,
    ) -> "Limits":
        """Limits as a middleware takes them. Raises InputError."""
        if (budget is not None and budget < MIN_BUDGET) or k < 1:
            raise InputError(
                f"budget={budget} and k={k} recall nothing; give at least {MIN_BUDGET} tokens "
                "and one turn"
            )
        if max_tokens is not None and max_tokens < 2 * MIN_BUDGET:
            raise InputError(
                f"max_tokens={max_tokens} leaves no room for a question and what is recalled for "
                f"it; give at least {2 * MIN_BUDGET}"
            )
        return cls(
            trigger=None if trigger is None else parse_trigger(trigger),
            keep=parse_size(keep, name="keep"),
            budget=budget or RECALL_BUDGET,
            page_budget=budget or PAGE_BUDGET,
            max_tokens=max_tokens or inf,
            k=k,
            pages=pages,
        )


class Plan(NamedTuple):
    """A request before it is laid out. `fixed`: tokens of its system message and tools. `cut`:
    how many of the oldest messages have left."""

    request: ModelRequest[Any]
    conversation: Conversation
    rule: CacheRule
    fixed: int
    cut: int

    def saves(self, block: Sequence[AnyMessage]) -> bool:
        """Whether a block costs less than the messages that it stands for."""
        talk = self.conversation
        size = sum(message_size(message, talk.count) for message in block)
        return not self.cut or size < talk.history.between(0, self.cut)

    def with_pages(self, pages: Pages, pins: Sequence[AnyMessage]) -> ModelRequest[Any]:
        """The request with pages in place of the messages that have left, and pinned turns."""
        return self._sent(lay_out(self.conversation, self.cut, [*pages.messages, *pins], {}))

    def with_recall(
        self, block: Sequence[AnyMessage], recalled: dict[str, Sent]
    ) -> ModelRequest[Any]:
        """The request with a digest of the messages that have left, and recollections."""
        return self._sent(lay_out(self.conversation, self.cut, block, recalled))

    def _sent(self, messages: list[AnyMessage]) -> ModelRequest[Any]:
        request = self.request.override(messages=messages)
        return mark_for_cache(request, self.rule, self.conversation, self.fixed)


class Planner:
    """Plans requests. `cache`: the price rule of the provider's cache, or the name of the model,
    to use instead of the model's own name."""

    def __init__(
        self,
        memory: OpticalMemory,
        limits: Limits,
        count: TokenCounter,
        cache: str | CacheRule | None,
        digest: Digest | Any | None,
    ) -> None:
        self.limits, self.count, self.cache = limits, count, cache
        self.recaller = Recall(memory, limits.k, limits.budget)
        self.ledger = Ledger(memory)
        self.block = Block(memory, digest, count)
        self._replays: LRU[tuple[object, ...], Replay] = LRU(BLOCKS)
        self._playing = Lock()
        self._drawn: LRU[tuple[object, ...], tuple[Pages | None]] = LRU(BLOCKS)

    def plan(self, request: ModelRequest[Any], conversation: Conversation, place: Place) -> Plan:
        """Where the boundary of a request is."""
        rule = self.cache
        if not isinstance(rule, CacheRule):
            rule = cache_rule_for(rule or model_name(request.model))
        fixed = fixed_tokens(request, self.count)
        cut = self._boundary(request, conversation, place, rule, fixed - fixed % STEP)
        return Plan(request, conversation, rule, fixed, cut)

    def _boundary(
        self,
        request: ModelRequest[Any],
        conversation: Conversation,
        place: Place,
        rule: CacheRule,
        fixed: int,
    ) -> int:
        """The boundary, found from where the last call of the same conversation left it."""
        profile = (getattr(request.model, "profile", None) or {}).get("max_input_tokens")
        key = (place, rule, fixed, profile)
        names, history = conversation.names, conversation.history
        with self._playing:
            replay = self._replays.get(key)
            if replay is None or not replay.goes_on(names, history.calls):
                replay = Replay(self._stepper(request, rule, fixed))
                self._replays.put(key, replay)
            return replay.boundary(names, history)

    def pages(
        self, plan: Plan, place: Place, rule: ModelRule, certain: bool
    ) -> ModelRequest[Any] | None:
        """The request with pages in place of the messages that have left; None if they do not
        pay. `certain`: only such that leave nothing to guess."""
        key = (*plan.conversation.names[: plan.cut], rule)
        drawn = self._drawn.get(key)
        if drawn is None:
            drawn = (draw_pages(plan.conversation, plan.cut, self.limits.page_budget, rule),)
            self._drawn.put(key, drawn)
        (pages,) = drawn
        if pages is None or (certain and not pages.certain):
            return None
        return plan.with_pages(pages, self.block.pins(plan.conversation, plan.cut, place))

    def front(self, plan: Plan, place: Place) -> Front:
        """What stands for the messages that have left, and the pinned turns."""
        return self.block.front(plan.conversation, plan.cut, place)

    def recall(self, plan: Plan, place: Place, front: Front) -> dict[str, Sent]:
        """What was recalled for each human message that is shown; for the last one now, if it
        is new, and the front does not say it."""
        talk, at = plan.conversation, plan.conversation.question
        if not (plan.cut or place.user or place.shared):
            return {}
        human = [talk.names[i] for i in talk.history.human if i >= plan.cut]
        sent = self.ledger.find(place.scope, human)
        if at >= 0 and talk.names[at] not in sent:
            shown = {*talk.names[plan.cut :]}
            shown |= {quote.turn for each in sent.values() for quote in each.quotes}
            room = self._room(plan, front, sent)
            quotes = self._quotes(plan, place, front, shown, room)
            entered = self.ledger.write(place.scope, talk.names[at], quotes, room, self.count)
            sent[talk.names[at]] = entered
        return sent

    def _quotes(
        self, plan: Plan, place: Place, front: Front, shown: Set[str], room: int
    ) -> list[Quote]:
        """What to recall for the last human message in `room` tokens."""
        if room < MIN_BUDGET:
            return []
        lines = (line.removeprefix("> ") for m in front.messages for line in m.text.splitlines())
        said = " ".join(" ".join(lines).split())
        recall = self.recaller._replace(budget=room)
        return recall.quotes(place, plan.conversation, shown | front.turns, said)

    def _room(self, plan: Plan, front: Front, sent: dict[str, Sent]) -> int:
        """Tokens that a new recollection may take."""
        history = plan.conversation.history
        used = plan.fixed + history.between(plan.cut, len(plan.conversation.messages))
        used += sum(history.tokens[index] for index in plan.conversation.staying(plan.cut))
        texts = [*(each.text for each in sent.values() if each.text), ""]  # the last to be filled
        put_in = [*front.messages, *(recalled_message("", text) for text in texts)]
        used += sum(message_size(message, plan.conversation.count) for message in put_in)
        return int(min(self.limits.budget, self.limits.max_tokens - used))

    def _stepper(self, request: ModelRequest[Any], rule: CacheRule, fixed: int) -> Stepper:
        limits, model = self.limits, request.model
        keep = Kept(absolute_size(limits.keep, model))
        block = limits.page_budget if limits.pages else DIGEST_TOKENS + FRAME_TOKENS
        recalled, most = (0, 0) if limits.pages else (int(EXPECTED * limits.budget), limits.budget)
        added = Added(fixed, block, recalled, most)
        limit = limits.max_tokens - STEP  # by which `fixed` may be too small
        if limits.trigger is None:
            return PricedSteps(rule, added, keep, limit)
        sizes = [[absolute_size(one, model) for one in several] for several in limits.trigger]
        return TriggeredSteps(Reached(sizes), keep, added, limit)


def fixed_tokens(request: ModelRequest[Any], count: TokenCounter) -> int:
    """Tokens of the system message and the tools."""
    system = str(request.system_message.text) if request.system_message else ""
    return count(system) + sum(count(_written(tool)) for tool in request.tools)


def _written(tool: Any) -> str:
    """A tool's definition as JSON."""
    if isinstance(tool, dict):
        return json.dumps(tool, default=str)
    return _definition(tool.name, tool.description, tool.tool_call_schema)


@lru_cache(maxsize=1 << 10)
def _definition(name: str, description: str, schema: Any) -> str:
    fields = schema if isinstance(schema, dict) else schema.model_json_schema()
    return json.dumps([name, description, fields], default=str)
