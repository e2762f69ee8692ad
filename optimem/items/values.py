"""What may be kept: JSON that comes back equal. Knows nothing of bytes or stores."""

import math
from typing import Any

from optimem.errors import InputError

DEPTH = 100
"""Levels of lists and objects. Python's parser gives up at its recursion limit, which may be
near when an item is read deep inside an application."""


def checked_value(value: Any) -> dict[str, Any]:
    """`value` unchanged: an object of strings, numbers, booleans, null, lists and objects.

    Raises InputError, naming the path, for anything that would not come back equal: a tuple
    would return as a list, a key 1 as "1", NaN and infinity are no JSON.
    """
    if not isinstance(value, dict):
        raise InputError(f"an item's value is a {type(value).__name__}; give a dict")
    _check(value, "$", 0)
    return value


def _check(value: Any, path: str, depth: int) -> None:
    if depth > DEPTH:
        raise InputError(f"{path[:80]}… is nested more than {DEPTH} deep; flatten it")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise InputError(f"{path} has the key {key!r:.80}, which is no string; make it one")
            _check(inner, f"{path}.{key}", depth + 1)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            _check(inner, f"{path}[{place}]", depth + 1)
    elif (reason := _why_not(value)) is not None:
        raise InputError(f"{path} {reason}")


def _why_not(value: Any) -> str | None:
    """Why a value that holds no others is not JSON; None if it is."""
    if value is None or isinstance(value, str):
        return None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"is {value}, which JSON cannot hold; use null"
    if isinstance(value, int):
        return None if _is_written(value) else "has too many digits; keep it as a string"
    if isinstance(value, tuple | set | frozenset):
        return f"is a {type(value).__name__}, which JSON does not have; make it a list"
    return f"is a {type(value).__name__}, which JSON does not have; make it a string or an object"


def _is_written(number: int) -> bool:
    """Whether Python writes and reads this number (sys.set_int_max_str_digits)."""
    try:
        return bool(str(number))
    except ValueError:
        return False
