"""What a memory gives back: turns and answers, as frozen pydantic models, ready for JSON.

Each has a repr of one line; turns, passages and answers also show themselves in notebooks, with
doubtful characters marked and a sketch of each page with their lines boxed. The sketch needs no
pixels, so a result shows itself without its memory. What an operation did is in `reports`.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from optimem.protocols import Box
from optimem.text.notebook import marked_text, numbered, page_sketch
from optimem.text.wording import ago, percent
from optimem.tiers import Tier
from optimem.turns import ROLES, Role

SHOWN = 60
"""Characters of a text in a repr."""


class Result(BaseModel):
    """Base of every result."""

    model_config = ConfigDict(frozen=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Fields by name, long texts cut and a list as its length."""
        for name, value in super().__repr_args__():
            yield name, _shortened(value)


class Unreadable(Result):
    """An entry that could not be read and was left as it is. `entry`: its key. `reason`: such as
    that it is damaged, or that another encoder wrote it."""

    scope: str
    entry: str
    reason: str


class PagePart(Result):
    """Where a part of a turn is. `page`: the page's id, None in the tail. `tier`: of the page;
    "text" if no tier could hold it, "tail" in the tail, "damaged" if the page cannot be read, for
    which U+FFFD stands in the text. `boxes`: its lines, in pixels of that
    tier's image (Large for "text")."""

    page: str | None
    tier: str
    boxes: list[Box]

    def _repr_html_(self) -> str:
        if self.page is None:
            return ""
        side = (Tier.LARGE if self.tier in ("text", "damaged") else Tier.parse(self.tier)).value
        title = f"page {self.page} ({self.tier})"
        return page_sketch(title, side, self.boxes)


class RecalledTurn(Result):
    """A turn as it can be read now.

    `text`: with U+FFFD for each uncertain character. `guess`: the most likely text, character by
    character. `probability`: mean over the characters; `least`: of the most doubtful one.
    `exact`: its hash proves that `guess` is what was written. `time`: seconds since the epoch.
    `name`: who speaks, None for nobody in particular.
    `age`: seconds since then, at least 0. `parts`: where it is, in reading order. `extra`: as it
    was appended.
    """

    id: str
    role: Role
    name: str | None = None
    time: float
    age: float
    text: str
    guess: str
    probability: float
    least: float
    exact: bool
    parts: list[PagePart]
    extra: dict[str, Any] = Field(default_factory=dict)

    @property
    def tier(self) -> str:
        """The tier of its first part."""
        return self.parts[0].tier

    @property
    def speaker(self) -> str:
        """Who speaks: the name, else the role; both if the name is that of a role."""
        if self.name is None:
            return self.role
        return f"{self.name} ({self.role})" if self.name.casefold() in ROLES else self.name

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield "role", self.role
        if self.name:
            yield "name", self.name
        yield "age", ago(self.age)
        yield "tier", self.tier
        yield "text", _shortened(self.text)

    def _repr_html_(self) -> str:
        certainty = "exact" if self.exact else f"{percent(self.probability, 1)} certain"
        line = f"{self.speaker} · {ago(self.age)} · {self.tier} · {certainty} · {self.id}"
        pages = "".join(part._repr_html_() for part in self.parts)
        return (
            f"<div><small>{escape(line)}</small>"
            f'<div style="white-space:pre-wrap">{marked_text(self.text, self.guess)}</div>'
            f"{pages}</div>"
        )


class Reason(Result):
    """Why a turn was recalled. `stage`: "words" of the query in it, "words around it" in the turns
    beside it, "words alike" for such as mean much the same, "speaker" or "date" as the query names
    them, or "beside" a turn that was found. `score`: what it adds to the turn's. `note`: the words
    of the query, the name, the date, or the id of the other turn."""

    stage: str
    score: float
    note: str


class Recollection(RecalledTurn):
    """A turn that matches a query, or stands beside one that does. `score`: how well, comparable
    within one recall; 0 for a turn beside. `why`: the reasons. `whole`: whether the text is all of
    the turn, or what fits a budget around the best match."""

    score: float
    why: list[Reason] = Field(default_factory=list)
    whole: bool = True

    @property
    def reasons(self) -> str:
        """Why it is there, in one line; what a later stage says again is left out."""
        first = {each.note: each.stage for each in reversed(self.why) if each.note}
        return "; ".join(f"{stage}: {note}" for note, stage in reversed(first.items()))


T = TypeVar("T", bound=RecalledTurn)


class TurnList(list[T]):
    """Recalled turns. `unreadable`: entries of the scope that could not be read on the way; turns
    on them are missing here, or cut."""

    def __init__(self, turns: Iterable[T] = (), unreadable: Sequence[Unreadable] = ()) -> None:
        super().__init__(turns)
        self.unreadable = list(unreadable)

    def _repr_html_(self) -> str:
        turns = numbered(enumerate((turn._repr_html_() for turn in self), 1))
        lost = f"<p>{len(self.unreadable)} cannot be read.</p>" if self.unreadable else ""
        return (turns if self else "<p>No turns.</p>") + lost


class Passage(Recollection):
    """What an answer rests on: a turn, or the snippet of it that was quoted or given to the
    model. Text, certainty, parts and boxes are those of the snippet alone. `number`: by which
    the answer cites it, as in [1]."""

    number: int

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield "number", self.number
        yield from super().__repr_args__()


class Answer(Result):
    """An answer to a question, or that the memory does not know.

    `text`: the answer; a quotation is verbatim, with U+FFFD for each uncertain character.
    `known`: whether the memory holds an answer. `source`: "quoted", "llm" if a model answered,
    "image" if the reader of images did, from the vision tokens of images or of text pages.
    `passages`: by number; empty if nothing is known.
    `probability`: of a quotation, that it answers, as found on generated conversations, and was
    read right; of a model's answer, that its passages were read right, which does not judge what
    the model made of them; of an image, the mean over the tokens of the answer; 0 if nothing is
    known. `nearest`: if nothing is known, the turns that come nearest. `dropped`: numbers that a
    model cited and that are no passage, or of one that shares no word with the sentence; they are
    cut out of `text`. `unreadable`: entries of the scope that could not be read on the way.
    """

    text: str
    known: bool
    source: Literal["quoted", "llm", "image"]
    passages: list[Passage]
    probability: float
    nearest: list[Recollection] = Field(default_factory=list)
    dropped: list[int] = Field(default_factory=list)
    unreadable: list[Unreadable] = Field(default_factory=list)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield "known", self.known
        yield "source", self.source
        yield "text", _shortened(self.text)
        yield "passages", len(self.passages)

    def _repr_html_(self) -> str:
        passages = numbered((each.number, each._repr_html_()) for each in self.passages)
        text = escape(self.text)
        return f'<div style="white-space:pre-wrap"><b>{text}</b></div>{passages}'


def _shortened(value: Any) -> Any:
    if isinstance(value, list):
        return len(value)
    cut = isinstance(value, str) and len(value) > SHOWN
    return f"{value[:SHOWN]}…" if cut else value
