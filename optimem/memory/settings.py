"""Settings as a line of text, such as `large=2d,floor=0.95`, for environments and command lines.

Knows how ages and sizes are written, not which settings there are.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from optimem.errors import InputError

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}
"""Seconds of each unit of an age."""
BYTES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
"""Bytes of each unit of a size."""
NONE = ("never", "none")
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE)


def parse_settings(
    text: str, readers: Mapping[str, Callable[[str], Any]], what: str
) -> dict[str, Any]:
    """The settings in `name=value` pairs with commas between. `readers`: of the values, by name; a
    setting may be set to `never` or `none`. Raises InputError for what is not such a line and for
    names that are not there."""
    found = dict[str, Any]()
    for pair in filter(None, map(str.strip, text.split(","))):
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or name not in readers or name in found:
            raise InputError(
                f"{pair!r} in {text!r:.200} is not a setting of {what}; write name=value once for "
                f"each of {', '.join(readers)}"
            )
        found[name] = None if value.lower() in NONE else readers[name](value)
    return found


def parse_age(text: str) -> float:
    """Seconds of an age such as `90`, `12h`, `7d` or `1y`. Raises InputError."""
    return _amount(text, SECONDS, "an age; write 12h, 7d or 1y, or seconds")


def parse_size(text: str) -> int:
    """Bytes of a size such as `2000`, `64KB` or `1GiB`. Raises InputError."""
    return round(_amount(text, BYTES, "a size; write 64KB, 500MB or 1GiB, or bytes"))


def _amount(text: str, units: Mapping[str, int], expected: str) -> float:
    match = _AMOUNT.fullmatch(text.strip())
    size = units.get(match[2].lower() or next(iter(units))) if match else None
    if match is None or size is None:
        raise InputError(f"{text!r} is not {expected}")
    return float(match[1]) * size
