"""The APIs whose requests hold a conversation, and a request's body with its messages as they stand
in it, so that what is left alone stays the same to the byte.

Knows nothing of what messages say.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from json.decoder import WHITESPACE  # type: ignore[attr-defined]  # what JSON skips
from typing import Any, NamedTuple


class Api(NamedTuple):
    """An endpoint. `form`: of its messages, one of `prompts.forms.FORMS`. `field`: of the body that
    holds them. `system`: of the body that holds the system prompt, where it is no message."""

    form: str
    field: str
    system: str = ""


APIS = {
    b"/chat/completions": Api("openai", "messages"),
    b"/responses": Api("responses", "input", "instructions"),
    b"/messages": Api("anthropic", "messages", "system"),
}
"""By the end of the path, whatever stands before it."""
ELSEWHERE = ("previous_response_id", "conversation")
"""Fields of a body whose conversation the provider keeps."""
_DECODER = json.JSONDecoder()
_SPACE = ("", " ", "\n", "\t", "\r")


def find_api(method: str, target: bytes) -> Api | None:
    """The API that a request is for; None for any other."""
    path = target.partition(b"?")[0]
    found = (api for end, api in APIS.items() if path.endswith(end))
    return next(found, None) if method == "POST" else None


class Span(NamedTuple):
    """A message: what it says, and where it stands in the text of the body."""

    message: dict[str, Any]
    start: int
    end: int


@dataclass(frozen=True)
class Body:
    """A request's body. `fields`: all but the messages. `start`, `end`: of the list of messages in
    the `text`."""

    text: str
    fields: Mapping[str, Any]
    spans: Sequence[Span]
    start: int
    end: int

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages."""
        return [span.message for span in self.spans]

    def written(self, index: int) -> str:
        """A message as it came."""
        _, start, end = self.spans[index]
        return self.text[start:end]

    def with_messages(self, written: Sequence[str]) -> bytes:
        """The body with other messages."""
        inner = ",".join(written)
        return f"{self.text[: self.start]}[{inner}]{self.text[self.end :]}".encode()


def parse_body(data: bytes, field: str) -> Body | None:
    """A body whose `field` lists messages; None for any other, or if the provider has the rest of
    the conversation. Raises ValueError for what is not JSON, and RecursionError for what is nested
    too deeply."""
    text = data.decode()
    if not isinstance(json.loads(text), dict):  # from here on it is known to be JSON
        return None
    fields, spans, where = dict[str, Any](), list[Span](), None
    for key, start in _members(text):
        if key == field and text[start : start + 1] == "[":
            if where:
                return None  # twice: who knows which one counts
            spans = list(_elements(text, start))
            where = start, _close(text, spans[-1].end if spans else start + 1)
        else:
            fields[key] = _DECODER.raw_decode(text, start)[0]
    if not where or not all(isinstance(span.message, dict) for span in spans):
        return None
    if any(fields.get(name) for name in ELSEWHERE):
        return None
    return Body(text, fields, spans, *where)


def _members(text: str) -> Iterator[tuple[str, int]]:
    """Each key of an object, and where its value starts."""
    at = _skip(text, _skip(text, 0) + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)
        yield key, at
        at = _after(text, _DECODER.raw_decode(text, at)[1])


def _elements(text: str, start: int) -> Iterator[Span]:
    """Each element of an array that starts here."""
    at = _skip(text, start + 1)
    while text[at] != "]":
        value, end = _DECODER.raw_decode(text, at)
        yield Span(value, at, end)
        at = _after(text, end)


def _close(text: str, at: int) -> int:
    """Behind the bracket that ends an array."""
    return text.index("]", at) + 1


def _after(text: str, at: int) -> int:
    """Where the next member or element starts, or what they are in ends."""
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == "," else at


def _skip(text: str, at: int) -> int:
    """Where the next character that is no space stands; most JSON has none."""
    return int(WHITESPACE.match(text, at).end()) if text[at : at + 1] in _SPACE else at
