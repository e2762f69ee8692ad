"""`optimem compress`: a text, or pictures and PDFs, to a file of vision tokens."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from optimem.cli.inputs import mode_option, pictures_given, refuse
from optimem.cli.output import (
    STDIN,
    json_option,
    print_fields,
    print_json,
    progress_bar,
    read_input,
    tier_option,
    timed_bar,
)
from optimem.errors import InputError
from optimem.model_names import NANO

SUFFIX = ".omem"


@click.command(
    epilog="\b\nExamples:\n  optimem compress notes.txt\n"
    "  optimem compress notes.txt --tier tiny --json\n"
    "  cat notes.txt | optimem compress - -o notes.omem\n"
    "  optimem compress paper.pdf scan.jpg --model deepseek-ai/DeepSeek-OCR -o paper.omem"
)
@click.argument("sources", metavar="INPUT...", nargs=-1, required=True)
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Output file.")
@click.option(
    "--model", default=NANO, show_default=True, metavar="NAME",
    help="optimem-nano, or a DeepSeek-OCR folder or hub name, which pictures need.",
)  # fmt: skip
@tier_option
@mode_option
@click.option(
    "--packing", default="int8", show_default=True, metavar="PACKING",
    help="Of pictures: bf16, int8 or int4; fewer bytes, less exact tokens.",
)  # fmt: skip
@json_option
def compress(
    sources: tuple[str, ...], out: Path | None, model: str, tier: str, mode: str, packing: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Turn a UTF-8 text file ("-" for standard input), or any number of image files and PDFs,
    into a file of vision tokens.

    The output, INPUT with the suffix .omem unless -o names it, is replaced if it exists. It
    holds no copy of the text, nor of the pictures.
    """
    pictures = pictures_given(sources, model)
    if pictures:
        refuse("tier", "a text")
    else:
        refuse("mode", "pictures")
        refuse("packing", "pictures")
    out = out or _beside(sources)
    if pictures:
        report = _compress_pictures(pictures, out, model, mode, packing)
    else:
        report = _compress_text(sources[0], out, model, tier)
    report = {"file": str(out), **report}
    if as_json:
        print_json(report)
    else:
        print_fields(f"{', '.join(sources)} → {out}", report)


def _beside(sources: Sequence[str]) -> Path:
    if STDIN in sources or len(sources) > 1:
        given = "reading standard input" if STDIN in sources else "several inputs"
        raise click.UsageError(f"{given} needs -o OUT{SUFFIX}")
    return Path(sources[0]).with_suffix(SUFFIX)


def _compress_text(source: str, out: Path, model: str, tier: str) -> dict[str, Any]:
    text = read_input(source)
    if not text:
        raise InputError(f"{source} is empty; there is nothing to compress")
    from optimem.build import named_reader
    from optimem.compression import compress as compress_text
    from optimem.tiers import Tier

    reader = named_reader(model)
    with progress_bar("drawing and encoding pages") as bar:
        done = compress_text(text, Tier.parse(tier), reader, bar)
    done.file.save(out)
    return done.report.model_dump()


def _compress_pictures(
    sources: Sequence[Path], out: Path, model: str, mode: str, packing: str
) -> dict[str, Any]:
    from optimem.pictures import compress_pictures

    with timed_bar("encoding pages") as bar:
        report = compress_pictures(
            sources, out, model=model, mode=mode, packing=packing, progress=bar
        )
    return report.model_dump()


COMMANDS = (compress,)
