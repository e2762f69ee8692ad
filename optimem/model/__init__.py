"""The models: layers that two share, `nano/` and `deepseek_ocr/`, which are built of them, and
`minilm/`, which finds turns by what they mean.

The only room besides `training/` that uses torch; importing this file does not load it. Knows
nothing of stores or memory.
"""

NANO = "optimem-nano"
"""The embedded model."""
DEEPSEEK = "deepseek-ai/DeepSeek-OCR"
"""The released model, by its name on the hub."""
MINILM = "minilm"
"""The sentence model of the extra `embeddings`."""

ROPE_THETA = 10_000.0
NORM_EPS = 1e-6
"""Of the decoders' blocks: of their rotary embedding, and added to a mean square."""
