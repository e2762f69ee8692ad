"""Pages in place of old messages, for models that take images."""

from typing import NamedTuple

from optimem.api.prompts import compress_prompt
from optimem.errors import BudgetError, NoGainError
from optimem.planning.conversation import Conversation
from optimem.planning.layout import Drawn
from optimem.prompts import ModelRule


class Pages(NamedTuple):
    """`parts`: what shows the old messages. `tokens`: of all of it. `certain`: whether nothing has
    to be guessed: pages show all messages in legible text."""

    parts: list[Drawn]
    tokens: int
    certain: bool


def draw_pages(conversation: Conversation, cut: int, budget: int, rule: ModelRule) -> Pages | None:
    """Pages in place of the messages before `cut`, without those that stay; the newer half in
    larger text. The oldest messages are left out if `budget` tokens do not suffice. None if pages
    save nothing, or not one fits the budget."""
    old = [conversation.messages[index] for index in conversation.leaving(cut)]
    try:
        prompt = compress_prompt(
            old, model=rule, keep=0, budget=budget, leave_out=True, form=conversation.form,
            count=conversation.count.text,
        )  # fmt: skip
    except (NoGainError, BudgetError):
        return None
    plan = prompt.plan
    certain = not plan.left_out and plan.legible
    shown = [
        Drawn(f"left-{number}" if number else "left", message)
        for number, message in enumerate(prompt.messages)
    ]
    return Pages(shown, plan.tokens_after, certain)
