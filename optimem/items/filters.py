"""How a search looks into items: filters on values, patterns of namespaces, text at paths.

A filter is what LangGraph's stores take: `{"field": value}` for equality, where objects match
field by field and lists element by element, or `{"field": {"$gt": 3}}` with an operator from
`OPERATORS`. All conditions must hold. A missing field counts as null.

A path is a list of tokens as LangGraph writes them: a field's name; `*` for all fields or
elements; `[0]`, `[-1]` or `[*]` for elements; `{a,b.c}` for several fields.

Knows nothing of stores or of ranking.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from optimem.errors import InputError
from optimem.items.names import Namespace

ANY = "*"
"""Matches any label in a pattern of a namespace."""

WHOLE = "$"
"""The path of the whole value."""

_EQUALITIES: dict[str, Callable[[Any, Any], bool]] = {"$eq": operator.eq, "$ne": operator.ne}
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
OPERATORS = (*_EQUALITIES, *_ORDERS)


def check_filter(conditions: Mapping[str, Any]) -> None:
    """Raises InputError for an unknown operator, however deep."""
    for condition in conditions.values():
        if not isinstance(condition, dict):
            continue
        if not _has_operators(condition):
            check_filter(condition)
        elif unknown := [name for name in condition if name not in OPERATORS]:
            raise InputError(
                f"{unknown[0]!r} is not a filter operator; use one of {', '.join(OPERATORS)}"
            )


def matches(value: Mapping[str, Any], conditions: Mapping[str, Any]) -> bool:
    """Whether an item's value meets every condition of a valid filter."""
    return all(_meets(value.get(field), condition) for field, condition in conditions.items())


def has_prefix(namespace: Namespace, pattern: Sequence[str]) -> bool:
    """Whether a namespace starts with the labels of `pattern`, where `*` matches any label."""
    return len(namespace) >= len(pattern) and _same(namespace[: len(pattern)], pattern)


def has_suffix(namespace: Namespace, pattern: Sequence[str]) -> bool:
    """Whether a namespace ends with the labels of `pattern`, where `*` matches any label."""
    start = len(namespace) - len(pattern)
    return start >= 0 and _same(namespace[start:], pattern)


def text_at(value: Any, path: Sequence[str]) -> str:
    """The text at a path, with the names of fields, one part per line."""
    return "\n".join(word for part in _parts(value, path) for word in _words(part))


def _meets(value: Any, condition: Any) -> bool:
    if isinstance(condition, dict):
        if _has_operators(condition):
            return all(_compare(name, value, operand) for name, operand in condition.items())
        return isinstance(value, dict) and matches(value, condition)
    if isinstance(condition, list | tuple):
        same_length = isinstance(value, list | tuple) and len(value) == len(condition)
        return same_length and all(map(_meets, value, condition))
    return bool(value == condition)


def _has_operators(condition: Mapping[Any, Any]) -> bool:
    return any(str(name).startswith("$") for name in condition)


def _compare(name: str, value: Any, operand: Any) -> bool:
    if name in _EQUALITIES:
        return _EQUALITIES[name](value, operand)
    left, right = _number(value), _number(operand)
    if left is not None and right is not None:
        return _ORDERS[name](left, right)
    if isinstance(value, str) and isinstance(operand, str):
        return _ORDERS[name](value, operand)
    return False


def _number(value: Any) -> float | int | None:
    """`value` as a number, also from a string such as "3", as LangGraph's stores do."""
    if isinstance(value, int | float):
        return value
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _same(labels: Namespace, pattern: Sequence[str]) -> bool:
    return all(wanted in (ANY, label) for label, wanted in zip(labels, pattern, strict=True))


def _parts(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """The parts of a value at a path; none if it has no such path."""
    if not path or list(path) == [WHOLE]:
        yield value
        return
    for inner in _step(value, path[0]):
        yield from _parts(inner, path[1:])


def _step(value: Any, token: str) -> Iterator[Any]:
    if token.startswith("[") and token.endswith("]"):
        yield from _elements(value, token[1:-1]) if isinstance(value, list | tuple) else ()
    elif token.startswith("{") and token.endswith("}"):
        for field in token[1:-1].split(","):
            yield from _field(value, field.strip().split("."))
    elif token == "*" and isinstance(value, dict | list | tuple):
        yield from value.values() if isinstance(value, dict) else value
    else:
        yield from _field(value, [token])


def _elements(value: Sequence[Any], index: str) -> Iterator[Any]:
    if index == "*":
        yield from value
    elif index.removeprefix("-").isdecimal() and -len(value) <= int(index) < len(value):
        yield value[int(index)]


def _field(value: Any, names: Sequence[str]) -> Iterator[Any]:
    """The field reached by `names`, one inside the other; nothing if one is missing."""
    for name in names:
        if not isinstance(value, dict) or name not in value:
            return
        value = value[name]
    yield value


def _words(value: Any) -> Iterator[str]:
    """Every field name and every value inside `value`, as text."""
    if isinstance(value, dict):
        for field, inner in value.items():
            yield field
            yield from _words(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _words(inner)
    elif value is not None:
        yield str(value)
