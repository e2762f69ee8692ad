"""Items and marks to bytes and back. Knows nothing of stores.

An item is two sections: a head, and the value as compact JSON, under zstd where that is smaller.
The head is apart, so that replacing an item does not parse what it replaces.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from optimem.codec import pack_index, unpack_index
from optimem.framing import frame, squeeze, understood, unframe, unsqueeze
from optimem.records import PageIndex
from optimem.retrieval import index_page

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
    small = squeeze(plain, LEVEL) if len(plain) >= WORTH_TRYING else plain
    return Body(small, True) if len(small) < len(plain) else Body(plain, False)


def pack_item(head: Head, body: Body) -> bytes:
    """An item as bytes."""
    fields = json.dumps([*head, int(body.squeezed)], separators=(",", ":"))
    return frame(ITEM, [fields.encode(), body.data])


def unpack_head(data: bytes) -> Head:
    """An item's head. Raises FormatError, VersionError or ChecksumError."""
    head, _ = unframe(ITEM, data)
    with understood("an item"):
        created, updated, ttl, stamp, _ = json.loads(head)
        return Head(created, updated, ttl, stamp)


def unpack_value(data: bytes) -> dict[str, Any]:
    """An item's value. Raises FormatError, VersionError or ChecksumError."""
    head, body = unframe(ITEM, data)
    with understood("an item"):
        plain = unsqueeze(body) if json.loads(head)[-1] else body
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
    with understood("an item's mark"):
        return Mark(int(expires) if expires else None, unpack_index(words) if words else None)
