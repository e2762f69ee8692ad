"""What a memory answers with: frozen pydantic models, ready for JSON."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from optimem.protocols import Box
from optimem.turns import Role


class Result(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True)


class PagePart(Result):
    """Where a part of a turn lies. `tier`: of the page, "text" if no tier could hold it,
    "tail" if it is on no page yet. `boxes`: its lines in pixels of that tier's image."""

    page: str | None
    tier: str
    boxes: list[Box]


class RecalledTurn(Result):
    """A turn as it can be read now.

    `text`: uncertain characters are U+FFFD. `guess`: the likeliest text. `probability`:
    mean over characters; `least`: of the most doubtful one. `exact`: proved equal to what
    was written, by its hash. `age`: seconds since the turn's time, never negative.
    """

    id: str
    role: Role
    time: float
    age: float
    text: str
    guess: str
    probability: float
    least: float
    exact: bool
    parts: list[PagePart]

    @property
    def tier(self) -> str:
        """The tier of its first part."""
        return self.parts[0].tier


class Recollection(RecalledTurn):
    """A turn that bears on a query; `score` is BM25's."""

    score: float


class Passage(Recollection):
    """What an answer rests on: a turn, or the stretch of it that was quoted or given to the
    model. Text, certainty, parts and boxes are those of the stretch alone. `number`: by which
    the answer cites it, as [number]."""

    number: int


class Answer(Result):
    """An answer to a question, or that there is none.

    `text`: what is answered; a quotation is to the letter, U+FFFD where it has faded. `known`:
    whether the memory holds an answer. `source`: "llm" if a model was asked, "image" if the
    vision tokens of one were, else "quoted". `passages`: in the order of their numbers; empty
    if nothing is known. `probability`: that a character of the passages was read right, their
    mean from 0 to 1; it does not judge what a model made of them. Of a image, the mean
    over the answer's tokens. 0 if nothing is known.
    """

    text: str
    known: bool
    source: Literal["quoted", "llm", "image"]
    passages: list[Passage]
    probability: float


class AppendReport(Result):
    """`added` turns, and `duplicates` that were there already."""

    added: int
    duplicates: int


class Move(Result):
    """A page that fades: from a tier to a smaller one, or to None when it is forgotten. `page`
    is its id; of text in the open tail (`before` "tail"), which can only be forgotten, the
    turn's."""

    scope: str
    page: str
    before: str
    after: str | None
    expected_accuracy: float


class Unreadable(Result):
    """An entry that a sweep could not read, and why: damaged, or written by another encoder.
    It stays as it is."""

    scope: str
    entry: str
    reason: str


class SweepReport(Result):
    """What a sweep did, or would do. `moves`: pages that faded or were forgotten. `kept`:
    pages due that stay, pinned or by their floor. `skipped`: changed by somebody else in
    between. Bytes are those of the pages looked at."""

    moves: list[Move]
    unreadable: list[Unreadable]
    kept: int
    skipped: int
    bytes_before: int
    bytes_after: int


class ForgetReceipt(Result):
    """What was removed. `entries`: stored values removed or rewritten without the turn.
    `left`: what a new listing still finds of it, which is the proof: zero."""

    scopes: list[str]
    turns: int
    pages: int
    entries: int
    bytes: int
    left: int


class MemoryStats(Result):
    """What a memory holds and what it costs. `text_bytes`, `zstd_bytes`: of the text as it
    was written. The `…_bytes` after them add up to `stored_bytes`."""

    scopes: int
    turns: int
    pages: int
    pages_by_tier: dict[str, int]
    vision_tokens: int
    positions: int
    text_bytes: int
    zstd_bytes: int
    token_bytes: int
    kept_text_bytes: int
    structure_bytes: int
    verbatim_bytes: int
    doubt_bytes: int
    index_bytes: int
    tail_bytes: int
    other_bytes: int
    stored_bytes: int
    next_due: float | None
