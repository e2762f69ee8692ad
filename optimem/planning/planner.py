"""What a request will hold: where its boundary is, what stands for the messages before it, and what
is recalled for the ones after it.

Knows nothing of agents' runtimes or of how messages are sent.
"""

import logging
from collections.abc import Sequence, Set
from dataclasses import dataclass
from hashlib import blake2b
from math import inf
from threading import Lock
from typing import Literal, NamedTuple

from optimem.api.memory import OpticalMemory
from optimem.errors import InputError
from optimem.memory.caching import LRU
from optimem.planning.block import DIGEST_TOKENS, Block, Front
from optimem.planning.boundary import Added, PricedSteps, Replay, Stepper, TriggeredSteps
from optimem.planning.conversation import Conversation
from optimem.planning.digest import Digest
from optimem.planning.layout import Note, Part, lay_out, recalled_note
from optimem.planning.ledger import Ledger, Quoted, Sent
from optimem.planning.pages import Pages, draw_pages
from optimem.planning.places import Place
from optimem.planning.recalling import Recall
from optimem.planning.remembering import Keeper
from optimem.planning.sizes import (
    Kept,
    Reached,
    Size,
    Trigger,
    absolute_size,
    parse_size,
    parse_trigger,
)
from optimem.prompts import ModelRule
from optimem.prompts.cache_rules import CacheRule
from optimem.prompts.draft import TokenCounter

log = logging.getLogger("optimem")

Mode = Literal["recall", "image", "auto"]
"""What stands for old messages: see `Planner.parts`."""
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


class Call(NamedTuple):
    """A call of a model. `model`: its name. `rule`: what its provider charges for cached prompts.
    `fixed`: tokens of the system message and the tools. `takes`: tokens that it takes at most; None
    if unknown. `image`: what it charges for images; None for no pages."""

    model: str
    rule: CacheRule
    fixed: int
    takes: float | None = None
    image: ModelRule | None = None


class Plan(NamedTuple):
    """A request before it is laid out. `cut`: how many of the oldest messages have left."""

    call: Call
    conversation: Conversation
    cut: int

    def saves(self, block: Sequence[Note]) -> bool:
        """Whether a block costs less than the messages that it stands for."""
        talk = self.conversation
        size = sum(note.tokens(talk.count) for note in block)
        return not self.cut or size < talk.history.between(0, self.cut)

    def with_pages(self, pages: Pages, pins: Sequence[Note]) -> list[Part]:
        """What to send: pages in place of the messages that have left, and pinned turns."""
        return lay_out(self.conversation, self.cut, [*pages.parts, *pins], {})

    def with_recall(self, block: Sequence[Note], recalled: dict[str, Sent]) -> list[Part]:
        """What to send: a digest of the messages that have left, and recollections."""
        return lay_out(self.conversation, self.cut, block, recalled)


class Planner:
    """Plans requests. `digest`: what writes the digest; None for sentences from the messages."""

    def __init__(
        self,
        memory: OpticalMemory,
        limits: Limits,
        count: TokenCounter,
        digest: Digest | None = None,
    ) -> None:
        self.limits, self.count = limits, count
        self.keeper = Keeper(memory)
        self.recaller = Recall(memory, limits.k, limits.budget)
        self.ledger = Ledger(memory)
        self.block = Block(memory, digest, count)
        self._replays: LRU[tuple[object, ...], Replay] = LRU(BLOCKS)
        self._playing, self._warned = Lock(), False
        self._drawn: LRU[tuple[object, ...], tuple[Pages | None]] = LRU(BLOCKS)

    def plan(self, call: Call, conversation: Conversation, place: Place) -> Plan:
        """Where the boundary of a request is."""
        return Plan(call, conversation, self._boundary(call, conversation, place))

    def parts(self, plan: Plan, place: Place, mode: Mode) -> list[Part] | None:
        """What to send; None for the conversation as it came. `mode`: "recall" for a digest of the
        messages that have left, and what matches each question; "image" for pages that show
        them; "auto" for pages if they leave nothing to guess and cost less than the messages,
        else "recall". What the conversation says is remembered first."""
        talk = plan.conversation
        if plan.cut or not place.passing:
            self.keeper.keep(place, talk, max(talk.question, plan.cut))
        if plan.cut and mode != "recall" and plan.call.image:
            shown = self.pages(plan, place, plan.call.image, certain=mode == "auto")
            if shown is not None:
                return shown
        if mode == "image":
            return None
        front = self.front(plan, place)
        if mode == "auto" and not plan.saves(front.notes):
            return None
        return plan.with_recall(front.notes, self.recall(plan, place, front))

    def _boundary(self, call: Call, conversation: Conversation, place: Place) -> int:
        """The boundary, found from where the last call of the same conversation left it."""
        fixed = call.fixed - call.fixed % STEP
        key = (place, call.rule, fixed, call.takes)
        names, history = conversation.names, conversation.history
        with self._playing:
            replay = self._replays.get(key)
            if replay is None or not replay.goes_on(names, history.calls):
                replay = Replay(self._stepper(call, fixed))
                self._replays.put(key, replay)
            return replay.boundary(names, history)

    def pages(self, plan: Plan, place: Place, rule: ModelRule, certain: bool) -> list[Part] | None:
        """Pages in place of the messages that have left; None if they do not pay. `certain`: only
        such that leave nothing to guess."""
        key = (plan.conversation.form, *plan.conversation.names[: plan.cut], rule)
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
        entries = _entries(talk, place)
        human = {entries[i]: talk.names[i] for i in talk.history.human if i >= plan.cut}
        found = self.ledger.find(place.scope, list(human))
        sent = {human[entry]: each for entry, each in found.items()}
        if at >= 0 and talk.names[at] not in sent:
            shown = {*talk.names[plan.cut :]}
            shown |= {quote.turn for each in sent.values() for quote in each.quotes}
            room = self._room(plan, front, sent)
            quoted = self._quotes(plan, place, front, shown, room)
            entered = self.ledger.write(place.scope, entries[at], quoted, room, self.count)
            sent[talk.names[at]] = entered
        return sent

    def _quotes(self, plan: Plan, place: Place, front: Front, shown: Set[str], room: int) -> Quoted:
        """What to recall for the last human message in `room` tokens."""
        if room < MIN_BUDGET:
            self._warn_once(room)
            return Quoted([], {})
        lines = (line.removeprefix("> ") for note in front.notes for line in note.text.splitlines())
        said = " ".join(" ".join(lines).split())
        recall = self.recaller._replace(budget=room)
        return recall.quotes(place, plan.conversation, shown | front.turns, said)

    def _warn_once(self, room: int) -> None:
        if not self._warned:
            self._warned = True
            log.warning(
                "max_tokens=%d leaves %d tokens for what is recalled, less than the %d that any "
                "recollection takes, so nothing is recalled; allow more, or keep less",
                self.limits.max_tokens, max(room, 0), MIN_BUDGET,
            )  # fmt: skip

    def _room(self, plan: Plan, front: Front, sent: dict[str, Sent]) -> int:
        """Tokens that a new recollection may take."""
        history = plan.conversation.history
        used = plan.call.fixed + history.between(plan.cut, len(plan.conversation.messages))
        used += sum(history.tokens[index] for index in plan.conversation.staying(plan.cut))
        texts = [*(each.text for each in sent.values() if each.text), ""]  # the last to be filled
        put_in = [*front.notes, *(recalled_note("", text) for text in texts)]
        used += sum(note.tokens(plan.conversation.count) for note in put_in)
        return int(min(self.limits.budget, self.limits.max_tokens - used))

    def _stepper(self, call: Call, fixed: int) -> Stepper:
        limits = self.limits
        keep = Kept(absolute_size(limits.keep, call.takes, call.model))
        block = limits.page_budget if limits.pages else DIGEST_TOKENS + FRAME_TOKENS
        recalled, most = (0, 0) if limits.pages else (int(EXPECTED * limits.budget), limits.budget)
        added = Added(fixed, block, recalled, most)
        limit = limits.max_tokens - STEP  # by which `fixed` may be too small
        if limits.trigger is None:
            return PricedSteps(call.rule, added, keep, limit)
        sizes = [
            [absolute_size(one, call.takes, call.model) for one in several]
            for several in limits.trigger
        ]
        return TriggeredSteps(Reached(sizes), keep, added, limit)


def _entries(talk: Conversation, place: Place) -> dict[int, str]:
    """What the ledger calls each human message, by index: its name, or, where others may have the
    same place and say the same at times, a hash of all that was asked up to it."""
    human = talk.history.human
    if place.forgets:
        return {index: talk.names[index] for index in human}
    asked, entries = blake2b(digest_size=16), dict[int, str]()
    for index in human:
        asked.update(talk.names[index].encode())
        entries[index] = asked.hexdigest()
    return entries
