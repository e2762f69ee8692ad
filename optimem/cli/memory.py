"""The commands over a store of memories, from `optimem remember` to `optimem unpin`."""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimem.cli.inputs import (
    STDIN,
    MemoryOptions,
    is_image,
    json_option,
    memory_options,
    now_option,
    parse_time,
    raw_option,
    read_turns,
)
from optimem.cli.output import print_fields, print_json, progress_bar
from optimem.errors import UnknownScopeError
from optimem.memory.settings import parse_age
from optimem.text.ages import ago
from optimem.tiers import Tier
from optimem.turns import ROLES

if TYPE_CHECKING:
    from optimem.results import MemoryStats, PagePart, Passage, RecalledTurn

NOT_PURGED = 1
"""Exit code of `purge` if removed bytes may be left."""
DAMAGED = 1
"""Exit code of `check` if anything is damaged."""
UNKNOWN = 1
"""Exit code of `ask` if the memory does not know, as grep's if nothing matches."""


@click.command(
    epilog="\b\nExamples:\n"
    "  optimem remember work/ann/monday notes.txt\n"
    "  optimem remember chat --chat chat.txt\n"
    "  optimem remember chat --jsonl - < turns.jsonl\n"
    "  optimem remember work/ann/scans bill.pdf --images deepseek-ai/DeepSeek-OCR"
)
@click.argument("scope")
@click.argument("source", metavar="[FILE]", default=STDIN)
@click.option("--role", type=click.Choice(ROLES), default="text", show_default=True,
              help="Who speaks in a text without roles.")  # fmt: skip
@click.option("--chat", "form", flag_value="chat", help="FILE has `user: …` lines.")
@click.option("--jsonl", "form", flag_value="jsonl",
              help="FILE has lines of JSON: text, role, id, time.")  # fmt: skip
@click.option("--flush", is_flag=True,
              help="Put everything on pages now, even if the last is not full.")  # fmt: skip
@now_option
@memory_options("store", "model", "images", "policy", "limits")
@json_option
def remember(
    scope: str, source: str, role: str, form: str | None, flush: bool, now: float | None,
    options: MemoryOptions, as_json: bool,
) -> None:  # fmt: skip
    """Remember a text, a chat, an image or a PDF.

    FILE, or standard input, becomes turns of SCOPE (namespace/user/session): one, or those of a
    chat. Each page of an image or a PDF becomes a turn; this needs a model that reads images.
    """
    has_images = source != STDIN and is_image(Path(source), options.image_model)
    turns = [] if has_images else read_turns(source, role, form)
    with options.open() as memory, progress_bar("remembering") as bar:
        if has_images:
            report = memory.append_file(scope, source, now=now)
        else:
            report = memory.append(scope, turns, now=now)
        if flush:
            memory.flush(scope, now=now)
        memory.drain()
        bar(1, 1)
    if as_json:
        print_json(report.model_dump())
    else:
        click.echo(f"{report.added} turns remembered, {report.duplicates} already known")
        if report.forgotten:
            click.echo(f"{report.forgotten} were forgotten before; see `optimem readmit`", err=True)


@click.command(epilog='\b\nExample:\n  optimem recall work/ann/monday "which port?" -k 3')
@click.argument("scope")
@click.argument("query")
@click.option("-k", default=5, show_default=True, metavar="N", help="Most turns to show.")
@raw_option
@now_option
@memory_options("store", "model", "policy")
@json_option
def recall(
    scope: str,
    query: str,
    k: int,
    raw: bool,
    now: float | None,
    options: MemoryOptions,
    as_json: bool,
) -> None:
    """Show the turns that match a query.

    They are turns of SCOPE, best match first. Uncertain characters are shown as �.
    """
    with options.open() as memory:
        memory.check_known(scope)
        turns = memory.recall(scope, query, k, now=now)
    _print_turns(turns, as_json, raw)
    if not turns and not as_json:
        click.echo("nothing readable matches", err=True)


@click.command(
    epilog="\b\nExamples:\n"
    '  optimem ask work/ann/monday "which port does staging use?"\n'
    '  optimem ask work/ann/monday "who is paged first?" --json || echo unknown'
)
@click.argument("scope")
@click.argument("question")
@click.option("-k", "--k", default=5, show_default=True, metavar="N",
              help="Most turns to look for an answer in.")  # fmt: skip
@now_option
@memory_options("store", "model", "images")
@json_option
def ask(
    scope: str, question: str, k: int, now: float | None, options: MemoryOptions, as_json: bool
) -> None:
    """Answer a question with a quotation.

    QUESTION is answered with sentences of SCOPE, quoted verbatim, with � for uncertain characters.
    If a model that reads images is given, it answers from an image by its vision tokens. Exits
    with 1 if nothing readable answers the question.
    """
    with options.open() as memory:
        memory.check_known(scope)
        answer = memory.answer(scope, question, k=k, now=now)
    if as_json:
        print_json(answer.model_dump(mode="json"))
    else:
        click.echo(answer.text, err=not answer.known)
        for passage in answer.passages:
            click.secho(_passage_line(passage), dim=True)
    if not answer.known:
        sys.exit(UNKNOWN)


@click.command(epilog="\b\nExample:\n  optimem reconstruct work/ann/monday --json")
@click.argument("scope")
@raw_option
@memory_options("store", "model")
@json_option
def reconstruct(scope: str, raw: bool, options: MemoryOptions, as_json: bool) -> None:
    """Show all turns of a scope, in order.

    They are shown as they can be read now, uncertain characters as �.
    """
    with options.open() as memory:
        memory.check_known(scope)
        turns = memory.reconstruct(scope)
    _print_turns(turns, as_json, raw)


@click.command(epilog="\b\nExample:\n  optimem sweep --now 2027-06-01 --dry-run")
@now_option
@click.option("--dry-run", is_flag=True, help="Show what would fade, and change nothing.")
@memory_options("store", "model", "policy")
@json_option
def sweep(now: float | None, dry_run: bool, options: MemoryOptions, as_json: bool) -> None:
    """Fade the pages that are due.

    Run it once a day, or let `optimem worker` run all the time.
    """
    with options.open() as memory, progress_bar("fading pages") as bar:
        report = memory.sweep(now=now, dry_run=dry_run, progress=bar)
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    for move in report.moves:
        click.echo(f"{move.scope} {move.page}: {move.before} → {move.after or 'forgotten'}")
    for entry in report.unreadable:
        click.echo(f"{entry.scope} {entry.entry}: {entry.reason}", err=True)
    verb = "would fade" if dry_run else "faded"
    click.echo(f"{len(report.moves)} pages {verb}, {report.kept} stay as they are")


@click.command(
    epilog="\b\nExamples:\n  optimem stats\n  optimem stats work/ann/monday --json\n"
    "  optimem stats --watch 10"
)
@click.argument("scope", required=False)
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
    fields = counts.model_dump(mode="json")
    if as_json:
        print_json(fields)
    else:
        due = "never" if counts.next_due is None else _date(counts.next_due)
        print_fields(scope or "all scopes", {**fields, "next_due": due})


@click.command(
    epilog="\b\nExamples:\n"
    "  optimem forget work/ann/monday --yes\n"
    "  optimem forget work/ann/monday --turn m42\n"
    "  optimem forget work/ann --user --yes --json > receipt.json\n"
    "  optimem forget work/ann --user --older-than 1y"
)
@click.argument("scope")
@click.option("--turn", metavar="ID", help="Delete only this turn.")
@click.option("--user", is_flag=True,
              help="SCOPE is namespace/user: delete all sessions of this user.")  # fmt: skip
@click.option("--before", metavar="TIME", help="Delete only turns of a time before this.")
@click.option("--older-than", metavar="AGE", help="Delete only turns older than, such as 90d.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@memory_options("store", "model")
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
    what += "" if limit is None else f" before {_date(limit)}"
    with options.open() as memory:
        if user:
            namespace, _, name = scope.rpartition("/")
            if not memory.scopes(user=name, namespace=namespace):
                raise UnknownScopeError(f"{scope} has no scopes; `optimem scopes` lists all")
        else:
            memory.check_known(scope)
        if not yes:
            click.confirm(f"Forget {what}? This cannot be undone", abort=True, err=True)
        if user:
            receipt = memory.forget_user(name, namespace=namespace, before=limit)
        else:
            receipt = memory.forget(scope, turn=turn, before=limit)
    if as_json:
        print_json(receipt.model_dump(mode="json"))
    else:
        shown = receipt.model_dump(exclude={"removed"})
        print_fields(f"forgotten: {what}", {**shown, "time": _date(receipt.time)})


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
@click.argument("scope")
@click.argument("turn")
@memory_options("store")
def pin(scope: str, turn: str, options: MemoryOptions) -> None:
    """Keep the pages of a turn from fading."""
    with options.open() as memory:
        memory.pin(scope, turn)


@click.command(epilog="\b\nExample:\n  optimem unpin work/ann/monday m42")
@click.argument("scope")
@click.argument("turn")
@memory_options("store")
def unpin(scope: str, turn: str, options: MemoryOptions) -> None:
    """Let a pinned turn fade again."""
    with options.open() as memory:
        memory.unpin(scope, turn)


@click.command(
    epilog="\b\nExamples:\n  optimem readmit work/ann/monday\n"
    "  optimem readmit work/ann/monday --turn m42"
)
@click.argument("scope")
@click.option("--turn", metavar="ID", help="Only this turn.")
@memory_options("store")
def readmit(scope: str, turn: str | None, options: MemoryOptions) -> None:
    """Let forgotten turns of SCOPE be remembered again. Brings nothing back."""
    with options.open() as memory:
        click.echo(f"{memory.readmit(scope, turn=turn)} turns may be remembered again")


@click.command(epilog="\b\nExamples:\n  optimem check\n  optimem check work/ann/monday --repair")
@click.argument("scope", required=False)
@click.option("--repair", is_flag=True, help="Repair what can be repaired, remove the rest.")
@memory_options("store", "model")
@json_option
def check(scope: str | None, repair: bool, options: MemoryOptions, as_json: bool) -> None:
    """List what is damaged in SCOPE, or in the whole store. Exits with 1 if anything is."""
    with options.open() as memory:
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


def _print_turns(turns: "Sequence[RecalledTurn]", as_json: bool, raw: bool) -> None:
    if any(part.tier == Tier.TRACE.label for turn in turns for part in turn.parts):
        click.echo("some turns are at Trace, which keeps the gist, not the letters", err=True)
    if as_json:
        print_json([turn.model_dump(mode="json") for turn in turns])
        return
    for turn in turns:
        parts = (
            turn.role, _date(turn.time), ago(turn.age), turn.tier, _certainty(turn), turn.id
        )  # fmt: skip
        click.secho(" · ".join(parts), dim=True)
        click.echo((turn.guess if raw else turn.text) + "\n")


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _passage_line(passage: "Passage") -> str:
    """Who said it, how long ago, where it is, how certain it is, and its id."""
    place = ", ".join(map(_place, passage.parts))
    source = f"{passage.role}, {ago(passage.age)}"
    return f"[{passage.number}] {source} · {place} · {_certainty(passage)} · {passage.id}"


def _place(part: "PagePart") -> str:
    return f"page {part.page} ({part.tier})" if part.page else "not on a page yet"


def _certainty(turn: "RecalledTurn") -> str:
    return "exact" if turn.exact else f"{turn.probability:.1%} certain"


COMMANDS = (
    remember, recall, ask, reconstruct, sweep, stats, check, forget, readmit, purge, pin, unpin,
)  # fmt: skip
