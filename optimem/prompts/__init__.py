"""Prompts that cost less: old messages and long text as pages, priced by each provider's rule.

`forms` knows messages, `rules` and `formulas` what a model charges for an image, `pages` what old
messages become, `builder` plans and builds the prompt.
"""

from optimem.prompts.builder import CompressedPrompt, PromptPlan
from optimem.prompts.rules import RULES, Limits, ModelRule, PageShape, rule_for

__all__ = [
    "RULES",
    "CompressedPrompt",
    "Limits",
    "ModelRule",
    "PageShape",
    "PromptPlan",
    "rule_for",
]
