"""Plot a run as a PNG: errors on held-out pages and bits a cell, by tier, over the steps.

python -m optimem.training.plot --run runs/nano
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

from optimem.errors import MissingExtraError
from optimem.tiers import Tier
from optimem.training import LOG

Points = list[tuple[int, float]]
NOT_TEXT = ("noise", "rare")  # held-out pages that the curves leave out
LEAST_ERROR = 1e-6  # for the logarithmic axis


def curves(log: Path) -> tuple[dict[str, Points], dict[str, Points]]:
    """By tier: the share of held-out cells read wrong, and bits a cell, at each evaluation."""
    wrong: dict[str, Points] = defaultdict(list)
    bits: dict[str, Points] = defaultdict(list)
    for line in log.read_text("utf-8").splitlines():
        entry = json.loads(line)
        for tier, kinds in entry.get("held_out", {}).items():
            scores = [score for kind, score in kinds.items() if kind not in NOT_TEXT]
            right = sum(score[0] for score in scores) / len(scores)
            wrong[tier].append((entry["step"], max(1 - right, LEAST_ERROR)))
            bits[tier].append((entry["step"], sum(score[1] for score in scores) / len(scores)))
    return wrong, bits


def plot(log: Path, out: Path) -> None:
    """Plot both as a PNG file. Raises MissingExtraError if matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(
            "plotting needs matplotlib: pip install 'optimem[training]'"
        ) from error
    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots(1, 2)
    titles = ("held-out cells read wrong", "bits a cell")
    for axis, lines, title in zip(axes, curves(log), titles, strict=True):
        for tier in reversed(Tier):
            if tier.label in lines:
                axis.plot(*zip(*lines[tier.label], strict=True), label=tier.label)
        axis.set(yscale="log", xlabel="step", title=title)
        axis.grid(visible=True, alpha=0.3)
    axes[0].legend()
    figure.savefig(out, dpi=110)


def main() -> None:
    """Parse the arguments and plot."""
    parser = argparse.ArgumentParser(
        prog="python -m optimem.training.plot",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--run", type=Path, required=True, help="folder of the training run")
    parser.add_argument("--out", type=Path, help="a PNG file (curve.png in that folder)")
    args = parser.parse_args()
    plot(args.run / LOG, args.out or args.run / "curve.png")


if __name__ == "__main__":
    main()
