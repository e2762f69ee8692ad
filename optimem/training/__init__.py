"""The recipe of `optimem-nano`, as commands: `python -m optimem.training.train --help`.

Knows the model and the renderer; nothing of stores or memory.
"""
