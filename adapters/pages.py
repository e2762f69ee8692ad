"""What a chat model is called, and what it charges for images."""

from typing import Any

from optimem.errors import ImageSupportError
from optimem.prompts import ModelRule, rule_for
from optimem.prompts.formulas import ImageFormula
from optimem.prompts.rules import known_rule


def image_rule(model: Any, override: str | ModelRule | None) -> ModelRule:
    """What a chat model charges for images. `override`: the rule, or the name of the model, to
    use instead of the model's own name. Raises ProviderError, or ImageSupportError for a model
    whose profile denies images."""
    if (getattr(model, "profile", None) or {}).get("image_inputs") is False:
        raise ImageSupportError(
            f"{type(model).__name__} takes no images by its profile; use mode='recall' or 'auto'"
        )
    if isinstance(override, ModelRule):
        return override
    return rule_for(override or model_name(model))


def image_formula(model: Any, override: str | ModelRule | None) -> ImageFormula | None:
    """How a chat model charges for the images that it is sent; None if no rule says."""
    if isinstance(override, ModelRule):
        return override.formula
    rule = known_rule(override or model_name(model))
    return rule.formula if rule else None


def model_name(model: Any) -> str:
    """What a chat model calls itself, else its class."""
    name = getattr(model, "model_name", None) or getattr(model, "model", None)
    return str(name or type(model).__name__)
