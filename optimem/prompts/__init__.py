"""Prompts that cost less: old messages and long text as pages, priced by each provider's rule.

`compress` takes them in, `making` draws and plans, `forms` and `conversation` know messages,
`rules` and `formulas` what a model charges for an image, `calibration` what it really does.
"""

from optimem.prompts.calibration import Calibration, calibrate
from optimem.prompts.compress import compress_prompt
from optimem.prompts.making import CompressedPrompt
from optimem.prompts.plan import PromptPlan
from optimem.prompts.rules import RULES, Limits, ModelRule, PageShape, rule_for

__all__ = [
    "RULES",
    "Calibration",
    "CompressedPrompt",
    "Limits",
    "ModelRule",
    "PageShape",
    "PromptPlan",
    "calibrate",
    "compress_prompt",
    "rule_for",
]
