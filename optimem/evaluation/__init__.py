"""What compression costs in fidelity: measured, compared with baselines, and reported; and what a
memory holds.

`run` is the way in: `corpora` and `sampling` choose the texts, `round_trip` encodes and reads them,
`measures` and `summary` score the readings, `verdict`, `tables`, `curves` and `report` present the
figures. `inspection` shows a memory: `forecast` and `timeline` say what fades, `page_cards` what
its pages are.
"""
