"""What compression costs in fidelity: measured, compared with baselines, and reported.

`run` is the way in: `corpora` and `sampling` choose the texts, `round_trip` encodes and reads them,
`measures` and `summary` score the readings, `tables` and `report` present the figures.
"""
