"""What a compressed prompt costs, beside what it cost before: plain values, ready for JSON.

A draft of a prompt made into messages with pages, at the size of text that its budget allows.

Draws through `drawing`, writes through `forms`, adds up what it costs.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from pydantic import BaseModel, ConfigDict

from optimem.errors import BudgetError, NoGainError
from optimem.prompts.forms import Form, Message
from optimem.prompts.pages import PageDrawer, PageImage, listing, page_texts, values_by_page
from optimem.prompts.rules import ModelRule
from optimem.turns import Turn


class PromptPlan(BaseModel):
    """The figures of a prompt before and after.

    Tokens: text by the counter in use (default DeepSeek's tokenizer; a provider's own differs
    somewhat), images by the provider's rule. `exact_tokens`: of the exact values carried as
    text beside the pages. Prices in USD for the input, None where the rule has none.
    `left_out`: oldest messages, on no page. `bytes`: of the images in base64. `sizes`: of the
    text on the pages in px, oldest first. `limits`: what is used of what is allowed.
    `rule_source`, `rule_date`: where the price rule is from.
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
    bytes: int
    sizes: tuple[int, ...]
    limits: dict[str, str]
    rule_source: str
    rule_date: str

    @property
    def ratio(self) -> float:
        """Tokens before over tokens after."""
        return self.tokens_before / max(self.tokens_after, 1)

    def told(self) -> str:
        """The figures in one sentence."""
        price = ""
        if self.price_before is not None and self.price_after is not None:
            price = f", ${self.price_before:.6f} → ${self.price_after:.6f}"
        return (
            f"{self.model}: {self.tokens_before:,} → {self.tokens_after:,} tokens"
            f" ({self.ratio:.2f}×){price}, {self.pages} page{'s' * (self.pages != 1)} of "
            f"{self.image_tokens:,} tokens, {self.exact_values} exact values as text of "
            f"{self.exact_tokens:,}"
        )


PER_MESSAGE = 4
"""Tokens of a message's frame."""
SIZES: tuple[tuple[int, int], ...] = (
    (16, 16), (14, 16), (14, 14), (12, 14), (12, 12), (10, 12), (10, 10), (9, 10), (9, 9), (8, 9),
    (8, 8),
)  # fmt: skip
"""Sizes of text in px, of the older and the newer half of a conversation, sharpest first."""
READABLE = SIZES[: SIZES.index((10, 10)) + 1]
"""Those used where no budget asks for less."""
USUAL_SHARE = 2 / 3
"""Of the prompt's tokens: what pages are to cost where no budget says so."""
CAUTION = 0.95
"""Of what is left of a budget: what messages are counted on to take."""
CONVERSATION = (
    "The images are pages that show the earlier messages of this conversation, in order, oldest "
    "first. Read them as if they stood here."
)
DOCUMENT = "The images are pages that show a text, in order. Read it as if it stood here."

Counter = Callable[[str], int]
"""Text to tokens."""


@dataclass(frozen=True)
class CompressedPrompt:
    """`messages`: ready to send, in the form in which they came, or in the provider's for plain
    text. `pages`: the images in them. `plan`: what it costs, beside what it did."""

    messages: list[Message]
    pages: tuple[PageImage, ...]
    plan: PromptPlan


@dataclass(frozen=True)
class Draft:
    """A prompt whose `turns` are to be drawn; what stays `before` and `after` them."""

    rule: ModelRule
    form: Form
    before: Sequence[Message]
    turns: Sequence[Turn]
    after: Sequence[Message]
    question: str
    is_text: bool
    stays: int
    """Tokens of what stays."""
    replaced: int
    """Tokens of what is drawn."""
    left_out: int = 0
    """Messages older than `turns`."""

    @property
    def tokens(self) -> int:
        """Of the prompt as it came."""
        return self.stays + self.replaced

    @cached_property
    def halves(self) -> list[Sequence[Turn]]:
        """The older and the newer half by length; a text has no age and stays in one."""
        if self.is_text or len(self.turns) < 2:
            return [self.turns]
        until = list(accumulate(len(turn.text) for turn in self.turns))
        middle = min(max(bisect_left(until, until[-1] / 2), 1), len(until) - 1)
        return [self.turns[:middle], self.turns[middle:]]


class PromptBuilder:
    """Makes a draft into prompts of several sizes; what is drawn once is not drawn again."""

    def __init__(self, draft: Draft, drawer: PageDrawer, count: Counter, exact: bool) -> None:
        self.draft, self.drawer, self.count, self.exact = draft, drawer, count, exact
        self._drawn: dict[tuple[int, int], list[PageImage]] = {}

    def usual(self) -> CompressedPrompt:
        """With the largest text that saves a third, or the smallest of `READABLE`. Raises
        NoGainError."""
        made = self.sharpest(READABLE, int(USUAL_SHARE * self.draft.tokens))
        return _gaining(made, "send the text, or give a budget to have it drawn smaller")

    def within(self, budget: int, leave_out: bool) -> CompressedPrompt:
        """With the largest text that keeps it within a budget. Raises BudgetError, NoGainError."""
        maker, made = self, self.sharpest(SIZES, budget)
        while leave_out and made.plan.tokens_after > budget and len(maker.draft.turns) > 1:
            maker = maker._without_oldest(made.plan, budget)
            made = maker.made(SIZES[-1])
        _gaining(made, "send the text")
        if made.plan.tokens_after > budget:
            raise BudgetError(
                f"a budget of {budget:,} tokens is too small: with the smallest text the prompt "
                f"takes {made.plan.tokens_after:,} ({self.draft.stays:,} of them stay as text); "
                "give that much, or fewer messages",
                made.plan,
            )
        return made

    def _without_oldest(self, plan: PromptPlan, budget: int) -> "PromptBuilder":
        """For as many of the newest messages as should fit a budget, judging by a plan that
        does not; fewer than there are."""
        turns, stays = self.draft.turns, self.draft.stays
        share = CAUTION * max(budget - stays, 0) / (plan.tokens_after - stays)
        room = share * sum(len(turn.text) for turn in turns)
        start = len(turns)
        while start > 1 and (room := room - len(turns[start - 1].text)) >= 0:
            start -= 1
        start = min(start, len(turns) - 1)
        fewer = replace(self.draft, turns=turns[start:], left_out=self.draft.left_out + start)
        return PromptBuilder(fewer, self.drawer, self.count, self.exact)

    def sharpest(self, sizes: Sequence[tuple[int, int]], budget: int) -> CompressedPrompt:
        """With the first of some sizes that keeps it within a budget, else the last."""
        first, last = 0, len(sizes) - 1
        while first < last:
            middle = (first + last) // 2
            fits = self.made(sizes[middle]).plan.tokens_after <= budget
            first, last = (first, middle) if fits else (middle + 1, last)
        return self.made(sizes[first])

    def made(self, sizes: tuple[int, int]) -> CompressedPrompt:
        """The prompt with text of these sizes, older and newer half."""
        draft = self.draft
        halves = draft.halves
        own = sizes[-len(halves) :]
        drawn = [self._pages(index, own[index]) for index in range(len(halves))]
        pages = [page for half in drawn for page in half]
        texts = [
            t for half, some in zip(halves, drawn, strict=True) for t in page_texts(half, some)
        ]
        values = values_by_page(texts) if self.exact else []
        listed = listing(values)
        note = DOCUMENT if draft.is_text else CONVERSATION
        if draft.left_out:
            note += f" {draft.left_out} still older messages are left out."
        after = "\n\n".join(part for part in (listed, draft.question) if part)
        message = draft.form.pages(note, pages, after)
        return CompressedPrompt(
            [*draft.before, message, *draft.after],
            tuple(pages),
            self._plan(pages, self.count(note) + PER_MESSAGE, values, listed),
        )

    def _pages(self, half: int, size: int) -> list[PageImage]:
        if (half, size) not in self._drawn:
            drawn = self.drawer(self.draft.halves[half], self.draft.rule.page, size)
            self._drawn[half, size] = drawn
        return self._drawn[half, size]

    def _plan(
        self, pages: Sequence[PageImage], note: int, values: Sequence[Sequence[str]], listed: str
    ) -> PromptPlan:
        draft, rule = self.draft, self.draft.rule
        images = sum(rule.formula.tokens(page.width, page.height) for page in pages)
        listed_tokens = self.count(listed) if listed else 0
        before, text = draft.tokens, draft.stays + note + listed_tokens
        size = sum(-(-len(page.png) // 3) * 4 for page in pages)
        edge = max(max(page.width, page.height) for page in pages)
        return PromptPlan(
            model=rule.name,
            provider=rule.provider,
            tokens_before=before,
            tokens_after=text + images,
            text_tokens=text,
            image_tokens=images,
            exact_values=sum(map(len, values)),
            exact_tokens=listed_tokens,
            price_before=rule.cost(before),
            price_after=rule.cost(text + images),
            pages=len(pages),
            left_out=draft.left_out,
            bytes=size,
            sizes=tuple(page.size for page in pages),
            limits={
                "images": f"{len(pages)} of {rule.limits.images}",
                "edge": f"{edge} of {rule.limits.edge} px",
                "bytes": f"{size} of {rule.limits.bytes}",
            },
            rule_source=rule.source,
            rule_date=rule.date,
        )


def _gaining(made: CompressedPrompt, otherwise: str) -> CompressedPrompt:
    plan = made.plan
    if plan.tokens_after >= plan.tokens_before:
        raise NoGainError(f"pages would save nothing; {plan.told()}; {otherwise}", plan)
    return made
