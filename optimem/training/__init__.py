"""The recipe of `optimem-nano`, as commands: `train`, `plot` and `export`, each with `--help`.

`python -m optimem.training.train --help` says how to start a run. Knows the model and the
renderer, but nothing of stores or memory.
"""

CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"
SNAPSHOT = "step-{}.safetensors.zst"
"""What the folder of a run holds; the snapshot of its last save is a weights file."""
