"""DeepSeek-OCR 2 and Unlimited-OCR, computed by transformers' own classes.

`model` makes one of them look like our `DeepSeekOCR`; `reader` reads images with it. Uses
transformers, an extra; importing this file does not load it.
"""
