"""What commands share: reading input, showing progress, printing tables and JSON."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from optimem.errors import TextError
from optimem.tiers import Tier

STDIN = "-"

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
tier_option = click.option(
    "--tier",
    default=Tier.SMALL.label,
    show_default=True,
    type=click.Choice([tier.label for tier in reversed(Tier)], case_sensitive=False),
    help="Resolution: fewer vision tokens, less certain reading.",
)


def read_input(source: str) -> str:
    """The text of a file, or of standard input for "-". Raises TextError, naming the byte,
    for what is not UTF-8."""
    name = "standard input" if source == STDIN else source
    if source == STDIN:
        data = sys.stdin.buffer.read()
    else:
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise click.BadParameter(f"{source}: {error.strerror}") from error
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TextError(
            f"{name} is not UTF-8 text: byte {error.start} is 0x{data[error.start]:02x}; convert "
            "it first (iconv -f LATIN1 -t UTF-8), or, if it is a image or a PDF, name a model "
            "that reads it"
        ) from None


def print_json(value: Any) -> None:
    """JSON on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_fields(title: str, fields: Mapping[str, Any]) -> None:
    """A two-column table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in fields.items():
        shown = f"{value:,}" if isinstance(value, int) else str(value)
        table.add_row(name.replace("_", " "), shown)
    Console().print(table)


class Bar:
    """A progress bar on standard error; silent when that is no terminal."""

    def __init__(self, progress: Any, task: Any) -> None:
        self._progress, self._task = progress, task

    def __call__(self, done: int, total: int | None = None) -> None:
        self._progress.update(self._task, completed=done, total=total)


@contextmanager
def progress_bar(what: str) -> Iterator[Bar]:
    """Show how far long work has come."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        yield Bar(progress, progress.add_task(what, total=None))


@contextmanager
def timed_bar(what: str) -> Iterator[Bar]:
    """A progress bar with the number of parts done and the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeLeft())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        yield Bar(progress, progress.add_task(what, total=None))
