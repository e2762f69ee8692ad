"""What a compressed prompt costs, beside what it cost before: plain values, ready for JSON."""

from pydantic import BaseModel, ConfigDict


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
