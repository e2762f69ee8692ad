"""The models: DeepEncoder, the mixture-of-experts decoder, and the shipped `optimem-nano`.

The only place beside `training/` that uses torch. Knows nothing of stores or memory.
"""
