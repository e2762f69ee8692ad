"""What the model sees in place of old messages: recalled turns as text, or pages as images."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from langchain_core.messages import AnyMessage, HumanMessage
from langchain_core.messages.utils import convert_to_messages

from optimem.adapters.messages import message_keys, message_text, message_tokens
from optimem.adapters.sizes import stable_cut_index
from optimem.api.memory import OpticalMemory
from optimem.api.prompts import compress_prompt
from optimem.errors import BudgetError, ImageSupportError, NoGainError
from optimem.memory.prompting import QUOTED, count_tokens, format_context
from optimem.prompts import ModelRule, rule_for

RECALLED = (
    "Recalled from earlier in this conversation, oldest first; \ufffd stands for a character that "
    f"has faded. {QUOTED}\n"
)
NOTHING_RECALLED = "Earlier messages of this conversation were left out; none matches the question."
FOLLOWING = 3
"""Turns recalled after each hit, to include the result of a tool: the call, and up to two
results."""
PAGE_STEP = 10
"""Messages between two drawings of the pages. Until then the pages are the same bytes, which
providers' prompt caches recognize."""
LEGIBLE_SIZE = 10
"""Text of at least this size in px counts as certain to be read."""


class Replacement(NamedTuple):
    """The messages to send. `tokens`: of what stands in place of the old messages. `certain`:
    whether nothing has to be guessed: every recalled turn is exact, or pages show all messages
    in legible text."""

    messages: list[AnyMessage]
    tokens: int
    certain: bool


def unchanged(messages: Sequence[AnyMessage], cut: int) -> Replacement:
    """The messages as they are."""
    return Replacement(list(messages), sum(map(message_tokens, messages[:cut])), True)


def replace_by_recall(
    memory: OpticalMemory,
    scope: str,
    messages: Sequence[AnyMessage],
    cut: int,
    budget: int,
    k: int,
) -> Replacement:
    """Turns that match the last question, and results of tools called right after them, in place
    of the messages before `cut`; no turn that the model sees anyway."""
    question, kept = last_question(messages), set(message_keys(messages)[cut:])
    hits = memory.recall(scope, question, k, following=FOLLOWING) if question.strip() else []
    hits = [hit for hit in hits if hit.score > 0 or hit.role == "tool"]
    hits = [hit for hit in hits if hit.id not in kept]
    text = format_context(hits, budget)
    note = HumanMessage(RECALLED + text if text else NOTHING_RECALLED)
    certain = all(hit.exact for hit in hits)
    return Replacement([note, *messages[cut:]], count_tokens(str(note.text)), certain)


def replace_by_pages(
    messages: Sequence[AnyMessage], cut: int, budget: int, rule: ModelRule
) -> Replacement | None:
    """Pages in place of the messages before `cut`, the newer half in larger text; the oldest
    messages are dropped if `budget` tokens do not suffice. None if pages save nothing, or not
    one fits the budget."""
    cut = stable_cut_index(messages, cut, PAGE_STEP)
    kept_tokens = sum(map(message_tokens, messages[cut:]))
    try:
        prompt = compress_prompt(
            messages,
            model=rule,
            keep=len(messages) - cut,
            budget=kept_tokens + budget,
            leave_out=True,
            form="langchain",
            count=count_tokens,
        )
    except (NoGainError, BudgetError):
        return None
    plan = prompt.plan
    certain = not plan.left_out and min(plan.sizes) >= LEGIBLE_SIZE
    sent: list[Any] = [*convert_to_messages(prompt.messages)]
    return Replacement(sent, plan.tokens_after - kept_tokens, certain)


def best_replacement(candidates: Sequence[Replacement]) -> Replacement:
    """The cheapest of those that are certain, or of all if none is."""
    return min(candidates, key=lambda one: (not one.certain, one.tokens))


def image_rule(model: Any, override: str | ModelRule | None) -> ModelRule:
    """What a chat model charges for images. `override`: the rule, or the name of the model, to
    use instead of the model's own name. Raises ProviderError, or ImageSupportError for a model
    whose profile denies images."""
    if (getattr(model, "profile", None) or {}).get("image_inputs") is False:
        raise ImageSupportError(
            f"{type(model).__name__} takes no images by its profile; use mode='recall' or 'auto'"
        )
    if isinstance(override, ModelRule):
        return override
    name = getattr(model, "model_name", None) or getattr(model, "model", None)
    return rule_for(override or str(name or type(model).__name__))


def last_question(messages: Sequence[AnyMessage]) -> str:
    """The last human message, else the last message, as text."""
    human: list[AnyMessage] = [message for message in messages if message.type == "human"]
    return message_text((human or messages)[-1])
