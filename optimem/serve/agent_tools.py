"""What an agent can do with a memory: the tools and pages of the MCP server, as plain functions.

Answers are short: each takes a budget of tokens and keeps to it. Knows nothing of MCP.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from optimem.api.memory import OpticalMemory
from optimem.errors import InputError
from optimem.memory.recall.prompting import QUOTED, attribution, count_tokens, marked_lines
from optimem.reports import PageSummary
from optimem.results import RecalledTurn
from optimem.serve.backend import Backend
from optimem.text.told_dates import day_shown
from optimem.turns import Scope

PAGE = "optimem://page/"
LINKED = 3
"""Turns of a recall whose pages are linked."""
LISTED = 100
"""Pages that are listed, the newest."""
LEAST = 200
"""Tokens that an answer may have at least."""
BATCH = 16

Budget = Annotated[int, Field(ge=LEAST, le=20_000, description="Tokens that the answer may have.")]
When = Annotated[str | None, Field(description="ISO 8601, such as 2026-05-08.")]


class Link(NamedTuple):
    """A page that an answer speaks of. `uri`: names page and turn; `name`: for people."""

    uri: str
    name: str


class Page(NamedTuple):
    """A page in a list of them. `holds`: what lies on it."""

    link: Link
    holds: str


class Said(NamedTuple):
    """What a tool says: text, and the pages that it speaks of."""

    text: str
    pages: Sequence[Link] = ()


class Asked(BaseModel):
    """Base of what a tool takes."""

    model_config = ConfigDict(extra="forbid")

    session: Annotated[
        str | None,
        Field(min_length=1, max_length=512, description="Another session than the usual one."),
    ] = None


class Remember(Asked):
    """A note to keep."""

    text: Annotated[str, Field(min_length=1, description="What to remember, word for word.")]
    id: Annotated[str | None, Field(description="To forget it by, or to send it again.")] = None


class Recall(Asked):
    """A query."""

    query: Annotated[str, Field(min_length=1, description="Words, names or dates to look for.")]
    since: When = None
    until: When = None
    budget: Budget = 800


class Ask(Asked):
    """A question."""

    question: Annotated[str, Field(min_length=1)]
    budget: Budget = 400


class Forget(Asked):
    """What to forget: one turn by its id, or everything of the session."""

    turn: Annotated[str | None, Field(description="The id that recall shows.")] = None
    everything: Annotated[bool, Field(description="The whole session; cannot be undone.")] = False


class Export(Asked):
    """Where to go on."""

    after: Annotated[str | None, Field(description="The `next` of the export before.")] = None
    budget: Budget = 2000


class Stats(Asked):
    """Nothing but the session."""


@dataclass(frozen=True)
class Tool:
    """A tool. `run`: called with the backend, the scope and what was asked, see `backend.perform`;
    its docstring describes it. `idempotent`: calling it again with the same arguments changes
    nothing more."""

    takes: type[Asked]
    run: Callable[[Backend, Scope, Any], Said | Awaitable[Said]]
    read_only: bool = False
    destructive: bool = False
    idempotent: bool = True

    @property
    def name(self) -> str:
        """By which it is called."""
        return self.run.__name__

    @property
    def description(self) -> str:
        """For the model that calls it."""
        return " ".join((self.run.__doc__ or "").split())


def remember(backend: Backend, scope: Scope, asked: Remember) -> Said:
    """Keep a note in long-term memory: a decision, a fact, a preference, the outcome of a task. The
    same note counts once."""
    turn = {"text": asked.text, "role": "text"} | ({"id": asked.id} if asked.id else {})
    report = backend.memory.append(scope, turn)
    if report.forgotten:
        return Said("not remembered: it was forgotten before, which `optimem readmit` takes back")
    return Said("remembered" if report.added else "known already")


def recall(backend: Backend, scope: Scope, asked: Recall) -> Said:
    """Find what was said or noted before that matches a query, best first, with who said it, how
    long ago, and its id."""
    found = backend.memory.recall(
        scope, asked.query, budget=max(asked.budget * 2 // 3, 1), since=asked.since,
        until=asked.until,
    )  # fmt: skip
    if not found:
        return Said("nothing matches")
    paragraphs, left = [QUOTED], asked.budget - count_tokens(QUOTED)
    shown = list[RecalledTurn]()
    for turn in found:
        paragraph = f"[{turn.id}] {attribution(turn)}:\n{marked_lines(turn.text)}"
        size = count_tokens(paragraph) + 1
        if size <= left:
            paragraphs.append(paragraph)
            shown.append(turn)
            left -= size
    pages = (link for turn in shown[:LINKED] for link in _links(scope, turn))
    return Said("\n".join(paragraphs), tuple(dict.fromkeys(pages)))


async def answer(backend: Backend, scope: Scope, asked: Ask) -> Said:
    """Answer a question from memory, with what the answer rests on, or say that it is not known."""
    found = await backend.answer(scope, asked.question)
    sources = [f"[{each.id}] {attribution(each)}" for each in found.passages]
    text = _fitting("\n".join([found.text, *sources]), asked.budget)
    return Said(text, tuple(link for each in found.passages for link in _links(scope, each)))


def forget(backend: Backend, scope: Scope, asked: Forget) -> Said:
    """Delete one turn, or everything of a session, for good, and give a receipt."""
    if (asked.turn is None) == (not asked.everything):
        raise InputError("give the id of a turn, or everything=true to forget the whole session")
    receipt = backend.memory.forget(scope, turn=asked.turn)
    fields = {"scopes", "turns", "pages", "entries", "left", "residue", "time"}
    return Said(receipt.model_dump_json(include=fields))


def export(backend: Backend, scope: Scope, asked: Export) -> Said:
    """Show all turns of a session in order as JSON Lines, as many as the budget holds. The last
    line tells where to go on (`next`), or that nothing is left (`end`)."""
    ids = backend.memory.ids(scope)
    if asked.after is not None and asked.after not in ids:
        raise InputError(f"there is no turn {asked.after!r:.80}; begin again without `after`")
    start = 0 if asked.after is None else ids.index(asked.after) + 1
    lines, left, last = list[str](), asked.budget, ""
    for turn in _turns(backend.memory, scope, ids[start:]):
        after = json.dumps({"next": turn.id})
        room = left - count_tokens(after) - 2  # of the line breaks
        line = _line(turn, turn.text)
        if count_tokens(line) > room and lines:
            return Said("\n".join([*lines, json.dumps({"next": last})]))
        if count_tokens(line) > room:
            frame = count_tokens(_line(turn, "", cut=True))
            return Said(f"{_line(turn, _fitting(turn.text, room - frame), cut=True)}\n{after}")
        lines.append(line)
        last = turn.id
        left -= count_tokens(line) + 1
    return Said("\n".join([*lines, json.dumps({"end": True})]))


def stats(backend: Backend, scope: Scope, asked: Stats) -> Said:
    """Say how many turns and pages a session holds, at which tiers, and what they cost."""
    fields = {"turns", "pages", "pages_by_tier", "vision_tokens", "text_bytes", "stored_bytes"}
    return Said(backend.memory.stats(scope).model_dump_json(include=fields))


TOOLS = (
    Tool(Remember, remember),
    Tool(Recall, recall, read_only=True),
    Tool(Ask, answer, read_only=True),
    Tool(Forget, forget, destructive=True),
    Tool(Export, export, read_only=True),
    Tool(Stats, stats, read_only=True),
)
"""All tools."""


def newest_pages(memory: OpticalMemory, scope: Scope) -> list[Page]:
    """The newest pages of a session."""
    return [
        Page(Link(_page_uri(scope, page.page), f"page {page.page} ({page.tier})"), _holds(page))
        for page in memory.newest_pages(scope, LISTED)
    ]


def _holds(page: PageSummary) -> str:
    """How many turns lie on a page, and of which days."""
    days = dict.fromkeys((day_shown(page.first), day_shown(page.last)))
    return f"{page.turns} turn{'s' * (page.turns > 1)}, {' to '.join(days)}"


def _turns(memory: OpticalMemory, scope: Scope, ids: Sequence[str]) -> Any:
    """Turns by their ids, a few read at a time."""
    for start in range(0, len(ids), BATCH):
        yield from memory.read(scope, ids[start : start + BATCH])


def _line(turn: RecalledTurn, text: str, **more: bool) -> str:
    fields = {"id": turn.id, "role": turn.role, "time": round(turn.time), "text": text}
    return json.dumps(fields | more, ensure_ascii=False)


def _links(scope: Scope, turn: RecalledTurn) -> list[Link]:
    """The pages that a turn is on, each with the turn boxed."""
    boxed = quote(turn.id, safe="")
    return [
        Link(f"{_page_uri(scope, part.page)}?turn={boxed}", f"page {part.page} ({part.tier})")
        for part in turn.parts
        if part.page and part.tier != "damaged"
    ]


def _page_uri(scope: Scope, page: str) -> str:
    return f"{PAGE}{quote(scope.session, safe='')}/{page}"


def _fitting(text: str, budget: int) -> str:
    """The start of a text that fits a budget of tokens."""
    while text.strip("…") and (size := count_tokens(text)) > budget:
        text = text[: int(len(text) * min((budget - 1) / size, 0.95))] + "…"
    return text
