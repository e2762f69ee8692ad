"""`optimem ask`: a question put to a memory; the answer, and where it stands."""

import sys
from typing import TYPE_CHECKING

import click

from optimem.cli.memory import now_option, parsed_time
from optimem.cli.output import json_option, print_json
from optimem.cli.place import Place, memory_options

if TYPE_CHECKING:
    from optimem.results import PagePart, Passage

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
@memory_options("store", "model", "pictures")
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
    model that reads pictures, a picture is asked itself, by its vision tokens.

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
    from optimem.memory.telling import ago

    sure = "exact" if passage.exact else f"{passage.probability:.1%} sure"
    where = ", ".join(_place(part) for part in passage.parts)
    said = f"{passage.role}, {ago(passage.age)}"
    return f"[{passage.number}] {said} · {where} · {sure} · {passage.id}"


def _place(part: "PagePart") -> str:
    return f"page {part.page} ({part.tier})" if part.page else "not on a page yet"


COMMANDS = (ask,)
