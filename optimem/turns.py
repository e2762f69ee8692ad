"""What goes in: turns, and the scope that they belong to, checked at the edge.

Messages in the form of OpenAI's API and of LangChain become turns here, known by their fields
alone. Knows nothing of pages, stores or any framework.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import PurePath
from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    field_validator,
    model_validator,
)

from optimem.errors import InputError, ScopeError, TextError
from optimem.roles import ROLES as ROLES
from optimem.roles import Role as Role
from optimem.times import as_seconds

RESERVED = "optimem."
"""Namespaces that start so belong to optimem: of items, and of what was forgotten."""

MESSAGE_ROLES: dict[str, Role] = {
    "system": "system", "developer": "system", "user": "user", "human": "user",
    "assistant": "assistant", "ai": "assistant", "model": "assistant",
    "tool": "tool", "function": "tool",
}  # fmt: skip
"""The roles of messages as APIs and frameworks call them."""


MAX_NAME = 128
"""Characters of a speaker's name."""
SURROGATE = re.compile("[\ud800-\udfff]")


def checked_text(text: str) -> str:
    """`text` unchanged. Raises TextError if it holds a lone surrogate."""
    found = SURROGATE.search(text)
    if found:
        raise TextError(
            f"character {found.start()} is U+{ord(found.group()):04X}, half of a surrogate pair, "
            "which is not text; decode the input with its true encoding or replace such characters "
            "first"
        )
    return text


class Value(BaseModel):
    """A frozen value with checked fields. Raises `invalid`, naming the wrong fields, where pydantic
    would raise ValidationError. `kind`: what to call the value in that message."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str]
    invalid: ClassVar[type[InputError]] = InputError

    @model_validator(mode="wrap")
    @classmethod
    def _checked(cls, given: Any, check: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return check(given)
        except ValidationError as error:
            wrong = "; ".join(_problem(each) for each in error.errors(include_url=False))
        raise cls.invalid(f"{given!r:.200} is not a {cls.kind}: {wrong}")


def _problem(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors, such as "role='king': input should be 'user' or 'tool'"."""
    field, message = ".".join(map(str, error["loc"])), str(error["msg"])
    if error["type"] != "missing":
        field += f"={error['input']!r:.80}"
    return f"{field}: {message[:1].lower()}{message[1:]}"


class Turn(Value):
    """One turn of a conversation, or a document.

    `text`: any length, kept verbatim. `role`: default "user". `name`: who speaks, of any number of
    people; one line of at most 128 characters, default nobody in particular. `id`: the caller's
    message id, text or a number; without one it is made from the turn's fields and its place in the
    conversation. A turn with an id or a `time`, and a document, counts once however often it is
    appended; any other turn once at its place (see `OpticalMemory.append`). `time`: seconds since
    the epoch, a `datetime` or ISO 8601 text (UTC if it names no zone); default the time of the
    append. `extra`: JSON that belongs to the turn, such as a message's type and
    tool calls; stored beside the text as it is, it never fades. Raises TextError for text with a
    lone surrogate, InputError for other wrong fields.
    """

    kind: ClassVar[str] = "turn"

    text: str
    role: Role = "user"
    name: str | None = None
    id: str | None = None
    time: float | None = Field(default=None, allow_inf_nan=False)
    extra: dict[str, Any] = Field(default_factory=dict)

    @field_validator("text")
    @classmethod
    def _text_is_text(cls, value: str) -> str:
        return checked_text(value)

    @field_validator("name")
    @classmethod
    def _name_is_a_line(cls, value: str | None) -> str | None:
        """The name without space around it. A line break in it could pass for somebody else's
        words where a model is shown who spoke."""
        name = checked_text(value or "").strip()
        if len(name) > MAX_NAME or not name.isprintable():
            raise InputError(
                f"name={value!r:.80} is not a speaker's name; give one line of at most {MAX_NAME} "
                "characters"
            )
        return name or None

    @field_validator("id", mode="before")
    @classmethod
    def _id_may_be_a_number(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("time", mode="before")
    @classmethod
    def _time_may_be_a_date(cls, value: Any) -> Any:
        return as_seconds(value) if isinstance(value, str | date) else value

    @field_validator("extra")
    @classmethod
    def _extra_is_json(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            return dict(json.loads(json.dumps(value, allow_nan=False)))
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(f"extra={value!r:.80} is not JSON: {error}") from error

    def __hash__(self) -> int:
        return hash(self.key)  # `extra` is a dict, which has no hash

    @property
    def key(self) -> str:
        """The id, or 32 hex digits of the content's SHA-256."""
        return self.nth_key(0) if self.id is None else self.id

    def nth_key(self, number: int) -> str:
        """The key of the turn, which has no id, if `number` turns before it are equal."""
        extra = f"\0{json.dumps(self.extra, sort_keys=True)}" if self.extra else ""
        nth = f"\0{number}" if number else ""
        name = f"\0name={json.dumps(self.name)}" if self.name else ""
        text = self.text.replace("\0", "\0\0")  # no text then looks like one with extra fields
        content = f"{self.role}\0{self.time}\0{text}{name}{extra}{nth}".encode()
        return hashlib.sha256(content).hexdigest()[:32]


Turns = Turn | str | Mapping[str, Any] | Iterable[Any]
"""One turn or several, each a `Turn`, a string (a user's turn), a dict or a message.

A dict holds the fields of a `Turn`, or is a message as OpenAI's API and LangChain write it:
`content` (a string or a list of text blocks) and `role` (or `type`: "human", "ai", …), with or
without `name`, `id` and `time`. Message objects hold the same as attributes. Tool calls follow the
text as `[calls name(arguments)]`; other fields of a message are left out."""


def as_turns(given: Turns) -> list[Turn]:
    """Turns, from any form of them. Raises InputError, naming what is wrong, for anything else."""
    one = isinstance(given, Turn | str | Mapping | PurePath) or _is_message(given)
    several = given if isinstance(given, Iterable) and not one else [given]
    return [_as_turn(each) for each in several]


def _as_turn(given: Any) -> Turn:
    if isinstance(given, Turn):
        return given
    if isinstance(given, str):
        return Turn(text=given)
    if _is_message(given):
        return _message_turn(given)
    if isinstance(given, Mapping):
        return Turn.model_validate(given)
    if isinstance(given, PurePath):
        raise InputError(f"{str(given)!r} is a path; append a file with append_file")
    raise InputError(
        f"{given!r:.200} is not a turn; give a string, a dict with text or content, or a message"
    )


def _is_message(given: Any) -> bool:
    if isinstance(given, Mapping):
        return "content" in given and "text" not in given
    return hasattr(given, "content") and (hasattr(given, "role") or hasattr(given, "type"))


def _message_turn(message: Any) -> Turn:
    known = {role: role for role in ROLES} | MESSAGE_ROLES
    name = _field(message, "role") or _field(message, "type") or "user"
    if str(name) not in known:
        raise InputError(
            f"{message!r:.200} is not a turn: its role is {name!r}; use one of {', '.join(known)}"
        )
    content, calls = _field(message, "content"), _field(message, "tool_calls") or ()
    texts = [*_content_texts(message, "" if content is None and calls else content)]
    called = [_call(call) for call in calls]
    return Turn(
        text="\n".join(filter(None, ["".join(texts), *called])),
        role=known[str(name)],
        name=_field(message, "name"),
        id=_field(message, "id"),
        time=_field(message, "time"),
    )


def _content_texts(message: Any, content: Any) -> Iterator[str]:
    blocks = [content] if isinstance(content, str) else content
    if not isinstance(blocks, list | tuple):
        raise InputError(
            f"{message!r:.200} is not a turn: its content is {content!r:.80}; give a string or a "
            "list of text blocks"
        )
    for block in blocks:
        text = block if isinstance(block, str) else _field(block, "text")
        if not isinstance(text, str):
            kind = _field(block, "type") or type(block).__name__
            raise InputError(
                f"{message!r:.200} is not a turn: its content holds a block of type {kind!r}, "
                "which is not text; leave it out, or append an image with append_file"
            )
        yield text


def _call(call: Any) -> str:
    """A tool call as OpenAI writes it, with JSON in a `function`, or as LangChain does."""
    function = _field(call, "function")
    if function is not None:
        return call_text(_field(function, "name"), _field(function, "arguments"))
    arguments = json.dumps(_field(call, "args"), ensure_ascii=False, default=str)
    return call_text(_field(call, "name"), arguments)


CALL_MARK = "[calls "
"""What the text of a tool call starts with."""


def call_text(name: object, arguments: object) -> str:
    """A tool call as the text of a turn."""
    return f"{CALL_MARK}{name}({arguments})]"


def _field(given: Any, name: str) -> Any:
    return given.get(name) if isinstance(given, Mapping) else getattr(given, name, None)


class Scope(Value):
    """Whose memory: a namespace, a user and a session, of at most 512 characters each. `user`
    and `namespace` may be empty; scopes that differ in any part share nothing.

    Written as `namespace/user/session`, `user/session` or just `session`; a part may hold any
    character but NUL, "/" written as %2F and "%" as %25. Raises ScopeError, or TextError for a
    part with a lone surrogate or a NUL.
    """

    kind: ClassVar[str] = "scope"
    invalid: ClassVar[type[InputError]] = ScopeError

    session: str = Field(min_length=1, max_length=512)
    user: str = Field(default="", max_length=512)
    namespace: str = Field(default="", max_length=512)

    @field_validator("session", "user", "namespace")
    @classmethod
    def _part_is_text(cls, value: str) -> str:
        if "\0" in value:
            raise TextError(f"{value!r:.80} holds a NUL, which keeps the parts of a scope apart")
        return checked_text(value)

    @classmethod
    def parse(cls, text: "str | Scope") -> "Scope":
        """Read `namespace/user/session`, `user/session` or `session`. Raises ScopeError."""
        if isinstance(text, Scope):
            return text
        parts = text.split("/") if isinstance(text, str) else []
        if not 1 <= len(parts) <= 3 or not parts[-1]:
            raise ScopeError(f"{text!r} is not a scope; write namespace/user/session or session")
        namespace, user, session = ["", ""][: 3 - len(parts)] + list(map(_unescaped, parts))
        return cls(session=session, user=user, namespace=namespace)

    def __str__(self) -> str:
        parts = list(map(_escaped, (self.namespace, self.user, self.session)))
        while len(parts) > 1 and not parts[0]:
            parts.pop(0)
        return "/".join(parts)


def _escaped(part: str) -> str:
    """A part of a scope as it is written; "%" only where it would be read as an escape."""
    return re.sub("%(?=2F|25)", "%25", part).replace("/", "%2F")


def _unescaped(part: str) -> str:
    return re.sub("%2F|%25", lambda match: "/" if match[0] == "%2F" else "%", part)
