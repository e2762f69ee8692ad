"""Stored pages read by a chat model that never saw one: a projector of two layers, from what
`optimem-nano` makes of a page's cells to vectors in place of the model's own tokens.

`network` is the projector, `weights` its file, `pages` puts stored pages through it. `chat_model`
is the frozen model in this process (by transformers, an extra; `gguf_folder` makes its folder),
`reader` asks it, `served` asks a vLLM server instead. docs/projector.md says how well it works.
"""
