"""Items and marks to bytes and back, and which values can be kept: JSON that comes back equal.

An item is stored as two sections, a head and the value as compact JSON (compressed where that
saves bytes), so that replacing an item does not parse the old value. Knows nothing of stores.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from pydantic import TypeAdapter

from optimem.errors import InputError
from optimem.memory.recall.retrieval import index_page
from optimem.memory.records.index_serialization import index_section, parse_index
from optimem.memory.records.page_index import PageIndex
from optimem.memory.records.word_secret import hide, reveal
from optimem.omem.container import (
    ZSTD_FAST,
    ContainerKind,
    compress,
    decompress,
    from_json,
    pack_container,
    to_json,
    unpack_container,
)

MAX_DEPTH = 100
"""Levels of nested lists and objects. Python's parser stops at its recursion limit, which may be
close when an application reads an item deep in its own calls."""

TUPLE = "\u2063tuple"
"""The key of an object that stands for a tuple. No other object may have it."""

COMPRESS_FROM = 128
"""Bytes of JSON from which compression is tried; zstd's framing alone takes about 13."""


class ItemHead(NamedTuple):
    """Everything about an item but its value. `created`, `updated`: microseconds since the epoch;
    `ttl`: microseconds it lives after it was last put or touched, None if it never expires;
    `stamp`: see `names`."""

    created: int
    updated: int
    ttl: int | None
    stamp: str


class ItemBody(NamedTuple):
    """A value as stored: JSON in UTF-8, `compressed` by zstd or not."""

    data: bytes
    compressed: bool


class _Fields(NamedTuple):
    """A head as stored, and whether the value is compressed."""

    created: int
    updated: int
    ttl: int | None
    stamp: str
    compressed: Literal[0, 1]


_FIELDS = TypeAdapter(_Fields)


class ItemMark(NamedTuple):
    """`expires`: microseconds since the epoch, None for never; `words`: index of the item's text,
    None if no words lead to the item; `vectors`: as `vectors.ItemVectors` packs them, empty if
    there are none."""

    expires: int | None
    words: PageIndex | None
    vectors: bytes = b""


def check_value(value: Any) -> None:
    """Raises InputError unless `value` is an object of strings, numbers, booleans, null, lists,
    tuples and objects, naming the path of what would not come back equal: the key 1 would return
    as "1", and JSON has neither NaN nor infinity."""
    if not isinstance(value, dict):
        raise InputError(f"an item's value is a {type(value).__name__}; give a dict")
    _check(value, "$", 0)


def pack_value(value: Mapping[str, Any]) -> ItemBody:
    """Pack a valid value. Lone surrogates pass, as they do in JSON."""
    written = json.dumps(
        _with_marked_tuples(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
    plain = written.encode("utf-8", "surrogatepass")
    if len(plain) >= COMPRESS_FROM:
        packed = compress(plain, ZSTD_FAST)
        if len(packed) < len(plain):
            return ItemBody(packed, True)
    return ItemBody(plain, False)


def pack_item(head: ItemHead, body: ItemBody, place: bytes) -> bytes:
    """Pack an item."""
    return pack_container(
        ContainerKind.ITEM, [to_json([*head, int(body.compressed)]), body.data], place
    )


def unpack_head(data: bytes, place: bytes) -> ItemHead:
    """Unpack an item's head. Raises FormatError, VersionError or ChecksumError."""
    with unpack_container(ContainerKind.ITEM, data, place=place) as (fields, _):
        created, updated, ttl, stamp, _ = from_json(_FIELDS, fields)
        return ItemHead(created, updated, ttl, stamp)


def unpack_value(data: bytes, place: bytes) -> dict[str, Any]:
    """Unpack an item's value. Raises FormatError, VersionError or ChecksumError."""
    with unpack_container(ContainerKind.ITEM, data, place=place) as (fields, body):
        plain = decompress(body) if from_json(_FIELDS, fields).compressed else body
        text = plain.decode("utf-8", "surrogatepass")
        value = json.loads(text, object_hook=_tuple_of_mark if TUPLE in text else None)
        if not isinstance(value, dict):
            raise TypeError(f"the value is a {type(value).__name__}, not a dict")
        return value


def pack_words(text: str) -> bytes:
    """Pack the index of a text for a mark; empty if the text has no words to find it by."""
    index = index_page([(0, text)])
    return index_section(index) if len(index.term) else b""


def pack_mark(
    expires: int | None, words: bytes, place: bytes, secret: bytes, vectors: bytes = b""
) -> bytes:
    """Pack a mark. `words`: from `pack_words`; `vectors`: from `vectors.ItemVectors.pack`.
    `secret`: see `word_secret`."""
    written = b"" if expires is None else b"%d" % expires
    hidden = (hide(data, secret, place) if data else b"" for data in (words, vectors))
    return pack_container(ContainerKind.MARK, [written, *hidden], place)


def repack_mark(mark: bytes, expires: int | None, place: bytes) -> bytes:
    """A packed mark that expires at another time. What is hidden stays so."""
    with unpack_container(ContainerKind.MARK, mark, place=place) as (_, words, vectors):
        written = b"" if expires is None else b"%d" % expires
        return pack_container(ContainerKind.MARK, [written, words, vectors], place)


def unpack_mark(data: bytes, place: bytes, secret: bytes | None) -> ItemMark:
    """Unpack a mark. Raises FormatError, VersionError or ChecksumError."""
    with unpack_container(ContainerKind.MARK, data, place=place) as (expires, *hidden):
        words, vectors = (reveal(part, secret, place) if part else b"" for part in hidden)
        index = parse_index(words) if words else None
        return ItemMark(int(expires) if expires else None, index, vectors)


def _check(value: Any, path: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise InputError(f"{path[:80]}… is nested more than {MAX_DEPTH} levels deep; flatten it")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str) or key == TUPLE:
                raise InputError(f"{path} has the key {key!r:.80}; make it another string")
            _check(inner, f"{path}.{key}", depth + 1)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            _check(inner, f"{path}[{index}]", depth + 1)
    elif problem := _problem(value):
        raise InputError(f"{path} {problem}")


def _with_marked_tuples(value: Any) -> Any:
    """A value in which an object of one key stands for each tuple, since JSON has none."""
    if isinstance(value, dict):
        return {key: _with_marked_tuples(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        inner = [_with_marked_tuples(part) for part in value]
        return inner if isinstance(value, list) else {TUPLE: inner}
    return value


def _tuple_of_mark(found: dict[str, Any]) -> Any:
    return tuple(found[TUPLE]) if TUPLE in found else found


def _problem(value: Any) -> str | None:
    """Why a value other than a list or object is not JSON; None if it is."""
    if value is None or isinstance(value, str):
        return None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"is {value}, which JSON cannot hold; use null"
    if isinstance(value, int):
        return None if _has_text(value) else "has too many digits; store it as a string"
    if isinstance(value, set | frozenset):
        return f"is a {type(value).__name__}, which JSON does not have; make it a list"
    return f"is a {type(value).__name__}, which JSON does not have; make it a string or an object"


def _has_text(number: int) -> bool:
    """Whether Python can write and read a number: see sys.set_int_max_str_digits."""
    try:
        return bool(str(number))
    except ValueError:
        return False
