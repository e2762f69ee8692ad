"""What goes in: `Turn` and `Scope`, checked at the edge. Knows nothing of pages or stores."""

import hashlib
import unicodedata
from collections.abc import Iterable
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from optimem.errors import InputError, ScopeError, TextError

Role = Literal["system", "user", "assistant", "tool", "text"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Who speaks; `text` is a document rather than a turn of a conversation."""


def checked_text(text: str) -> str:
    """`text` unchanged. Raises TextError if it holds a lone surrogate or a NUL."""
    for index, char in enumerate(text):
        if char == "\0" or unicodedata.category(char) == "Cs":
            raise TextError(
                f"character {index} is U+{ord(char):04X}, which is not text; decode the input "
                "with its true encoding or replace such characters first"
            )
    return text


class Turn(BaseModel):
    """One turn of a conversation, or a document.

    `text`: what was said, any length, kept to the letter. `role`: default "user".
    `id`: the caller's message id; without one it is made from role, time and text, so the
    same turn appended twice counts once. `time`: seconds since the epoch; without one, the
    time of the append.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    role: Role = "user"
    id: str | None = None
    time: float | None = None

    @field_validator("text")
    @classmethod
    def _text_is_text(cls, value: str) -> str:
        return checked_text(value)

    @property
    def key(self) -> str:
        """The id, or 32 hex digits of the content's SHA-256."""
        if self.id is not None:
            return self.id
        content = f"{self.role}\0{self.time}\0{self.text}".encode()
        return hashlib.sha256(content).hexdigest()[:32]


Turns = Turn | str | dict[str, Any] | Iterable[Turn | str | dict[str, Any]]
"""One turn or several; a string is a user's turn."""


def as_turns(given: Turns) -> list[Turn]:
    """What was given as turns. Raises InputError for what is none."""
    several = [given] if isinstance(given, Turn | str | dict) else given
    return [_turn(each) for each in several]


def _turn(given: Turn | str | dict[str, Any]) -> Turn:
    if isinstance(given, Turn):
        return given
    try:
        return Turn.model_validate({"text": given} if isinstance(given, str) else given)
    except ValidationError as error:
        raise InputError(f"{given!r:.200} is not a turn: {error}") from error


class Scope(BaseModel):
    """Whose memory: a namespace, a user and a session. Empty parts are kept apart.

    Written as `namespace/user/session`, or just `session`; a part may hold any character
    except NUL and "/" (use the fields for those).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    session: str = Field(min_length=1, max_length=512)
    user: str = Field(default="", max_length=512)
    namespace: str = Field(default="", max_length=512)

    @field_validator("session", "user", "namespace")
    @classmethod
    def _part_is_text(cls, value: str) -> str:
        return checked_text(value)

    @classmethod
    def parse(cls, text: "str | Scope") -> "Scope":
        """Read `namespace/user/session`, `user/session` or `session`. Raises ScopeError."""
        if isinstance(text, Scope):
            return text
        parts = text.split("/")
        if len(parts) > 3 or not parts[-1]:
            raise ScopeError(f"{text!r} is not a scope; write namespace/user/session or session")
        namespace, user, session = ["", ""][: 3 - len(parts)] + parts
        try:
            return cls(session=session, user=user, namespace=namespace)
        except ValidationError as error:
            raise ScopeError(f"{text!r:.200} is not a scope: {error}") from error

    def __str__(self) -> str:
        parts = [self.namespace, self.user, self.session]
        while len(parts) > 1 and not parts[0]:
            parts.pop(0)
        return "/".join(parts)
