"""The released DeepSeek-OCR (3 B): its checkpoint, in the encoder and decoder of `model`.

What only this model needs lives here: vocabulary and layout of views, loading, preprocessing,
prompts, generation.
"""
