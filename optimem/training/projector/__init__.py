"""The recipe of a projector from stored pages to a chat model, as commands:
`python -m optimem.training.projector`, and `.unpack_gguf`, which makes a folder of a GGUF file.

`stretches` is what it learns from, `questions` what is asked about them, `tasks` what a step
consists of, `trainer` the run. See docs/projector.md.
"""
