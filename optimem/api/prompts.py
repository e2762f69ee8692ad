"""`compress_prompt`: a long prompt to a cheaper one, with pages in place of old messages or of a
text. `calibrate`: a price rule corrected by what a provider really counts.

Knows nothing of any provider's client.
"""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from optimem import build
from optimem.errors import InputError
from optimem.prompts.builder import CompressedPrompt, PromptBuilder
from optimem.prompts.counting import TokenCounter, counting_for
from optimem.prompts.draft import draft_prompt
from optimem.prompts.forms import Message
from optimem.prompts.pages import PageDrawer, PageImage
from optimem.prompts.rules import RULES, ModelRule, rule_for
from optimem.turns import Turn

CALIBRATION_TEXT = "The page that is sent to find out what a page costs. " * 120
CALIBRATION_SIZE = 12
"""Of the text on the calibration page, in px."""


def compress_prompt(
    prompt: str | Sequence[Message],
    *,
    model: str | ModelRule,
    budget: int | None = None,
    keep: int = 1,
    question: str = "",
    exact: bool = True,
    leave_out: bool = False,
    x_height: float | None = None,
    form: str | None = None,
    rules: Sequence[ModelRule] = RULES,
    count: TokenCounter | None = None,
    drawer: PageDrawer | None = None,
) -> CompressedPrompt:
    """Replace the old messages of a prompt, or a text, by pages that cost fewer tokens.

    `prompt`: a text, or messages as OpenAI (Chat Completions, Responses), Anthropic, Gemini or
    LangChain write them, dicts or the SDKs' own objects, all in one form. Leading system messages
    and the last `keep` messages stay as they are; tool calls stay with their results. What has
    characters that no font covers stays text. `model`: a name that `rules` knows, or a rule.
    `budget`: the most tokens the whole prompt may cost; text is drawn as large as that allows.
    Default: as large as saves a third. `question`: text to add after the pages. `exact`: list as
    text beside the pages what a reader of small print could get wrong, such as ids and long
    numbers, each with the words before it; as many as a third of the saving pays for.
    `leave_out`: drop the oldest messages if even the
    smallest text exceeds the budget. `x_height`: the least height of a small x on the pages, in
    the pixels that the model sees; default 5.5 without a budget and 4.4 with one, where the plan
    warns below 5. `form`: "openai", "responses",
    "anthropic", "gemini" or "langchain"; default: recognized from the messages, whatever the
    model; the provider's for a text. `count`: counts the tokens of a text, default: the model's
    own vocabulary (OpenAI's comes with `optimem[openai]`), else DeepSeek's between stated bounds,
    such that the saving is never overstated.

    Raises NoGainError, with the figures, if pages would not save tokens; BudgetError if the
    budget is too small; LimitError if the provider takes fewer pages; ProviderError if no rule
    matches the model; InputError for what is not a prompt, and for text too large for a page.
    """
    check_x_height(x_height)
    rule = rule_for(model, rules) if isinstance(model, str) else model
    counting = counting_for(rule.tokenizer, count)
    drawer = drawer or build.page_drawer()
    draft = draft_prompt(
        prompt,
        rule,
        keep=keep,
        question=question,
        form=form,
        count=counting.least,
        undrawable=drawer.undrawable_scripts,
    )
    builder = PromptBuilder(draft, drawer, counting, exact, x_height)
    return builder.build_readable() if budget is None else builder.build_within(budget, leave_out)


def check_x_height(x_height: float | None) -> None:
    """Raises InputError for what is not a height in pixels."""
    if x_height is not None and x_height <= 0:
        raise InputError(f"x_height={x_height} is not a height; give pixels, such as 6")


@dataclass(frozen=True)
class Calibration:
    """A measurement on a page of `width` × `height` px. `expected`: tokens by the rule;
    `measured`: by the provider. `rule`: the rule with its formula corrected, dated today."""

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
    """Measure one page and correct the model's rule by the result.

    `measure`: takes a page (`png`, `width`, `height`) and returns the tokens that the provider
    counts for that image alone, for instance the difference of its token-counting endpoint
    with and without the image. Raises InputError if it returns less than 1.
    """
    rule = rule_for(model) if isinstance(model, str) else model
    turn = Turn(text=CALIBRATION_TEXT, role="text")
    page = (drawer or build.page_drawer())([turn], rule.page, CALIBRATION_SIZE)[0]
    measured = measure(page)
    if measured < 1:
        raise InputError(f"measure returned {measured} tokens; return the provider's count")
    expected = rule.formula.tokens(page.width, page.height)
    date = (today or datetime.date.today()).isoformat()
    corrected = rule.corrected(measured / expected, date)
    return Calibration(page.width, page.height, expected, measured, corrected)
