"""What a compression costs in fidelity: scored, compared with baselines, and reported.

`measures` and `summary` are pure; `run` draws and reads; `report` writes what a person looks at.
"""
