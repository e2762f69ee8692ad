"""The commands of whoever runs a store for many users: workers, scopes, export and import, and the
check of a receipt."""

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimem.cli.completion import complete_file, scope_argument
from optimem.cli.inputs import (
    STDIN,
    MemoryOptions,
    json_option,
    memory_options,
    now_option,
    read_input,
    read_lines,
)
from optimem.cli.output import print_json, print_rows, progress_bar
from optimem.errors import InputError, UnknownScopeError
from optimem.memory.fading.leases import IDLE, LEASE
from optimem.omem.atomic import atomic_write
from optimem.text.wording import date

if TYPE_CHECKING:
    from types import FrameType

    from optimem.reports import ScopeSize, SweepReport, WorkReport

LEFT = 1
"""Exit code of `verify-receipt` and `copy` if something is left."""


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
@memory_options("store", "model", "reader", "policy")
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


@click.command(epilog="\b\nExamples:\n  optimem scopes\n  optimem scopes work/ann --json")
@click.argument("user", metavar="[NAMESPACE/USER]", required=False)
@memory_options("store")
@json_option
def scopes(user: str | None, options: MemoryOptions, as_json: bool) -> None:
    """List all scopes, or those of a user, with their sizes."""
    namespace, _, name = (user or "").rpartition("/")
    with options.open() as memory:
        found = memory.scopes(user=name, namespace=namespace) if user else memory.scopes()
    if as_json:
        print_json([each.model_dump() for each in found])
        return
    rows = [[s.scope, f"{s.turns:,}", f"{s.pages:,}", f"{s.bytes:,}", _due(s)] for s in found]
    print_rows([["scope", "turns", "pages", "bytes", "next due"], *rows])
    click.echo(f"{len(found)} scopes, {sum(each.bytes for each in found):,} bytes", err=True)


@click.command(
    "verify-receipt",
    epilog="\b\nExample:\n  optimem forget work/ann --user --yes --json > receipt.json\n"
    "  optimem verify-receipt receipt.json",
)
@click.argument("file", metavar="FILE", default=STDIN, shell_complete=complete_file)
@memory_options("store")
@json_option
def verify_receipt(file: str, options: MemoryOptions, as_json: bool) -> None:
    """Look through the store for what a receipt says is gone.

    FILE, or standard input, holds what `optimem forget --json` printed. Looks at every entry of the
    receipt's scopes and at the store's own files. Exits with 1 if anything is left.
    """
    from pydantic import ValidationError

    from optimem.reports import ForgetReceipt

    try:
        receipt = ForgetReceipt.model_validate_json(read_input(file))
    except ValidationError as error:
        first = error.errors()[0]
        reason = ": ".join([*map(str, first["loc"]), first["msg"]])
        raise InputError(f"{file} is not a receipt of `optimem forget --json`: {reason}") from None
    with options.open() as memory:
        found = memory.verify_receipt(receipt)
    if as_json:
        print_json(found.model_dump())
    else:
        for each in found.found:
            click.echo(f"{each.scope} {each.entry}: {each.reason}")
        for place in found.residue:
            click.echo(place)
        verdict = "the receipt holds" if found.holds else "the receipt does not hold"
        click.echo(f"{verdict}; {found.entries} entries looked at")
    if not found.holds:
        sys.exit(LEFT)


@click.command(
    epilog="\b\nExamples:\n"
    "  optimem export work/ann/monday > monday.jsonl\n"
    "  optimem export work/ann --user --images -o ann.jsonl"
)
@scope_argument()
@click.option("--user", is_flag=True, help="SCOPE is namespace/user: all sessions of this user.")
@click.option("--images", is_flag=True, help="With each page as a PNG.")
@click.option("-o", "--out", default=STDIN, show_default="standard output", metavar="FILE",
              help="The file to write, whole or not at all.")  # fmt: skip
@memory_options("store", "model", "reader")
def export(scope: str, user: bool, images: bool, out: str, options: MemoryOptions) -> None:
    """Write all that is held of SCOPE as JSON Lines.

    Each turn is a line as it can be read now, with its id, role, name, time, extra fields and how
    certain its text is; vision tokens of images and, if wanted, pages as PNG are lines in base64.
    The last line tells `optimem import` that none is missing. Items of LangGraph are not of a scope
    and not in it; `optimem copy` copies them with everything else.
    """
    with options.open() as memory:
        if user:
            namespace, _, name = scope.rpartition("/")
            found = [each.scope for each in memory.scopes(user=name, namespace=namespace)]
            if not found:
                raise UnknownScopeError(f"{scope} has no scopes; `optimem scopes` lists all")
        else:
            memory.check_known(scope)
            found = [scope]
        with nullcontext(sys.stdout.buffer) if out == STDIN else atomic_write(Path(out)) as file:
            for line in memory.export(found, images=images):
                file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")


@click.command(
    "import", epilog="\b\nExample:\n  optimem import ann.jsonl --store redis://cache:6379"
)
@click.argument("files", metavar="[FILE]...", nargs=-1, shell_complete=complete_file)
@click.option("--partial", is_flag=True, help="Take what there is of an export that was cut off.")
@memory_options("store", "model", "reader", "policy", "limits")
@click.option("--aged", is_flag=True, help="Turns go on fading from their own times.")
@json_option
def import_(
    files: tuple[str, ...], partial: bool, aged: bool, options: MemoryOptions, as_json: bool
) -> None:
    """Append the turns of exports.

    Each FILE, or standard input if none is given, holds what `optimem export` wrote, whole: a file
    that was cut off or changed is refused before anything is appended. Turns keep id, role, name,
    time, extra fields and pins, and begin to fade anew. Those that are known or were forgotten are
    left out. With --partial, everything before a line that cannot be read is appended.
    """
    given = [read_lines(file, "give what `optimem export` wrote") for file in files or (STDIN,)]
    with options.open(make=True) as memory:
        reports = [
            memory.import_lines(lines, partial=partial, aged=aged).model_dump() for lines in given
        ]
    total = {name: sum(report[name] for report in reports) for name in reports[0]}
    if as_json:
        print_json(total)
    else:
        click.echo(
            f"{total['added']} turns appended in {total['scopes']} scopes, {total['duplicates']} "
            f"already known, {total['forgotten']} forgotten before; {total['images']} images"
        )


@click.command(
    epilog="\b\nExamples:\n  optimem copy memory.db redis://cache:6379/0\n"
    "  optimem copy redis://cache:6379/0 backup.db --replace"
)
@click.argument("source", metavar="FROM", shell_complete=complete_file)
@click.argument("target", metavar="TO", shell_complete=complete_file)
@click.option("--replace", is_flag=True, 
              help="Make scopes of TO that hold something else, or were forgotten in one of the "
              "two, equal to those of FROM.")  # fmt: skip
@click.option("--unsealed", is_flag=True, help="FROM is not sealed; the key that is set is TO's.")
@json_option
def copy(source: str, target: str, replace: bool, unsealed: bool, as_json: bool) -> None:
    """Copy a store to another and compare the two.

    Pages stay as they are, with their due times. Run it again after an interruption: what is equal
    already is not written again. Exits with 1 if a scope could not be made equal.
    """
    from optimem.api.copying import copy_store

    with progress_bar("copying scopes") as bar:
        report = copy_store(source, target, replace=replace, unsealed=unsealed, progress=bar)
    if as_json:
        print_json(report.model_dump())
    else:
        for scope in report.left:
            click.echo(scope, err=True)
        click.echo(
            f"{report.scopes - len(report.left)} of {report.scopes} scopes are equal: "
            f"{report.entries:,} entries, {report.copied:,} of them written now ({report.bytes:,} "
            "bytes)"
        )
    if report.left:
        sys.exit(LEFT)


def _due(size: "ScopeSize") -> str:
    if size.next_due is None:
        return "never"
    return date(size.next_due)


COMMANDS = (worker, scopes, export, import_, verify_receipt, copy)
