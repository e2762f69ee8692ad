"""How commands print: JSON, tables, and progress on standard error."""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def print_json(value: Any, aside: bool = False) -> None:
    """JSON on standard output, or, `aside`, on standard error."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2), err=aside)


def print_fields(title: str, fields: Mapping[str, Any], aside: bool = False) -> None:
    """A table of names and values. `aside`: on standard error."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in fields.items():
        table.add_row(name.replace("_", " "), _format(value))
    Console(stderr=aside).print(table)


def _format(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_format(each)}" for key, each in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)


def print_paragraph(text: str) -> None:
    """Text broken at the width of the terminal."""
    click.echo(click.wrap_text(text, shutil.get_terminal_size().columns))


def print_rows(rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> None:
    """A table: a header row, then the others. `left`: the columns of words, which may wrap; the
    others hold numbers."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for at, name in enumerate(rows[0]):
        if at in left:
            table.add_column(name)
        else:
            table.add_column(name.replace(" ", "\n"), justify="right", no_wrap=True)
    for row in rows[1:]:
        table.add_row(*row)
    Console().print(table)


@contextmanager
def file_or_stdout(out: Path) -> Iterator[Path]:
    """A file to write to: itself, or, for "-", one whose bytes then go to standard output."""
    if str(out) != "-":
        yield out
        return
    with TemporaryDirectory() as folder:
        written = Path(folder) / "out"
        yield written
        with written.open("rb") as file:
            copyfileobj(file, sys.stdout.buffer)


class ProgressBar:
    """Called with what is done and, once it is known, the total."""

    def __init__(self, progress: "Progress", task: "TaskID") -> None:
        self._progress, self._task = progress, task

    def __call__(self, done: int, total: int | None = None) -> None:
        self._progress.update(self._task, completed=done, total=total)


@contextmanager
def progress_bar(description: str) -> Iterator[ProgressBar]:
    """A progress bar on standard error; silent if that is not a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    progress = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    with progress:
        yield ProgressBar(progress, progress.add_task(description, total=None))
