"""One table `[outer.key]` of a TOML file added or taken out in place: every other byte stays.

What the file says afterwards is compared with what it must say, so that a file written in some
other way, such as with inline tables, is refused rather than broken.
"""

import json
import re
import tomllib
from typing import Any

HEADER = re.compile(r"\s*\[")


def member(text: str, outer: str, key: str) -> Any:
    """The value of a table, None if it is not there. Raises ValueError for what is not TOML."""
    tables = tomllib.loads(text).get(outer, {})
    return tables.get(key) if isinstance(tables, dict) else None


def with_member(text: str, outer: str, key: str, value: dict[str, Any]) -> str:
    """The text with a table set, at its end, which stays one with a line break or without. `value`:
    strings and lists of strings by name. Raises ValueError if that cannot be done by lines
    alone."""
    rest, line = without_member(text, outer, key), "\r\n" if "\r\n" in text else "\n"
    lines = [f"[{outer}.{key}]", *(f"{name} = {json.dumps(each)}" for name, each in value.items())]
    closed = not rest or rest.endswith("\n")
    gap = line * ((not closed) + bool(rest.strip()))
    after = rest + gap + line.join(lines) + line * closed
    return _says(after, _changed(text, outer, key, value))


def without_member(text: str, outer: str, key: str) -> str:
    """The text without a table and those below it; the same if it is not there. Raises ValueError
    as `with_member`."""
    if member(text, outer, key) is None:
        return text
    ours = re.compile(rf"\s*\[\s*{re.escape(outer)}\s*\.\s*{re.escape(key)}\s*[.\]]")
    kept, inside = list[str](), False
    for line in text.split("\n"):
        if HEADER.match(line):
            inside = ours.match(line) is not None
            if inside and kept and not kept[-1].strip():
                kept.pop()  # the empty line before it
        if not inside:
            kept.append(line)
    after = "\n".join(kept)
    if inside and kept:  # our table was the last
        after = f"{after}\n" if text.endswith("\n") else after.removesuffix("\r")
    return _says(after, _changed(text, outer, key, None))


def _changed(text: str, outer: str, key: str, value: dict[str, Any] | None) -> dict[str, Any]:
    """What a file must say once it is changed."""
    said = tomllib.loads(text)
    tables = said.setdefault(outer, {})
    if not isinstance(tables, dict):
        raise ValueError(f"{outer} is not a table")
    tables.pop(key, None)
    if value is not None:
        tables[key] = value
    if not tables:
        del said[outer]
    return said


def _says(text: str, wanted: dict[str, Any]) -> str:
    if tomllib.loads(text) != wanted:
        raise ValueError("it is not written in tables of their own")
    return text
