"""What travels over HTTP: requests as they are checked, and answers that are not results already.

A scope is named by `session` and `user`; its namespace is the caller's, so none is sent.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue
from pydantic import Tag as Named

from optimem.reports import ScopeSize
from optimem.results import RecalledTurn, Recollection, Result, Unreadable
from optimem.roles import Role
from optimem.turns import MESSAGE_ROLES

NO_NUL = r"^[^\x00]*$"
When = Annotated[
    float | str,
    Field(description="Seconds since the epoch, or ISO 8601 text; UTC if it names no zone."),
]
Part = Annotated[str, Field(max_length=512, pattern="^[^\0]*$")]
Session = Annotated[str, Field(min_length=1, max_length=512, pattern="^[^\0]*$")]


MESSAGE_ROLE_NAMES: list[JsonValue] = [*sorted(MESSAGE_ROLES)]


class Sent(BaseModel):
    """Base of what is sent."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class InScope(Sent):
    """Names a scope of the caller's namespace. `user` may be empty."""

    session: Session
    user: Part = ""


class SentTurn(Sent):
    """A turn, as `optimem.Turn` has it. One with an `id` or a `time` counts once, however often it
    is sent."""

    text: str
    role: Role = "user"
    name: str | None = None
    id: str | int | None = None
    time: float | str | None = None
    extra: dict[str, Any] = Field(default_factory=dict)


class SentMessage(Sent):
    """A message as chat APIs write it; fields of theirs that are not named here are left out."""

    model_config = ConfigDict(extra="allow", strict=True)

    role: str = Field("user", json_schema_extra={"enum": MESSAGE_ROLE_NAMES})
    content: str | list[str | dict[str, Any]] | None
    name: str | None = None
    id: str | int | None = None
    time: float | str | None = None


def _kind(given: Any) -> str:
    fields = given if isinstance(given, dict) else {}
    return "message" if "content" in fields and "text" not in fields else "turn"


AnyTurn = Annotated[
    Annotated[SentTurn, Named("turn")] | Annotated[SentMessage, Named("message")],
    Discriminator(_kind),
]


class AppendRequest(InScope):
    """Turns to remember. `aged`: they fade as old as they are by their own times. `flush`: put them
    on pages now, the last one partly filled; else that happens as pages fill."""

    turns: list[AnyTurn]
    aged: bool = False
    flush: bool = False


class RecallRequest(InScope):
    """What to find. `k`: turns that match, at most. `budget`: tokens that all texts have together.
    `since`, `until`: only turns of this time. `preceding`, `following`: turns beside each match."""

    query: str = Field(min_length=1)
    k: int | None = Field(default=None, ge=1, le=1000)
    budget: int | None = Field(default=None, ge=1, le=1_000_000)
    since: When | None = None
    until: When | None = None
    preceding: int | None = Field(default=None, ge=0, le=100)
    following: int | None = Field(default=None, ge=0, le=100)


class AnswerRequest(InScope):
    """A question. `k`, `since`, `until`: the turns to look for an answer in. `budget`: tokens that
    they have together, or that a model's prompt has."""

    question: str = Field(min_length=1)
    k: int | None = Field(default=None, ge=1, le=1000)
    budget: int | None = Field(default=None, ge=1, le=1_000_000)
    since: When | None = None
    until: When | None = None


class ForgetRequest(Sent):
    """What to forget: of a `session`, or, without one, of all sessions of a `user`. `turn`: one
    turn of a session by its id. `before`: turns of a time before."""

    session: Session | None = None
    user: Part = ""
    turn: str | None = None
    before: When | None = None


class ReconstructQuery(InScope):
    """All turns of a scope in order. `since`, `until`: those of this time."""

    model_config = ConfigDict(strict=False)

    since: str | None = None
    until: str | None = None


class PageQuery(InScope):
    """A page of a scope. `page`: as the parts of a turn name it. `turn`: the id of one whose lines
    are boxed."""

    model_config = ConfigDict(strict=False)

    page: str = Field(min_length=1, max_length=128)
    turn: str | None = None


class StatsQuery(InScope):
    """A scope."""

    model_config = ConfigDict(strict=False)


class ScopesQuery(Sent):
    """All scopes of the namespace, or those of a user."""

    model_config = ConfigDict(strict=False)

    user: Part | None = None


class ExportQuery(Sent):
    """What to export: one session, or all of a user, or of the namespace. `images`: each page as a
    PNG too."""

    model_config = ConfigDict(strict=False)

    session: Session | None = None
    user: Part | None = None
    images: bool = False


class Turns(Result):
    """Turns as they can be read now. `unreadable`: entries of the scope that could not be read on
    the way."""

    turns: list[RecalledTurn]
    unreadable: list[Unreadable]


class Recollections(Result):
    """Turns that match, best first. `unreadable`: as in `Turns`."""

    turns: list[Recollection]
    unreadable: list[Unreadable]


class Scopes(Result):
    """Scopes by name."""

    scopes: list[ScopeSize]


class Problem(BaseModel):
    """What went wrong (RFC 9457). `title`: the kind of error. `detail`: the value that was wrong,
    and what to do."""

    type: str
    title: str
    status: int
    detail: str
