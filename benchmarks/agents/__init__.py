"""A long conversation with tools, and what a model is sent of it with and without a memory.

`python -m benchmarks.agents`. `values`, `facts`, `topics` and `conversation` make the
text; `contenders` and `runs` send it through real agents; `overhead` takes the time.
"""
