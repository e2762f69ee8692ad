"""The command line: it parses and prints, the package does the work.

Exit codes: 0 done, 1 an error that optimem names (of `ask` also: not known), 2 wrong usage,
130 interrupted.
"""

import os
import sys

import click

from optimem import __version__
from optimem.cli import compress, demo, evaluation, files, memory
from optimem.errors import OptimemError

EXAMPLES = """\b
Examples:
  optimem demo
  optimem compress notes.txt && optimem read notes.omem
  optimem remember work/ann/monday notes.txt
  optimem recall work/ann/monday "which port does staging use?"
  optimem compress-prompt report.txt --model gpt-4o > request.json
"""


@click.group(epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="optimem")
def cli() -> None:
    """Optical memory for LLM agents: text as a few vision tokens that fade with age and read
    back."""


for command in (
    *compress.COMMANDS,
    *files.COMMANDS,
    *memory.COMMANDS,
    *evaluation.COMMANDS,
    demo.demo,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line and exit."""
    try:
        cli(standalone_mode=False)
    except OptimemError as error:
        click.echo(f"optimem: {error}", err=True)
        sys.exit(1)
    except click.exceptions.Abort:
        click.echo("optimem: interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
