"""Greedy tokens of a real vLLM server about stored pages, beside the same chat model's here.

    .ci/vllm-env && python -m benchmarks.projector.served --llm SmolLM2 \\
        --projector runs/projector/projector.safetensors --text books_en.val.txt.xz

A short page of each file is stored, projected and asked to be repeated and continued, of the server
and here, both in fp32 and from the values that were sent. Prints how many tokens are the same.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from benchmarks.vllm.server import VllmServer
from optimem.build import nano
from optimem.model.projector.chat_model import ChatModel
from optimem.model.projector.pages import PageProjector
from optimem.model.projector.served import ServedProjection
from optimem.model.vllm.command import CPU_ENVIRONMENT, CPU_SERVING, ServerCommand
from optimem.model.vllm.vectors import as_sent
from optimem.omem.text import write_pages
from optimem.protocols import PageCodec, VisionTokens
from optimem.text.files import read_text_file
from optimem.training.projector.tasks import CONTINUE, REPEAT

CHARACTERS = 600
TOKENS = 64
CPU = torch.device("cpu")


def main() -> None:
    """Parse the arguments, ask both and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.projector.served",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--llm", required=True, type=Path, metavar="FOLDER", help="chat model")
    add("--projector", required=True, type=Path, metavar="FILE", help="of a run")
    add("--text", nargs="+", required=True, type=Path, metavar="FILE", help="a page of each")
    args = parser.parse_args()
    llm = ChatModel.open(args.llm, CPU, torch.float32)
    projector = PageProjector.open(args.projector, CPU)
    pages = [_page(path, projector) for path in args.text]
    same = total = 0
    with _served(args.llm, llm, args.projector) as server:
        for page in pages:
            for question in (REPEAT, CONTINUE):
                vectors = as_sent(projector.vectors([page])).float()
                (ours,) = llm.generate([llm.prompt(vectors, question)], TOKENS)
                theirs = server.ask([page], question, limit=TOKENS).ids
                same += sum(a == b for a, b in zip(ours, theirs, strict=False))
                total += max(len(ours), len(theirs))
    print(f"{len(pages)} pages, 2 questions each: {same} of {total} greedy tokens are the same")


def _page(path: Path, projector: PageProjector) -> VisionTokens:
    cells = nano().renderer.cells(read_text_file(path)[:CHARACTERS])
    codec = PageCodec(nano().renderer, nano(), nano())
    tier = projector.trained_for.tier
    (written,) = write_pages([cells], tier, codec, lambda reading, count: np.ones(count, bool))
    return written.page.tokens


@contextmanager
def _served(folder: Path, llm: ChatModel, projector: Path) -> Iterator[ServedProjection]:
    def command(port: int) -> ServerCommand:
        arguments = ("--served-model-name", llm.fingerprint, "--enable-prompt-embeds",
                     "--generation-config", "vllm", "--max-model-len", "2048", "--dtype", "float32",
                     "--port", str(port), *CPU_SERVING)  # fmt: skip
        return ServerCommand(str(folder.resolve()), arguments, CPU_ENVIRONMENT)

    server = VllmServer(folder, command=command)
    client = ServedProjection.at(f"vllm+{server.url}", projector, device=CPU)
    try:
        yield client
    finally:
        client.close()
        server.stop()


if __name__ == "__main__":
    main()
