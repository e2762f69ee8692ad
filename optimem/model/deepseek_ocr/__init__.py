"""The released DeepSeek-OCR (3 B): everything that only this model needs.

Its sizes and layers, checkpoint, views and prompts, generation, and the ways in and out: images
and ruled pages to stored vision tokens, and those to answers.
"""
