"""The commands of whoever runs a store for many users: workers."""

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from optimem.cli.inputs import MemoryOptions, json_option, memory_options, now_option
from optimem.memory.worker import IDLE, LEASE

if TYPE_CHECKING:
    from types import FrameType

    from optimem.results import SweepReport, WorkReport


@click.command(
    epilog="\b\nExamples:\n"
    "  optimem worker --store redis://cache:6379/0\n"
    "  optimem worker --once --policy large=2d,tiny=1y"
)
@click.option("--once", is_flag=True, help="End when nothing is due.")
@click.option("--lease", default=LEASE, show_default=True, metavar="SECONDS",
              help="How long a batch is claimed; others get it after that.")  # fmt: skip
@click.option("--idle", default=IDLE, show_default=True, metavar="SECONDS",
              help="Between two looks while nothing is due.")  # fmt: skip
@now_option
@memory_options("store", "model", "policy")
@json_option
def worker(
    once: bool, lease: float, idle: float, now: float | None, options: MemoryOptions, as_json: bool
) -> None:
    """Fade pages as they become due, until stopped.

    Any number of workers may run, on any machines. The store's clock tells what is due. SIGTERM
    and Ctrl-C end a worker after the batch in hand, a second one at once; what was left undone is
    offered to others. Prints a line for each batch, and the sum at the end.
    """
    with options.open() as memory, stop_signals() as stop:
        if now is not None:
            memory.clock = lambda: now
        done = memory.work(
            once=once, lease=lease, idle=idle, stop=stop,
            progress=_print_batch_json if as_json else _print_batch,
        )  # fmt: skip
    if as_json:
        click.echo(json.dumps(done.model_dump()))
    else:
        click.echo(_figures(done))


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """An event that the first SIGTERM or SIGINT sets; the second is handled as usual."""
    stop, numbers = threading.Event(), (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}

    def ask(number: int, frame: "FrameType | None") -> None:
        stop.set()
        for each in numbers:
            signal.signal(each, before[each])

    for number in numbers:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number in numbers:
            signal.signal(number, before[number])


def _print_batch(report: "SweepReport", done: "WorkReport") -> None:
    for entry in report.unreadable:
        click.echo(f"{entry.scope} {entry.entry}: {entry.reason}", err=True)
    click.echo(_figures(done), err=True)


def _print_batch_json(report: "SweepReport", done: "WorkReport") -> None:
    click.echo(json.dumps(done.model_dump()))


def _figures(done: "WorkReport") -> str:
    pace = done.entries / done.seconds if done.seconds else 0.0
    return (
        f"{done.faded} pages faded, {done.forgotten} forgotten, {done.kept} stay as they are, "
        f"{done.skipped} changed by others, {done.unreadable} unreadable; {pace:.1f} a second"
    )


COMMANDS = (worker,)
