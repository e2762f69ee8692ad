"""What tells a whole export from one that was cut off or changed: a last line with the number of
lines before it and their digest, which does not seal it: whoever changes an export can renew both.

Knows nothing of what the lines say, but the first and the last.
"""

import json
from collections.abc import Iterable, Iterator
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import Any

from optimem.errors import InputError
from optimem.omem.atomic import temporary_room

FORMAT, VERSION = "optimem export", 1
END = "end"
IN_MEMORY = 16 << 20
"""Bytes of an export that are kept in memory while it is checked; more goes to a file."""

Line = dict[str, Any]


class Tally:
    """Counts the lines of an export."""

    def __init__(self) -> None:
        self._lines, self._digest = 0, sha256()

    def add(self, line: Line) -> None:
        """Count a line. Equal JSON counts alike, however it is written."""
        self._lines += 1
        self._digest.update(_plain(line).encode() + b"\n")

    def end(self) -> Line:
        """The last line, of those so far."""
        return {"kind": END, "lines": self._lines, "sha256": self._digest.hexdigest()}


def check_header(line: object) -> None:
    """Raises ValueError unless a line begins an export."""
    found = line if isinstance(line, dict) else {}
    if (found.get("kind"), found.get("version")) != (FORMAT, VERSION):
        raise ValueError(f"it begins with {line!r:.80}, not with {FORMAT!r} version {VERSION}")


def whole(lines: Iterable[str]) -> Iterator[str]:
    """The same lines, once all have been read and found to be whole exports, one or several.
    Raises InputError, naming the line, if they are not, and StoreFullError if the disk of
    temporary files has no room for them."""
    with SpooledTemporaryFile(IN_MEMORY, "w+", encoding="ascii") as kept:
        number, tally = _keep(lines, kept)
        if tally is not None:
            raise InputError(
                f"the export has no last line, so it was cut off behind line {number}, or another "
                "release wrote it; nothing is appended: export again, or take what there is with "
                "--partial (partial=True)"
            )
        kept.seek(0)
        yield from kept


def _keep(lines: Iterable[str], kept: "SpooledTemporaryFile[str]") -> tuple[int, Tally | None]:
    """Write lines to a file; their number, and the tally of an export that has no last line."""
    number, tally = 0, None
    with temporary_room():
        for number, text in enumerate(lines, 1):
            if text.strip():
                line, tally = _counted(number, text, tally)
                kept.write(_plain(line))
            kept.write("\n")
        kept.flush()
    return number, tally


def _counted(number: int, text: str, tally: Tally | None) -> tuple[object, Tally | None]:
    """A line of JSON, and the tally with it: None behind the last line of an export."""
    try:
        line = json.loads(text)
        if tally is None:
            check_header(line)
            tally = Tally()
        elif line.get("kind") == END:
            if line != tally.end():
                raise ValueError(f"lines before it were lost or changed, which had {line!r:.120}")
            return line, None
        tally.add(line)
    except (ValueError, AttributeError, RecursionError) as error:
        raise InputError(
            f"line {number} is not a line of an export: {reason(error)}; nothing is appended: "
            "--partial (partial=True) takes what comes before it"
        ) from None
    return line, tally


def reason(error: Exception) -> str:
    """What is wrong with a line, in words."""
    if isinstance(error, json.JSONDecodeError):
        return f"its JSON is broken at column {error.colno} ({error.msg})"
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)


def _plain(line: object) -> str:
    """One text for equal JSON."""
    return json.dumps(line, sort_keys=True, separators=(",", ":"))
