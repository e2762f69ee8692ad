"""A prompt before it is built: what stays as it is, what becomes pages, and what each part costs.

Knows nothing of drawing.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from optimem.errors import InputError, NoGainError
from optimem.prompts.counting import TokenCounter as TokenCounter
from optimem.prompts.forms import Form, Message, ParsedMessage, drawable_range, inseparable
from optimem.prompts.recognition import choose_form, find_form, plain
from optimem.prompts.rules import ModelRule
from optimem.turns import Turn

MESSAGE_TOKENS = 4
"""Tokens counted for a message's frame."""

ScriptFinder = Callable[[str], frozenset[str]]
"""The scripts in a text that no font covers."""


def _draws_everything(_: str) -> frozenset[str]:
    return frozenset()


class TextMessages(NamedTuple):
    """Consecutive messages that stay text because no font covers all of their characters. `place`:
    the number of drawn turns before them. `tokens`: of them."""

    place: int
    messages: Sequence[Message]
    tokens: int


@dataclass(frozen=True)
class PromptDraft:
    """A prompt whose `turns` are to be drawn, between the messages `before` and `after`.

    `is_text`: whether it came as plain text. `kept_tokens`, `drawn_tokens`: of what stays and of
    `turns`, as text. `question`: text to add after the pages. `left_out`: number of messages
    older than `turns` that are dropped. `as_text`: the messages among `turns` that stay text;
    `undrawable`: the scripts that no font covers.
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
    as_text: Sequence[TextMessages] = ()
    undrawable: frozenset[str] = frozenset()

    @property
    def tokens(self) -> int:
        """Of the prompt as it came."""
        return self.kept_tokens + self.drawn_tokens

    @cached_property
    def halves(self) -> list[Sequence[Turn]]:
        """The older and the newer half by length; a text has no age and stays whole."""
        turns = self.marked_turns
        if self.is_text or len(turns) < 2:
            return [turns]
        ends = list(accumulate(len(turn.text) for turn in turns))
        middle = min(max(bisect_left(ends, ends[-1] / 2), 1), len(ends) - 1)
        return [turns[:middle], turns[middle:]]

    @property
    def marked_turns(self) -> Sequence[Turn]:
        """The turns to draw, with a line wherever messages that stay text belong."""
        marked, number = list(self.turns), 1
        for index, kept in enumerate(self.as_text):
            last = number + len(kept.messages) - 1
            marked.insert(kept.place + index, Turn(text=_marker(number, last), role="text"))
            number = last + 1
        return marked

    @property
    def text_messages(self) -> list[Message]:
        """The messages among `turns` that stay text."""
        return [message for kept in self.as_text for message in kept.messages]

    def without_oldest(self, count: int) -> "PromptDraft":
        """A draft without the oldest `count` turns, and the messages among them that stay text."""
        gone = [kept for kept in self.as_text if kept.place < count]
        stay = [kept for kept in self.as_text if kept.place >= count]
        tokens = sum(kept.tokens for kept in gone)
        return replace(
            self,
            turns=self.turns[count:],
            left_out=self.left_out + count + sum(len(kept.messages) for kept in gone),
            as_text=[kept._replace(place=kept.place - count) for kept in stay],
            kept_tokens=self.kept_tokens - tokens,
            drawn_tokens=self.drawn_tokens + tokens,
        )


def draft_prompt(
    prompt: str | Sequence[Message],
    rule: ModelRule,
    *,
    keep: int,
    question: str,
    form: str | None,
    count: TokenCounter,
    undrawable: ScriptFinder = _draws_everything,
) -> PromptDraft:
    """Split a prompt into what stays and what is drawn; parameters as for `compress_prompt`.

    Raises InputError for what is not a prompt, and NoGainError if nothing can be drawn.
    """
    if isinstance(prompt, str):
        if scripts := undrawable(prompt):
            raise _no_font(scripts)
        draft = _draft_text(prompt, rule, find_form(form or rule.form), count)
    else:
        draft = _draft_messages(prompt, rule, form, keep, count, undrawable)
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
    prompt: Sequence[Message],
    rule: ModelRule,
    name: str | None,
    keep: int,
    count: TokenCounter,
    undrawable: ScriptFinder,
) -> PromptDraft:
    if keep < 0:
        raise InputError(f"keep={keep} is negative; give 0 or more messages")
    readable = [plain(message) for message in prompt]
    form = choose_form(readable, rule.form, name)
    messages = [form.parse(message) for message in readable]
    start, end = drawable_range(messages, keep)
    if not any(message.text for message in messages[start:end]):
        raise NoGainError(
            f"of {len(messages)} messages none can become a page: leading system messages, the "
            f"last {keep}, and everything from the first image or file on stay as they are; give "
            "more messages, a smaller keep, or a text"
        )
    tokens = [sum(map(count, message.sent)) + MESSAGE_TOKENS for message in messages]
    turns, as_text = _split(messages[start:end], prompt[start:end], tokens[start:end], undrawable)
    scripts = undrawable("".join(message.text for message in messages[start:end]))
    if not turns:
        raise _no_font(scripts)
    text_tokens = sum(kept.tokens for kept in as_text)
    return PromptDraft(
        rule=rule,
        form=form,
        before=prompt[:start],
        turns=turns,
        after=prompt[end:],
        is_text=False,
        kept_tokens=sum(tokens[:start] + tokens[end:]) + text_tokens,
        drawn_tokens=sum(tokens[start:end]) - text_tokens,
        as_text=as_text,
        undrawable=scripts,
    )


def _split(
    parsed: Sequence[ParsedMessage],
    messages: Sequence[Message],
    tokens: Sequence[int],
    undrawable: ScriptFinder,
) -> tuple[list[Turn], list[TextMessages]]:
    """The turns to draw, and the messages that stay text, with those that go with them."""
    turns, as_text, start = list[Turn](), list[TextMessages](), 0
    for group in inseparable(parsed):
        end = start + len(group)
        if any(undrawable(message.text) for message in group):
            kept = TextMessages(len(turns), messages[start:end], sum(tokens[start:end]))
            if as_text and as_text[-1].place == kept.place:
                before = as_text.pop()
                joined = [*before.messages, *kept.messages]
                kept = TextMessages(kept.place, joined, before.tokens + kept.tokens)
            as_text.append(kept)
        else:
            turns += [message.turn for message in group if message.text]
        start = end
    return turns, as_text


def _marker(first: int, last: int) -> str:
    """What a page says where messages belong that stay text."""
    if first == last:
        return f"[Message {first} of those after the pages belongs here]"
    return f"[Messages {first} to {last} of those after the pages belong here]"


def _no_font(scripts: frozenset[str]) -> NoGainError:
    return NoGainError(
        f"no page can be drawn: the fonts have no characters for {', '.join(sorted(scripts))}; "
        "send the text"
    )
