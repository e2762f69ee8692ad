"""`optimem encode-corpus`: many documents to shards of vision tokens. `optimem read-corpus`:
back."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from optimem.cli.completion import complete_file
from optimem.cli.inputs import json_option, mode_option, raw_option, tier_option
from optimem.cli.output import print_fields, print_json, print_rows, progress_bar
from optimem.model import NANO
from optimem.tiers import Tier

if TYPE_CHECKING:
    from optimem.corpus.reading import CorpusDocument


@click.command(
    "encode-corpus",
    epilog="\b\nExamples:\n"
    "  optimem encode-corpus docs/ encoded/\n"
    "  optimem encode-corpus pages.parquet encoded/ --text-field body\n"
    "  optimem encode-corpus scans/ encoded/ --images deepseek-ai/DeepSeek-OCR\n"
    "  optimem encode-corpus /nfs/docs /nfs/out --engine ray --address head:6379",
)
@click.argument("source", metavar="IN", shell_complete=complete_file)
@click.argument("out", metavar="OUT", type=click.Path(file_okay=False, path_type=Path))
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True,
              help="What runs the workers: processes of this machine, or Ray.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1), metavar="N",
              show_default="one per GPU, or else per core",
              help="How many encode at once; each holds a model.")  # fmt: skip
@click.option("--address", metavar="HOST:PORT",
              show_default="RAY_ADDRESS, or a cluster of this machine",
              help="Of the Ray cluster, whose machines must see IN at the same path.")  # fmt: skip
@click.option("--model", default=NANO, show_default=True, metavar="NAME",
              help="For text: optimem-nano, or a DeepSeek-OCR folder or hub name.")  # fmt: skip
@tier_option
@click.option("--images", metavar="NAME", show_default="that of --model",
              help="For images and PDFs: a DeepSeek-OCR folder or hub name.")  # fmt: skip
@mode_option
@click.option("--packing", default="int8", show_default=True, metavar="PACKING",
              help="For images: bf16, int8 or int4.")  # fmt: skip
@click.option("--text-field", default="text", show_default=True, metavar="COLUMN",
              help="In a list: the text of a document.")  # fmt: skip
@click.option("--path-field", default="path", show_default=True, metavar="COLUMN",
              help="In a list: the file of a document, relative to the list.")  # fmt: skip
@click.option("--id-field", default="id", show_default=True, metavar="COLUMN",
              help="In a list: the name of a document; default its path, or its row.")  # fmt: skip
@json_option
def encode_corpus(
    source: str, out: Path, engine: Literal["local", "ray"], workers: int | None,
    address: str | None, model: str, tier: str, images: str | None, mode: str, packing: str,
    text_field: str, path_field: str, id_field: str, as_json: bool,
) -> None:  # fmt: skip
    """Encode many documents, each once.

    IN is a folder of texts, images and PDFs, a list of documents (.jsonl or .parquet, each row with
    a text or a path), or a file. OUT is a folder, which gets shards of vision tokens. After an
    interruption, or when documents were added or changed, run it again: it goes on where it was.

    A document that cannot be encoded stops nothing; OUT/bad.jsonl says which and why, and the next
    run tries it again.
    """
    if address is not None and engine != "ray":
        raise click.UsageError("--address is for --engine ray; leave it out here")
    from optimem.corpus.documents import Fields
    from optimem.corpus.run import encode_corpus as encode

    with progress_bar("encoding documents") as bar:
        report = encode(
            source, out, engine=engine, workers=workers, address=address, model=model,
            tier=Tier.parse(tier), images=images, mode=mode, packing=packing,
            fields=Fields(text_field, path_field, id_field), progress=bar,
        )  # fmt: skip
    if as_json:
        print_json(report.model_dump())
        return
    print_fields(f"{source} → {out}", report.model_dump())
    if report.bad:
        click.echo(f"{report.bad:,} could not be encoded; see {out / 'bad.jsonl'}", err=True)


@click.command(
    "read-corpus",
    epilog="\b\nExamples:\n"
    "  optimem read-corpus encoded/ --list\n"
    "  optimem read-corpus encoded/ guide/intro.md > intro.md\n"
    "  optimem read-corpus encoded/ --jsonl | optimem remember docs --jsonl -",
)
@click.argument("folder", metavar="OUT", type=click.Path(file_okay=False, path_type=Path),
                shell_complete=complete_file)  # fmt: skip
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--list", "as_list", is_flag=True, help="Print which documents it holds.")
@click.option("--jsonl", is_flag=True,
              help="Print lines of JSON, as `optimem remember` takes them.")  # fmt: skip
@raw_option
def read_corpus(
    folder: Path, ids: tuple[str, ...], as_list: bool, jsonl: bool, raw: bool
) -> None:  # fmt: skip
    """Print the documents of a corpus.

    OUT is the folder that `optimem encode-corpus` wrote; ID names documents, by default all. They
    are read with the models that wrote them.
    """
    from optimem.corpus.reading import Corpus

    corpus = Corpus.load(folder)
    if as_list:
        _print_list(corpus.documents, jsonl)
        return
    for id, text in corpus.read(ids or None, raw=raw):
        line = json.dumps({"id": id, "role": "text", "text": text}, ensure_ascii=False)
        click.echo(line if jsonl else text, nl=jsonl)


def _print_list(documents: "list[CorpusDocument]", jsonl: bool) -> None:
    if jsonl:
        for each in documents:
            click.echo(json.dumps(each._asdict(), ensure_ascii=False))
        return
    rows = [[each.id, each.kind, f"{each.pages:,}", f"{each.stored_bytes:,}"] for each in documents]
    print_rows([["document", "kind", "pages", "bytes stored"], *rows], left=(0, 1))


COMMANDS = (encode_corpus, read_corpus)
