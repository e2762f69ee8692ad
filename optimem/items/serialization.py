"""What may be kept: JSON that comes back equal. Knows nothing of bytes or stores.

Items and marks to bytes and back. Knows nothing of stores.

An item is two sections: a head, and the value as compact JSON, under zstd where that is smaller.
The head is apart, so that replacing an item does not parse what it replaces.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from optimem.errors import InputError
from optimem.memory.records import PageIndex
from optimem.memory.retrieval import index_page
from optimem.memory.serialization import pack_index, unpack_index
from optimem.omem.container import compress, decompress, format_errors, frame, unframe

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


ITEM, MARK = b"V", b"M"
LEVEL = 3
"""zstd level: items are written more often than pages."""
WORTH_TRYING = 128
"""Bytes of JSON from which zstd is tried; a zstd frame alone takes about 13."""


class Head(NamedTuple):
    """All but the value. Times and `ttl`, how long the item lives untouched (None: for ever),
    in microseconds."""

    created: int
    updated: int
    ttl: int | None
    stamp: str


class Mark(NamedTuple):
    """`expires`: microseconds since the epoch, None for never; `words`: of the item's text,
    None if it is not to be found by words."""

    expires: int | None
    words: PageIndex | None


class Body(NamedTuple):
    """A value as it is stored; `squeezed` if it is under zstd."""

    data: bytes
    squeezed: bool


def pack_value(value: Mapping[str, Any]) -> Body:
    """A checked value as bytes. Lone surrogates pass, as they do in JSON."""
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    plain = written.encode("utf-8", "surrogatepass")
    small = compress(plain, LEVEL) if len(plain) >= WORTH_TRYING else plain
    return Body(small, True) if len(small) < len(plain) else Body(plain, False)


def pack_item(head: Head, body: Body) -> bytes:
    """An item as bytes."""
    fields = json.dumps([*head, int(body.squeezed)], separators=(",", ":"))
    return frame(ITEM, [fields.encode(), body.data])


def unpack_head(data: bytes) -> Head:
    """An item's head. Raises FormatError, VersionError or ChecksumError."""
    head, _ = unframe(ITEM, data)
    with format_errors("an item"):
        created, updated, ttl, stamp, _ = json.loads(head)
        return Head(created, updated, ttl, stamp)


def unpack_value(data: bytes) -> dict[str, Any]:
    """An item's value. Raises FormatError, VersionError or ChecksumError."""
    head, body = unframe(ITEM, data)
    with format_errors("an item"):
        plain = decompress(body) if json.loads(head)[-1] else body
        value: dict[str, Any] = json.loads(plain.decode("utf-8", "surrogatepass"))
        return value


def pack_words(text: str) -> bytes:
    """The words of a text as a mark keeps them; nothing for no words."""
    index = index_page([(0, text)])
    return pack_index(index) if len(index.term) else b""


def pack_mark(expires: int | None, words: bytes) -> bytes:
    """A mark as bytes; `words` from `pack_words` or `mark_words`."""
    return frame(MARK, [b"" if expires is None else b"%d" % expires, words])


def mark_words(data: bytes) -> bytes:
    """The words of a mark, still packed."""
    _, words = unframe(MARK, data)
    return words


def unpack_mark(data: bytes) -> Mark:
    """The mark. Raises FormatError, VersionError or ChecksumError."""
    expires, words = unframe(MARK, data)
    with format_errors("an item's mark"):
        return Mark(int(expires) if expires else None, unpack_index(words) if words else None)
