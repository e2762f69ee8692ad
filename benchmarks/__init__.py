"""Commands that print the figures of the README, from text that the caller gives.

`python -m benchmarks.fidelity` and `python -m benchmarks.speed`.
"""
