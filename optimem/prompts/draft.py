"""A prompt before it is built: what stays as it is, what becomes pages, and what each part costs.

Knows nothing of drawing.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from optimem.errors import InputError, NoGainError
from optimem.prompts.counting import TokenCounter as TokenCounter
from optimem.prompts.forms import Form, Message, drawable_range
from optimem.prompts.recognition import choose_form, find_form, plain
from optimem.prompts.rules import ModelRule
from optimem.turns import Turn

MESSAGE_TOKENS = 4
"""Tokens counted for a message's frame."""


@dataclass(frozen=True)
class PromptDraft:
    """A prompt whose `turns` are to be drawn, between the messages `before` and `after`.

    `is_text`: whether it came as plain text. `kept_tokens`, `drawn_tokens`: of what stays and of
    `turns`, as text. `question`: text to add after the pages. `left_out`: number of messages
    older than `turns` that are dropped.
    """

    rule: ModelRule
    form: Form
    before: Sequence[Message]
    turns: Sequence[Turn]
    after: Sequence[Message]
    is_text: bool
    kept_tokens: int
    drawn_tokens: int
    question: str = ""
    left_out: int = 0

    @property
    def tokens(self) -> int:
        """Of the prompt as it came."""
        return self.kept_tokens + self.drawn_tokens

    @cached_property
    def halves(self) -> list[Sequence[Turn]]:
        """The older and the newer half by length; a text has no age and stays whole."""
        if self.is_text or len(self.turns) < 2:
            return [self.turns]
        ends = list(accumulate(len(turn.text) for turn in self.turns))
        middle = min(max(bisect_left(ends, ends[-1] / 2), 1), len(ends) - 1)
        return [self.turns[:middle], self.turns[middle:]]


def draft_prompt(
    prompt: str | Sequence[Message],
    rule: ModelRule,
    *,
    keep: int,
    question: str,
    form: str | None,
    count: TokenCounter,
) -> PromptDraft:
    """Split a prompt into what stays and what is drawn; parameters as for `compress_prompt`.

    Raises InputError for what is not a prompt, and NoGainError if nothing can be drawn.
    """
    if isinstance(prompt, str):
        draft = _draft_text(prompt, rule, find_form(form or rule.form), count)
    else:
        draft = _draft_messages(prompt, rule, form, keep, count)
    asked = count(question) if question else 0
    return replace(draft, question=question, kept_tokens=draft.kept_tokens + asked)


def _draft_text(text: str, rule: ModelRule, form: Form, count: TokenCounter) -> PromptDraft:
    if not text.strip():
        raise NoGainError("the prompt is empty; give a text, or messages")
    return PromptDraft(
        rule=rule,
        form=form,
        before=[],
        turns=[Turn(text=text, role="text")],
        after=[],
        is_text=True,
        kept_tokens=0,
        drawn_tokens=count(text) + MESSAGE_TOKENS,
    )


def _draft_messages(
    prompt: Sequence[Message], rule: ModelRule, name: str | None, keep: int, count: TokenCounter
) -> PromptDraft:
    if keep < 0:
        raise InputError(f"keep={keep} is negative; give 0 or more messages")
    readable = [plain(message) for message in prompt]
    form = choose_form(readable, rule.form, name)
    messages = [form.parse(message) for message in readable]
    start, end = drawable_range(messages, keep)
    turns = [message.turn for message in messages[start:end] if message.text]
    if not turns:
        raise NoGainError(
            f"of {len(messages)} messages none can become a page: leading system messages, the "
            f"last {keep}, and everything from the first image or file on stay as they are; give "
            "more messages, a smaller keep, or a text"
        )
    tokens = [count(message.text) + MESSAGE_TOKENS for message in messages]
    return PromptDraft(
        rule=rule,
        form=form,
        before=prompt[:start],
        turns=turns,
        after=prompt[end:],
        is_text=False,
        kept_tokens=sum(tokens[:start] + tokens[end:]),
        drawn_tokens=sum(tokens[start:end]),
    )
