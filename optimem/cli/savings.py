"""The command that says what the proxy has saved."""

import time
from pathlib import Path

import click

from optimem.cli.inputs import MemoryOptions, json_option, memory_options
from optimem.cli.output import print_json, print_rows


@click.command(epilog="\b\nExamples:\n  optimem savings\n  optimem savings --html savings.html")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write a page for a browser, too.")  # fmt: skip
@memory_options("store")
@json_option
def savings(html: Path | None, options: MemoryOptions, as_json: bool) -> None:
    """Sum up what the proxy saved.

    By day, model and mode: tokens and USD of the requests as they came, and as they were sent.
    """
    from optimem.omem.atomic import atomic_write
    from optimem.proxy.report import narrow_rows, savings_json, savings_page
    from optimem.proxy.savings import read_savings

    with options.open() as memory:
        sums = read_savings(memory.store, time.time())
    if html:
        with atomic_write(html) as file:
            file.write(savings_page(sums).encode())
    if as_json:
        print_json(savings_json(sums))
    else:
        print_rows(narrow_rows(sums))


COMMANDS = (savings,)
