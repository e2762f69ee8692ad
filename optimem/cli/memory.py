"""The commands over a store: remember, recall, reconstruct, sweep, pin, forget, stats.

`optimem ask`: a question put to a memory; the answer, and where it stands.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimem.cli.inputs import Place, given_turns, is_image, memory_options
from optimem.cli.output import STDIN, json_option, print_fields, print_json, progress_bar
from optimem.errors import InputError
from optimem.text.ages import ago
from optimem.turns import ROLES

if TYPE_CHECKING:
    from optimem.results import PagePart, Passage, RecalledTurn

now_option = click.option("--now", metavar="TIME", help="ISO date or epoch seconds instead of now.")


def parsed_time(text: str | None) -> float | None:
    """Epoch seconds of an ISO date (UTC unless it says otherwise) or of a number."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text!r} is no time; write 2026-11-21 or epoch seconds") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _show(turn: "RecalledTurn") -> None:
    when = datetime.fromtimestamp(turn.time, UTC).strftime("%Y-%m-%d %H:%M")
    sure = "exact" if turn.exact else f"{turn.probability:.1%} sure"
    note = f"{turn.role} · {when} · {ago(turn.age)} · {turn.tier} · {sure} · {turn.id}"
    click.secho(note, dim=True)
    click.echo(turn.text + "\n")


@click.command(
    epilog="\b\nExamples:\n  optimem remember work/ann/monday notes.txt\n"
    "  optimem remember chat --chat chat.txt\n  optimem remember chat --jsonl - < turns.jsonl\n"
    "  optimem remember work/ann/scans invoice.pdf --images deepseek-ai/DeepSeek-OCR"
)
@click.argument("scope")
@click.argument("source", metavar="[FILE]", default=STDIN)
@click.option("--role", type=click.Choice(ROLES), default="text", show_default=True)
@click.option("--chat", "form", flag_value="chat", help="`user: …` and `assistant: …` lines.")
@click.option("--jsonl", "form", flag_value="jsonl", help="Lines of JSON: text, role, id, time.")
@click.option("--flush", is_flag=True, help="Put all of it on pages now, the last part-filled.")
@now_option
@memory_options("store", "model", "images")
@json_option
def remember(
    scope: str,
    source: str,
    role: str,
    form: str | None,
    flush: bool,
    now: str | None,
    place: Place,
    as_json: bool,
) -> None:
    """Remember a text, or the turns of a chat, under SCOPE (namespace/user/session); with a model
    that reads images, a image or a PDF too, page by page."""
    when = parsed_time(now)
    has_images = source != STDIN and is_image(Path(source), place.picture_model)
    turns = [] if has_images else given_turns(source, role, form)
    with place.open() as memory, progress_bar("remembering") as bar:
        if has_images:
            report = memory.append_file(scope, source, now=when)
        else:
            report = memory.append(scope, turns, now=when)
        if flush:
            memory.flush(scope, now=when)
        memory.drain()
        bar(1, 1)
    if as_json:
        print_json(report.model_dump())
    else:
        click.echo(f"{report.added} turns remembered, {report.duplicates} known already")


@click.command(epilog='\b\nExample:\n  optimem recall work/ann/monday "which port?" -k 3')
@click.argument("scope")
@click.argument("query")
@click.option("-k", default=5, show_default=True, help="How many turns at most.")
@now_option
@memory_options("store", "model")
@json_option
def recall(scope: str, query: str, k: int, now: str | None, place: Place, as_json: bool) -> None:
    """Show the turns of SCOPE that bear most on QUERY. Uncertain characters are �."""
    with place.open() as memory:
        found = memory.recall(scope, query, k, now=parsed_time(now))
    if as_json:
        print_json([turn.model_dump(mode="json") for turn in found])
        return
    for turn in found:
        _show(turn)
    if not found:
        click.echo("nothing readable bears on that", err=True)


@click.command(epilog="\b\nExample:\n  optimem reconstruct work/ann/monday --json")
@click.argument("scope")
@memory_options("store", "model")
@json_option
def reconstruct(scope: str, place: Place, as_json: bool) -> None:
    """Show all turns of SCOPE in order, as they can be read now."""
    with place.open() as memory:
        turns = memory.reconstruct(scope)
    if as_json:
        print_json([turn.model_dump(mode="json") for turn in turns])
        return
    for turn in turns:
        _show(turn)


@click.command(epilog="\b\nExample:\n  optimem sweep --now 2027-06-01 --dry-run")
@now_option
@click.option("--dry-run", is_flag=True, help="Say what would fade; change nothing.")
@memory_options("store", "model")
@json_option
def sweep(now: str | None, dry_run: bool, place: Place, as_json: bool) -> None:
    """Let all pages fade whose time has come."""
    with place.open() as memory, progress_bar("fading pages") as bar:
        report = memory.sweep(now=parsed_time(now), dry_run=dry_run, progress=bar)
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    for move in report.moves:
        click.echo(f"{move.scope} {move.page}: {move.before} → {move.after or 'forgotten'}")
    for lost in report.unreadable:
        click.echo(f"{lost.scope} {lost.entry}: {lost.reason}", err=True)
    verb = "would fade" if dry_run else "faded"
    click.echo(f"{len(report.moves)} pages {verb}, {report.kept} stay as they are")


@click.command(epilog="\b\nExamples:\n  optimem stats\n  optimem stats work/ann/monday --json")
@click.argument("scope", required=False)
@memory_options("store")
@json_option
def stats(scope: str | None, place: Place, as_json: bool) -> None:
    """Count pages, vision tokens and bytes of SCOPE, or of the whole store."""
    with place.open() as memory:
        counted = memory.stats(scope).model_dump(mode="json")
    if as_json:
        print_json(counted)
    else:
        print_fields(scope or "all scopes", counted)


@click.command(
    epilog="\b\nExamples:\n  optimem forget work/ann/monday --yes\n"
    "  optimem forget work/ann/monday --turn m42\n  optimem forget work/ann --user --yes"
)
@click.argument("scope")
@click.option("--turn", metavar="ID", help="Only this turn.")
@click.option("--user", is_flag=True, help="SCOPE is namespace/user: all sessions of theirs.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@memory_options("store", "model")
@json_option
def forget(
    scope: str, turn: str | None, user: bool, yes: bool, place: Place, as_json: bool
) -> None:
    """Remove SCOPE, one turn of it, or a whole user, for good; prints a receipt."""
    what = f"turn {turn} of {scope}" if turn else f"everything of {scope}"
    if not yes:
        click.confirm(f"Forget {what}? This cannot be undone", abort=True, err=True)
    with place.open() as memory:
        if user:
            namespace, _, name = scope.rpartition("/")
            receipt = memory.forget_user(name, namespace=namespace)
        else:
            receipt = memory.forget(scope, turn=turn)
    if as_json:
        print_json(receipt.model_dump(mode="json"))
    else:
        print_fields(f"forgotten: {what}", receipt.model_dump())


@click.command(epilog="\b\nExample:\n  optimem pin work/ann/monday m42")
@click.argument("scope")
@click.argument("turn")
@memory_options("store")
def pin(scope: str, turn: str, place: Place) -> None:
    """Keep the pages of a turn from fading."""
    with place.open() as memory:
        memory.pin(scope, turn)


@click.command(epilog="\b\nExample:\n  optimem unpin work/ann/monday m42")
@click.argument("scope")
@click.argument("turn")
@memory_options("store")
def unpin(scope: str, turn: str, place: Place) -> None:
    """Let a pinned turn fade again."""
    with place.open() as memory:
        memory.unpin(scope, turn)


UNKNOWN = 1
"""Exit code when the memory does not know, as grep's when nothing matches."""


@click.command(
    epilog="\b\nExamples:\n"
    '  optimem ask work/ann/monday "which port does staging use?"\n'
    '  optimem ask work/ann/monday "who is paged first?" --json || echo unknown'
)
@click.argument("scope")
@click.argument("question")
@click.option("-k", "--k", default=5, show_default=True, help="How many turns are looked at.")
@now_option
@memory_options("store", "model", "images")
@json_option
def ask(
    scope: str,
    question: str,
    k: int,
    now: str | None,
    place: Place,
    as_json: bool,
) -> None:
    """Answer QUESTION with what SCOPE says, quoted to the letter; what has faded is �. With a
    model that reads images, a image is asked itself, by its vision tokens.

    Exits with 1 when nothing that can be read there answers it.
    """
    with place.open() as memory:
        answer = memory.answer(scope, question, k=k, now=parsed_time(now))
    if as_json:
        print_json(answer.model_dump(mode="json"))
    else:
        click.echo(answer.text, err=not answer.known)
        for passage in answer.passages:
            click.secho(_source(passage), dim=True)
    if not answer.known:
        sys.exit(UNKNOWN)


def _source(passage: "Passage") -> str:
    """Who said it, how long ago, where it stands, how surely it was read, and its id."""
    sure = "exact" if passage.exact else f"{passage.probability:.1%} sure"
    where = ", ".join(_place(part) for part in passage.parts)
    said = f"{passage.role}, {ago(passage.age)}"
    return f"[{passage.number}] {said} · {where} · {sure} · {passage.id}"


def _place(part: "PagePart") -> str:
    return f"page {part.page} ({part.tier})" if part.page else "not on a page yet"


COMMANDS = (remember, recall, ask, reconstruct, sweep, stats, forget, pin, unpin)
