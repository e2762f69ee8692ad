"""What the model sees in place of old messages: recollections as text, or pages as images."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from langchain_core.messages import AnyMessage, HumanMessage
from langchain_core.messages.utils import convert_to_messages

from optimem.adapters.messages import message_keys, message_text
from optimem.adapters.sizes import settled, tokens
from optimem.api.memory import OpticalMemory
from optimem.api.prompts import compress_prompt
from optimem.errors import BudgetError, ImageSupportError, NoGainError
from optimem.memory.prompting import tokens_of, told
from optimem.prompts import ModelRule, rule_for

NOTE = (
    "Recalled from earlier in this conversation, oldest first; \ufffd stands for a character that "
    "has faded:\n"
)
NOTHING = "Earlier messages of this conversation were left out; none bears on the question."
FOLLOWING = 3
"""Turns after a hit among which a tool's result may be: the call, and the results of up to two."""
STEP = 10
"""Messages that are added before pages are drawn anew: until then they are the same bytes, which
providers' prompt caches recognise."""
SHARP = 10
"""Size of text in px from which pages count as certain."""


class Replacement(NamedTuple):
    """The messages to send, what stands in place of the old ones in tokens, and whether it
    leaves nothing to be guessed: turns proved right, or all messages in legible text."""

    messages: list[AnyMessage]
    tokens: int
    certain: bool


def original(messages: Sequence[AnyMessage], gone: int) -> Replacement:
    """The messages as they are."""
    return Replacement(list(messages), sum(map(tokens, messages[:gone])), True)


def recalled(
    memory: OpticalMemory,
    scope: str,
    messages: Sequence[AnyMessage],
    gone: int,
    budget: int,
    k: int,
) -> Replacement:
    """Turns that bear on the question, or that a tool found right after one, in place of the
    `gone` oldest messages; none that the model sees anyway."""
    asked, shown = question(messages), set(message_keys(messages)[gone:])
    found = memory.recall(scope, asked, k, following=FOLLOWING) if asked.strip() else []
    bearing = [hit for hit in found if hit.score > 0 or hit.role == "tool"]
    hits = [hit for hit in bearing if hit.id not in shown]
    text = told(hits, budget)
    note = HumanMessage(NOTE + text if text else NOTHING)
    certain = all(hit.exact for hit in hits)
    sent: list[AnyMessage] = [note, *messages[gone:]]
    return Replacement(sent, tokens_of(str(note.text)), certain)


def drawn(
    messages: Sequence[AnyMessage], gone: int, budget: int, rule: ModelRule
) -> Replacement | None:
    """Pages in place of old messages, recent ones larger; the oldest are left out where `budget`
    tokens do not suffice. None where nothing is gained, or no page fits the budget."""
    gone = settled(messages, gone, STEP)
    stays = sum(map(tokens, messages[gone:]))
    try:
        made = compress_prompt(
            messages, model=rule, keep=len(messages) - gone, budget=stays + budget,
            leave_out=True, form="langchain", count=tokens_of,
        )  # fmt: skip
    except (NoGainError, BudgetError):
        return None
    plan = made.plan
    certain = not plan.left_out and min(plan.sizes) >= SHARP
    pages: list[Any] = [*convert_to_messages(made.messages)]
    return Replacement(pages, plan.tokens_after - stays, certain)


def best(candidates: Sequence[Replacement]) -> Replacement:
    """The cheapest of those that leave nothing to be guessed, or of all if there is none."""
    return min(candidates, key=lambda one: (not one.certain, one.tokens))


def image_rule(model: Any, named: str | ModelRule | None) -> ModelRule:
    """What a chat model charges for pages; `named`: the rule or model to go by instead of its
    own name. Raises ProviderError, or ImageSupportError for a model that takes no images."""
    if (getattr(model, "profile", None) or {}).get("image_inputs") is False:
        raise ImageSupportError(
            f"{type(model).__name__} takes no images by its profile; use mode='recall', or 'auto'"
        )
    if isinstance(named, ModelRule):
        return named
    own = getattr(model, "model_name", None) or getattr(model, "model", None)
    return rule_for(named or str(own or type(model).__name__))


def question(messages: Sequence[AnyMessage]) -> str:
    """What is being asked: the last thing that a human said, or the last message."""
    asked: list[AnyMessage] = [message for message in messages if message.type == "human"]
    return message_text((asked or messages)[-1])
