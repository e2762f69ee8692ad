"""A long conversation with tools, and what a model is sent of it with and without a memory.

`values`, `facts`, `topics` and `conversation` make the text; `runs` sends it through real agents,
`baselines` are LangChain's own ways to shorten it, `measure` compares them with optimem, `overhead`
times optimem, and `report` prints. Run it with `python -m benchmarks.agents`.
"""
