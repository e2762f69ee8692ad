"""Stored pages read by a chat model that never saw one: a projector of two layers, from what
`optimem-nano` makes of a page's cells to vectors in place of the model's own tokens.

`network` is the projector, `weights` its file, `chat_model` the frozen model in this process (the
only file here that uses transformers, an extra), `reader` puts them together, `served` asks a vLLM
server instead. docs/projector.md says how well it works. Importing this file loads no torch.
"""
