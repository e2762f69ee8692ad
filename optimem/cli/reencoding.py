"""`optimem reencode`: pages of another model written anew; `optimem reindex`: their vectors."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimem.cli.completion import complete_file, complete_scope_or_file, scope_argument
from optimem.cli.inputs import MemoryOptions, json_option, memory_options
from optimem.cli.output import print_json, progress_bar
from optimem.errors import InputError
from optimem.omem.container import MAGIC

if TYPE_CHECKING:
    from optimem.protocols import PageCodec
    from optimem.reports import ReencodeReport

LEFT = 1
"""Exit code if pages of another model are left."""


@click.command(
    epilog="\b\nExamples:\n"
    "  optimem reencode --dry-run\n"
    "  optimem reencode --from-weights old/optimem-nano.safetensors.zst\n"
    "  optimem reencode work/ann/monday --from-model ./DeepSeek-OCR\n"
    "  optimem reencode notes.omem --from-weights old/optimem-nano.safetensors.zst"
)
@click.argument("target", metavar="[SCOPE|FILE]", required=False,
                shell_complete=complete_scope_or_file)  # fmt: skip
@click.option("--from-weights", metavar="FILE", shell_complete=complete_file,
              help="The weights of optimem-nano that wrote the old pages.")  # fmt: skip
@click.option("--from-model", metavar="NAME",
              help="The model that wrote them, as for --model.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Count pages by model, and change nothing.")
@memory_options("store", "model", "reader", "policy")
@json_option
def reencode(
    target: str | None,
    from_weights: str | None,
    from_model: str | None,
    dry_run: bool,
    options: MemoryOptions,
    as_json: bool,
) -> None:
    """Write pages of another model or of old weights anew.

    Works on SCOPE, on the whole store, or on an .omem file of text, which it replaces. Turns keep
    ids, times and pins, pages their tiers and due times; exact turns stay exact, and what was
    doubtful stays marked. May run beside writers and workers; run it again after an interruption.
    Without --from-weights or --from-model, pages of other models are only listed. Exits with 1 if
    any are left.
    """
    if from_weights and from_model:
        raise click.UsageError("give --from-weights or --from-model, not both")
    if from_weights and not Path(from_weights).is_file():
        raise InputError(f"{from_weights} is not a file; give the weights that wrote the old pages")
    source = from_weights or (from_model and _old_model(from_model, options.reader))
    with progress_bar("writing pages anew") as bar:
        if target and _is_file(Path(target)):
            from optimem.api.reencoding import reencode_file

            report = reencode_file(
                target, source, model=options.model, dry_run=dry_run, progress=bar
            )
        else:
            with options.open() as memory:
                if target:
                    memory.check_known(target)
                report = memory.reencode(source, scope=target, dry_run=dry_run, progress=bar)
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        _print(report, dry_run)
    if report.unreadable or report.skipped:
        sys.exit(LEFT)


def _old_model(name: str, reader: str | None) -> "str | PageCodec":
    """What reads pages of a model: itself, or a server of it."""
    from optimem import build
    from optimem.model import NANO

    return build.named_codec(name, reader) if reader and name != NANO else name


def _is_file(path: Path) -> bool:
    """Whether a name stands for an .omem file rather than a scope."""
    if path.suffix == ".omem":
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _print(report: "ReencodeReport", dry_run: bool) -> None:
    for found in report.unreadable:
        click.echo(f"{found.scope} {found.entry}: {found.reason}", err=True)
    for encoder, pages in sorted(report.encoders.items()):
        click.echo(f"{pages:,} pages were written by {encoder}")
    verb = "would be written" if dry_run else "written"
    size = "" if dry_run else f" ({report.bytes_before:,} bytes before, {report.bytes_after:,} now)"
    click.echo(
        f"{report.pages:,} pages {verb} anew{size}; {report.current:,} need nothing, "
        f"{report.skipped:,} kept changing, {len(report.unreadable):,} are left as they are"
    )


@click.command(
    epilog="\b\nExamples:\n"
    "  optimem reindex --embeddings langchain_huggingface:HuggingFaceEmbeddings\n"
    "  optimem reindex work/ann/monday --embeddings my_models:embed --dry-run"
)
@scope_argument(required=False)
@click.option("--dry-run", is_flag=True, help="Count pages, and change nothing.")
@memory_options("store", "model", "reader", "embeddings")
@json_option
def reindex(scope: str | None, dry_run: bool, options: MemoryOptions, as_json: bool) -> None:
    """Make the vectors of pages that have none.

    Works on SCOPE or on the whole store, and on pages whose vectors are of another embedding model,
    from what can be read of them. May run beside writers and workers; run it again after an
    interruption. Exits with 1 if pages are left without.
    """
    with progress_bar("embedding") as bar, options.open() as memory:
        if scope:
            memory.check_known(scope)
        report = memory.reindex(scope=scope, dry_run=dry_run, progress=bar)
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        for found in report.unreadable:
            click.echo(f"{found.scope} {found.entry}: {found.reason}", err=True)
        verb = "would get" if dry_run else f"got {report.bytes:,} bytes of"
        click.echo(
            f"{report.pages:,} pages {verb} vectors; {report.current:,} had them, "
            f"{report.skipped:,} kept changing, {len(report.unreadable):,} stay without"
        )
    if report.unreadable or report.skipped:
        sys.exit(LEFT)


COMMANDS = (reencode, reindex)
