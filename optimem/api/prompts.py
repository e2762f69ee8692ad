"""A long prompt to a shorter one: old messages, or a long text, become pages that the model sees
as images, where that costs less than the text.

What a provider really counts: one call, made by the user's function, corrects a rule.

Knows nothing of any provider's client.
"""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from optimem import build
from optimem.errors import InputError, LimitError, NoGainError
from optimem.prompts.builder import PER_MESSAGE, CompressedPrompt, Counter, Draft, PromptBuilder
from optimem.prompts.forms import FORMS, Message, Said, form_of, head
from optimem.prompts.formulas import Scaled
from optimem.prompts.pages import PageDrawer, PageImage
from optimem.prompts.rules import RULES, ModelRule, rule_for
from optimem.text.tokens import text_tokens
from optimem.turns import Turn


def compress_prompt(
    prompt: str | Sequence[Message],
    *,
    model: str | ModelRule,
    budget: int | None = None,
    keep: int = 1,
    question: str = "",
    exact: bool = True,
    leave_out: bool = False,
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
    addresses as text beside the pages. `leave_out`: where even the smallest text exceeds the
    budget, leave out the oldest messages rather than refuse. `form`: "openai", "anthropic",
    "gemini" or "langchain", for plain text; default the provider's. `count`: tokens of a text,
    default DeepSeek's.

    Raises NoGainError, with the figures, where nothing would be saved; BudgetError, LimitError,
    ProviderError, and InputError for what is no prompt.
    """
    rule = rule_for(model, rules) if isinstance(model, str) else model
    draft = _draft(prompt, rule, keep, question, form, count)
    maker = PromptBuilder(draft, drawer or build.page_drawer(), count, exact)
    made = maker.usual() if budget is None else maker.within(budget, leave_out)
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
        written = form_of(prompt, rule.form, form)
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


def _check(made: CompressedPrompt, rule: ModelRule) -> None:
    plan = made.plan
    if plan.pages > rule.limits.images or plan.bytes > rule.limits.bytes:
        raise LimitError(
            f"{plan.pages} pages of {plan.bytes:,} bytes are more than {rule.provider} takes in a "
            f"request ({rule.limits.images} images, {rule.limits.bytes:,} bytes); give a smaller "
            "budget, so that more fits a page, or fewer messages"
        )


SAMPLE = "The page that is sent to find out what a page costs. " * 120


@dataclass(frozen=True)
class Calibration:
    """One measurement. `expected`: tokens by the rule; `measured`: by the provider. `rule`: the
    rule with its formula corrected, dated today."""

    width: int
    height: int
    expected: int
    measured: int
    rule: ModelRule

    @property
    def factor(self) -> float:
        """Measured over expected."""
        return self.measured / self.expected


def calibrate(
    model: str | ModelRule,
    measure: Callable[[PageImage], int],
    *,
    drawer: PageDrawer | None = None,
    today: datetime.date | None = None,
) -> Calibration:
    """Send one page through `measure` and correct the rule by what comes back.

    `measure`: gets a page (`png`, `width`, `height`) and returns the tokens that the provider
    counts for that image alone, for instance the difference of its token counting endpoint
    with and without the image. Raises InputError if it returns no positive number.
    """
    rule = rule_for(model) if isinstance(model, str) else model
    shape = rule.page
    drawn = (drawer or build.page_drawer())([Turn(text=SAMPLE, role="text")], shape, 12)
    page = drawn[0]
    measured = measure(page)
    if measured < 1:
        raise InputError(f"measure returned {measured} tokens; return what the provider counted")
    expected = rule.formula.tokens(page.width, page.height)
    corrected = replace(
        rule,
        formula=Scaled(rule.formula, measured / expected),
        source=f"measured, {rule.source}",
        date=(today or datetime.date.today()).isoformat(),
    )
    return Calibration(page.width, page.height, expected, measured, corrected)
