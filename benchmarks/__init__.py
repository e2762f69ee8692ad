"""Commands that print the figures of the README and of docs/, run from a clone.

    python -m benchmarks.fidelity FILE...   characters right, ratio and bytes, by tier
    python -m benchmarks.speed FILE         pages a second, beside Tesseract
    python -m benchmarks.prompts FILE...    tokens of prompts as text and as pages, by model
    python -m benchmarks.agents             what agents send to their models with and without us
    python -m benchmarks.deepseek PART      DeepSeek-OCR's structure beside transformers'

Texts are the caller's: UTF-8 files, plain or .xz. Not part of the wheel.
"""
