"""The text by which an item is found. Knows nothing of indexes or stores.

Paths come as tokens, the way LangGraph writes them: a field's name, `*` for all fields or
elements, `[0]`, `[-1]` and `[*]` for elements, `{a,b.c}` for several fields.

Which items and namespaces a search is about. Knows nothing of stores.

A filter is what LangGraph's stores take: `{"field": value}` for equality, with objects matched
field by field and lists element by element, or `{"field": {"$gt": 3}}` with the operators below;
all conditions must hold. A field that is missing counts as null.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from optimem.errors import InputError
from optimem.items.names import Namespace

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


ANY = "*"
"""In a pattern for namespaces: whatever label."""

_EQUALITIES: dict[str, Callable[[Any, Any], bool]] = {"$eq": operator.eq, "$ne": operator.ne}
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
OPERATORS = (*_EQUALITIES, *_ORDERS)


def checked_filter(wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """`wanted` unchanged. Raises InputError for an unknown operator, wherever it stands."""
    for condition in wanted.values():
        if isinstance(condition, dict):
            if _is_operation(condition):
                unknown = [name for name in condition if name not in OPERATORS]
                if unknown:
                    raise InputError(
                        f"{unknown[0]!r} is no operator of a filter; use {', '.join(OPERATORS)}"
                    )
            else:
                checked_filter(condition)
    return wanted


def fits(value: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether an item's value meets every condition of a checked filter."""
    return all(_meets(value.get(field), condition) for field, condition in wanted.items())


def begins_like(namespace: Namespace, pattern: Sequence[str]) -> bool:
    """Whether a namespace starts with these labels, `*` for any."""
    return len(namespace) >= len(pattern) and _alike(namespace[: len(pattern)], pattern)


def ends_like(namespace: Namespace, pattern: Sequence[str]) -> bool:
    """Whether a namespace ends with these labels, `*` for any."""
    start = len(namespace) - len(pattern)
    return start >= 0 and _alike(namespace[start:], pattern)


def _alike(labels: Namespace, pattern: Sequence[str]) -> bool:
    return all(wanted in (ANY, label) for label, wanted in zip(labels, pattern, strict=True))


def _meets(value: Any, condition: Any) -> bool:
    if isinstance(condition, dict):
        if _is_operation(condition):
            return all(_holds(name, value, operand) for name, operand in condition.items())
        return isinstance(value, dict) and fits(value, condition)
    if isinstance(condition, list | tuple):
        same_length = isinstance(value, list) and len(value) == len(condition)
        return same_length and all(map(_meets, value, condition))
    return bool(value == condition)


def _is_operation(condition: Mapping[Any, Any]) -> bool:
    return any(str(name).startswith("$") for name in condition)


def _holds(name: str, value: Any, operand: Any) -> bool:
    if name in _EQUALITIES:
        return _EQUALITIES[name](value, operand)
    left, right = _number(value), _number(operand)
    if left is not None and right is not None:
        return _ORDERS[name](left, right)
    if isinstance(value, str) and isinstance(operand, str):
        return _ORDERS[name](value, operand)
    return False


def _number(value: Any) -> float | int | None:
    """A number, also from text that spells one, as LangGraph's stores take it."""
    if isinstance(value, int | float):
        return value
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None
