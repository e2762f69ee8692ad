"""The text by which an item is found. Knows nothing of indexes or stores.

Paths come as tokens, the way LangGraph writes them: a field's name, `*` for all fields or
elements, `[0]`, `[-1]` and `[*]` for elements, `{a,b.c}` for several fields.
"""

from collections.abc import Iterator, Sequence
from typing import Any

WHOLE = "$"
"""The path of the whole value."""


def text_at(value: Any, tokens: Sequence[str]) -> str:
    """The words at a path, one part a line, names of fields included."""
    return "\n".join(word for part in selected(value, tokens) for word in _spoken(part))


def selected(value: Any, tokens: Sequence[str]) -> Iterator[Any]:
    """The parts of a value that a path leads to; none where it leads nowhere."""
    if not tokens or list(tokens) == [WHOLE]:
        yield value
        return
    first, rest = tokens[0], tokens[1:]
    for inner in _step(value, first):
        yield from selected(inner, rest)


def _step(value: Any, token: str) -> Iterator[Any]:
    if token.startswith("[") and token.endswith("]"):
        yield from _elements(value, token[1:-1]) if isinstance(value, list) else ()
    elif token.startswith("{") and token.endswith("}"):
        for field in token[1:-1].split(","):
            yield from _fields(value, field.strip().split("."))
    elif token == "*" and isinstance(value, dict | list):
        yield from value.values() if isinstance(value, dict) else value
    else:
        yield from _fields(value, [token])


def _elements(value: list[Any], index: str) -> Iterator[Any]:
    if index == "*":
        yield from value
    elif index.removeprefix("-").isdecimal() and -len(value) <= int(index) < len(value):
        yield value[int(index)]


def _fields(value: Any, names: Sequence[str]) -> Iterator[Any]:
    for name in names:
        if not isinstance(value, dict) or name not in value:
            return
        value = value[name]
    yield value


def _spoken(value: Any) -> Iterator[str]:
    """Everything that is said in a value."""
    if isinstance(value, dict):
        for field, inner in value.items():
            yield field
            yield from _spoken(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _spoken(inner)
    elif value is not None:
        yield str(value)
