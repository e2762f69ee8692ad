"""Commands that print the figures of the README, from text that the caller gives.

`python -m optimem.benchmarks.fidelity` and `python -m optimem.benchmarks.speed`.
"""
