"""The dated table of models: the formula that prices their images, the page that serves them best,
the limits of a request, and the price of a million input tokens.

Rules change: every row says where it was read and when, and callers can pass a `ModelRule` of
their own. Prices are in USD per million input tokens, standard tier, short context; None where
none could be confirmed.
"""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

from optimem.errors import ProviderError
from optimem.prompts.formulas import (
    Crops,
    Fixed,
    Grid,
    ImageFormula,
    Patches,
    Scaled,
    Tiles,
    VisualTokens,
)
from optimem.prompts.model_names import nearest, spellings

CHECKED_ON = "2026-11-21"
"""When the sources of the rows were last read."""
MB = 1 << 20
_SNAPSHOT = r"(-\d{4}-\d{2}-\d{2}|-latest|-chat-latest)?"

OPENAI_GUIDE = "https://developers.openai.com/api/docs/guides/images-vision#calculating-costs"
CLAUDE_GUIDE = "https://platform.claude.com/docs/en/build-with-claude/vision"
GEMINI_GUIDE = "https://ai.google.dev/gemini-api/docs/image-understanding"
GEMINI_3_GUIDE = "https://ai.google.dev/gemini-api/docs/media-resolution"
QWEN_GUIDE = "https://github.com/QwenLM/Qwen3-VL"


@dataclass(frozen=True)
class PageShape:
    """The page that shows most pixels per token: `width` × `height` px, which the provider does
    not scale down. `trim`: whether a partly filled page is cut off below its last line."""

    width: int
    height: int
    trim: bool = True


@dataclass(frozen=True)
class Limits:
    """The most a request may hold: `images`, `edge` px per side, `bytes` of all images in
    base64."""

    images: int
    edge: int
    bytes: int


@dataclass(frozen=True)
class ModelRule:
    """What a model charges for images.

    `pattern`: a regular expression that matches the model's whole name. `form`: of its messages
    ("openai", "anthropic" or "gemini"). `source`, `date`: where and when the rule was read.
    `price`: USD per million input tokens; None if unknown. `model`: the name the rule was looked
    up for, empty in the table. `tokenizer`: the vocabulary that counts its text, one of
    `optimem.prompts.counting.ESTIMATES`; empty: DeepSeek's.
    """

    pattern: str
    provider: str
    form: str
    formula: ImageFormula
    page: PageShape
    limits: Limits
    source: str
    date: str = CHECKED_ON
    price: float | None = None
    model: str = ""
    tokenizer: str = ""

    @property
    def label(self) -> str:
        """The pattern for people, without dates of snapshots."""
        return self.pattern.removesuffix(_SNAPSHOT).strip("()")

    @property
    def name(self) -> str:
        """The model that the rule was looked up for, else the pattern."""
        return self.model or self.pattern

    def cost(self, tokens: int) -> float | None:
        """The price of input tokens in USD; None if unknown."""
        return None if self.price is None else tokens * self.price / 1_000_000

    def matches(self, model: str) -> bool:
        """Whether the rule is for a model of this name."""
        return re.fullmatch(self.pattern, model) is not None

    def corrected(self, factor: float, date: str) -> "ModelRule":
        """The rule with its formula multiplied by a `factor` that was measured on `date`."""
        source, formula = f"measured, {self.source}", Scaled(self.formula, factor)
        return replace(self, formula=formula, source=source, date=date)


_OPENAI_LIMITS = Limits(images=1500, edge=6000, bytes=512 * MB)
_CLAUDE_LIMITS = Limits(images=100, edge=8000, bytes=32 * MB)
_GEMINI_LIMITS = Limits(images=3600, edge=8192, bytes=20 * MB)
_COLUMN = PageShape(512, 2048)  # four tiles, none of them scaled
_SQUARE = PageShape(1024, 1536)  # 1,536 patches: within every budget


def _openai(names: str, formula: ImageFormula, price: float | None) -> ModelRule:
    page = _COLUMN if isinstance(formula, Tiles) else _SQUARE
    return ModelRule(
        pattern=f"({names}){_SNAPSHOT}", provider="openai", form="openai", formula=formula,
        page=page, limits=_OPENAI_LIMITS, source=OPENAI_GUIDE, price=price,
        tokenizer="o200k_base",
    )  # fmt: skip


def _claude(pattern: str, formula: VisualTokens, page: PageShape, price: float | None) -> ModelRule:
    tokenizer = "claude" if formula is _STANDARD else "claude-4.7"
    return ModelRule(
        pattern=pattern, provider="anthropic", form="anthropic", formula=formula, page=page,
        limits=_CLAUDE_LIMITS, source=CLAUDE_GUIDE, price=price,
        tokenizer=tokenizer,
    )  # fmt: skip


def _gemini(pattern: str, formula: ImageFormula, source: str, price: float | None) -> ModelRule:
    return ModelRule(
        pattern=pattern, provider="gemini", form="gemini", formula=formula,
        page=PageShape(1536, 1536, trim=False), limits=_GEMINI_LIMITS, source=source, price=price,
        tokenizer="gemini",
    )  # fmt: skip


def _qwen(pattern: str, formula: Grid, page: PageShape) -> ModelRule:
    return ModelRule(
        pattern=pattern, provider="qwen", form="openai", formula=formula, page=page,
        limits=Limits(images=100, edge=4096, bytes=20 * MB), source=QWEN_GUIDE, tokenizer="qwen3",
    )  # fmt: skip


_HIGH = VisualTokens(edge=2576, budget=4784)
_STANDARD = VisualTokens(edge=1568, budget=1568)
_HIGH_PAGE = PageShape(1456, 1484)  # 52 × 53 visual tokens
_STANDARD_PAGE = PageShape(1092, 1092)  # 39 × 39 visual tokens
_SINCE_4_7 = r"(4-[7-9](?!\d)|[5-9](-\d{1,2}(?!\d))?)(-\S+)?"

RULES: tuple[ModelRule, ...] = (
    _openai("gpt-5.5", Patches(1.2, 2500), 5.00),
    _openai("gpt-5.6-terra", Patches(1.2, 2500), 2.00),
    _openai("gpt-5.6-luna", Patches(1.2, 2500), 0.20),
    _openai("gpt-5.6-sol", Patches(1.2, 2500), None),
    _openai("gpt-5.4", Patches(1.2, 2500), 2.50),
    _openai("gpt-5.4-mini", Patches(1.2, 2500), 0.75),
    _openai("gpt-5.4-nano", Patches(1.2, 2500), 0.20),
    _openai("gpt-5.2", Patches(1.2, 6144), 1.75),
    _openai("gpt-5.1", Tiles(70, 140), 1.25),
    _openai("gpt-5", Tiles(70, 140), 1.25),
    _openai("gpt-5-mini", Patches(1.2, 1536), None),
    _openai("gpt-5-nano", Patches(1.5, 1536), None),
    _openai("gpt-4.1", Tiles(85, 170), 2.00),
    _openai("gpt-4.1-mini", Patches(1.62, 6144), 0.40),
    _openai("gpt-4.1-nano", Patches(2.46, 1536), 0.10),
    _openai("gpt-4o", Tiles(85, 170), 2.50),
    _openai("gpt-4o-mini", Tiles(2833, 5667), 0.15),
    _openai("o1|o1-pro|o3", Tiles(75, 150), None),
    _openai("o4-mini", Patches(1.72, 1536), 1.10),
    _claude(rf"claude-opus-{_SINCE_4_7}", _HIGH, _HIGH_PAGE, 5.00),
    _claude(rf"claude-(sonnet|haiku|fable|mythos)-{_SINCE_4_7}", _HIGH, _HIGH_PAGE, None),
    _claude(r"claude-opus-4-[56](-\S+)?", _STANDARD, _STANDARD_PAGE, 5.00),
    _claude(r"claude-sonnet-4(-\S+)?", _STANDARD, _STANDARD_PAGE, 3.00),
    _claude(r"claude-haiku-4-5(-\S+)?", _STANDARD, _STANDARD_PAGE, 1.00),
    _claude(r"claude-(3|opus|haiku)\S*", _STANDARD, _STANDARD_PAGE, None),
    _gemini(r"gemini-2\.5-pro(-\S+)?", Crops(), GEMINI_GUIDE, 1.25),
    _gemini(r"gemini-2\.5-flash-lite(-\S+)?", Crops(), GEMINI_GUIDE, 0.10),
    _gemini(r"gemini-2\.5-flash(-\S+)?", Crops(), GEMINI_GUIDE, 0.30),
    _gemini(r"gemini-(1\.5|2\.0)-\S+", Crops(), GEMINI_GUIDE, None),
    _gemini(r"gemini-3\.1-pro-preview", Fixed(1120), GEMINI_3_GUIDE, 2.00),
    _gemini(r"gemini-3\.1-flash-lite(-preview)?", Fixed(1120), GEMINI_3_GUIDE, 0.25),
    _gemini(r"gemini-3-flash-preview", Fixed(1120), GEMINI_3_GUIDE, 0.50),
    _gemini(r"gemini-3\.5-flash(-\S+)?", Fixed(1120), GEMINI_3_GUIDE, 1.50),
    _gemini(r"gemini-3\S*", Fixed(1120), GEMINI_3_GUIDE, None),
    _qwen(r"qwen-?3(\.\d)?-vl\S*", Grid(32, extra=2), PageShape(1024, 1280)),
    _qwen(r"qwen-?2(\.5)?-vl\S*", Grid(28), PageShape(1092, 1092)),
)
"""The first match counts. Images are priced at OpenAI's detail "high" and Gemini 3's default."""


NAMES: tuple[str, ...] = (
    *(name for rule in RULES if rule.provider == "openai" for name in rule.label.split("|")),
    "claude-opus-4-8", "claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5", "gemini-2.5-pro",
    "gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-3-flash-preview", "gemini-3.1-pro-preview",
    "gemini-3.5-flash", "qwen3-vl", "qwen2.5-vl",
)  # fmt: skip
"""Names that an unknown one is compared with."""


def rule_for(model: str, rules: Sequence[ModelRule] = RULES) -> ModelRule:
    """The rule of a model, by any of its names: with its provider ("openai:gpt-4o"), as clouds and
    routers call it, or as a fine-tune (see `model_names.spellings`). An unknown name gets the rule
    of the nearest one, with a warning. Raises ProviderError if no name is near."""
    if found := known_rule(model, rules):
        return found
    near = nearest(model, NAMES)
    if near is None or not (found := known_rule(near, rules)):
        known = ", ".join(sorted({rule.provider for rule in rules}))
        raise ProviderError(
            f"no rule says what {model!r} charges for images (known providers: {known}); name a "
            "model in optimem.prompts.RULES, for a deployment with a name of its own pass "
            "model=rule_for(…) of the model behind it, or pass model=ModelRule(…) with a formula "
            "of your own"
        )
    warnings.warn(
        f"no rule is known for {model!r}: its images are priced as those of {near!r}, the nearest "
        "name; pass model=ModelRule(…) if that is wrong",
        stacklevel=2,
    )
    return replace(found, model=f"{model} (as {near})")


def known_rule(model: str, rules: Sequence[ModelRule] = RULES) -> ModelRule | None:
    """The rule of a model, by any of its names; None for a name that no rule matches."""
    for name in spellings(model):
        for rule in rules:
            if rule.matches(name):
                return replace(rule, model=name)
    return None
