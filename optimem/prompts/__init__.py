"""Cheaper prompts: old messages, or a long text, as pages, priced by each provider's rule.

`forms` parses and writes messages, `draft` splits a prompt into what stays and what is drawn,
`builder` builds and prices it, `pages` holds what is drawn, `listing` the exact values beside it,
`rules` and `formulas` say what a model charges for an image.
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
