"""The commands that look after a store: fading, counting, checking, pinning and forgetting."""

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from optimem.cli.completion import scope_argument
from optimem.cli.inputs import (
    MemoryOptions,
    confirmed,
    json_option,
    memory_options,
    now_option,
    parse_time,
)
from optimem.cli.output import print_fields, print_json, progress_bar
from optimem.errors import UnknownScopeError
from optimem.memory.settings import parse_age
from optimem.text.wording import ago, date, duration

if TYPE_CHECKING:
    from optimem.reports import MemoryStats

NOT_PURGED = 1
"""Exit code of `purge` if removed bytes may be left."""
DAMAGED = 1
"""Exit code of `check` if anything is damaged."""
STAYS = {
    "pinned": "pinned",
    "text": "kept as text, which does not fade",
    "age": "not old enough",
    "floor": "a smaller tier would read worse than the floor",
}
"""Why a page stays, in words."""
PARTS = {
    "token_bytes": "vision tokens", "kept_text_bytes": "text kept beside them",
    "correction_bytes": "corrections", "structure_bytes": "structure", "index_bytes": "index",
    "vector_bytes": "vectors", "tail_bytes": "text on no page yet", "other_bytes": "other",
}  # fmt: skip
"""What stored bytes are for, in words."""


@click.command(epilog="\b\nExample:\n  optimem sweep --now 2027-06-01 --dry-run")
@now_option
@click.option("--dry-run", is_flag=True, help="Show what would fade, and change nothing.")
@memory_options("store", "model", "reader", "policy")
@json_option
def sweep(now: float | None, dry_run: bool, options: MemoryOptions, as_json: bool) -> None:
    """Fade the pages that are due.

    Nothing fades unless somebody sweeps: run this once a day, or let `optimem worker` run all the
    time. Says of each page that is due where it goes, or why it stays.
    """
    with options.open() as memory, progress_bar("fading pages") as bar:
        report = memory.sweep(now=now, dry_run=dry_run, progress=bar)
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    for move in report.moves:
        click.echo(f"{move.scope} {move.page}: {move.before} → {move.after or 'forgotten'}")
    for stay in report.stays:
        click.echo(f"{stay.scope} {stay.page}: stays at {stay.tier}, {STAYS[stay.reason]}")
    for entry in report.unreadable:
        click.echo(f"{entry.scope} {entry.entry}: {entry.reason}", err=True)
    verb = "would fade" if dry_run else "faded"
    click.echo(f"{len(report.moves)} pages {verb}, {report.kept} stay as they are")


@click.command(
    epilog="\b\nExamples:\n  optimem stats\n  optimem stats work/ann/monday --json\n"
    "  optimem stats --watch 10"
)
@scope_argument(required=False)
@click.option("--watch", type=click.FloatRange(min=0.1), metavar="SECONDS",
              help="Show it again and again, until Ctrl-C.")  # fmt: skip
@memory_options("store")
@json_option
def stats(scope: str | None, watch: float | None, options: MemoryOptions, as_json: bool) -> None:
    """Count turns, pages, vision tokens and bytes.

    Counts SCOPE, or the whole store, and then also says what kind of store it is.
    """
    with options.open() as memory:
        if scope:
            memory.check_known(scope)
        while True:
            _print_stats(memory.stats(scope), scope, as_json)
            if watch is None:
                return
            time.sleep(watch)
            click.clear()


def _print_stats(counts: "MemoryStats", scope: str | None, as_json: bool) -> None:
    if as_json:
        print_json(counts.model_dump(mode="json"))
    else:
        click.echo("\n".join(stats_lines(counts, scope, time.time())))


def stats_lines(counts: "MemoryStats", scope: str | None, now: float) -> Iterator[str]:
    """What a memory holds, in words. `now`: seconds since the epoch."""
    title = scope or f"{counts.scopes:,} scopes"
    yield f"{title}: {counts.turns:,} turns, {counts.pages:,} pages"
    if counts.pages:
        tiers = ", ".join(f"{count:,} {tier}" for tier, count in counts.pages_by_tier.items())
        yield f"  pages: {tiers}"
        yield (
            f"  in a context: {counts.vision_tokens:,} vision tokens, {counts.positions:,} "
            "positions of a causal decoder"
        )
    yield (f"  the text: {counts.text_bytes:,} bytes as written, {counts.zstd_bytes:,} under zstd")
    yield f"  stored: {counts.stored_bytes:,} bytes"
    yield from (f"    {size:,} {words}" for name, words in PARTS.items()
                if (size := getattr(counts, name)))  # fmt: skip
    yield f"  next due for a sweep: {_due(counts.next_due, now)}"
    if counts.unreadable:
        yield f"  unreadable: {len(counts.unreadable)}; `optimem check` names them"
    yield from (f"  store: {name} {value}" for name, value in counts.store.items())


def _due(moment: float | None, now: float) -> str:
    if moment is None:
        return "never"
    if moment <= now:
        return f"{date(moment)}, {ago(now - moment)}"
    return f"{date(moment)}, in {duration(moment - now)}"


@click.command(
    epilog="\b\nExamples:\n"
    "  optimem forget work/ann/monday --yes\n"
    "  optimem forget work/ann/monday --turn m42\n"
    "  optimem forget work/ann --user --yes --json > receipt.json\n"
    "  optimem forget work/ann --user --older-than 1y"
)
@scope_argument()
@click.option("--turn", metavar="ID", help="Delete only this turn.")
@click.option("--user", is_flag=True,
              help="SCOPE is namespace/user: delete all sessions of this user.")  # fmt: skip
@click.option("--before", metavar="TIME", help="Delete only turns of a time before this.")
@click.option("--older-than", metavar="AGE", help="Delete only turns older than, such as 90d.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@memory_options("store", "model", "reader")
@json_option
def forget(
    scope: str, turn: str | None, user: bool, before: str | None, older_than: str | None, yes: bool,
    options: MemoryOptions, as_json: bool,
) -> None:  # fmt: skip
    """Delete a scope, a user or some of its turns.

    Prints a receipt; `optimem verify-receipt` looks for what it says is gone.
    """
    if (turn is not None) + (before is not None) + (older_than is not None) > 1 or (turn and user):
        raise click.UsageError(
            "give one of --turn, --before and --older-than, --turn without --user"
        )
    limit = parse_time(before) if before else None
    if older_than:
        limit = time.time() - parse_age(older_than)
    what = f"turn {turn} of {scope}" if turn else f"everything in {scope}"
    what += "" if limit is None else f" before {date(limit)}"
    with options.open() as memory:
        if user:
            namespace, _, name = scope.rpartition("/")
            if not memory.scopes(user=name, namespace=namespace):
                raise UnknownScopeError(f"{scope} has no scopes; `optimem scopes` lists all")
        else:
            memory.check_known(scope)
        if not yes and not confirmed(f"Forget {what}?"):
            return
        if user:
            receipt = memory.forget_user(name, namespace=namespace, before=limit)
        else:
            receipt = memory.forget(scope, turn=turn, before=limit)
    if as_json:
        print_json(receipt.model_dump(mode="json"))
    else:
        shown = receipt.model_dump(exclude={"removed"})
        print_fields(f"forgotten: {what}", {**shown, "time": date(receipt.time)})


@click.command(epilog="\b\nExample:\n  optimem purge --store redis://localhost:6379/0")
@memory_options("store")
@json_option
def purge(options: MemoryOptions, as_json: bool) -> None:
    """Rewrite the store's files.

    Afterwards nothing of what was forgotten or replaced is left in them. Takes as long as the
    whole store is large. Exits with 1 if something may be left, and says where.
    """
    with options.open() as memory:
        residue = memory.purge()
    if as_json:
        print_json({"residue": residue})
    else:
        click.echo("\n".join(f"not purged: {place}" for place in residue) or "purged")
    if residue:
        sys.exit(NOT_PURGED)


@click.command(epilog="\b\nExample:\n  optimem pin work/ann/monday m42")
@scope_argument()
@click.argument("turn")
@memory_options("store")
def pin(scope: str, turn: str, options: MemoryOptions) -> None:
    """Keep the pages of a turn from fading."""
    with options.open() as memory:
        memory.check_known(scope)
        memory.pin(scope, turn)


@click.command(epilog="\b\nExample:\n  optimem unpin work/ann/monday m42")
@scope_argument()
@click.argument("turn")
@memory_options("store")
def unpin(scope: str, turn: str, options: MemoryOptions) -> None:
    """Let a pinned turn fade again."""
    with options.open() as memory:
        memory.check_known(scope)
        memory.unpin(scope, turn)


@click.command(
    epilog="\b\nExamples:\n  optimem readmit work/ann/monday\n"
    "  optimem readmit work/ann/monday --turn m42"
)
@scope_argument()
@click.option("--turn", metavar="ID", help="Only this turn.")
@memory_options("store")
def readmit(scope: str, turn: str | None, options: MemoryOptions) -> None:
    """Let forgotten turns of SCOPE be remembered again. Brings nothing back."""
    with options.open() as memory:
        count = memory.readmit(scope, turn=turn)
        if not count:  # a scope of which all was forgotten is known no more, but may be readmitted
            memory.check_known(scope)
    click.echo(f"{count} turns may be remembered again")


@click.command(epilog="\b\nExamples:\n  optimem check\n  optimem check work/ann/monday --repair")
@scope_argument(required=False)
@click.option("--repair", is_flag=True, help="Repair what can be repaired, remove the rest.")
@memory_options("store", "model", "reader")
@json_option
def check(scope: str | None, repair: bool, options: MemoryOptions, as_json: bool) -> None:
    """List what is damaged in SCOPE, or in the whole store. Exits with 1 if anything is."""
    with options.open() as memory:
        if scope:
            memory.check_known(scope)
        report = memory.check(scope, repair=repair)
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        for found in report.damage:
            click.echo(f"{found.scope} {found.entry}: {found.reason}")
        done = "repaired or removed" if repair else "damaged"
        click.echo(f"{len(report.damage)} entries {done} in {report.scopes} scopes", err=True)
    if report.damage and not repair:
        sys.exit(DAMAGED)


COMMANDS = (sweep, stats, check, forget, readmit, purge, pin, unpin)
