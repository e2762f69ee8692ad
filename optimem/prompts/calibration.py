"""What a provider really counts: one call, made by the user's function, corrects a rule.

Knows nothing of any provider's client.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass, replace

from optimem.errors import InputError
from optimem.prompts.drawing import PageDrawer, PageImage, default_drawer
from optimem.prompts.formulas import Scaled
from optimem.prompts.rules import ModelRule, rule_for
from optimem.turns import Turn

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
    drawn = (drawer or default_drawer())([Turn(text=SAMPLE, role="text")], shape, 12)
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
