"""The models: DeepEncoder, the mixture-of-experts decoder, and what is built of them.

The only room beside `training/` that uses torch, and importing this file does not load it. Knows
nothing of stores or memory.
"""

NANO = "optimem-nano"
"""The embedded model."""
DEEPSEEK = "deepseek-ai/DeepSeek-OCR"
"""The released model, by its name on the hub."""
