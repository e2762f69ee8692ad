"""Arguments that every run takes, whatever it trains."""

import argparse
from pathlib import Path

import torch


def add_run_options(parser: argparse.ArgumentParser, *, steps: int, lr: float) -> None:
    """Where a run is kept, how long it goes on, and on what; `steps`, `lr`: its defaults."""
    add = parser.add_argument
    add("--run", required=True, type=Path, metavar="FOLDER", help="folder of the run")
    add("--steps", type=int, default=steps, help="train until this step (%(default)s)")
    add("--lr", type=float, default=lr, help="learning rate (%(default)s)")
    add(
        "--cooldown",
        type=float,
        default=0.25,
        help="last share of the steps, over which the learning rate falls (%(default)s)",
    )
    add("--save-every", type=int, default=200, help="steps between checkpoints (%(default)s)")
    add("--seed", type=int, default=0, help="of weights and pages (%(default)s)")
    add(
        "--minutes",
        type=float,
        default=float("inf"),
        help="save and stop after so long, such as 9; the same command continues (no limit)",
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    add("--device", default=device, help="torch device (%(default)s)")
