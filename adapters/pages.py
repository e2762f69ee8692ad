"""Pages in place of old messages, for models that take images."""

from typing import Any, NamedTuple

from langchain_core.messages import AnyMessage, HumanMessage

from optimem.adapters.conversation import INSERTED, Conversation
from optimem.api.prompts import compress_prompt
from optimem.errors import BudgetError, ImageSupportError, NoGainError
from optimem.prompts import ModelRule, rule_for
from optimem.prompts.formulas import ImageFormula
from optimem.prompts.rules import known_rule


class Pages(NamedTuple):
    """`messages`: what shows the old messages. `tokens`: of all of it. `certain`: whether nothing
    has to be guessed: pages show all messages in legible text."""

    messages: list[AnyMessage]
    tokens: int
    certain: bool


def draw_pages(conversation: Conversation, cut: int, budget: int, rule: ModelRule) -> Pages | None:
    """Pages in place of the messages before `cut`, without those that stay; the newer half in
    larger text. The oldest messages are left out if `budget` tokens do not suffice. None if pages
    save nothing, or not one fits the budget."""
    staying = {*conversation.staying(cut)}
    old = [conversation.messages[i] for i in range(cut) if i not in staying]
    try:
        prompt = compress_prompt(
            old, model=rule, keep=0, budget=budget, leave_out=True, form="langchain",
            count=conversation.count.text,
        )  # fmt: skip
    except (NoGainError, BudgetError):
        return None
    plan = prompt.plan
    certain = not plan.left_out and plan.legible
    shown = [_message(number, each) for number, each in enumerate(prompt.messages)]
    return Pages(shown, plan.tokens_after, certain)


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
    return rule_for(override or model_name(model))


def image_formula(model: Any, override: str | ModelRule | None) -> ImageFormula | None:
    """How a chat model charges for the images that it is sent; None if no rule says."""
    if isinstance(override, ModelRule):
        return override.formula
    rule = known_rule(override or model_name(model))
    return rule.formula if rule else None


def model_name(model: Any) -> str:
    """What a chat model calls itself, else its class."""
    name = getattr(model, "model_name", None) or getattr(model, "model", None)
    return str(name or type(model).__name__)


def _message(number: int, message: Any) -> AnyMessage:
    """A message of a compressed prompt, marked as one of ours."""
    key = f"{INSERTED}left" if number == 0 else f"{INSERTED}left-{number}"
    if isinstance(message, dict):
        return HumanMessage(content=message["content"], id=key)
    copy: AnyMessage = message.model_copy(update={"id": key})
    return copy
