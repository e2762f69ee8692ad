"""Train `optimem-nano`, or continue a run.

    python -m optimem.training.train --text a.txt=0.4 b.txt --val held_out.txt --run runs/nano

A run resumes from its folder's checkpoint.pt if there is one, so stop it at any time and give
the same command again. It appends to the folder's log.jsonl and saves every few steps. The
texts are UTF-8 files, plain or .xz. Where other programs use the CPU too, set OMP_NUM_THREADS=1
and give --workers. On a GPU give --batch 16 or more, and --mixers as many as there are CPU cores.

Beside checkpoint.pt, every save writes step-N.safetensors.zst: the model alone, a ninth of the
size. Where only that is left of a run, it continues from there with an optimiser that starts
anew.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from optimem.protocols import Cells
from optimem.renderers.dense import DenseRenderer
from optimem.training.curriculum import AUXILIARY_UNTIL, Curriculum
from optimem.training.evaluate import held_out_pages
from optimem.training.options import add_run_options
from optimem.training.page_pool import PagePool
from optimem.training.pages import PageMixer, text_cells
from optimem.training.trainer import Trainer

HELD_OUT_PAGES = 3  # of each file


def load_sources(texts: Iterable[str], renderer: DenseRenderer) -> tuple[list[Cells], list[float]]:
    """Cells and weight of each `FILE` or `FILE=WEIGHT`. A weight, default 1, is relative: how
    often pieces of text come from that file."""
    sources, weights = [], []
    for text in texts:
        path, _, weight = text.partition("=")
        sources.append(text_cells(Path(path), renderer))
        weights.append(float(weight or 1))
        print(f"{path}: {len(sources[-1]):,} cells", flush=True)
    return sources, weights


def arguments() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m optimem.training.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--text", nargs="+", required=True, metavar="FILE[=WEIGHT]", help="training files")
    add("--val", nargs="+", required=True, type=Path, metavar="FILE", help="held-out files")
    add_run_options(parser, steps=6000, lr=3e-3)
    add("--init", type=Path, metavar="FILE", help="weights to start from, such as the shipped ones")
    add("--batch", type=float, default=1.0, help="factor for the pages of a step (%(default)s)")
    add("--workers", type=int, default=1, help="processes that share a step (%(default)s)")
    add("--mixers", type=int, default=0, help="processes that mix pages ahead (%(default)s)")
    add(
        "--compile",
        action=argparse.BooleanOptionalAction,
        default=torch.cuda.is_available(),
        help="compile the network, worth it on a GPU (%(default)s)",
    )
    return parser


def main() -> None:
    """Parse the arguments and train."""
    parser = arguments()
    args = parser.parse_args()
    if args.workers < 1 or (args.workers > 1 and (args.device != "cpu" or args.mixers)):
        parser.error(
            f"--workers {args.workers} with --device {args.device} and --mixers {args.mixers}: "
            "at least 1, and more than 1 only with --device cpu and without --mixers"
        )
    args.run.mkdir(parents=True, exist_ok=True)
    renderer = DenseRenderer()
    held_out = held_out_pages(args.val, renderer, HELD_OUT_PAGES)
    sources, weights = load_sources(args.text, renderer)
    mixer = PageMixer(renderer, sources, weights, np.random.default_rng(args.seed))
    trainer = new_trainer(args, mixer)
    if not trainer.resume() and args.init:
        trainer.start_from(args.init)
    if args.compile:
        trainer.compile()
    trainer.train(args.steps, args.save_every, held_out, args.minutes)


def new_trainer(args: argparse.Namespace, mixer: PageMixer) -> Trainer:
    """The run that the arguments describe, at its first step."""
    first = AUXILIARY_UNTIL if args.init else 0  # weights come without auxiliary heads
    curriculum = Curriculum(args.steps, args.cooldown, args.batch, first)
    pool = None
    if args.mixers:
        pool = PagePool(mixer, curriculum.pages, seed=args.seed, workers=args.mixers)
    torch.manual_seed(args.seed)
    return Trainer(
        args.run,
        mixer,
        curriculum,
        torch.device(args.device),
        lr=args.lr,
        seed=args.seed,
        workers=args.workers,
        pool=pool,
    )


if __name__ == "__main__":
    main()
