"""Long conversations with tools: what a model is sent of them, and what that costs.

`values`, `facts`, `topics`, `exchanges`, `follow_ups` and `conversation` make the text; `direct`
calls middlewares on it, and `runs` sends it through real agents. `contenders` are the ways to
shorten it, `bill` prices what they send and `cost` compares them. `measure` looks at optimem after
its pages have faded, next to `baselines` with the same budget, `overhead` times it, and `report`
prints. `kept` lets a run that was stopped go on. Run it with `python -m benchmarks.agents`.
"""
