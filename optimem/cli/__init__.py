"""The command line: it parses and prints; the package does the work."""

import os
import sys
from collections.abc import MutableMapping
from textwrap import fill

import click

from optimem import __version__
from optimem.cli import (
    compress,
    corpus,
    demo,
    evaluation,
    files,
    keys,
    mcp,
    memory,
    operations,
    reencoding,
    savings,
    serve,
    serving,
    upkeep,
)
from optimem.errors import OptimemError

EXIT_CODES = {
    0: "success",
    1: "an error; `ask`, `recall`: nothing found; `check`: damage; "
    "`copy`, `purge`, `reencode`, `rotate-keys`, `verify-receipt`: something left; "
    "`server-command`: something to do; `compress-prompt`: no gain; `drop-key`: no key; "
    "or whoever read the output closed the pipe",
    2: "wrong usage",
    130: "interrupted",
}
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
"""What OpenBLAS looks at, first to last."""
EPILOG = """\b
Examples:
  optimem demo
  optimem compress notes.txt && optimem read notes.omem
  optimem remember work/ann/monday notes.txt
  optimem recall work/ann/monday "which port does staging use?"
  optimem compress-prompt report.txt --model gpt-4o > request.json

\b
Exit codes:
""" + "\n".join(
    fill(meaning, 76, initial_indent=f"  {code:<3}  ", subsequent_indent=" " * 7)
    for code, meaning in EXIT_CODES.items()
)


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="optimem")
def cli() -> None:
    """Optical memory for LLM agents.

    Text is drawn as page images and stored as a few vision tokens, which fade with age and can be
    read back.

    A file is named, or "-" for standard input or output. Data goes to standard output, words and
    progress to standard error.
    """


for command in (
    *compress.COMMANDS,
    *files.COMMANDS,
    *corpus.COMMANDS,
    *memory.COMMANDS,
    *upkeep.COMMANDS,
    *operations.COMMANDS,
    *reencoding.COMMANDS,
    *keys.COMMANDS,
    *savings.COMMANDS,
    *serve.COMMANDS,
    *serving.COMMANDS,
    *mcp.COMMANDS,
    *evaluation.COMMANDS,
    demo.demo,
):
    cli.add_command(command)


def limit_threads(environment: MutableMapping[str, str]) -> None:
    """Keep numpy to one thread, unless the environment says how many. For the small products of a
    page or two, OpenBLAS's threads spend more CPU time waiting for one another than calculating. It
    reads the variable once, when numpy is imported, which a command does only after this; torch has
    threads of its own."""
    if not any(name in environment for name in THREAD_VARIABLES):
        environment[THREAD_VARIABLES[0]] = "1"


def main() -> None:
    """Run the command line; exits with one of `EXIT_CODES`."""
    limit_threads(os.environ)
    try:
        cli(prog_name="optimem", standalone_mode=False)
    except OptimemError as error:
        click.echo(f"optimem: {error}", err=True)
        sys.exit(1)
    except click.exceptions.Abort:
        click.echo("optimem: interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
