"""Builds a draft into a prompt with pages: chooses the size of their text, and adds up the cost.

Draws through a `PageDrawer` and writes messages through a `Form`; of the provider it knows only
the draft's rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from optimem.errors import BudgetError, LimitError, NoGainError
from optimem.prompts.counting import Counting
from optimem.prompts.draft import MESSAGE_TOKENS, PromptDraft
from optimem.prompts.forms import Message
from optimem.prompts.pages import (
    PageDrawer,
    PageImage,
    exact_values_by_page,
    format_exact_values,
    page_texts,
)
from optimem.prompts.rules import Limits, ModelRule

TextSizes = tuple[int, int]
"""Text sizes in px on the pages of the older and of the newer half of a conversation."""

SIZES: tuple[TextSizes, ...] = (
    (16, 16), (14, 16), (14, 14), (12, 14), (12, 12), (10, 12), (10, 10), (9, 10), (9, 9), (8, 9),
    (8, 8),
)  # fmt: skip
"""Largest first."""
READABLE_SIZES = SIZES[: SIZES.index((10, 10)) + 1]
"""The sizes to choose from when there is no budget."""
TARGET_SHARE = 2 / 3
"""What a prompt without a budget should cost, as a share of its tokens as text."""
ESTIMATE_MARGIN = 0.95
"""The share of a budget to fill when the length that fits is estimated."""

CONVERSATION_NOTE = (
    "The images are pages that show the earlier messages of this conversation, in order, oldest "
    "first. Read them as if they stood here."
)
TEXT_NOTE = "Some of them follow as text, right after the pages; the pages say where each belongs."
DOCUMENT_NOTE = "The images are pages that show a text, in order. Read it as if it stood here."


class PromptPlan(BaseModel):
    """What a prompt costs before and after.

    Tokens: images by the provider's rule, text by the tokenizer called `counter`. Where that is
    not the model's own, `factors` are the least and the most that the model counts for one of its
    tokens, by `factor_source`: what pages replace is counted with the least, what is added with
    the most. `exact_tokens`: of the exact values listed as text beside the pages. Prices: USD for
    the input, None where the rule has none. `left_out`: number of oldest messages on no page.
    `as_text`: number of old messages that stay text because no font covers them, and those that go
    with them; `undrawable`: the scripts that no font covers. `bytes`: of the images in base64.
    `sizes`: of the text on each page in px, oldest first. `limits`: what is used of what the
    provider allows. `rule_source`, `rule_date`: where and when the price rule was read.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    provider: str
    tokens_before: int
    tokens_after: int
    text_tokens: int
    image_tokens: int
    exact_values: int
    exact_tokens: int
    price_before: float | None
    price_after: float | None
    pages: int
    left_out: int
    as_text: int
    undrawable: tuple[str, ...]
    bytes: int
    sizes: tuple[int, ...]
    limits: dict[str, str]
    rule_source: str
    rule_date: str
    counter: str
    factors: tuple[float, float]
    factor_source: str

    @property
    def ratio(self) -> float:
        """Tokens before over tokens after."""
        return self.tokens_before / max(self.tokens_after, 1)

    def summary(self) -> str:
        """The figures in one line."""
        price = ""
        if self.price_before is not None and self.price_after is not None:
            price = f", ${self.price_before:.6f} → ${self.price_after:.6f}"
        return (
            f"{self.model}: {self.tokens_before:,} → {self.tokens_after:,} tokens"
            f" ({self.ratio:.2f}×){price}, {self.pages} page{'s' * (self.pages != 1)} of "
            f"{self.image_tokens:,} tokens, {self.exact_values} exact values as text of "
            f"{self.exact_tokens:,}; text counted by {self.counter}{self._estimated}"
            f"{self._text_summary}"
        )

    @property
    def _estimated(self) -> str:
        least, most = self.factors
        return "" if least == most == 1 else f" × {least:g} to {most:g}"

    @property
    def _text_summary(self) -> str:
        if not self.as_text:
            return ""
        stay = "message stays" if self.as_text == 1 else "messages stay"
        return f", {self.as_text} {stay} text (no font covers {', '.join(self.undrawable)})"


@dataclass(frozen=True)
class CompressedPrompt:
    """`messages`: ready to send, in the form in which they came, or in the provider's for plain
    text. `pages`: the images in them. `plan`: what the prompt costs before and after."""

    messages: list[Message]
    pages: tuple[PageImage, ...]
    plan: PromptPlan


class PromptBuilder:
    """Builds a draft at several sizes of text; draws no page twice.

    `exact`: whether to list the exact values on the pages as text beside them.
    """

    def __init__(
        self, draft: PromptDraft, drawer: PageDrawer, counting: Counting, exact: bool
    ) -> None:
        self.draft, self.drawer, self.counting, self.exact = draft, drawer, counting, exact
        self._drawn: dict[tuple[int, int], list[PageImage]] = {}

    def build_readable(self) -> CompressedPrompt:
        """With the largest text that saves a third, else the smallest of `READABLE_SIZES`. Raises
        NoGainError and LimitError."""
        prompt = self._build_largest(READABLE_SIZES, int(TARGET_SHARE * self.draft.tokens))
        _require_gain(prompt.plan, "send the text, or give a budget to have it drawn smaller")
        _require_limits(prompt.plan, self.draft.rule)
        return prompt

    def build_within(self, budget: int, leave_out: bool) -> CompressedPrompt:
        """With the largest text within a budget of tokens. `leave_out`: drop the oldest messages
        if even the smallest text exceeds it. Raises NoGainError, BudgetError and LimitError."""
        builder, prompt = self, self._build_largest(SIZES, budget)
        while leave_out and prompt.plan.tokens_after > budget and len(builder.draft.turns) > 1:
            builder = builder._without_oldest(prompt.plan, budget)
            prompt = builder.build(SIZES[-1])
        _require_gain(prompt.plan, "send the text")
        if prompt.plan.tokens_after > budget:
            raise BudgetError(
                f"a budget of {budget:,} tokens is too small: with the smallest text the prompt "
                f"takes {prompt.plan.tokens_after:,} ({self.draft.kept_tokens:,} of them stay as "
                "text); give that much, or fewer messages",
                prompt.plan,
            )
        _require_limits(prompt.plan, self.draft.rule)
        return prompt

    def build(self, sizes: TextSizes) -> CompressedPrompt:
        """With text of the given sizes."""
        draft = self.draft
        pages, texts = self._draw(sizes)
        values = exact_values_by_page(texts) if self.exact else []
        listing = format_exact_values(values)
        note = DOCUMENT_NOTE if draft.is_text else CONVERSATION_NOTE
        if draft.as_text:
            note += " " + TEXT_NOTE
        if draft.left_out:
            note += f" {draft.left_out} still older messages are left out."
        after = "\n\n".join(part for part in (listing, draft.question) if part)
        message = draft.form.page_message(note, pages, after)
        return CompressedPrompt(
            [*draft.before, message, *draft.text_messages, *draft.after],
            tuple(pages),
            self._plan(pages, note, listing, sum(map(len, values))),
        )

    def _build_largest(self, sizes: Sequence[TextSizes], budget: int) -> CompressedPrompt:
        """With the first of the sizes that fits the budget, else the last, by binary search."""
        first, last = 0, len(sizes) - 1
        while first < last:
            middle = (first + last) // 2
            fits = self.build(sizes[middle]).plan.tokens_after <= budget
            first, last = (first, middle) if fits else (middle + 1, last)
        return self.build(sizes[first])

    def _without_oldest(self, plan: PromptPlan, budget: int) -> "PromptBuilder":
        """A builder for as many of the newest turns as should fit the budget, judging by a plan
        that exceeds it; at least one, and fewer than now."""
        turns, kept = self.draft.turns, self.draft.kept_tokens
        share = ESTIMATE_MARGIN * max(budget - kept, 0) / (plan.tokens_after - kept)
        room = share * sum(len(turn.text) for turn in turns)
        start = len(turns)
        while start > 1 and (room := room - len(turns[start - 1].text)) >= 0:
            start -= 1
        start = min(start, len(turns) - 1)
        newest = self.draft.without_oldest(start)
        return PromptBuilder(newest, self.drawer, self.counting, self.exact)

    def _draw(self, sizes: TextSizes) -> tuple[list[PageImage], list[str]]:
        """The pages of all turns, and the text on each."""
        pages, texts = list[PageImage](), list[str]()
        halves = self.draft.halves
        for half, size in enumerate(sizes[-len(halves) :]):
            if (half, size) not in self._drawn:
                drawn = self.drawer(halves[half], self.draft.rule.page, size)
                self._drawn[half, size] = drawn
            pages += self._drawn[half, size]
            texts += page_texts(halves[half], self._drawn[half, size])
        return pages, texts

    def _plan(
        self, pages: Sequence[PageImage], note: str, listing: str, exact_values: int
    ) -> PromptPlan:
        draft, rule = self.draft, self.draft.rule
        images = sum(rule.formula.tokens(page.width, page.height) for page in pages)
        count, estimate = self.counting.most, self.counting.estimate
        exact_tokens = count(listing) if listing else 0
        text = draft.kept_tokens + count(note) + MESSAGE_TOKENS + exact_tokens
        size = _base64_bytes(pages)
        return PromptPlan(
            model=rule.name,
            provider=rule.provider,
            tokens_before=draft.tokens,
            tokens_after=text + images,
            text_tokens=text,
            image_tokens=images,
            exact_values=exact_values,
            exact_tokens=exact_tokens,
            price_before=rule.cost(draft.tokens),
            price_after=rule.cost(text + images),
            pages=len(pages),
            left_out=draft.left_out,
            as_text=len(draft.text_messages),
            undrawable=tuple(sorted(draft.undrawable)),
            bytes=size,
            sizes=tuple(page.size for page in pages),
            limits=_format_limits(rule.limits, pages, size),
            rule_source=rule.source,
            rule_date=rule.date,
            counter=self.counting.name,
            factors=(estimate.least, estimate.most),
            factor_source=estimate.source,
        )


def _require_gain(plan: PromptPlan, remedy: str) -> None:
    if plan.tokens_after >= plan.tokens_before:
        raise NoGainError(f"pages would save nothing: {plan.summary()}; {remedy}", plan)


def _require_limits(plan: PromptPlan, rule: ModelRule) -> None:
    limits = rule.limits
    if plan.pages > limits.images or plan.bytes > limits.bytes:
        raise LimitError(
            f"{plan.pages} pages of {plan.bytes:,} bytes are more than {rule.provider} takes in a "
            f"request ({limits.images} images, {limits.bytes:,} bytes); give a smaller budget, so "
            "that more text fits on a page, or fewer messages"
        )


def _base64_bytes(pages: Sequence[PageImage]) -> int:
    return sum(-(-len(page.png) // 3) * 4 for page in pages)


def _format_limits(limits: Limits, pages: Sequence[PageImage], size: int) -> dict[str, str]:
    edge = max(max(page.width, page.height) for page in pages)
    return {
        "images": f"{len(pages)} of {limits.images}",
        "edge": f"{edge} of {limits.edge} px",
        "bytes": f"{size} of {limits.bytes}",
    }
