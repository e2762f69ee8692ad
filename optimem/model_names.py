"""What models are called. Data only, so that a command's help needs no model."""

NANO = "optimem-nano"
"""The embedded model."""
DEEPSEEK = "deepseek-ai/DeepSeek-OCR"
"""The released model, as the hub calls it."""
