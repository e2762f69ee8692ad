"""A long prompt to a shorter one: old messages, or a long text, become pages that the model sees
as images, where that costs less than the text.

Plans and refuses; draws through `drawing`, prices by `rules`, writes through `forms`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from optimem.counting import text_tokens
from optimem.errors import BudgetError, InputError, LimitError, NoGainError
from optimem.prompts.conversation import Said, head
from optimem.prompts.drawing import PageDrawer, PageImage, default_drawer
from optimem.prompts.exactness import listing, page_texts, values_by_page
from optimem.prompts.forms import FORMS, Form, Message, form_of
from optimem.prompts.plan import PromptPlan
from optimem.prompts.rules import RULES, ModelRule, rule_for
from optimem.turns import Turn

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

    @property
    def tokens(self) -> int:
        """Of the prompt as it came."""
        return self.stays + self.replaced

    @cached_property
    def halves(self) -> list[Sequence[Turn]]:
        """The older and the newer half by length; a text has no age and stays in one."""
        if self.is_text or len(self.turns) < 2:
            return [self.turns]
        sizes = [len(turn.text) for turn in self.turns]
        middle = next(i for i in range(len(sizes)) if sum(sizes[: i + 1]) * 2 >= sum(sizes))
        middle = min(max(middle, 1), len(sizes) - 1)
        return [self.turns[:middle], self.turns[middle:]]


def compress_prompt(
    prompt: str | Sequence[Message],
    *,
    model: str | ModelRule,
    budget: int | None = None,
    keep: int = 1,
    question: str = "",
    exact: bool = True,
    form: str | None = None,
    rules: Sequence[ModelRule] = RULES,
    count: Counter = text_tokens,
    drawer: PageDrawer | None = None,
) -> CompressedPrompt:
    """A prompt with pages in place of its old messages, or of a text.

    `prompt`: a text, or messages as OpenAI, Anthropic, Gemini or LangChain write them; system
    messages at the start and the last `keep` messages stay as they are, tool calls stay with
    their results. `question`: what to ask about the pages, after them. `model`: a name that
    `rules` knows, or a rule. `budget`: most tokens of the whole; text is drawn as large as it
    allows, default as large as saves a third, 10 px at least. `exact`: list ids, numbers, paths and
    addresses as text beside the pages. `form`: "openai", "anthropic", "gemini" or "langchain",
    for plain text; default the provider's. `count`: tokens of a text, default DeepSeek's.

    Raises NoGainError, with the figures, where nothing would be saved; BudgetError, LimitError,
    ProviderError, and InputError for what is no prompt.
    """
    rule = rule_for(model, rules) if isinstance(model, str) else model
    draft = _draft(prompt, rule, keep, question, form, count)
    maker = _Maker(draft, drawer or default_drawer(), count, exact)
    made = maker.usual() if budget is None else maker.within(budget)
    _check(made, rule)
    return made


def _draft(
    prompt: str | Sequence[Message],
    rule: ModelRule,
    keep: int,
    question: str,
    form: str | None,
    count: Counter,
) -> Draft:
    if form is not None and form not in FORMS:
        raise InputError(f"form {form!r} is unknown; choose one of {', '.join(FORMS)}")
    asked = count(question) if question else 0
    if isinstance(prompt, str):
        turns = [Turn(text=prompt, role="text")] if prompt.strip() else []
        said = [Said("user", prompt)]
        written, start, end = FORMS[form or rule.form], 0, 1
    else:
        written = FORMS[form] if form else form_of(prompt, rule.form)
        said = [written.said(message) for message in prompt]
        start, end = head(said, _checked_keep(keep))
        turns = [one.turn for one in said[start:end] if one.text]
    if not turns:
        raise NoGainError(
            f"of {len(said)} messages none can become a page: the first system messages and the "
            f"last {keep} stay as they are, and so do images and what follows them; give more "
            "messages, a smaller keep, or a text"
        )
    tokens = [count(one.text) + PER_MESSAGE for one in said]
    is_text = isinstance(prompt, str)
    return Draft(
        rule, written, [] if is_text else prompt[:start], turns, [] if is_text else prompt[end:],
        question, is_text, sum(tokens[:start] + tokens[end:]) + asked, sum(tokens[start:end]),
    )  # fmt: skip


def _checked_keep(keep: int) -> int:
    if keep < 0:
        raise InputError(f"keep={keep} messages cannot stay; give 0 or more")
    return keep


class _Maker:
    """Makes a draft into prompts of several sizes; what is drawn once is not drawn again."""

    def __init__(self, draft: Draft, drawer: PageDrawer, count: Counter, exact: bool) -> None:
        self.draft, self.drawer, self.count, self.exact = draft, drawer, count, exact
        self._drawn: dict[tuple[int, int], list[PageImage]] = {}

    def usual(self) -> CompressedPrompt:
        """With the largest text that saves a third, or the smallest of `READABLE`. Raises
        NoGainError."""
        made = self.sharpest(READABLE, int(USUAL_SHARE * self.draft.tokens))
        return _gaining(made, "send the text, or give a budget to have it drawn smaller")

    def within(self, budget: int) -> CompressedPrompt:
        """With the largest text that keeps it within a budget. Raises BudgetError, NoGainError."""
        made = _gaining(self.sharpest(SIZES, budget), "send the text")
        if made.plan.tokens_after > budget:
            raise BudgetError(
                f"a budget of {budget:,} tokens is too small: with the smallest text the prompt "
                f"takes {made.plan.tokens_after:,} ({self.draft.stays:,} of them stay as text); "
                "give that much, or fewer messages"
            )
        return made

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
        raise NoGainError(f"pages would save nothing; {plan.told()}; {otherwise}")
    return made


def _check(made: CompressedPrompt, rule: ModelRule) -> None:
    plan = made.plan
    if plan.pages > rule.limits.images or plan.bytes > rule.limits.bytes:
        raise LimitError(
            f"{plan.pages} pages of {plan.bytes:,} bytes are more than {rule.provider} takes in a "
            f"request ({rule.limits.images} images, {rule.limits.bytes:,} bytes); give a smaller "
            "budget, so that more fits a page, or fewer messages"
        )
