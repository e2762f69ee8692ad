"""The commands that write and read a memory: `optimem remember`, `recall`, `ask`, `reconstruct`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimem.cli.answering import LlmOptions, llm_options
from optimem.cli.completion import complete_file, scope_argument
from optimem.cli.inputs import (
    STDIN,
    MemoryOptions,
    is_image,
    json_option,
    memory_options,
    now_option,
    parse_speakers,
    raw_option,
    read_turns,
)
from optimem.cli.output import print_json, progress_bar
from optimem.roles import ROLES
from optimem.text.wording import ago, date, percent
from optimem.tiers import Tier

if TYPE_CHECKING:
    from optimem.reports import AppendReport
    from optimem.results import PagePart, Passage, RecalledTurn

UNKNOWN = 1
"""Exit code of `ask` if the memory does not know and of `recall` if nothing matches, as grep's."""


@click.command(
    epilog="\b\nExamples:\n"
    "  optimem remember work/ann/monday notes.txt\n"
    "  optimem remember work/ann/papers notes.txt report.txt\n"
    "  optimem remember chat --chat chat.txt\n"
    "  optimem remember team --chat chat.txt --speaker Ann --speaker Bot=assistant\n"
    "  optimem remember chat --jsonl - < turns.jsonl\n"
    "  optimem remember work/ann/scans bill.pdf --images deepseek-ai/DeepSeek-OCR"
)
@scope_argument()
@click.argument("sources", metavar="[FILE]...", nargs=-1, shell_complete=complete_file)
@click.option("--role", type=click.Choice(ROLES), default="text", show_default=True,
              help="Who speaks in a text without roles.")  # fmt: skip
@click.option("--chat", "form", flag_value="chat", help="FILE has `user: …` lines.")
@click.option("--speaker", "speakers", metavar="NAME[=ROLE]", multiple=True,
              help="Who speaks in the chat, in lines that start with `NAME:`; as a user unless "
              "another role is given. May be repeated.")  # fmt: skip
@click.option("--jsonl", "form", flag_value="jsonl",
              help="FILE has lines of JSON: text, role, id, time.")  # fmt: skip
@click.option("--flush", is_flag=True,
              help="Put everything on pages now, even if the last is not full.")  # fmt: skip
@now_option
@memory_options("store", "model", "images", "reader", "embeddings", "policy", "limits")
@json_option
def remember(
    scope: str, sources: tuple[str, ...], role: str, form: str | None, speakers: tuple[str, ...],
    flush: bool, now: float | None, options: MemoryOptions, as_json: bool,
) -> None:  # fmt: skip
    """Remember texts, chats, images or PDFs.

    Each FILE, or standard input if none is given, becomes turns of SCOPE (namespace/user/session):
    one, or those of a chat. Each page of an image or a PDF becomes a turn; this needs a model that
    reads images.
    """
    if speakers and form != "chat":
        raise click.UsageError("--speaker is for --chat; leave it out here")
    names = parse_speakers(speakers)
    given = [
        (source, None if _is_image(source, options) else read_turns(source, role, form, names))
        for source in sources or (STDIN,)
    ]
    reports = list["AppendReport"]()
    with options.open(make=True) as memory, progress_bar("remembering") as bar:
        for source, turns in given:
            if turns is None:
                reports.append(memory.append_file(scope, source, now=now))
            else:
                reports.append(memory.append(scope, turns, now=now))
            bar(len(reports), len(given))
        if flush:
            memory.flush(scope, now=now)
        memory.drain()
    counts = [report.model_dump() for report in reports]
    total = {name: sum(each[name] for each in counts) for name in counts[0]}
    if as_json:
        print_json(total)
        return
    noun = "turn" if total["added"] == 1 else "turns"
    click.echo(f"{total['added']} {noun} remembered, {total['duplicates']} already known")
    if total["forgotten"]:
        click.echo(f"{total['forgotten']} were forgotten before; see `optimem readmit`", err=True)


def _is_image(source: str, options: MemoryOptions) -> bool:
    return source != STDIN and is_image(Path(source), options.image_model)


@click.command(epilog='\b\nExample:\n  optimem recall work/ann/monday "which port?" -k 3')
@scope_argument()
@click.argument("query")
@click.option(
    "-k",
    type=int,
    metavar="N",
    help="Most turns that match; 5 by default, or what the budget holds.",
)
@click.option(
    "--budget",
    type=int,
    metavar="TOKENS",
    help="Most tokens to show; long turns are cut to what matches.",
)
@click.option("--since", metavar="TIME", help="Only turns from then on, such as 2023-05-08.")
@click.option("--until", metavar="TIME", help="Only turns up to then.")
@click.option(
    "--preceding",
    type=int,
    metavar="N",
    help="Turns before each to show too; 1 by default with a budget, else none.",
)
@click.option("--following", type=int, metavar="N", help="The same after each.")
@raw_option
@now_option
@memory_options("store", "model", "reader", "embeddings", "policy")
@json_option
def recall(
    scope: str,
    query: str,
    k: int | None,
    budget: int | None,
    since: str | None,
    until: str | None,
    preceding: int | None,
    following: int | None,
    raw: bool,
    now: float | None,
    options: MemoryOptions,
    as_json: bool,
) -> None:
    """Show the turns that match a query.

    They are turns of SCOPE, best match first, each with the reason: its words, who said it if QUERY
    names somebody, when it was said if QUERY names a date such as "last Friday" or "in May". Times
    without a zone are UTC. Uncertain characters are shown as �. Exits with 1 if
    nothing readable matches.
    """
    with options.open() as memory:
        memory.check_known(scope)
        turns = memory.recall(
            scope, query, k, budget=budget, since=since, until=until,
            preceding=preceding, following=following, now=now,
        )  # fmt: skip
    _print_turns(turns, as_json, raw)
    if not turns:
        if not as_json:
            click.echo("nothing readable matches", err=True)
        sys.exit(UNKNOWN)


@click.command(
    epilog="\b\nExamples:\n"
    '  optimem ask work/ann/monday "which port does staging use?"\n'
    '  optimem ask work/ann/monday "who is paged first?" --json || echo unknown\n'
    '  optimem ask work/ann/monday "port?" --server http://localhost:8080/v1'
)
@scope_argument()
@click.argument("question")
@click.option("-k", "--k", type=int, metavar="N",
              help="Most turns that match to look for an answer in; 16 by default, or what the "
              "budget holds.")  # fmt: skip
@click.option("--budget", type=int, metavar="TOKENS",
              help="Most tokens to look for an answer in, or of a model's prompt; 2000 by default "
              "with a model, else no limit.")  # fmt: skip
@click.option("--since", metavar="TIME", help="Only turns from then on, such as 2023-05-08.")
@click.option("--until", metavar="TIME", help="Only turns up to then.")
@llm_options
@now_option
@memory_options("store", "model", "images", "reader", "embeddings", "policy")
@json_option
def ask(
    scope: str, question: str, k: int | None, budget: int | None, since: str | None,
    until: str | None, answering: LlmOptions, now: float | None, options: MemoryOptions,
    as_json: bool,
) -> None:  # fmt: skip
    """Answer a question, with a quotation or by a model.

    QUESTION is answered with the sentences of SCOPE that answer it, quoted verbatim, with � for
    uncertain characters; dates in brackets are what words such as "yesterday" mean. With --server,
    a model answers from what `optimem recall` finds, and cites it. If a model that reads images is
    given, it answers from an image by its vision tokens, also where no words do. If nothing
    readable answers the question, exits with 1 and shows the turns that come nearest, those that
    `optimem recall` finds.
    """
    with options.open() as memory:
        memory.check_known(scope)
        answer = memory.answer(
            scope, question, answering.open(), k=k, budget=budget, since=since, until=until,
            now=now,
        )  # fmt: skip
    if as_json:
        print_json(answer.model_dump(mode="json"))
    else:
        click.echo(answer.text, err=not answer.known)
        for passage in answer.passages:
            click.secho(_passage_line(passage), dim=True)
        if answer.nearest:
            click.echo("\nNearest:", err=True)
            _print_turns(answer.nearest, as_json=False, raw=False, aside=True)
    if not answer.known:
        sys.exit(UNKNOWN)


@click.command(epilog="\b\nExample:\n  optimem reconstruct work/ann/monday --json")
@scope_argument()
@raw_option
@memory_options("store", "model", "reader")
@json_option
def reconstruct(scope: str, raw: bool, options: MemoryOptions, as_json: bool) -> None:
    """Show all turns of a scope, in order.

    They are shown as they can be read now, uncertain characters as �.
    """
    with options.open() as memory:
        memory.check_known(scope)
        turns = memory.reconstruct(scope)
    _print_turns(turns, as_json, raw)


def _print_turns(
    turns: "Sequence[RecalledTurn]", as_json: bool, raw: bool, aside: bool = False
) -> None:
    """Turns with who said them, when, and how certain they are. `aside`: on standard error."""
    if any(part.tier == Tier.TRACE.label for turn in turns for part in turn.parts):
        click.echo("some turns are at Trace, which keeps the gist, not the letters", err=True)
    if as_json:
        print_json([turn.model_dump(mode="json") for turn in turns])
        return
    for turn in turns:
        parts = (
            turn.speaker, date(turn.time), ago(turn.age), turn.tier, _certainty(turn), turn.id,
            getattr(turn, "reasons", ""),
        )  # fmt: skip
        click.secho(" · ".join(filter(None, parts)), dim=True, err=aside)
        click.echo((turn.guess if raw else turn.text) + "\n", err=aside)


def _passage_line(passage: "Passage") -> str:
    """Who said it, how long ago, where it is, how certain it is, and its id."""
    place = ", ".join(map(_place, passage.parts))
    source = f"{passage.speaker}, {ago(passage.age)}"
    return f"[{passage.number}] {source} · {place} · {_certainty(passage)} · {passage.id}"


def _place(part: "PagePart") -> str:
    return f"page {part.page} ({part.tier})" if part.page else "not on a page yet"


def _certainty(turn: "RecalledTurn") -> str:
    return "exact" if turn.exact else f"{percent(turn.probability, 1)} certain"


COMMANDS = (remember, recall, ask, reconstruct)
