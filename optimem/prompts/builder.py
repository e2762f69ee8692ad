"""Builds a draft into a prompt with pages: chooses the size of their text, and adds up the cost.

Draws through a `PageDrawer` and writes messages through a `Form`; of the provider it knows only
the draft's rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from optimem.errors import BudgetError, LimitError, NoGainError
from optimem.prompts.counting import Counting
from optimem.prompts.draft import MESSAGE_TOKENS, PromptDraft
from optimem.prompts.forms import Message
from optimem.prompts.listing import (
    ExactValue,
    Listing,
    exact_values_by_page,
    exact_values_of,
    list_values,
)
from optimem.prompts.pages import X_HEIGHT, PageDrawer, PageImage
from optimem.prompts.rules import Limits, ModelRule

TextSizes = tuple[int, int]
"""Text sizes in px on the pages of the older and of the newer half of a conversation, as the model
sees them."""

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
LISTING_SHARE = 1 / 3
"""The most of what pages save that the list of exact values may cost."""
LEGIBLE_X_HEIGHT = 5.0
"""In px: smaller text is likely to be misread. Drawn only for a budget, and said in the plan."""

PARTED = "\n\n"
"""Between the list of exact values and the question."""

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
    the most. `exact_values`, `exact_tokens`: how many exact values are listed as text beside the
    pages, and their tokens; `exact_left_out`: how many others are on the pages alone, because a
    list of all would cost more than `LISTING_SHARE` of what the pages save. Prices: USD for the
    input, None where the rule has none. `left_out`: number of oldest messages on no page.
    `as_text`: number of old messages that stay text because no font covers them, and those that go
    with them; `undrawable`: the scripts that no font covers. `bytes`: of the images in base64; 0 in
    the plan of a prompt that was refused, whose pages are not drawn. `x_heights`: of the text on
    each page, oldest first: the height of a small x in the pixels that the model sees, after the
    provider has scaled the page. `limits`: what is used of what the provider
    allows. `rule_source`, `rule_date`: where and when the price rule was read.
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
    exact_left_out: int
    price_before: float | None
    price_after: float | None
    pages: int
    left_out: int
    as_text: int
    undrawable: tuple[str, ...]
    bytes: int
    x_heights: tuple[float, ...]
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

    @property
    def legible(self) -> bool:
        """Whether all text is at least as large as models usually read: `LEGIBLE_X_HEIGHT`."""
        return min(self.x_heights) >= LEGIBLE_X_HEIGHT

    def summary(self) -> str:
        """The figures in one line."""
        price = ""
        if self.price_before is not None and self.price_after is not None:
            price = f", ${self.price_before:.6f} → ${self.price_after:.6f}"
        return (
            f"{self.model}: {self.tokens_before:,} → {self.tokens_after:,} tokens"
            f" ({self.ratio:.2f}×){price}, {self.pages} page{'s' * (self.pages != 1)} of "
            f"{self.image_tokens:,} tokens{self._size_summary}, {self._exact_summary}; text "
            f"counted by {self.counter}{self._estimated}{self._text_summary}"
        )

    @property
    def _estimated(self) -> str:
        least, most = self.factors
        return "" if least == most == 1 else f" × {least:g} to {most:g}"

    @property
    def _exact_summary(self) -> str:
        number, cost = str(self.exact_values), f"{self.exact_tokens:,}"
        if self.exact_left_out:
            number += f" of {self.exact_values + self.exact_left_out}"
            cost += f" (all would cost more than {LISTING_SHARE:.0%} of the saving)"
        return f"{number} exact values as text of {cost}"

    @property
    def _size_summary(self) -> str:
        least, most = min(self.x_heights), max(self.x_heights)
        seen = f" with an x-height of {f'{least:g} to ' * (least < most)}{most:g} px"
        return seen if self.legible else f"{seen} (small: may be misread)"

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


class _Layout(NamedTuple):
    """Pages that are not drawn yet, and the text beside them."""

    pages: list[PageImage]
    note: str
    listing: Listing
    text_tokens: int
    image_tokens: int
    exact_tokens: int

    @property
    def tokens(self) -> int:
        """Of the whole prompt."""
        return self.text_tokens + self.image_tokens


class PromptBuilder:
    """Lays a draft out at several sizes of text, and draws the one that is sent.

    `exact`: whether to list the exact values on the pages as text beside them. `x_height`: the
    least height of a small x in px, as the model sees it; None: by whether there is a budget.
    """

    def __init__(
        self,
        draft: PromptDraft,
        drawer: PageDrawer,
        counting: Counting,
        exact: bool,
        x_height: float | None = None,
    ) -> None:
        self.draft, self.drawer, self.counting, self.exact = draft, drawer, counting, exact
        self.x_height = x_height
        self._laid_out: dict[tuple[int, int], list[PageImage]] = {}

    def build_readable(self) -> CompressedPrompt:
        """With the largest text that saves a third, else the smallest of `READABLE_SIZES`. Raises
        NoGainError and LimitError."""
        sizes = self._largest(self._sizes(READABLE_SIZES), int(TARGET_SHARE * self.draft.tokens))
        remedy = "send the text, or give a budget to have it drawn smaller"
        self._require_gain(self._lay_out(sizes), remedy)
        return self.build(sizes)

    def build_within(self, budget: int, leave_out: bool) -> CompressedPrompt:
        """With the largest text within a budget of tokens. `leave_out`: drop the oldest messages
        if even the smallest text exceeds it. Raises NoGainError, BudgetError and LimitError."""
        builder, sizes = self, self._largest(self._sizes(SIZES), budget)
        layout = self._lay_out(sizes)
        while leave_out and layout.tokens > budget and len(builder.draft.turns) > 1:
            builder = builder._without_oldest(layout, budget)
            layout = builder._lay_out(sizes)
        builder._require_gain(layout, "send the text")
        if layout.tokens > budget:
            plan = builder._plan(layout, 0)
            raise BudgetError(
                f"a budget of {budget:,} tokens is too small: with the smallest text the prompt "
                f"takes {plan.tokens_after:,} ({self.draft.kept_tokens:,} of them stay as "
                f"text); give that much, {builder._savings(layout, budget)}",
                plan,
            )
        return builder.build(sizes)

    def build(self, sizes: TextSizes) -> CompressedPrompt:
        """With text of the given sizes, as the model sees it. Raises LimitError."""
        draft, layout = self.draft, self._lay_out(sizes)
        pages = layout.pages
        if len(pages) > draft.rule.limits.images:
            raise _limit_error(draft.rule, len(pages), 0)
        size = _base64_bytes(pages)
        if size > draft.rule.limits.bytes:
            raise _limit_error(draft.rule, len(pages), size)
        after = PARTED.join(part for part in (layout.listing.text, draft.question) if part)
        message = draft.form.page_message(layout.note, pages, after)
        return CompressedPrompt(
            [*draft.before, message, *draft.text_messages, *draft.after],
            tuple(pages),
            self._plan(layout, size),
        )

    @cached_property
    def _scale(self) -> float:
        """How much smaller the model sees a page than it is drawn."""
        page = self.draft.rule.page
        return self.draft.rule.formula.seen(page.width, page.height)

    def _sizes(self, sizes: Sequence[TextSizes]) -> Sequence[TextSizes]:
        """Those of the sizes that are large enough; one that just is if none of them is."""
        if self.x_height is None:
            return sizes
        least = ceil(self.x_height / X_HEIGHT - 1e-6)
        return [pair for pair in SIZES if min(pair) >= least] or [(least, least)]

    def _largest(self, sizes: Sequence[TextSizes], budget: int) -> TextSizes:
        """The first of the sizes that fits the budget, else the last, by binary search."""
        first, last = 0, len(sizes) - 1
        while first < last:
            middle = (first + last) // 2
            fits = self._lay_out(sizes[middle]).tokens <= budget
            first, last = (first, middle) if fits else (middle + 1, last)
        return sizes[first]

    def _without_oldest(self, layout: _Layout, budget: int) -> "PromptBuilder":
        """A builder for as many of the newest turns as should fit the budget, judging by a layout
        that exceeds it; at least one, and fewer than now."""
        turns, kept = self.draft.turns, self.draft.kept_tokens
        share = ESTIMATE_MARGIN * max(budget - kept, 0) / (layout.tokens - kept)
        room = share * sum(len(turn.text) for turn in turns)
        start = len(turns)
        while start > 1 and (room := room - len(turns[start - 1].text)) >= 0:
            start -= 1
        start = min(start, len(turns) - 1)
        newest = self.draft.without_oldest(start)
        return PromptBuilder(newest, self.drawer, self.counting, self.exact, self.x_height)

    def _lay_out(self, sizes: TextSizes) -> _Layout:
        draft, pages = self.draft, list[PageImage]()
        values = list[list[ExactValue]]()
        for half, size in enumerate(sizes[-len(draft.halves) :]):
            if (half, size) not in self._laid_out:
                drawn = self.drawer(
                    draft.halves[half], draft.rule.page, ceil(size / self._scale - 1e-6)
                )
                self._laid_out[half, size] = drawn
            laid_out = self._laid_out[half, size]
            pages += laid_out
            values += exact_values_by_page(self._values[half], laid_out)
        return self._counted(pages, values)

    def _counted(self, pages: list[PageImage], values: list[list[ExactValue]]) -> _Layout:
        draft, count = self.draft, self.counting.most
        note = DOCUMENT_NOTE if draft.is_text else CONVERSATION_NOTE
        if draft.as_text:
            note += " " + TEXT_NOTE
        if draft.left_out:
            note += f" {draft.left_out} still older messages are left out."
        images = sum(draft.rule.formula.tokens(page.width, page.height) for page in pages)
        text = draft.kept_tokens + count(note) + MESSAGE_TOKENS
        room = int(LISTING_SHARE * max(draft.tokens - text - images, 0))
        listing = list_values(values, room, self._listing_tokens)
        exact = self._listing_tokens(listing.text)
        return _Layout(pages, note, listing, text + exact, images, exact)

    def _listing_tokens(self, text: str) -> int:
        """Of a list of exact values, and of what parts it from the question."""
        return self.counting.most(text + PARTED * bool(self.draft.question)) if text else 0

    @cached_property
    def _values(self) -> list[list[list[ExactValue]]]:
        """The exact values to list, of each turn of each half."""
        return [
            [exact_values_of(turn.text) if self.exact else [] for turn in half]
            for half in self.draft.halves
        ]

    def _require_gain(self, layout: _Layout, remedy: str) -> None:
        if layout.tokens >= self.draft.tokens:
            plan = self._plan(layout, 0)
            if self.x_height is not None:
                remedy = f"give a smaller x_height, or {remedy}"
            raise NoGainError(f"pages would save nothing: {plan.summary()}; {remedy}", plan)

    def _savings(self, layout: _Layout, budget: int) -> str:
        """What would bring a layout below a budget."""
        ways = ["or fewer messages"]
        if len(self.draft.turns) > 1:
            ways.insert(0, "leave_out=True to drop the oldest messages")
        if layout.tokens - layout.exact_tokens <= budget:
            ways.insert(0, f"exact=False to save {layout.exact_tokens:,} tokens")
        return ", ".join(ways)

    def _plan(self, layout: _Layout, size: int) -> PromptPlan:
        """`size`: of the images in base64, in bytes."""
        draft, rule, pages, estimate = (
            self.draft, self.draft.rule, layout.pages, self.counting.estimate
        )  # fmt: skip
        return PromptPlan(
            model=rule.name,
            provider=rule.provider,
            tokens_before=draft.tokens,
            tokens_after=layout.tokens,
            text_tokens=layout.text_tokens,
            image_tokens=layout.image_tokens,
            exact_values=layout.listing.listed,
            exact_tokens=layout.exact_tokens,
            exact_left_out=layout.listing.left_out,
            price_before=rule.cost(draft.tokens),
            price_after=rule.cost(layout.tokens),
            pages=len(pages),
            left_out=draft.left_out,
            as_text=len(draft.text_messages),
            undrawable=tuple(sorted(draft.undrawable)),
            bytes=size,
            x_heights=tuple(_x_height(page, rule) for page in pages),
            limits=_format_limits(rule.limits, pages, size),
            rule_source=rule.source,
            rule_date=rule.date,
            counter=self.counting.name,
            factors=(estimate.least, estimate.most),
            factor_source=estimate.source,
        )


def _x_height(page: PageImage, rule: ModelRule) -> float:
    """The height of a small x in the pixels that the model sees."""
    return round(page.size * X_HEIGHT * rule.formula.seen(page.width, page.height), 1)


def _limit_error(rule: ModelRule, pages: int, size: int) -> LimitError:
    """`size`: of the images in base64; 0 if they are too many to be drawn."""
    limits = rule.limits
    return LimitError(
        f"{pages} pages{f' of {size:,} bytes' * bool(size)} are more than {rule.provider} takes in "
        f"a request ({limits.images} images, {limits.bytes:,} bytes); give a smaller budget, so "
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
