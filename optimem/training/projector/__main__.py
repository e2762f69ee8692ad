"""Train a projector from stored pages to a frozen chat model, or continue a run.

    python -m optimem.training.projector --llm SmolLM2 --text books.txt=2 code.txt --run runs/p

The run resumes from its folder's checkpoint.pt if there is one, so stop it at any time and give
the same command again. It appends to the folder's log.jsonl, saves every few steps, and leaves
projector.safetensors. --llm is the folder of any chat model that transformers loads. The texts are
UTF-8 files, plain or .xz; pages of them are stored once, in the folder's pages.omem.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

from optimem.build import nano
from optimem.cli.output import progress_bar
from optimem.errors import OptimemError, ResumeError
from optimem.model.projector.chat_model import ChatModel
from optimem.model.projector.network import Projector, ProjectorConfig
from optimem.model.projector.weights import ProjectorFile, TrainedFor
from optimem.omem.text import TokenFile
from optimem.tiers import Tier
from optimem.training.optimiser import SMALLEST_SIDE
from optimem.training.options import add_run_options
from optimem.training.projector.stretches import learn_pages, read_sources, store_pages
from optimem.training.projector.trainer import Plan, ProjectorTrainer

PAGES = "pages.omem"


def arguments() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m optimem.training.projector",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--llm", required=True, type=Path, metavar="FOLDER", help="chat model, stays as it is")
    add("--text", nargs="+", required=True, metavar="FILE[=WEIGHT]", help="training files")
    add_run_options(parser, steps=3000, lr=2e-3)
    add("--tier", default="large", help="of the pages (%(default)s)")
    add("--pages", type=int, default=300, help="stored for the run (%(default)s)")
    add("--cells", type=int, default=8, help="cells of a soft token (%(default)s)")
    add("--margin", type=int, default=8, help="cells seen on each side of them (%(default)s)")
    add("--hidden", type=int, default=2048, help="units between the layers (%(default)s)")
    add("--fitting", type=int, default=1000, help="first steps, without --llm (%(default)s)")
    add("--batch", type=int, default=8, help="stretches of a step (%(default)s)")
    return parser


def main() -> None:
    """Parse the arguments and train."""
    parser = arguments()
    args = parser.parse_args()
    least = {"hidden": SMALLEST_SIDE, "cells": 1, "margin": 0, "pages": 1, "batch": 1}
    for name, smallest in least.items():
        if getattr(args, name) < smallest:
            parser.error(f"--{name} {getattr(args, name)}: at least {smallest}")
    try:
        train(args)
    except OptimemError as error:
        sys.exit(f"error: {error}")


def train(args: argparse.Namespace) -> None:
    """The run that the arguments describe."""
    args.run.mkdir(parents=True, exist_ok=True)
    tier = Tier.parse(args.tier)
    llm = ChatModel.open(args.llm, torch.device(args.device))
    stored = _stored_pages(args, tier)
    pages = learn_pages(stored, nano())
    torch.manual_seed(args.seed)
    config = ProjectorConfig(
        features=pages[0].features.shape[1],
        width=llm.width,
        cells=args.cells,
        margin=args.margin,
        hidden=args.hidden,
    )
    known = TrainedFor(stored.fingerprint, tier, llm.fingerprint)
    file = ProjectorFile(Projector(config, llm.size), known)
    plan = Plan(args.steps, args.fitting, args.batch, cooldown=args.cooldown)
    trainer = ProjectorTrainer(args.run, file, llm, pages, plan, lr=args.lr, seed=args.seed)
    trainer.resume()
    with progress_bar("training") as bar:
        trainer.train(args.save_every, args.minutes, bar)


def _stored_pages(args: argparse.Namespace, tier: Tier) -> TokenFile:
    """The run's pages, stored now or before. Raises ResumeError for those of another tier."""
    path = args.run / PAGES
    if not path.exists():
        rng = np.random.default_rng(args.seed)
        with progress_bar("storing pages") as bar:
            made = store_pages(read_sources(args.text), args.pages, nano(), tier, rng, bar)
        made.save(path)
    stored = TokenFile.load(path)
    if stored.tier != tier:
        raise ResumeError(
            f"{path} holds pages at {stored.tier.label}, not at {tier.label}; give another --run"
        )
    return stored


if __name__ == "__main__":
    main()
